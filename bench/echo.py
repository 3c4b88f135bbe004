"""A component without a database, in the place of distribution: `python -m bench.echo HOST:PORT`."""

import asyncio
import sys
from typing import Any

from bowen.distribution.v1 import order_pb2, order_service_pb2, order_service_pb2_grpc

from chassis import lifecycle
from chassis.clock import SystemClock
from chassis.ids import new_id
from chassis.server import Server
from chassis.stamps import stamp


class Orders(order_service_pb2_grpc.OrderServiceServicer):
    """Answers with the order that was asked for, made up on the spot."""

    async def PlaceOrder(self, request: Any, context: Any) -> order_service_pb2.PlaceOrderResponse:
        return order_service_pb2.PlaceOrderResponse(order=_order(str(new_id()), request.order_number, request.lines))

    async def GetOrder(self, request: Any, context: Any) -> order_service_pb2.GetOrderResponse:
        lines = [order_pb2.OrderLine(line_no=number, sku="A5", quantity=2, gross_minor=1250) for number in range(1, 5)]
        return order_service_pb2.GetOrderResponse(order=_order(request.order_id, "order-1", lines))


def _order(order_id: str, number: str, lines: Any) -> order_pb2.Order:
    return order_pb2.Order(
        order_id=order_id,
        order_number=number,
        source="bench",
        profile_id=order_id,
        currency_code="CNY",
        lines=lines,
        net_minor=sum(line.gross_minor - line.discount_minor for line in lines),
        state=order_pb2.Order.STATE_PLACED,
        place_time=stamp(SystemClock().now()),
    )


async def serve(stop: asyncio.Event) -> None:
    """Answer until told to stop."""
    server = Server(listen=sys.argv[1], service="distribution", clock=SystemClock())
    server.add(order_service_pb2_grpc.add_OrderServiceServicer_to_server, Orders())  # type: ignore[abstract]
    await server.start()
    await server.set_ready(True)
    lifecycle.settle()
    await stop.wait()
    await server.stop(0)


if __name__ == "__main__":
    sys.exit(lifecycle.run(serve))
