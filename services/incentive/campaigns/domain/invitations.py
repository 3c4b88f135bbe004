"""Who invited whom: the reward tree. It has no cycle, and an edge never changes (spec value §2.4, 3 and 4)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.incentive.campaigns.domain.terms import TouchChoice

ANCESTORS_MAX = 64
TOUCHES_MAX = 50
TOUCH_AGE_MAX = timedelta(days=90)


class Touch(NamedTuple):
    """A counted visit through a consumer's share link. `profile_id` is the visitor's, empty while nobody knows."""

    touch_id: UUID
    visitor_id: str
    profile_id: str
    sharer_id: str
    time: datetime


class Signup(NamedTuple):
    """Somebody registered on a device. `cause` is the event."""

    profile_id: str
    visitor_id: str
    cause: UUID
    time: datetime


@dataclass(frozen=True, slots=True)
class Registration:
    """A person's registration, and by whose touches they came: empty for nobody's."""

    profile_id: str
    cause: UUID
    time: datetime
    first_inviter_id: str = ""
    last_inviter_id: str = ""
    first_touch_id: UUID | None = None
    last_touch_id: UUID | None = None

    def inviter_id(self, choice: TouchChoice) -> str:
        """Who invited the person."""
        return self.first_inviter_id if choice == TouchChoice.FIRST else self.last_inviter_id


Parents = dict[tuple[TouchChoice, str], str]
"""Who invited whom so far, by survivors' ids."""


def register(
    signups: Sequence[Signup], touches: Mapping[UUID, Sequence[Touch]], parents: Parents, survivors: Mapping[str, str]
) -> list[Registration]:
    """Register people, one after another. `touches` are those of each signup's device and person, oldest first.

    An inviter is who made the first or the last valid touch of the 90 days before: not the person, and nobody whom the
    person invited, at whatever distance. The result grows `parents`.
    """
    registrations = []
    for signup in signups:
        own = survivors.get(signup.profile_id, signup.profile_id)
        near = _near(signup, touches.get(signup.cause, ()))
        first = _choose(TouchChoice.FIRST, own, near, parents, survivors)
        last = _choose(TouchChoice.LAST, own, near[::-1], parents, survivors)
        registrations.append(
            Registration(
                signup.profile_id,
                signup.cause,
                signup.time,
                first.sharer_id if first else "",
                last.sharer_id if last else "",
                first.touch_id if first else None,
                last.touch_id if last else None,
            )
        )
    return registrations


def _near(signup: Signup, touches: Iterable[Touch]) -> list[Touch]:
    near = [touch for touch in touches if signup.time - TOUCH_AGE_MAX <= touch.time <= signup.time]
    return near[-TOUCHES_MAX:]


def _choose(
    choice: TouchChoice, own: str, touches: Iterable[Touch], parents: Parents, survivors: Mapping[str, str]
) -> Touch | None:
    for touch in touches:
        sharer = survivors.get(touch.sharer_id, touch.sharer_id)
        if sharer != own and own not in _ancestors(choice, sharer, parents):
            parents[choice, own] = sharer
            return touch
    return None


def _ancestors(choice: TouchChoice, profile_id: str, parents: Parents) -> list[str]:
    """Those above a person, as far as they are walked."""
    above: list[str] = []
    while (parent := parents.get((choice, profile_id))) and len(above) < ANCESTORS_MAX:
        above.append(parent)
        profile_id = parent
    return above
