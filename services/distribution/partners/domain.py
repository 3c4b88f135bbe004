"""Partners as values, the shape of their tree, and who may see whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from uuid import UUID

from services.distribution.partners.errors import HierarchyCycle, HierarchyTooDeep, NotYours

LEVELS_MAX = 16

Visible = frozenset[UUID] | None
"""The partners that a caller may see; None is everybody."""


class Role(IntEnum):
    """What a partner does. The numbers are the contract's."""

    STORE = 1
    GUIDE = 2
    EMPLOYEE = 3
    KOC = 4


class PartnerState(IntEnum):
    """Where a partner stands. The numbers are the contract's."""

    ACTIVE = 1
    INACTIVE = 2


@dataclass(frozen=True, slots=True)
class Partner:
    """One that sells for the brand. `profile_id`: the partner as a consumer, after merges."""

    partner_id: UUID
    role: Role
    name: str
    external_code: str
    parent_id: UUID | None
    profile_id: UUID | None
    state: PartnerState
    inactive_time: datetime | None
    create_time: datetime
    update_time: datetime

    def is_active_at(self, moment: datetime) -> bool:
        """Whether it earned on orders that were paid at `moment`."""
        return self.inactive_time is None or moment < self.inactive_time


@dataclass(frozen=True, slots=True)
class PartnerChange:
    """What of a partner is to change. What is None stays; `parent_id` and `profile_id` hold a new value in a tuple."""

    name: str | None = None
    parent_id: tuple[UUID | None] | None = None
    profile_id: tuple[UUID | None] | None = None
    state: PartnerState | None = None


def changed(partner: Partner, change: PartnerChange, *, now: datetime) -> Partner:
    """The partner after the change. Its place in the tree is checked by `check_place`."""
    if change.name is not None:
        partner = replace(partner, name=change.name)
    if change.parent_id is not None:
        partner = replace(partner, parent_id=change.parent_id[0])
    if change.profile_id is not None:
        partner = replace(partner, profile_id=change.profile_id[0])
    if change.state is not None and change.state != partner.state:
        inactive_time = now if change.state == PartnerState.INACTIVE else None
        partner = replace(partner, state=change.state, inactive_time=inactive_time)
    return replace(partner, update_time=now)


def check_place(partner_id: UUID, path: Sequence[UUID], height: int) -> None:
    """Raise unless a partner with `height` levels (its own included) may stand below the last of `path`.

    `path` is the way from the new parent up to its root. Raises `HierarchyCycle` and `HierarchyTooDeep`.
    """
    if partner_id in path:
        raise HierarchyCycle(partner_id, path[0])
    if len(path) + height > LEVELS_MAX:
        raise HierarchyTooDeep(len(path) + height)


def require(visible: Visible, partner_id: UUID | None) -> None:
    """Raise `NotYours` unless the caller may see the partner. Nobody who is bound to a store may see the house."""
    if visible is not None and partner_id not in visible:
        raise NotYours
