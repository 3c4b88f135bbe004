"""What changes ripples."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from chassis.db import Tx
from services.distribution.partners import store as partners
from services.distribution.partners.domain import Role
from services.distribution.ripples import domain, events, store
from services.distribution.ripples.domain import Lineage, Share, ShareLink, Touch


class Recorded(Enum):
    """What became of a visit."""

    COUNTED = auto()
    REPEAT = auto()
    LINK_UNKNOWN = auto()


async def create_share_link(tx: Tx, share: Share, *, token: str, chain_id: UUID, now: datetime) -> ShareLink:
    """Make a link. `chain_id` is that of a new chain, unless the share carries another one on."""
    lineage, role = Lineage(chain_id, 1), None
    if share.sharer_partner_id is not None:
        role = (await partners.get_partner(tx, share.sharer_partner_id)).role
    if share.parent_touch_id is not None:
        parent = await store.lineage(tx, share.parent_touch_id)
        lineage = Lineage(parent.chain_id, parent.depth + 1)
    link = _link(share, role, token=token, lineage=lineage, now=now)
    await store.insert_link(tx, link)
    return (await store.get_links(tx, [token]))[token]


def _link(share: Share, role: Role | None, *, token: str, lineage: Lineage, now: datetime) -> ShareLink:
    return ShareLink(
        token, share.target_url, share.sharer_partner_id, share.sharer_profile_id, share.content_id,
        share.parent_touch_id, lineage, share.ring or domain.ring_of(role), now,
    )  # fmt: skip


async def record_touches(tx: Tx, touches: Sequence[Touch]) -> list[Recorded]:
    """Record visits; what became of each, in their order. A visit that was recorded before is answered as then."""
    links = await store.get_links(tx, (touch.token for touch in touches))
    known = [touch for touch in touches if touch.token in links]
    firsts = domain.first_visits(known)
    counted = await store.insert_touches(tx, firsts)
    await events.touches_recorded(tx, (touch for touch in firsts if touch.touch_id in counted), links)
    counted |= await store.note_repeats(tx, [touch for touch in known if touch.touch_id not in counted])
    return [_outcome(known=touch.token in links, counted=touch.touch_id in counted) for touch in touches]


def _outcome(*, known: bool, counted: bool) -> Recorded:
    if not known:
        return Recorded.LINK_UNKNOWN
    return Recorded.COUNTED if counted else Recorded.REPEAT
