"""The same answers from FastAPI in one process, without a hop: `python -m bench.fastapi_echo HOST:PORT`."""

import sys
from datetime import datetime
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field

from chassis.clock import SystemClock
from chassis.ids import new_id

Text = Annotated[str, Field(min_length=1, max_length=100)]


class Line(BaseModel):
    line_no: Annotated[int, Field(ge=1, le=10_000)]
    sku: Text
    category: Annotated[str, Field(max_length=100)] = ""
    quantity: Annotated[int, Field(ge=1, le=1_000_000)]
    gross_minor: Annotated[int, Field(ge=0, le=100_000_000_000)] = 0
    discount_minor: Annotated[int, Field(ge=0, le=100_000_000_000)] = 0


class Buyer(BaseModel):
    profile_id: Annotated[str, Field(min_length=36, max_length=36)]


class PlaceOrder(BaseModel):
    order_number: Text
    source: Text
    buyer: Buyer
    currency_code: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    lines: Annotated[list[Line], Field(min_length=1, max_length=1000)]


class Order(BaseModel):
    order_id: str
    order_number: str
    source: str
    profile_id: str
    currency_code: str
    lines: list[Line]
    net_minor: int
    state: str
    place_time: datetime


class Answer(BaseModel):
    order: Order


app = FastAPI()


@app.get("/readyz")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/v1/orders", status_code=201)
async def place_order(request: PlaceOrder) -> Answer:
    return answer(str(new_id()), request.order_number, request.lines)


@app.get("/v1/orders/{order_id}")
async def get_order(order_id: str) -> Answer:
    lines = [Line(line_no=number, sku="A5", quantity=2, gross_minor=1250) for number in range(1, 5)]
    return answer(order_id, "order-1", lines)


def answer(order_id: str, number: str, lines: list[Line]) -> Answer:
    """An order, made up on the spot."""
    order = Order(
        order_id=order_id,
        order_number=number,
        source="bench",
        profile_id=order_id,
        currency_code="CNY",
        lines=lines,
        net_minor=sum(line.gross_minor - line.discount_minor for line in lines),
        state="PLACED",
        place_time=SystemClock().now(),
    )
    return Answer(order=order)


def serve(application: FastAPI) -> None:
    """On uvicorn as the gateway runs it."""
    host, _, port = sys.argv[1].rpartition(":")
    uvicorn.run(
        application, host=host, port=int(port), http="httptools", loop="uvloop", log_config=None, access_log=False
    )


if __name__ == "__main__":
    serve(app)
