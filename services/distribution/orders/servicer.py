"""The gRPC face of orders."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from bowen.distribution.v1 import order_service_pb2 as pb
from bowen.distribution.v1 import order_service_pb2_grpc
from google.protobuf.message import Message

from chassis import idempotency, pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, ReadTx, Tx
from chassis.errors import Refusal
from chassis.ids import new_id
from services.distribution.orders import convert, operations, store
from services.distribution.orders.clients import Buyers
from services.distribution.orders.domain.order import History, Order, RefundAsk, Row
from services.distribution.orders.domain.reach import Reach
from services.distribution.orders.errors import OrderNotFound
from services.distribution.orders.operations import Outcome, Result, Terms
from services.distribution.partners import convert as common
from services.distribution.partners import store as partners
from services.distribution.partners.errors import NotYours
from services.distribution.subjects import store as subjects

R = TypeVar("R", bound=Message)

_RESULTS = {
    Result.CREATED: pb.ImportOrderOutcome.RESULT_CREATED,
    Result.UPDATED: pb.ImportOrderOutcome.RESULT_UPDATED,
    Result.DUPLICATE: pb.ImportOrderOutcome.RESULT_DUPLICATE,
}


class OrderServicer(order_service_pb2_grpc.OrderServiceServicer):
    """Answers `bowen.distribution.v1.OrderService`."""

    def __init__(self, db: Database, clock: Clock, *, terms: Terms, buyers: Buyers) -> None:
        self._db, self._clock, self._terms, self._buyers = db, clock, terms, buyers

    async def PlaceOrder(self, request: pb.PlaceOrderRequest, context: Any) -> pb.PlaceOrderResponse:
        convert.check_buyer(request.buyer, "buyer")
        Reach(_bound_store()).check_store(common.uuid_or_none(_of_own_store(request).store_id))
        now = self._clock.now()
        buyer = await self._buyers.resolve_one(request.buyer, now=now)  # may make a person: what is refused makes none
        row = Row(convert.draft_from_proto(request, buyer, now))

        async def work(tx: Tx) -> pb.PlaceOrderResponse:
            (outcome,) = await operations.import_rows(tx, [row], self._terms, reach=await _reach(tx))
            if isinstance(outcome, Refusal):
                raise outcome
            return pb.PlaceOrderResponse(order=convert.order_to_proto(outcome.order))

        return await idempotency.once(self._db, request, work, pb.PlaceOrderResponse, keep=None)

    async def PayOrder(self, request: pb.PayOrderRequest, context: Any) -> pb.PayOrderResponse:
        now = self._clock.now()
        step = self._step(request.order_id, lambda order: History(pay_time=max(now, order.last_time)))
        return await self._once(request, step, pb.PayOrderResponse)

    async def DeliverOrder(self, request: pb.DeliverOrderRequest, context: Any) -> pb.DeliverOrderResponse:
        now = self._clock.now()
        step = self._step(request.order_id, lambda order: History(deliver_time=max(now, order.last_time)))
        return await self._once(request, step, pb.DeliverOrderResponse)

    async def RefundOrder(self, request: pb.RefundOrderRequest, context: Any) -> pb.RefundOrderResponse:
        now, number, lines = self._clock.now(), str(new_id()), convert.refund_lines_from_proto(request.lines)

        def refund(order: Order) -> History:
            return History(refunds=(RefundAsk(number, lines, max(now, order.last_time)),))

        return await self._once(request, self._step(request.order_id, refund), pb.RefundOrderResponse)

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> pb.CancelOrderResponse:
        async def step(tx: Tx) -> Order:
            return await operations.cancel_order(tx, UUID(request.order_id), reach=await _reach(tx))

        return await self._once(request, step, pb.CancelOrderResponse)

    def _step(self, order_id: str, history: Callable[[Order], History]) -> Callable[[Tx], Awaitable[Order]]:
        async def step(tx: Tx) -> Order:
            return await operations.advance_order(tx, UUID(order_id), history, self._terms, reach=await _reach(tx))

        return step

    async def _once(self, request: Message, step: Callable[[Tx], Awaitable[Order]], response: type[R]) -> R:
        async def work(tx: Tx) -> R:
            return response(order=convert.order_to_proto(await step(tx)))

        return await idempotency.once(self._db, request, work, response, keep=None)

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        async with self._db.read() as tx:
            order = await _get(tx, UUID(request.order_id))
        return pb.GetOrderResponse(order=convert.order_to_proto(order))

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> pb.ListOrdersResponse:
        limit, store_id = pagination.page_size(request.page_size), common.uuid_or_none(request.store_id)
        if bound := _bound_store():
            if store_id not in (None, bound):
                raise NotYours
            store_id = bound
        async with self._db.read() as tx:
            rows = await store.list_orders(
                tx,
                store_id=store_id,
                order_number=request.order_number or None,
                after=pagination.after(request, common.parse_time_key),
                limit=limit + 1,
            )
        page, token = pagination.cut(request, rows, limit, _key)
        return pb.ListOrdersResponse(orders=map(convert.order_to_proto, page), next_page_token=token)

    async def ListProfileOrders(
        self, request: pb.ListProfileOrdersRequest, context: Any
    ) -> pb.ListProfileOrdersResponse:
        limit = pagination.page_size(request.page_size)
        async with self._db.read() as tx:
            person = await subjects.one_person(tx, UUID(request.profile_id))
            if (own := current().caller.profile_id) and UUID(own) not in person:
                raise NotYours
            after = pagination.after(request, common.parse_time_key)
            rows = await store.list_orders_of(tx, person, store_id=_bound_store(), after=after, limit=limit + 1)
        page, token = pagination.cut(request, rows, limit, _key)
        return pb.ListProfileOrdersResponse(orders=map(convert.order_to_proto, page), next_page_token=token)

    async def ImportOrders(self, request: pb.ImportOrdersRequest, context: Any) -> pb.ImportOrdersResponse:
        for number, row in enumerate(request.rows):
            convert.check_buyer(row.buyer, f"rows[{number}].buyer")
        found = await self._buyers.resolve([row.buyer for row in request.rows], now=self._clock.now())
        rows = [
            convert.row_from_proto(_of_own_store(row), buyer)
            for row, buyer in zip(request.rows, found, strict=True)
            if not isinstance(buyer, Refusal)
        ]

        async def work(tx: Tx) -> list[Outcome | Refusal]:
            return await operations.import_rows(tx, rows, self._terms, reach=await _reach(tx))

        outcomes = iter(await self._db.transact(work) if rows else [])
        results = [buyer if isinstance(buyer, Refusal) else next(outcomes) for buyer in found]
        return pb.ImportOrdersResponse(
            outcomes=(_outcome(row.order_number, result) for row, result in zip(request.rows, results, strict=True))
        )


async def _get(tx: ReadTx, order_id: UUID) -> Order:
    bound = _bound_store()
    try:
        order = await store.get_order(tx, order_id)
    except OrderNotFound:
        if bound:
            raise NotYours from None
        raise
    Reach(bound).check(order)
    return order


async def _reach(tx: ReadTx) -> Reach:
    bound = _bound_store()
    return Reach(bound, await partners.visible_to(tx, str(bound))) if bound else Reach()


def _bound_store() -> UUID | None:
    """The store that the caller is bound to."""
    store_id = current().caller.store_id
    try:
        return UUID(store_id) if store_id else None
    except ValueError:
        raise NotYours from None


def _of_own_store(content: convert.C) -> convert.C:
    """The content with the caller's own store, where it names none."""
    if not content.store_id:
        content.store_id = current().caller.store_id
    return content


def _outcome(order_number: str, result: Outcome | Refusal) -> pb.ImportOrderOutcome:
    if isinstance(result, Refusal):
        return convert.rejection_to_proto(order_number, result)
    return pb.ImportOrderOutcome(
        order_number=order_number, result=_RESULTS[result.result], order_id=str(result.order.order_id)
    )


def _key(order: Order) -> list[str | int]:
    return common.time_key(order.draft.place_time, order.order_id)
