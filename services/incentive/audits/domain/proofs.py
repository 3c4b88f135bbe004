"""Proofs that balances follow from entries. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

EVERY = timedelta(hours=1)


class Sums(NamedTuple):
    """What transfers of an asset come to."""

    debits: int = 0
    liability: int = 0

    def plus(self, other: "Sums", sign: int = 1) -> "Sums":
        """Both together; with a negative sign the one without the other."""
        return Sums(self.debits + sign * other.debits, self.liability + sign * other.liability)


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


def going_on(
    last: Last, new: Mapping[str, Sums], checks: Mapping[str, Check], *, end: int, now: datetime
) -> list[Proof]:
    """The proof that follows: the sums of the one before and of what was posted since."""
    assets = sorted({*last.sums, *new, *checks})
    sums = {asset: last.sums.get(asset, Sums()).plus(new.get(asset, Sums())) for asset in assets}
    return _proofs(last.number + 1, assets, sums, checks, is_full=False, end=end, now=now)


def from_the_start(
    number: int, all_of_it: Mapping[str, Sums], beyond: Mapping[str, Sums], checks: Mapping[str, Check],
    *, end: int, now: datetime,
) -> list[Proof]:  # fmt: skip
    """A proof of the whole ledger: the sums of all that is there, without what lies beyond the end."""
    assets = sorted({*all_of_it, *checks})
    sums = {asset: all_of_it.get(asset, Sums()).plus(beyond.get(asset, Sums()), -1) for asset in assets}
    return _proofs(number, assets, sums, checks, is_full=True, end=end, now=now)


def _proofs(
    number: int, assets: Iterable[str], sums: Mapping[str, Sums], checks: Mapping[str, Check],
    *, is_full: bool, end: int, now: datetime,
) -> list[Proof]:  # fmt: skip
    return [Proof(number, asset, sums[asset], checks.get(asset, Check()), is_full, end, now) for asset in assets]
