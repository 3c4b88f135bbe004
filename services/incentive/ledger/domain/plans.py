"""What a batch does to the ledger if nothing of it is in doubt. Pure: it knows no balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.incentive.ledger.domain import NO_TERMS, Account, Transfer

ANY_BALANCE = -(2**63)
"""What an account has to hold that may show a deficit."""


class Course:
    """What a batch does to one account: `net` in all, in `count` transfers, and at its deepest `lowest`."""

    __slots__ = ("count", "lowest", "net", "number")

    def __init__(self) -> None:
        self.number = self.net = self.lowest = self.count = 0


class Side(NamedTuple):
    """What a transfer does to one of its accounts: which one, and its standing after it, counted from before the batch.

    The number of an account is its place in locking order, from one; zero stands for an account without a balance row.
    """

    course: Course
    moves: int
    net: int


@dataclass(slots=True)
class Plan:
    """A batch, with what becomes of its accounts. `accounts` are in locking order, and `sides` debit before credit."""

    batch: Sequence[Transfer]
    accounts: list[Account]
    courses: list[Course]
    debits: list[Side]
    credits: list[Side]

    @property
    def needed(self) -> list[int]:
        """What every account has to hold at least, so that no transfer of the batch finds too little."""
        both = zip(self.accounts, self.courses, strict=True)
        return [ANY_BALANCE if account.may_owe else -course.lowest for account, course in both]

    @property
    def of_members(self) -> list[Account]:
        """The accounts that members have: a merge may have moved them, and they may be kept in lots."""
        return [account for account in self.accounts if account.member_id]


NOWHERE = Side(Course(), 0, 0)


def is_plain(batch: Sequence[Transfer]) -> bool:
    """Whether no more than the balances of its accounts can speak against a batch.

    Reversals ask for what they reverse, and terms for the programme of the asset.
    """
    return all(not item.reverses and item.debit != item.credit and item.terms == NO_TERMS for item in batch)


def plan(batch: Sequence[Transfer]) -> Plan | None:
    """What a plain batch does if all of it is posted, in order; None when an id comes twice."""
    if len({item.key for item in batch}) < len(batch):
        return None
    courses: dict[Account, Course] = {}
    debits = []
    credits = []
    for item in batch:
        debits.append(_move(courses, item.debit, -item.amount))
        credits.append(_move(courses, item.credit, item.amount))
    accounts = sorted(courses)
    for number, account in enumerate(accounts, start=1):
        courses[account].number = number
    return Plan(batch, accounts, [courses[account] for account in accounts], debits, credits)


def _move(courses: dict[Account, Course], account: Account, amount: int) -> Side:
    course = courses.get(account)
    if course is None:
        if not account.is_bounded:
            return NOWHERE
        course = courses[account] = Course()
    course.count += 1
    course.net += amount
    if course.net < course.lowest:
        course.lowest = course.net
    return Side(course, course.count, course.net)
