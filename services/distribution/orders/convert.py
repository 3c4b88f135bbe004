"""Orders in the contract's words."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from bowen.distribution.v1 import order_pb2, order_service_pb2

from chassis.errors import InvalidArgument, Refusal
from chassis.stamps import moment, stamp
from services.distribution.orders.domain.attribution import Attribution, Loser
from services.distribution.orders.domain.order import Buyer, Draft, History, Line, Order, RefundAsk, Row
from services.distribution.partners.convert import text_of, uuid_or_none

C = TypeVar("C", order_service_pb2.PlaceOrderRequest, order_service_pb2.OrderRow)


def draft_from_proto(content: C, buyer: Buyer, place_time: datetime) -> Draft:
    """The content of an order."""
    return Draft(
        content.source,
        content.order_number,
        buyer.profile_id,
        uuid_or_none(content.store_id),
        uuid_or_none(content.seller_partner_id),
        content.currency_code,
        tuple(map(_line_from_proto, content.lines)),
        place_time,
        buyer.naming,
    )


def row_from_proto(row: order_service_pb2.OrderRow, buyer: Buyer) -> Row:
    """An order with its history."""
    history = History(
        pay_time=moment(row.pay_time) if row.HasField("pay_time") else None,
        deliver_time=moment(row.deliver_time) if row.HasField("deliver_time") else None,
        refunds=tuple(
            RefundAsk(refund.refund_number, refund_lines_from_proto(refund.lines), moment(refund.refund_time))
            for refund in row.refunds
        ),
    )
    return Row(draft_from_proto(row, buyer, moment(row.place_time)), history)


def refund_lines_from_proto(lines: Iterable[order_pb2.RefundLine]) -> tuple[tuple[int, int], ...]:
    """What is asked back per line."""
    return tuple((line.line_no, line.amount_minor) for line in lines)


def _line_from_proto(line: order_pb2.OrderLine) -> Line:
    return Line(line.line_no, line.sku, line.category, line.quantity, line.gross_minor, line.discount_minor)


def order_to_proto(order: Order) -> order_pb2.Order:
    """An order as everybody sees it."""
    draft = order.draft
    message = order_pb2.Order(
        order_id=str(order.order_id),
        order_number=draft.order_number,
        source=draft.source,
        profile_id=str(draft.profile_id),
        store_id=text_of(draft.store_id),
        currency_code=draft.currency_code,
        lines=map(_line_to_proto, order.lines),
        net_minor=order.net_minor,
        refunded_minor=order.refunded_minor,
        state=order.state.value,  # type: ignore[arg-type] # the numbers are the contract's
        place_time=stamp(draft.place_time),
    )
    if order.attribution is not None:
        message.attribution.CopyFrom(_attribution_to_proto(order.attribution))
    if order.pay_time is not None:
        message.pay_time.FromDatetime(order.pay_time)
    if order.deliver_time is not None:
        message.deliver_time.FromDatetime(order.deliver_time)
    return message


def _line_to_proto(line: Line) -> order_pb2.OrderLine:
    return order_pb2.OrderLine(
        line_no=line.line_no,
        sku=line.sku,
        category=line.category,
        quantity=line.quantity,
        gross_minor=line.gross_minor,
        discount_minor=line.discount_minor,
        net_minor=line.net_minor,
        refunded_minor=line.refunded_minor,
    )


def _attribution_to_proto(attribution: Attribution) -> order_pb2.Attribution:
    return order_pb2.Attribution(
        step=attribution.step.value,  # type: ignore[arg-type] # the numbers are the contract's
        partner_id=text_of(attribution.partner_id),
        touch_id=text_of(attribution.touch_id),
        token=attribution.token,
        sharer_profile_id=text_of(attribution.sharer_profile_id),
        losers=map(_loser_to_proto, attribution.losers),
        void_reason=attribution.void_reason,
    )


def _loser_to_proto(loser: Loser) -> order_pb2.AttributionCandidate:
    return order_pb2.AttributionCandidate(
        step=loser.step.value,  # type: ignore[arg-type] # the numbers are the contract's
        partner_id=text_of(loser.partner_id),
        touch_id=text_of(loser.touch_id),
        reason=loser.reason,
    )


def rejection_to_proto(order_number: str, refusal: Refusal) -> order_service_pb2.ImportOrderOutcome:
    """The outcome of a row that was refused."""
    return order_service_pb2.ImportOrderOutcome(
        order_number=order_number,
        result=order_service_pb2.ImportOrderOutcome.RESULT_REJECTED,
        reason=refusal.reason,
        detail=refusal.message,
    )


def check_buyer(buyer: order_pb2.Buyer, field: str) -> None:
    """Raises `InvalidArgument` when a buyer is named by nothing."""
    if not (buyer.profile_id or buyer.HasField("identifier")):
        raise InvalidArgument(field, "must have a profile_id or an identifier")
