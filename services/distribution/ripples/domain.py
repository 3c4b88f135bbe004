"""Links, visits and chains as values."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from services.distribution.partners.domain import Role

NOBODY = ""
"""The visitor of visits that are not to be known as anybody's. No device has this id."""

TOKEN_BITS = 128
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_TOKEN_LENGTH = 22  # 62 ** 22 > 2 ** 128


class Ring(IntEnum):
    """Where a sharer stands in the ripple. The numbers are the contract's."""

    TEAM = 1
    SEED = 2
    OPINION_LEADER = 3
    PROSPECT = 4


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a share stands: its chain, and how many shares lead to it, itself included."""

    chain_id: UUID
    depth: int


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link that exactly one of a partner and a consumer passes on. `sharer_profile_id` is after merges."""

    token: str
    target_url: str
    sharer_partner_id: UUID | None
    sharer_profile_id: UUID | None
    content_id: str
    parent_touch_id: UUID | None
    lineage: Lineage
    ring: Ring
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Share:
    """A link that is to be made."""

    target_url: str
    sharer_partner_id: UUID | None
    sharer_profile_id: UUID | None
    content_id: str
    parent_touch_id: UUID | None
    ring: Ring | None


@dataclass(frozen=True, slots=True)
class Touch:
    """One visit through a link."""

    touch_id: UUID
    token: str
    visitor_id: str
    profile_id: UUID | None
    touch_time: datetime

    @property
    def minute(self) -> int:
        """The minute in which it happened, counted from 1970. A visitor counts once per link and minute."""
        return int(self.touch_time.timestamp() // 60)


@dataclass(frozen=True, slots=True)
class Click:
    """A counted visit of a buyer, with whom it speaks for. `sharer_profile_id` is after merges."""

    touch_id: UUID
    touch_time: datetime
    token: str
    content_id: str
    sharer_partner_id: UUID | None
    sharer_profile_id: UUID | None


@dataclass(frozen=True, slots=True)
class Ripple:
    """A chain of shares in numbers. `generation_sizes`: shares per generation, from the first."""

    chain_id: UUID
    root_token: str
    root_partner_id: UUID | None
    share_count: int
    sharer_count: int
    touch_count: int
    visitor_count: int
    order_count: int
    generation_sizes: tuple[int, ...]

    @property
    def depth(self) -> int:
        """The longest path of shares."""
        return len(self.generation_sizes)

    @property
    def k_milli(self) -> int:
        """How many shares each share set off on average, in thousandths; see `k_milli`."""
        return k_milli(self.generation_sizes)


def token_of(bits: int) -> str:
    """A link's token: 128 random bits as 22 digits to base 62."""
    digits = []
    for _ in range(_TOKEN_LENGTH):
        bits, digit = divmod(bits, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def ring_of(role: Role | None) -> Ring:
    """The ring of a sharer who did not name one; no role means a consumer."""
    if role is None:
        return Ring.PROSPECT
    return Ring.OPINION_LEADER if role == Role.KOC else Ring.TEAM


def k_milli(generation_sizes: Sequence[int]) -> int:
    """Mean number of shares that each share set off, in thousandths, rounded half up.

    The last generation is left out as a parent: its children are not known yet. 0 for one generation or none.
    """
    parents, children = sum(generation_sizes[:-1]), sum(generation_sizes[1:])
    return (2000 * children + parents) // (2 * parents) if parents else 0


def first_visits(touches: Sequence[Touch]) -> list[Touch]:
    """Of every link, visitor and minute the first one, each id once; in key order, so that writers never deadlock."""
    by_id = {touch.touch_id: touch for touch in reversed(touches)}
    firsts = {
        (touch.token, touch.visitor_id, touch.minute): touch
        for touch in reversed(touches)
        if by_id[touch.touch_id] is touch
    }
    return [firsts[key] for key in sorted(firsts)]
