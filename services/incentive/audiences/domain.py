"""When somebody was in a segment."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID


class Turn(NamedTuple):
    """A profile entered a segment, left it again, or both: `entry_id`, which grows with time, names the entry."""

    segment_id: UUID
    profile_id: str
    entry_id: UUID
    enter_time: datetime | None = None
    leave_time: datetime | None = None


class Spell(NamedTuple):
    """A profile's last time in a segment. None where it is not known to have begun, or not to have ended."""

    enter_time: datetime | None
    leave_time: datetime | None

    def covers(self, time: datetime) -> bool:
        """Whether a fact of this instant found the profile there. The fact that made it enter or leave did."""
        entered = self.enter_time is not None and self.enter_time <= time
        return entered and (self.leave_time is None or time <= self.leave_time)


class Hearsay(NamedTuple):
    """What is known of who is in segments and copies, by either's id and profile, and which segments are not known in
    full: tagging is still telling who was there before anybody listened."""

    spells: Mapping[tuple[UUID, str], Spell] = {}
    incomplete: AbstractSet[UUID] = frozenset()


FOR_EVER = Spell(datetime.min.replace(tzinfo=UTC), None)
"""That of a copy's profiles."""


def united(turns: Iterable[Turn]) -> list[Turn]:
    """One turn per profile and entry, in key order, with all that is told of it."""
    known: dict[tuple[UUID, str, UUID], Turn] = {}
    for turn in turns:
        one = known.setdefault(turn[:3], turn)
        known[turn[:3]] = one._replace(
            enter_time=one.enter_time or turn.enter_time, leave_time=one.leave_time or turn.leave_time
        )
    return [known[key] for key in sorted(known)]


def last_turns(turns: Iterable[Turn]) -> list[Turn]:
    """One turn per profile and segment, in key order: that of the latest entry.

    Whatever the order in which they are told, the same comes out.
    """
    last = {turn[:2]: turn for turn in united(turns)}
    return list(last.values())
