"""When somebody was in a segment."""

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


FOR_EVER = Spell(datetime.min.replace(tzinfo=UTC), None)
"""That of a copy's profiles."""


def last_turns(turns: list[Turn]) -> list[Turn]:
    """One turn per profile and segment, in key order: that of the latest entry, with all that is told of it.

    Whatever the order in which they are told, the same comes out.
    """
    last: dict[tuple[UUID, str], Turn] = {}
    for turn in turns:
        key = turn.segment_id, turn.profile_id
        known = last.get(key)
        if known is None or turn.entry_id > known.entry_id:
            last[key] = turn
        elif turn.entry_id == known.entry_id:
            last[key] = known._replace(
                enter_time=known.enter_time or turn.enter_time, leave_time=known.leave_time or turn.leave_time
            )
    return [last[key] for key in sorted(last)]
