"""What ripples tell others."""

from collections.abc import Iterable, Mapping

from bowen.distribution.v1 import events_pb2

from chassis import outbox
from chassis.db import Tx
from chassis.outbox import Fact
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
