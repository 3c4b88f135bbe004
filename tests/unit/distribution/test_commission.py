"""What partners earn: golden figures and laws."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.distribution.commission import domain
from services.distribution.commission.domain import BP, CommissionState, Plan, Rate, Share
from services.distribution.commission.errors import PayoutAboveCap
from services.distribution.orders.domain.order import Draft, Line, Order, OrderState, Refund
from services.distribution.orders.domain.split import split
from services.distribution.partners.domain import Role

NOW = datetime(2026, 6, 20, tzinfo=UTC)
amounts = st.integers(0, 10**11)


def rates(*bps: int) -> list[Rate]:
    return [Rate(Share.SELLER, UUID(int=number), bp) for number, bp in enumerate(bps)]


def an_order(*nets: int) -> Order:
    lines = tuple(Line(number, f"sku-{number}", "", 1, net, 0) for number, net in enumerate(nets, start=1))
    draft = Draft("pos", "A-1", UUID(int=9), None, None, "CNY", lines, NOW)
    return Order(UUID(int=8), draft, OrderState.PAID, NOW)


def a_plan(cap: int = 3_000, parent: int = 0, **roles: int) -> Plan:
    named = {Role[name.upper()]: rate for name, rate in roles.items()}
    return Plan(UUID(int=7), "plan", named, parent, cap, NOW, NOW)


def a_commission(order: Order, rate_bp: int) -> domain.Commission:
    (commission,) = domain.estimate(order, a_plan(), rates(rate_bp), [UUID(int=1)], NOW)
    return commission


def test_com_01_largest_remainder_gives_799_300_500():
    """Spec value §2.11: net 9,999, 800/300/500 bp; rounding down each share alone would give 1,597."""
    assert domain.payouts(9_999, rates(800, 300, 500)) == [799, 300, 500]


def test_com_02_a_plan_above_its_cap_is_refused():
    with pytest.raises(PayoutAboveCap) as refusal:
        domain.check_plan(a_plan(guide=2_900, parent=500))

    assert refusal.value.metadata == {"role": "GUIDE", "sum_bp": "3400", "payout_cap_bp": "3000"}
    domain.check_plan(a_plan(guide=2_500, parent=500))


def test_com_02_rates_above_the_cap_are_trimmed_from_the_last():
    asked = [Rate(Share.PARENT, UUID(int=1), 900), Rate(Share.SELLER, UUID(int=2), 2_500)]

    assert domain.trim(asked, 3_000) == [
        Rate(Share.SELLER, UUID(int=2), 2_500, False),
        Rate(Share.PARENT, UUID(int=1), 500, True),
    ]


@given(amounts, st.lists(st.integers(0, BP), min_size=1, max_size=6))
def test_shares_sum_to_the_exact_sum_rounded_down_and_stay_within_one_unit(net, bps):
    shares = domain.payouts(net, rates(*bps))

    exact = [Fraction(net * bp, BP) for bp in bps]
    assert sum(shares) == sum(exact) // 1
    assert all(0 <= share - amount // 1 <= 1 for share, amount in zip(shares, exact, strict=True))


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=6), st.integers(0, BP))
def test_trimmed_rates_never_exceed_the_cap_nor_what_was_asked(bps, cap):
    trimmed = domain.trim(rates(*bps), cap)

    assert sum(rate.rate_bp for rate in trimmed) == min(cap, sum(bps))
    assert all(kept.rate_bp <= asked.rate_bp for kept, asked in zip(trimmed, rates(*bps), strict=True))


@given(amounts, st.lists(amounts, min_size=1, max_size=20).filter(any))
def test_a_split_neither_makes_nor_loses_a_unit(amount, weights):
    shares = split(amount, weights)

    assert sum(shares) == amount
    assert all(
        abs(share - Fraction(amount * weight, sum(weights))) < 1 for share, weight in zip(shares, weights, strict=True)
    )


def test_com_04_three_partial_refunds_take_back_333_333_334():
    commission = a_commission(an_order(9_999), 1_001)
    assert commission.amount_minor == 1_000

    taken = []
    for number in range(3):
        commission, amount = domain.reverse(commission, Refund(UUID(int=number), str(number), ((1, 3_333),), NOW))
        taken.append(amount)

    assert taken == [333, 333, 334]
    assert commission.state == CommissionState.REVERSED


def test_com_05_a_sequence_of_refunds_never_takes_more_than_the_commission():
    """Spec value §3.8: 32, 9, 8, 3 of the goods part of 52."""
    commission = a_commission(an_order(52), 2_000)
    earned = commission.amount_minor

    for number, part in enumerate((32, 9, 8, 3)):
        commission, amount = domain.reverse(commission, Refund(UUID(int=number), str(number), ((1, part),), NOW))
        assert amount >= 0
        assert commission.reversed_minor <= earned

    assert commission.reversed_minor == earned


def reversed_by(found: list[domain.Commission], lines: tuple[tuple[int, int], ...]):
    reversals = [domain.reverse(commission, Refund(UUID(int=2), "r", lines, NOW)) for commission in found]
    return [commission for commission, _ in reversals], sum(amount for _, amount in reversals)


@given(st.data(), st.lists(st.integers(1, 10**6), min_size=1, max_size=5), st.integers(1, BP))
def test_refunds_in_whatever_parts_take_back_exactly_the_commission_in_the_end(data, nets, rate_bp):
    order = an_order(*nets)
    found = domain.estimate(order, a_plan(), rates(rate_bp), [UUID(int=1)], NOW)
    left = dict(enumerate(nets, start=1))
    taken = 0
    parts = data.draw(st.lists(st.sampled_from(sorted(left)), max_size=8))
    for line_no in [*parts, *left]:
        is_last = line_no not in parts
        part = left[line_no] if is_last else data.draw(st.integers(0, left[line_no]))
        left[line_no] -= part
        found, amount = reversed_by(found, ((line_no, part),))
        assert amount >= 0
        taken += amount
    found, amount = reversed_by(found, tuple(left.items()))
    taken += amount

    assert taken == sum(commission.amount_minor for commission in found)


def test_a_transfer_has_the_same_id_for_ever():
    commission = replace(a_commission(an_order(100), 1_000), state=CommissionState.ACCRUED)
    reversal = domain.reversal(commission, UUID(int=5), 3)

    assert domain.accrual(commission).transfer_id == f"commission/{UUID(int=1)}/accrue"
    assert reversal.transfer_id == f"commission/{UUID(int=1)}/reverse/{UUID(int=5)}"
    assert domain.to_debt(reversal).transfer_id == f"{reversal.transfer_id}/debt"
