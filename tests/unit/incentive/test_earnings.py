"""Earning with debt, as laws of the ledger."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.ledger.domain import Account, Standing, Transfer
from services.incentive.ledger.domain.earnings import Claim, earn

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
AMOUNTS = st.lists(st.integers(1, 100), min_size=1, max_size=6)
AVAILABLE, DEBT = Account("member/m/available", "points"), Account("member/m/debt", "points")


def claims(amounts: list[int]) -> list[Claim]:
    return [Claim(f"t{n}", "issuer/c", "m", "points", amount, NOON) for n, amount in enumerate(amounts)]


def after(transfers: list[Transfer], available: int, owed: int) -> tuple[int, int]:
    """What the member has available and owes once the transfers are posted; none may fail on the way."""
    balances = {AVAILABLE: available, DEBT: -owed}
    for item in transfers:
        balances[item.debit] = balances.get(item.debit, 0) - item.amount
        balances[item.credit] = balances.get(item.credit, 0) + item.amount
        assert balances[AVAILABLE] >= 0
        assert balances[DEBT] <= 0
    return balances[AVAILABLE], -balances[DEBT]


def standings(available: int, owed: int) -> dict[Account, Standing]:
    return {AVAILABLE: Standing(available, 1), DEBT: Standing(-owed, 1)}


@given(AMOUNTS, st.integers(0, 200), st.integers(0, 200))
def test_earnings_pay_debt_first_and_change_what_is_displayed_by_exactly_themselves(
    amounts: list[int], available: int, owed: int
) -> None:
    transfers = earn("s", claims(amounts), standings(available, owed))

    now_available, now_owed = after(transfers, available, owed)

    assert now_available - now_owed == available - owed + sum(amounts)
    assert now_owed == max(0, owed - sum(amounts))


def test_a_member_without_accounts_earns_from_zero() -> None:
    assert [item.transfer_id for item in earn("s", claims([5]), {})] == ["t0"]


def test_golden_led_16_who_owes_90_and_earns_50_owes_40() -> None:
    """Spec value §3.1, its second half; what makes the debt is a clawback."""
    assert after(earn("s", claims([50]), standings(0, 90)), 0, 90) == (0, 40)
