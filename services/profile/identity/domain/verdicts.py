"""What was decided about a piece of evidence."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.merging import Merge
from services.profile.identity.domain.people import Link, Person


@dataclass(frozen=True, slots=True)
class Conflict:
    """An identifier was not believed: it would have broken `rule`. `owner_id` holds it, if anybody does."""

    claim: Claim
    profile_id: UUID
    owner_id: UUID | None
    rule: str

    @property
    def is_refused_merge(self) -> bool:
        """Whether believing it would have linked two people."""
        return self.owner_id is not None and self.owner_id != self.profile_id


class MoveReason(IntEnum):
    """Why an identifier left a person. The numbers are those of the contract."""

    RECYCLED = 1
    REASSIGNED = 2
    REMOVED = 3
    HANDED_OVER = 4


class Move(NamedTuple):
    """An identifier left a person without a merge. Others are told of contacts only: browsers go over every day."""

    link: Link
    from_id: UUID
    to_id: UUID | None
    reason: MoveReason


class Quarantine(NamedTuple):
    """An identifier was seen with too many people."""

    link: Link
    seen_count: int


class Verdict(NamedTuple):
    """Whom the evidence is about, and what that changed. `shut_out`: attributes that need a consent nobody gave."""

    person: Person
    is_created: bool = False
    merges: tuple[Merge, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    moves: tuple[Move, ...] = ()
    quarantined: tuple[Quarantine, ...] = ()
    shut_out: tuple[str, ...] = ()
