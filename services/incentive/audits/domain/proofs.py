"""Proofs that balances follow from entries, portion by portion. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

EVERY = timedelta(hours=1)
ROWS_PART_BP = 9_000
"""What reading the entries is of a whole proof; the rest are the accounts."""


class Sums(NamedTuple):
    """What transfers of an asset come to."""

    debits: int = 0
    liability: int = 0


class Check(NamedTuple):
    """What checking the accounts of an asset found."""

    account_count: int = 0
    discrepancy: int = 0


class Proof(NamedTuple):
    """The proof of one asset. `end` is the transaction up to which, and without which, `sums` counts."""

    number: int
    asset: str
    sums: Sums
    check: Check
    is_full: bool
    end: int
    prove_time: datetime


class Last(NamedTuple):
    """The proof before, all assets of it."""

    number: int
    end: int
    prove_time: datetime
    sums: Mapping[str, Sums]

    def is_old(self, now: datetime) -> bool:
        """Whether the next one is due."""
        return now - self.prove_time >= EVERY


class Found(NamedTuple):
    """What was found of an asset so far."""

    debits: int = 0
    liability: int = 0
    account_count: int = 0
    discrepancy: int = 0

    def plus(self, other: "Found") -> "Found":
        """Both together."""
        return Found(*(one + more for one, more in zip(self, other, strict=True)))


class Portions(NamedTuple):
    """How much is read at once: transactions, blocks of the table, accounts."""

    xacts: int = 1_000
    blocks: int = 2_000
    accounts: int = 2_000


class Stage(StrEnum):
    """What is being read: entries, or the accounts of a full proof."""

    ROWS = "rows"
    ACCOUNTS = "accounts"


@dataclass(frozen=True, slots=True)
class Run:
    """A proof that is being made, of what transactions from `first` on, up to and without `end` have posted.

    A full one reads the table by blocks and then all accounts; one that goes on reads by transactions, and checks the
    accounts that they touched. `at` and `until` are blocks or transactions; `account` and `asset` are the last read.
    """

    run_id: UUID
    is_full: bool
    first: int
    end: int
    at: int
    until: int
    begin_time: datetime
    found: Mapping[str, Found]
    stage: Stage = Stage.ROWS
    account: str = ""
    asset: str = ""

    def rows(self, portions: Portions) -> tuple[int, int]:
        """The next blocks or transactions."""
        return self.at, min(self.until, self.at + (portions.blocks if self.is_full else portions.xacts))

    def after_rows(self, to: int, new: Mapping[str, Found]) -> "Run":
        """The run when these rows are read."""
        stage = Stage.ACCOUNTS if self.is_full and to >= self.until else Stage.ROWS
        return replace(self, at=to, stage=stage, found=_together(self.found, new))

    def after_accounts(self, last: tuple[str, str] | None, new: Mapping[str, Found]) -> "Run":
        """The run when these accounts are read; None: there were none left."""
        account, asset = last or ("", "")
        return replace(self, account=account, asset=asset, found=_together(self.found, new))

    @property
    def is_read(self) -> bool:
        """Whether a run that goes on has read everything."""
        return not self.is_full and self.at >= self.until

    @property
    def progress_bp(self) -> int:
        """How much of the entries is read, and a rest for the accounts."""
        if self.stage == Stage.ACCOUNTS:
            return ROWS_PART_BP
        return ROWS_PART_BP * self.at // self.until if self.until else 0

    def proofs(self, number: int) -> list[Proof]:
        """What it proves in the end, by asset."""
        return [
            Proof(
                number,
                asset,
                Sums(found.debits, found.liability),
                Check(found.account_count, found.discrepancy),
                self.is_full,
                self.end,
                self.begin_time,
            )
            for asset, found in sorted(self.found.items())
        ]


def _together(one: Mapping[str, Found], other: Mapping[str, Found]) -> dict[str, Found]:
    return {asset: one.get(asset, Found()).plus(other.get(asset, Found())) for asset in {*one, *other}}


def going_on(run_id: UUID, last: Last, end: int, now: datetime) -> Run:
    """A proof that follows: its sums begin with those of the one before."""
    sums = {asset: Found(*each) for asset, each in last.sums.items()}
    return Run(run_id, False, last.end, end, at=last.end, until=end, begin_time=now, found=sums)


def from_the_start(run_id: UUID, end: int, blocks: int, now: datetime) -> Run:
    """A proof of the whole ledger: of all that is below `end` in as many blocks."""
    return Run(run_id, True, 0, end, at=0, until=blocks, begin_time=now, found={})
