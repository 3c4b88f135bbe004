"""What a member got at one time of an asset with a programme, and what was done to it. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.incentive.ledger.domain import Account

PLACES = ("pending", "available", "held")
"""Where in a lot something can be. They are the kinds of accounts that lots stand behind."""

OUTSIDE = "none"
EXPIRED = "sys/expired"

_NEVER = datetime.max.replace(tzinfo=UTC)


class Lot(NamedTuple):
    """What was got at one time, and what is left of it where. `root_id` outlives merges of members."""

    lot_id: UUID
    root_id: UUID
    restored_from: UUID | None
    profile_id: str
    asset: str
    source_key: UUID | None
    amount: int
    pending: int
    available: int
    held: int
    expired: int
    earn_time: datetime
    mature_time: datetime | None
    expire_time: datetime | None
    last_day: date | None
    time_zone: str
    fair_value: int

    @property
    def order(self) -> tuple[datetime, datetime, UUID]:
        """What is spent first sorts first."""
        return self.expire_time or _NEVER, self.earn_time, self.lot_id

    @property
    def spendable(self) -> Account:
        """The account that what is available of it is in."""
        return Account(f"member/{self.profile_id}/available", self.asset)

    def at(self, place: str) -> int:
        """How much of it is at a place."""
        amount: int = getattr(self, place)
        return amount

    def moved(self, place: str, quantity: int) -> "Lot":
        """With so much more at a place."""
        changes: dict[str, Any] = {place: self.at(place) + quantity}
        return self._replace(**changes)

    def is_over(self, now: datetime) -> bool:
        """Whether it can be spent no more."""
        return self.expire_time is not None and self.expire_time <= now

    def is_due(self, now: datetime) -> bool:
        """Whether what is pending of it is mature."""
        return self.pending > 0 and self.mature_time is not None and self.mature_time <= now


class Move(NamedTuple):
    """What a transfer did to a lot. `precedent` is the transfer whose lots it went by."""

    transfer_key: UUID
    position: int
    lot_id: UUID
    quantity: int
    source: str
    target: str
    precedent: UUID | None


class Expiring(NamedTuple):
    """What of an asset expires on one day."""

    expire_time: datetime
    asset: str
    last_day: str
    amount: int


class Happening(NamedTuple):
    """What a transfer did to a lot, with the transfer's own words."""

    transfer_id: str
    quantity: int
    source: str
    target: str
    debit_account: str
    credit_account: str
    post_time: datetime


def expiring(lots: Iterable[Lot], *, until: datetime) -> list[Expiring]:
    """What of settled lots can be spent and expires by an instant, by day."""
    amounts: dict[tuple[datetime, str, str], int] = defaultdict(int)
    for lot in lots:
        if lot.available and lot.expire_time and lot.last_day and lot.expire_time <= until:
            amounts[lot.expire_time, lot.asset, lot.last_day.isoformat()] += lot.available
    return [Expiring(*day, amount) for day, amount in sorted(amounts.items())]
