"""How orders are commonly taken: FastAPI, SQLAlchemy's ORM and one transaction per request, in one process.

`python -m bench.monolith HOST:PORT DATABASE_URL`. It does what our route does: validates, reads the buyer, refuses a
repeat, stores the order with its lines, the fact in the outbox and the answer under the idempotency key.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Header, HTTPException
from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import DateTime

from bench.fastapi_echo import Answer, Line, Order, PlaceOrder, serve
from chassis.clock import SystemClock
from chassis.ids import new_id

CONNECTIONS = 10


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 (as SQLAlchemy wants it)


class ProfileRow(Base):
    __tablename__ = "profile"
    profile_id: Mapped[UUID] = mapped_column(primary_key=True)


class OrderRow(Base):
    __tablename__ = "order"
    __table_args__ = (UniqueConstraint("source", "order_number"),)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_number: Mapped[str]
    source: Mapped[str]
    profile_id: Mapped[UUID] = mapped_column(index=True)
    currency_code: Mapped[str]
    net_minor: Mapped[int]
    state: Mapped[str]
    place_time: Mapped[datetime]
    lines: Mapped[list["LineRow"]] = relationship()


class LineRow(Base):
    __tablename__ = "order_line"
    order_id: Mapped[UUID] = mapped_column(ForeignKey("order.order_id"), primary_key=True)
    line_no: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    category: Mapped[str]
    quantity: Mapped[int]
    gross_minor: Mapped[int]
    discount_minor: Mapped[int]


class OutboxRow(Base):
    __tablename__ = "outbox"
    outbox_id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str]
    payload: Mapped[str]


class IdempotencyRow(Base):
    __tablename__ = "idempotency"
    key: Mapped[str] = mapped_column(primary_key=True)
    response: Mapped[str]


engine = create_async_engine(
    sys.argv[2].replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=CONNECTIONS, max_overflow=0
)
session = async_sessionmaker(engine, expire_on_commit=False)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Make the tables."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/v1/orders", status_code=201)
async def place_order(request: PlaceOrder, idempotency_key: Annotated[str, Header()]) -> Answer:
    async with session.begin() as db:
        if known := await db.get(IdempotencyRow, idempotency_key):
            return Answer.model_validate_json(known.response)
        if await db.get(ProfileRow, UUID(request.buyer.profile_id)) is None:
            raise HTTPException(404)
        row = _row(request)
        answer = Answer(order=_order(row))
        payload = answer.model_dump_json()
        db.add_all([row, OutboxRow(subject="order.placed", payload=payload)])
        db.add(IdempotencyRow(key=idempotency_key, response=payload))
    return answer


def _row(request: PlaceOrder) -> OrderRow:
    return OrderRow(
        order_id=new_id(),
        order_number=request.order_number,
        source=request.source,
        profile_id=UUID(request.buyer.profile_id),
        currency_code=request.currency_code,
        net_minor=sum(line.gross_minor - line.discount_minor for line in request.lines),
        state="PLACED",
        place_time=SystemClock().now(),
        lines=[LineRow(**line.model_dump()) for line in request.lines],
    )


def _order(row: OrderRow) -> Order:
    return Order(
        order_id=str(row.order_id),
        order_number=row.order_number,
        source=row.source,
        profile_id=str(row.profile_id),
        currency_code=row.currency_code,
        lines=[Line.model_validate(line, from_attributes=True) for line in row.lines],
        net_minor=row.net_minor,
        state=row.state,
        place_time=row.place_time,
    )


if __name__ == "__main__":
    serve(app)
