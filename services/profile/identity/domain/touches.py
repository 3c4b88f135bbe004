"""With how many people a value was seen of late: one that is seen with too many names nobody (spec people §3.3, B5).

Only people count who are more than a device: a browser that is new with every visit says nothing against whoever
logs in with it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from struct import Struct

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.people import Link, People, Person
from services.profile.identity.domain.plans import Plan
from services.profile.identity.domain.rules import Sight
from services.profile.identity.domain.verdicts import Quarantine

_WHO_BYTES = 12
_TOUCH = Struct(f"{_WHO_BYTES}sI")

Refused = Sequence[tuple[Claim, Link | None]]
Moved = Sequence[tuple[Link, Person]]


def somebodies(people: Iterable[Person]) -> list[bytes]:
    """Those of some people for whom more than a device stands."""
    return [_who(person) for person in people if _is_somebody(person)]


def touch(
    people: People, plan: Plan, united: Sequence[bytes], moved: Moved, refused: Refused, sight: Sight
) -> list[Quarantine]:
    """Note with whom the identifiers of one event were seen. Returns those that have been with too many by it.

    `united` are those who became one person by it, `moved` the identifiers that went over, with who held them,
    `refused` those that were not believed.
    """
    quarantined = []
    for link, seen in _seen(people, plan, united if len(united) > 1 else (), moved, refused):
        count = _note(link, seen, sight)
        if count > sight.rules.touches_max and link.suspect_time is None:
            link.suspect_time, link.is_changed = sight.time, True
            quarantined.append(Quarantine(link, count))
    return quarantined


def _seen(
    people: People, plan: Plan, united: Sequence[bytes], moved: Moved, refused: Refused
) -> Iterator[tuple[Link, list[bytes]]]:
    """Which identifiers were seen with whom: those believed with all, one that went over or was refused with both."""
    strangers = [_stranger(claim, link) for claim, link in refused if not claim.kind.is_device]
    believed = [people.links[claim.key] for claim in plan.claims if claim.key in people.links]
    handed = {link.key for link, _ in moved}
    for link in believed:
        if link.key not in handed and (united or strangers):
            yield link, [*united, *strangers, _who(link.person)]
    for link, was in moved:
        yield link, [_who(was), _who(link.person)]
    for _, link_refused in refused:
        if link_refused is not None and believed and _is_somebody(believed[0].person):
            yield link_refused, [_who(believed[0].person), _who(link_refused.person)]


def _is_somebody(person: Person) -> bool:
    return any(not link.kind.is_device for link in person.links.values())


def _who(person: Person) -> bytes:
    return person.profile_id.bytes[-_WHO_BYTES:]


def _stranger(claim: Claim, link: Link | None) -> bytes:
    return claim.key[:_WHO_BYTES] if link is None else _who(link.person)


def _note(link: Link, seen: Iterable[bytes], sight: Sight) -> int:
    """Note with whom it was seen; returns with how many within the period."""
    now = _seconds(sight.time)
    oldest = now - int(sight.rules.touch_period.total_seconds())
    known = {who: time for who, time in _TOUCH.iter_unpack(link.touched) if time > oldest}
    more = {who: now for who in seen if who not in known}
    if more:
        known |= more
        latest = sorted(known.items(), key=lambda item: (-item[1], item[0]))[: sight.rules.touches_max + 1]
        link.touched, link.is_changed = b"".join(_TOUCH.pack(who, time) for who, time in latest), True
    return len(known)


def _seconds(time: datetime) -> int:
    return max(0, int(time.timestamp()))
