"""What ripples tell others."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from bowen.distribution.v1 import events_pb2

from chassis import outbox
from chassis.db import Tx
from chassis.outbox import Fact
from chassis.stamps import stamp
from services.distribution.partners.convert import text_of
from services.distribution.ripples.convert import touch_to_proto
from services.distribution.ripples.domain import ShareLink, Touch


async def touches_recorded(tx: Tx, touches: Iterable[Touch], links: Mapping[str, ShareLink]) -> None:
    """Visits were counted."""
    await outbox.append(tx, [Fact(_recorded(touch, links[touch.token]), touch.touch_time) for touch in touches])


def _recorded(touch: Touch, link: ShareLink) -> events_pb2.TouchRecorded:
    return events_pb2.TouchRecorded(
        token=touch.token,
        touch=touch_to_proto(touch),
        sharer_partner_id=text_of(link.sharer_partner_id),
        sharer_profile_id=text_of(link.sharer_profile_id),
        chain_id=str(link.lineage.chain_id),
        depth=link.lineage.depth,
    )


async def touches_turned(
    tx: Tx, voided: Iterable[Touch], restored: Iterable[Touch], links: Mapping[str, ShareLink], *, now: datetime
) -> None:
    """Visits turned out to be the sharers' own, and others not to be."""
    facts = [Fact(_voided(touch, links[touch.token], now), now) for touch in voided]
    facts += [Fact(_restored(touch, links[touch.token], now), now) for touch in restored]
    await outbox.append(tx, facts)


def _voided(touch: Touch, link: ShareLink, now: datetime) -> events_pb2.TouchVoided:
    return events_pb2.TouchVoided(
        token=touch.token,
        touch=touch_to_proto(touch),
        sharer_partner_id=text_of(link.sharer_partner_id),
        sharer_profile_id=text_of(link.sharer_profile_id),
        void_time=stamp(now),
    )


def _restored(touch: Touch, link: ShareLink, now: datetime) -> events_pb2.TouchRestored:
    return events_pb2.TouchRestored(
        token=touch.token,
        touch=touch_to_proto(touch),
        sharer_partner_id=text_of(link.sharer_partner_id),
        sharer_profile_id=text_of(link.sharer_profile_id),
        restore_time=stamp(now),
    )
