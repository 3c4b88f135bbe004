"""What changes ripples."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from chassis.db import Tx
from services.distribution.partners import store as partners
from services.distribution.partners.domain import Role
from services.distribution.ripples import domain, events, store
from services.distribution.ripples.domain import NOBODY, Lineage, Share, ShareLink, Touch
from services.distribution.ripples.errors import ProcessingRestricted
from services.distribution.subjects import store as subjects


class Recorded(Enum):
    """What became of a visit."""

    COUNTED = auto()
    REPEAT = auto()
    LINK_UNKNOWN = auto()


async def create_share_link(tx: Tx, share: Share, *, token: str, chain_id: UUID, now: datetime) -> ShareLink:
    """Make a link. `chain_id` is that of a new chain, unless the share carries another one on.

    Raises `PartnerNotFound`, `TouchNotFound`, `ProcessingRestricted`.
    """
    if share.sharer_profile_id is not None and await subjects.is_restricted(tx, share.sharer_profile_id):
        raise ProcessingRestricted(share.sharer_profile_id)
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
    await subjects.hold_people(tx)
    touches = await _unnamed(tx, touches)
    links = await store.get_links(tx, (touch.token for touch in touches))
    known = [touch for touch in touches if touch.token in links]
    firsts = domain.first_visits(known)
    counted = await store.insert_touches(tx, firsts)
    await events.touches_recorded(tx, (touch for touch in firsts if touch.touch_id in counted), links)
    counted |= await store.note_repeats(tx, [touch for touch in known if touch.touch_id not in counted])
    return [_outcome(known=touch.token in links, counted=touch.touch_id in counted) for touch in touches]


async def _unnamed(tx: Tx, touches: Sequence[Touch]) -> list[Touch]:
    """The visits, those of people who are only stored as nobody's: they count for who shared, and lead to no person."""
    restricted = await store.find_restricted(tx, touches)
    return [
        replace(touch, visitor_id=NOBODY, profile_id=None) if touch.touch_id in restricted else touch
        for touch in touches
    ]


async def turn_touches(tx: Tx, profile_ids: Sequence[UUID], *, now: datetime) -> None:
    """Void visits of people who turned out to be the sharer, and restore those of people who are not after all.

    `profile_ids` are all of the people who were merged or told apart; merges are held. Source: spec people §3.5, I25.
    """
    own, others = await store.find_turned(tx, profile_ids)
    if not own and not others:
        return
    links = await store.get_links(tx, (touch.token for touch in (*own, *others)))
    await store.void_touches(tx, own, now)
    await store.restore_touches(tx, others)
    await events.touches_turned(tx, own, others, links, now=now)


def _outcome(*, known: bool, counted: bool) -> Recorded:
    if not known:
        return Recorded.LINK_UNKNOWN
    return Recorded.COUNTED if counted else Recorded.REPEAT
