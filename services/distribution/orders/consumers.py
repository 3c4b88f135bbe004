"""Orders that trusted sources tell in the Segment e-commerce vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from bowen.profile.v1 import event_pb2, events_pb2

from chassis.consumer import Delivery
from chassis.db import Tx
from chassis.errors import Refusal
from chassis.stamps import moment
from services.distribution.orders import operations, store
from services.distribution.orders.domain import ecommerce
from services.distribution.orders.domain.order import History, Order, RefundAsk, Restored, Row
from services.distribution.orders.operations import Terms
from services.distribution.orders.store import Rejection
from services.distribution.subjects import store as subjects

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """One event of the vocabulary."""

    event_id: UUID
    event: events_pb2.EventRecorded | events_pb2.EventReassigned
    event_time: datetime

    @property
    def source(self) -> str:
        return f"segment:{self.event.source_id}"

    def number(self) -> str:
        return ecommerce.order_number_of(ecommerce.properties_of(self.event.properties))

    def key(self) -> store.Key | None:
        """The order that is meant; None if that cannot be told."""
        try:
            return self.number(), self.source
        except Refusal:
            return None

    def row(self) -> Row:
        properties = ecommerce.properties_of(self.event.properties)
        profile_id = UUID(self.event.profile_id)
        return ecommerce.completed(properties, source=self.source, profile_id=profile_id, time=self._time)

    def refund(self, order: Order) -> History:
        properties = ecommerce.properties_of(self.event.properties)
        number, time = self.event.message_id or self.event.event_id, max(self._time, order.pay_time or self._time)
        return History(refunds=(ecommerce.refunded(properties, order, refund_number=number, time=time),))

    def calling_off(self) -> RefundAsk:
        """What is asked of an order that is paid by now: all that is left."""
        return RefundAsk(self.event.message_id or self.event.event_id, (), self._time)

    @property
    def _time(self) -> datetime:
        return moment(self.event.timestamp) if self.event.HasField("timestamp") else self.event_time

    def rejection(self, refusal: Refusal) -> Rejection:
        number, _ = self.key() or ("", "")
        return Rejection(
            self.event_id, self.source, number, self.event.name, refusal.reason, refusal.message,
            self.event.SerializeToString(), self.event_time,
        )  # fmt: skip


class OrderEvents:
    """Turns events into the commands of the order API. What cannot be turned is kept as a rejection.

    A refund or a cancellation that comes before its order waits among the rejections and takes effect when the order
    comes. Of an order that was never completed nothing else is known: its cancellation waits there for good.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    async def on_event_recorded(self, tx: Tx, batch: Sequence[Delivery[events_pb2.EventRecorded]]) -> None:
        """Place, pay, refund and cancel what trusted events tell."""
        told = [_Told(item.event_id, item.event, item.event_time) for item in batch if _is_order(item.event)]
        await store.hold_numbers(tx, filter(None, (item.key() for item in told)))
        completed = [item for item in told if item.event.name == ecommerce.COMPLETED]
        later = [item for item in told if item.event.name != ecommerce.COMPLETED]
        rejections: list[Rejection] = []
        if completed:
            keys, rejections = await self._complete(tx, completed)
            early = await store.take_early_events(tx, keys)
            later = [*(_early(*event) for event in early), *later]
        rejections += [rejection for item in later for rejection in await self._give_back(tx, item)]
        if rejections:
            log.warning("trusted events were no orders", count=len(rejections), reasons=_reasons(rejections))
            await store.insert_rejections(tx, rejections)

    async def on_event_reassigned(self, tx: Tx, batch: Sequence[Delivery[events_pb2.EventReassigned]]) -> None:
        """Orders are whose the events are that told of them, the latest telling what holds."""
        for item in sorted(batch, key=lambda each: moment(each.event.reassign_time)):
            told = _Told(item.event_id, item.event, item.event_time)
            if _is_order(item.event) and item.event.name == ecommerce.COMPLETED and (key := told.key()):
                await operations.give_order(tx, key, UUID(item.event.profile_id), self._terms, now=item.now)

    async def on_profile_unmerged(self, tx: Tx, batch: Sequence[Delivery[events_pb2.ProfileUnmerged]]) -> None:
        """Give orders that were placed since the merge to whom they named. Redirects are of now, and held."""
        for item in batch:
            told = item.event
            ids = await subjects.everybody(tx, [told.restored_id])
            others = await subjects.everybody(tx, [told.survivor_id, told.remaining_id])
            if not set(ids) & set(others):  # else they are one again by another merge
                await operations.give_back(tx, _restored(told, ids), others, now=item.now)

    async def on_people_changed(self, tx: Tx, profile_ids: Sequence[UUID], now: datetime) -> None:
        """Void what people turned out to be credited for that they bought themselves, and restore what they did not."""
        await operations.recredit(tx, profile_ids, self._terms, now=now)

    async def _complete(self, tx: Tx, told: Sequence[_Told]) -> tuple[list[store.Key], list[Rejection]]:
        rows: list[Row] = []
        tellers: list[_Told] = []
        rejections: list[Rejection] = []
        for item in told:
            try:
                rows.append(item.row())
                tellers.append(item)
            except Refusal as refusal:
                rejections.append(item.rejection(refusal))
        outcomes = await operations.import_rows(tx, rows, self._terms)
        for item, outcome in zip(tellers, outcomes, strict=True):
            if isinstance(outcome, Refusal):
                rejections.append(item.rejection(outcome))
        return [row.draft.key for row in rows], rejections

    async def _give_back(self, tx: Tx, item: _Told) -> list[Rejection]:
        try:
            key = (item.number(), item.source)
            if item.event.name == ecommerce.CANCELLED:
                await operations.call_off_order_by_number(tx, key, item.calling_off(), self._terms)
            else:
                await operations.advance_order_by_number(tx, key, item.refund, self._terms)
        except Refusal as refusal:
            if not refusal.definitive:
                raise
            return [item.rejection(refusal)]
        return []


def _is_order(event: events_pb2.EventRecorded | events_pb2.EventReassigned) -> bool:
    is_fact = event.trust == event_pb2.TRUST_SERVER and event.type == event_pb2.EVENT_TYPE_TRACK
    return is_fact and event.name in (ecommerce.COMPLETED, ecommerce.REFUNDED, ecommerce.CANCELLED)


def _restored(told: events_pb2.ProfileUnmerged, ids: Sequence[UUID]) -> Restored:
    keys = [UUID(key) for key in told.restored_identifier_keys]
    return Restored(UUID(told.restored_id), ids, keys, moment(told.merge_time), moment(told.unmerge_time))


def _early(event_id: UUID, payload: bytes, event_time: datetime) -> _Told:
    return _Told(event_id, events_pb2.EventRecorded.FromString(payload), event_time)


def _reasons(rejections: Sequence[Rejection]) -> list[str]:
    return sorted({rejection.reason for rejection in rejections})
