"""What a batch does if nothing of it is in doubt."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.ledger import domain
from services.incentive.ledger.domain import Account, Book, Standing, Terms, Transfer
from services.incentive.ledger.domain.plans import Plan, Side, is_plain, plan

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
MEMBERS = [f"member/00000000-0000-7000-8000-00000000000{n}" for n in range(3)]
ACCOUNTS = [Account(f"{member}/{kind}", "points") for member in MEMBERS for kind in ("available", "debt")]
ALL = [*ACCOUNTS, Account("issuer/a", "points"), Account("sys/redeemed", "points")]


def a_transfer(transfer_id: str, debit: Account, credit: Account, amount: int, **fields: Any) -> Transfer:
    return domain.transfer("test", transfer_id, debit, credit, amount, post_time=NOON, **fields)


def reached(made: Plan, side: Side, before: dict[Account, Standing]) -> Standing | None:
    """Where the plan says that an account stands after a transfer."""
    if not side.course.number:
        return None
    start = before[made.accounts[side.course.number - 1]]
    return Standing(start.balance + side.net, start.sequence + side.moves)


@given(
    st.lists(st.tuples(st.sampled_from(ALL), st.sampled_from(ALL), st.integers(1, 50)), min_size=1, max_size=12),
    st.lists(st.integers(0, 60), min_size=len(ACCOUNTS), max_size=len(ACCOUNTS)),
)
def test_a_plan_whose_needs_are_met_is_what_deciding_one_after_another_comes_to(
    moves: list[tuple[Account, Account, int]], balances: list[int]
) -> None:
    batch = [a_transfer(f"t{n}", *move) for n, move in enumerate(moves) if move[0] != move[1]]
    before = {account: Standing(balance, 7) for account, balance in zip(ACCOUNTS, balances, strict=True)}
    book = Book({}, dict(before))

    made, outcomes = plan(batch), domain.decide(batch, book)

    assert made
    needs = zip(made.accounts, made.needed, strict=True)
    enough = all(before[account].balance >= needed for account, needed in needs)
    assert enough == (not book.refusals)
    if enough:
        assert [(posting.debit, posting.credit) for posting in book.postings] == [
            (reached(made, debit, before), reached(made, credit, before))
            for debit, credit in zip(made.debits, made.credits, strict=True)
        ]
        after = zip(made.accounts, made.courses, strict=True)
        assert {account: Standing(before[account].balance + it.net, 7 + it.count) for account, it in after} == {
            account: book.standings[account] for account in book.touched
        }
        assert not any(outcome.reason for outcome in outcomes)


def test_accounts_are_planned_in_the_order_in_which_they_are_locked() -> None:
    batch = [a_transfer("a", ACCOUNTS[4], ACCOUNTS[0], 1), a_transfer("b", ACCOUNTS[2], ACCOUNTS[4], 1)]

    made = plan(batch)

    assert made
    assert made.accounts == domain.bounded(batch)


def test_an_id_that_comes_twice_is_not_planned() -> None:
    fine = a_transfer("fine", ALL[-2], ACCOUNTS[0], 5)

    assert plan([fine])
    assert plan([fine, a_transfer("fine", ALL[-2], ACCOUNTS[0], 6)]) is None


def test_what_takes_more_than_its_own_accounts_to_decide_is_not_plain() -> None:
    fine = a_transfer("fine", ALL[-2], ACCOUNTS[0], 5)

    assert is_plain([fine])
    assert not is_plain([fine, a_transfer("self", ACCOUNTS[0], ACCOUNTS[0], 5)])
    assert not is_plain([fine, a_transfer("back", ACCOUNTS[0], ALL[-2], 5, reverses="fine")])
    assert not is_plain([fine, a_transfer("lot", ALL[-2], ACCOUNTS[0], 5, terms=Terms(last_day=NOON.date()))])
