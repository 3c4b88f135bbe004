"""What tagging knows of a person before it judges."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Subject:
    """A person. `judge_time` is the latest instant at which the person was judged; None for a new one."""

    profile_id: str
    attributes: Mapping[str, Any]
    version: int
    judge_time: datetime | None


class Processing(NamedTuple):
    """How an id, or a person, may be processed: only stored, or not judged by rules."""

    is_restricted: bool
    is_personalization_off: bool


class NewFact(NamedTuple):
    """Something that a person did. `properties` is the text of a JSON object."""

    event_id: str
    profile_id: str
    name: str
    time: datetime
    properties: str


class Judged(NamedTuple):
    """When a person was judged last, and when the verdict may next change by itself."""

    profile_id: str
    judge_time: datetime
    due_time: datetime | None
