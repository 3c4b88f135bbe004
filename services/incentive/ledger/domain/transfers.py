"""What accounts and transfers are. Pure.

A transfer takes an amount from its debit account and gives it to its credit account. Accounts of members and partners
have a balance and a sequence, which counts the transfers that touched them; `issuer` and `sys` accounts have neither,
so that a hot campaign does not serialise its grants.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from chassis.ids import id_of

KINDS = ("pending", "available", "held", "debt")
"""The accounts that a member or partner has of each asset."""

WRITEOFF = "sys/writeoff"
"""The account that bears what a clawback does not get, and what is above a programme's bounds."""


class Account(NamedTuple):
    """An account of one asset. Sorting accounts gives the order in which they are locked."""

    name: str
    asset: str

    @property
    def is_bounded(self) -> bool:
        """Whether the account has a balance row."""
        return self.name.startswith(("member/", "partner/"))

    @property
    def may_owe(self) -> bool:
        """Whether the account may show a deficit."""
        return not self.is_bounded or self.name.endswith("/debt")

    @property
    def owner(self) -> str:
        """`member/<id>` or `partner/<id>`; the whole name of other accounts."""
        return self.name.rpartition("/")[0] if self.is_bounded else self.name

    @property
    def member_id(self) -> str:
        """The profile whose account it is; empty for all but members' accounts."""
        return self.name.split("/")[1] if self.name.startswith("member/") else ""

    @property
    def kind(self) -> str:
        """The last part of the name: `available`, `pending`, `held` or `debt` of a member or partner."""
        return self.name.rpartition("/")[2]

    def of(self, profile_id: str) -> "Account":
        """The same account of another member."""
        return Account(f"member/{profile_id}/{self.kind}", self.asset)

    def beside(self, kind: str) -> "Account":
        """Another account of the same owner and asset."""
        return Account(f"{self.owner}/{kind}", self.asset)


class Standing(NamedTuple):
    """Where an account stands. The amounts are in the asset's smallest unit."""

    balance: int = 0
    sequence: int = 0

    def after(self, amount: int) -> "Standing":
        """The standing after one more transfer."""
        return Standing(self.balance + amount, self.sequence + 1)


class Terms(NamedTuple):
    """When what is earned matures and what its last day is, where that is not left to the programme of the asset."""

    mature_time: datetime | None = None
    last_day: date | None = None


NO_TERMS = Terms()
"""All is left to the programme."""


class Transfer(NamedTuple):
    """A movement that is asked for. `key` is its identity, `fingerprint` stands for its content.

    A `linked` transfer makes a group with the one after it: all of a group are posted, or none. Of an asset that is
    kept in lots, it moves the lots of the earlier transfer that it `reverses` or `goes_on` from, or those named in
    `lots`, before others.
    """

    key: UUID
    fingerprint: bytes
    transfer_id: str
    debit: Account
    credit: Account
    amount: int
    post_time: datetime
    memo: str = ""
    reverses: UUID | None = None
    linked: bool = False
    terms: Terms = NO_TERMS
    goes_on: UUID | None = None
    lots: tuple[UUID, ...] = ()

    @property
    def precedent(self) -> UUID | None:
        """The earlier transfer whose lots this one moves."""
        return self.reverses or self.goes_on

    @property
    def is_earning(self) -> bool:
        """Whether a member gets what nobody had before: not what is given back."""
        return bool(self.credit.member_id) and not self.debit.is_bounded and self.precedent is None

    @property
    def is_between_members(self) -> bool:
        """Whether one member gives to another, other than by giving back."""
        return self.credit.member_id not in ("", self.debit.member_id) and bool(
            self.debit.member_id and not self.reverses
        )

    def between(self, debit: Account, credit: Account) -> "Transfer":
        """The same movement between other accounts: those of survivors of a merge."""
        return self._replace(debit=debit, credit=credit)


def key_of(scope: str, transfer_id: str) -> UUID:
    """The identity of a transfer: a 128-bit hash of who asks and of the id they chose."""
    return id_of(hashlib.sha256(f"{scope}\0{transfer_id}".encode()).digest()[:16])


def fingerprint_of(
    debit: Account,
    credit: Account,
    amount: int,
    memo: str,
    reverses: str,
    *,
    linked: bool = False,
    terms: Terms = NO_TERMS,
) -> bytes:
    """What tells a repeat from the reuse of an id."""
    more = (("linked",) if linked else ()) + (() if terms is NO_TERMS else _text(terms))
    content = "\0".join((debit.name, credit.name, debit.asset, str(amount), memo, reverses, *more))
    return hashlib.sha256(content.encode()).digest()[:16]


def _text(terms: Terms) -> tuple[str, ...]:
    return tuple(part.isoformat() for part in terms if part)


def transfer(
    scope: str,
    transfer_id: str,
    debit: Account,
    credit: Account,
    amount: int,
    *,
    post_time: datetime,
    memo: str = "",
    reverses: str = "",
    linked: bool = False,
    terms: Terms = NO_TERMS,
    goes_on: str = "",
    lots: tuple[UUID, ...] = (),
) -> Transfer:
    """A transfer that `scope` asks for under its own `transfer_id`; `reverses` and `goes_on` are such ids too."""
    return Transfer(
        key=key_of(scope, transfer_id),
        fingerprint=fingerprint_of(debit, credit, amount, memo, reverses, linked=linked, terms=terms),
        transfer_id=transfer_id,
        debit=debit,
        credit=credit,
        amount=amount,
        post_time=post_time,
        memo=memo,
        reverses=key_of(scope, reverses) if reverses else None,
        linked=linked,
        terms=terms,
        goes_on=key_of(scope, goes_on) if goes_on else None,
        lots=lots,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transfer. An empty `reason` means that it is posted."""

    fingerprint: bytes
    reason: str = ""
    detail: str = ""
    replayed: bool = False


class Original(NamedTuple):
    """A posted transfer that others take back, and how much of it they have taken."""

    debit: Account
    credit: Account
    amount: int
    reversed_amount: int

    @property
    def is_earning(self) -> bool:
        """Whether a member got it from somebody who is not one."""
        return (
            self.credit.kind in ("available", "pending") and bool(self.credit.member_id) and not self.debit.is_bounded
        )


class Posting(NamedTuple):
    """A transfer to write down, with where its accounts stand after it; None for accounts without a balance row."""

    transfer: Transfer
    debit: Standing | None
    credit: Standing | None


class Entry(NamedTuple):
    """One side of a transfer, as its account sees it."""

    position: int
    transfer_id: str
    amount: int
    balance_after: int
    counter_account: str
    memo: str
    post_time: datetime


class TrialBalanceLine(NamedTuple):
    """The sums of one asset."""

    asset: str
    debits: int
    credits: int
    liability: int
    discrepancy: int
