"""What the timeline hears of other services."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from bowen.distribution.v1 import events_pb2 as distribution
from bowen.incentive.v1 import events_pb2 as incentive
from bowen.tagging.v1 import events_pb2 as tagging

from chassis.consumer import Consumer, Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.profile.timeline import store
from services.profile.timeline.domain import Happening
from services.profile.vault.domain import Vault

_ORDER = ("order.order_id", "order.order_number", "order.store_id", "order.currency_code", "order.net_minor")
_REWARD = ("grant_id", "campaign_id", "asset", "amount", "coupon_id", "tag_id", "packet_id")
_COUPON = ("coupon_id", "template_id", "value_minor", "currency_code")


class _Telling(NamedTuple):
    """How one kind of fact is told in a timeline: whose it is, when it was, and what of it stands there."""

    service: str
    name: str
    profile_id: str
    time: str
    properties: tuple[str, ...]


TOLD: dict[Any, _Telling] = {
    distribution.OrderPaid: _Telling("distribution", "Order Paid", "profile_id", "pay_time", _ORDER),
    distribution.OrderDelivered: _Telling("distribution", "Order Delivered", "profile_id", "deliver_time", _ORDER),
    distribution.OrderRefunded: _Telling(
        "distribution", "Order Refunded", "profile_id", "refund_time", (*_ORDER, "refund_id", "amount_minor")
    ),
    distribution.TouchRecorded: _Telling(
        "distribution", "Share Link Visited", "touch.profile_id", "touch.touch_time", ("token", "chain_id", "depth")
    ),
    incentive.RewardGranted: _Telling("incentive", "Reward Granted", "profile_id", "grant_time", _REWARD),
    incentive.RewardReversed: _Telling(
        "incentive", "Reward Reversed", "profile_id", "reverse_time", (*_REWARD, "reversed_amount")
    ),
    incentive.CouponIssued: _Telling("incentive", "Coupon Issued", "profile_id", "issue_time", _COUPON),
    incentive.CouponRedeemed: _Telling(
        "incentive", "Coupon Redeemed", "profile_id", "redeem_time", (*_COUPON, "order_reference", "discount_minor")
    ),
    tagging.TagAdded: _Telling("tagging", "Tag Added", "profile_id", "add_time", ("tag_id", "key", "rule_id")),
    tagging.TagRemoved: _Telling("tagging", "Tag Removed", "profile_id", "remove_time", ("tag_id", "key")),
    tagging.SegmentEntered: _Telling(
        "tagging", "Segment Entered", "profile_id", "enter_time", ("segment_id", "entry_id")
    ),
    tagging.SegmentLeft: _Telling("tagging", "Segment Left", "profile_id", "leave_time", ("segment_id", "entry_id")),
}
"""Every fact that stands in a timeline."""


class Happenings:
    """Takes in what other services tell of people."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def listen(self, consumer: Consumer) -> None:
        """Have a consumer bring what stands in timelines."""
        for message_class in TOLD:
            consumer.on(message_class, self.on_told)

    async def on_told(self, tx: Tx, batch: Sequence[Delivery[Any]]) -> None:
        """Something happened to people."""
        await store.add_happenings(tx, self._vault, list(_happenings(batch)))


def _happenings(batch: Sequence[Delivery[Any]]) -> Iterator[Happening]:
    """What is about somebody who is known."""
    for delivery in batch:
        event, telling = delivery.event, TOLD[type(delivery.event)]
        read = _reader(event)
        profile_id = read(telling.profile_id)
        if not profile_id:
            continue
        told = {path.rpartition(".")[2]: value for path in telling.properties if (value := read(path)) not in ("", 0)}
        text = msgspec.json.encode(told).decode()
        time = moment(read(telling.time))
        yield Happening(
            delivery.event_id, UUID(profile_id), telling.service, telling.name, text, time, delivery.event_time
        )


def _reader(event: Any) -> Callable[[str], Any]:
    def read(path: str) -> Any:
        found = event
        for name in path.split("."):
            found = getattr(found, name)
        return found

    return read
