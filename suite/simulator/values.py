"""People who share, click, register, buy and cheat, and what they do, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Ring(IntEnum):
    """How far from the core somebody stands. Numbers are those of the contract."""

    TEAM = 1
    """Employees and guides."""
    SEED = 2
    """Seed and loyal users."""
    OPINION_LEADER = 3
    """Opinion leaders and deep users."""
    PROSPECT = 4
    """Everybody else."""


class Kind(StrEnum):
    """Where a person comes from."""

    GUIDE = "guide"
    """Works in a store."""
    HOUSEHOLD = "household"
    """A member the data set brings: known before the first day."""
    NEWCOMER = "newcomer"
    """Unknown until a click."""


class Cheat(StrEnum):
    """What a cheater does."""

    CLICK_RING = "click_ring"
    """A few accounts at one address click each other's links day by day."""
    REFRESH = "refresh"
    """One visitor clicks one link over and over within a minute."""
    SELF_PURCHASE = "self_purchase"
    """Buys through the own link, clicked on another device."""
    MUTUAL_INVITE = "mutual_invite"
    """Two people invite each other and buy through each other's links at once."""


@dataclass(frozen=True, slots=True)
class Person:
    """A true person, whatever the platform makes of the identifiers.

    A guide has a `store_id` and no `member_no`; a household has a `member_no` from the start; a newcomer has a `phone`
    (that of a registration, made or not) and a `member_no` (a card that is issued at registration or first purchase).
    `ring` is where the person stood first.
    """

    person_id: str
    kind: Kind
    ring: Ring
    member_no: str
    phone: str
    store_id: str
    cheat: Cheat | None


@dataclass(frozen=True, slots=True)
class Share:
    """A link to be made for `sharer` (a person id). `parent_click` is the click the sharer came by, None for a first
    share. `exposures` is how many saw it, `depth` the shares from the first one to this one, `chain` the first's id."""

    id: str
    at: datetime
    sharer: str
    ring: Ring
    content: str
    parent_click: str | None
    chain: str
    depth: int
    exposures: int


@dataclass(frozen=True, slots=True)
class Click:
    """A visit through a share's link by a device (`visitor` is its anonymous id)."""

    id: str
    at: datetime
    share: str
    visitor: str
    person: str
    ip: str


@dataclass(frozen=True, slots=True)
class Register:
    """A new account: the device's owner gives a phone number and may get a member number at once (else "")."""

    id: str
    at: datetime
    visitor: str
    person: str
    phone: str
    member_no: str


@dataclass(frozen=True, slots=True)
class Login:
    """A device proves to belong to a known person. `phone` or `member_no` is set, or both: a card just issued."""

    id: str
    at: datetime
    visitor: str
    person: str
    phone: str
    member_no: str


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order of a member. `basket` chooses the goods: an index into as many as the scenario says there are."""

    id: str
    at: datetime
    person: str
    member_no: str
    store_id: str
    basket: int


Action = Share | Click | Register | Login | Purchase
