"""What a segment is, and who is in it. Pure: the keys of a person's tags in, membership out."""

import json
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from logic.trees import Test, TreeFault, compile_tree, fields
from services.tagging.segments.errors import ExpressionInvalid

TagKeys = AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Segment:
    """A set of people. `member_count` is what it was when it was read."""

    segment_id: str
    name: str
    expression: str
    create_time: datetime
    member_count: int = 0


class Membership(NamedTuple):
    """One stay of a person in a segment."""

    entry_id: str
    enter_time: datetime


class Entry(NamedTuple):
    """A stay that has not ended, and the profile that it was told of."""

    entry_id: str
    profile_id: str
    enter_time: datetime


class Member(NamedTuple):
    """A person in a segment."""

    profile_id: str
    enter_time: datetime


class ProfileSegment(NamedTuple):
    """A segment that a person is in."""

    segment_id: str
    name: str
    enter_time: datetime


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and the keys of the tags it reads."""

    holds: Test[TagKeys]
    keys: frozenset[str]


@dataclass(slots=True)
class _Leaves:
    keys: set[str] = field(default_factory=set)

    def tag(self, body: Any, path: str) -> Test[TagKeys]:
        given = fields(body, path, required=("key",), optional=("state",))
        key, state = given["key"], given.get("state", "has")
        if not isinstance(key, str) or not key:
            raise TreeFault(f"{path}.key", "must be the key of a tag")
        if state not in ("has", "has_not"):
            raise TreeFault(f"{path}.state", "must be has or has_not")
        self.keys.add(key)
        if state == "has":
            return lambda tags: key in tags
        return lambda tags: key not in tags


@lru_cache(maxsize=10_000)
def compile_expression(expression: str) -> Expression:
    """Compile an expression from its JSON text. Raises `ExpressionInvalid` with the path of the fault."""
    leaves = _Leaves()
    try:
        holds = compile_tree(json.loads(expression), {"tag": leaves.tag})
    except TreeFault as fault:
        raise ExpressionInvalid(fault.path, fault.rule) from fault
    return Expression(holds, frozenset(leaves.keys))
