"""Groups of people, and the half-open spans for which people belong to them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.profile.attributes import domain as attributes
from services.profile.groups.errors import MembershipInvalid


class GroupType(IntEnum):
    """What kind of group it is. The numbers are those of the contract."""

    HOUSEHOLD = 1
    STORE = 2
    COMPANY = 3


class Place(NamedTuple):
    """A group."""

    type: GroupType
    group_id: str

    @property
    def about(self) -> bytes:
        """What its sealed traits are bound to."""
        return f"group/{self.type.value}/{self.group_id}".encode()


class Span(NamedTuple):
    """From an instant on until before another; None: for good."""

    start: datetime
    end: datetime | None = None


class Membership(NamedTuple):
    """A profile belongs to a group for a while. The fields are the columns of the table."""

    membership_id: UUID
    type: GroupType
    group_id: str
    profile_id: UUID
    start_time: datetime
    end_time: datetime | None
    actor: str

    @property
    def place(self) -> Place:
        """The group."""
        return Place(self.type, self.group_id)

    @property
    def span(self) -> Span:
        """For how long."""
        return Span(self.start_time, self.end_time)

    def covers(self, moment: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.start_time <= moment and (self.end_time is None or moment < self.end_time)


class Member(NamedTuple):
    """A person who belongs to a group, under whatever ids it was said."""

    profile_id: UUID
    start_time: datetime
    end_time: datetime | None


class Joining(NamedTuple):
    """Somebody says that a profile belongs to a group, and what is known of the group at a time.

    `is_observed`: an event says so, of the instant at which the span starts. A late one takes nothing back: what is
    known of that instant, and of leaving later, stands.
    """

    profile_id: UUID
    place: Place
    span: Span
    actor: str
    traits: attributes.Values
    time: datetime
    is_observed: bool = False


class Group(NamedTuple):
    """What is known of a group."""

    place: Place
    facts: attributes.Facts
    update_time: datetime | None


def span_of(start: datetime, end: datetime | None) -> Span:
    """A span that is not empty. Raises `MembershipInvalid`."""
    if end is not None and end <= start:
        raise MembershipInvalid("end_time", "must be after start_time")
    return Span(start, end)


def uncovered(wanted: Span, held: Iterable[Span]) -> Iterator[Span]:
    """The parts of a span that others do not cover, in order."""
    start = wanted.start
    for span in sorted(held, key=lambda each: each.start):
        if not _before(start, wanted.end):
            return
        if not _before(start, span.end):
            continue
        if start < span.start:
            if not _before(span.start, wanted.end):
                break
            yield Span(start, span.start)
        if span.end is None:
            return
        start = span.end
    if _before(start, wanted.end):
        yield Span(start, wanted.end)


def news(joining: Joining, held: Iterable[Span]) -> list[Span]:
    """What somebody says that was not said before, in order."""
    spans = list(uncovered(joining.span, held))
    return [span for span in spans if span.start == joining.span.start] if joining.is_observed else spans


def _before(moment: datetime, end: datetime | None) -> bool:
    return end is None or moment < end


def type_of(traits: attributes.Values) -> GroupType:
    """What kind of group the traits of a Segment call speak of: a company, unless `group_type` says something else."""
    try:
        name = msgspec.json.decode(traits["group_type"], type=str)
        return GroupType[name.strip().upper()]
    except (KeyError, msgspec.MsgspecError):
        return GroupType.COMPANY
