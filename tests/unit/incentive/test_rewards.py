"""What campaigns decide, as laws."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.incentive.budgets.domain import Budget, Move, Purse, Want
from services.incentive.campaigns import domain
from services.incentive.campaigns.domain import (
    Amount,
    Campaign,
    Docket,
    Kind,
    Occasion,
    Reason,
    Refund,
    State,
    Terms,
    Trigger,
    of_asset,
    per_person,
)
from services.incentive.subjects.domain import Person

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
BUDGET = UUID(int=7)
MINOR = st.integers(0, 10**9)


def a_campaign(number: int = 1, *, limit: int = 0, amount: int = 10) -> Campaign:
    terms = Terms(
        Trigger(Kind.EVENT, "Shared"),
        (of_asset("points", Amount(fixed=amount)),),
        NOON,
        NOON + timedelta(hours=1),
        limits=(per_person(limit),) if limit else (),
    )
    return Campaign(UUID(int=number), "Share", State.RUNNING, terms, BUDGET, NOON)


P1, P2, P3 = (str(UUID(int=number)) for number in (1, 2, 3))


def an_occasion(cause: int, person: str = P1, *, minutes: float = 0, value: str = "Shared") -> Occasion:
    return Occasion(Kind.EVENT, value, UUID(int=cause), person, NOON + timedelta(minutes=minutes), NOON)


def a_docket(cap: int = 1_000, survivors: dict[str, str] | None = None) -> Docket:
    ids = survivors or {P1: P1}
    clusters = {p: Person(s, frozenset(q for q, t in ids.items() if t == s)) for p, s in ids.items()}
    return Docket(set(), clusters, {}, {}, Purse([Budget(BUDGET, cap)]))


def judged(claims: list[domain.Claim], docket: Docket) -> Docket:
    numbers = iter(range(1_000, 10_000))
    domain.judge(claims, docket, lambda: UUID(int=next(numbers)))
    return docket


@given(st.integers(1, 10**12), st.integers(1, 10**9), st.lists(st.integers(0, 10**9), min_size=1))
def test_refunds_take_back_no_more_than_was_given_and_all_of_it_at_a_full_refund(
    amount: int, net_minor: int, totals: list[int]
) -> None:
    totals = [min(total, net_minor) for total in sorted(totals)]

    campaign = a_campaign(amount=amount)

    def due(refunded_minor: int) -> int:
        refund = Refund(UUID(int=1), UUID(int=2), refunded_minor, NOON)
        return domain.due(campaign.terms, campaign.terms.effects[0], amount, net_minor, refund)

    dues = [due(total) for total in totals]

    assert dues == sorted(dues)
    assert all(0 <= due <= amount for due in dues)
    assert all(due * net_minor <= amount * total for due, total in zip(dues, totals, strict=True))
    assert due(net_minor) == amount


@given(st.integers(0, 500), st.lists(st.tuples(st.integers(1, 100), st.booleans()), max_size=30))
def test_a_purse_never_pays_more_than_it_holds_and_never_in_part(cap: int, wants: list[tuple[int, bool]]) -> None:
    purse, paid = Purse([Budget(BUDGET, cap)]), 0

    for amount, give_back in wants:
        fits = paid + amount <= cap
        assert purse.reserve(Want(BUDGET, amount)) == fits
        paid += amount if fits else 0
        if fits and give_back:
            purse.release(Want(BUDGET, amount))
            paid -= amount

    assert purse.moved == ([Move(BUDGET, paid)] if paid else [])


@given(st.lists(st.tuples(st.integers(1, 8), st.sampled_from([P1, P2, P3])), max_size=20), st.integers(1, 3))
def test_every_cause_is_judged_once_and_no_person_gets_more_than_one_may(
    facts: list[tuple[int, str]], limit: int
) -> None:
    docket = a_docket(60, {P1: P1, P2: P1, P3: P3})  # p2 was merged into p1
    claims = domain.claims_of([a_campaign(limit=limit)], [an_occasion(cause, person) for cause, person in facts])

    judged(claims, docket)

    causes = [grant.cause for grant in docket.grants] + [item.claim.occasion.cause for item in docket.denials]
    assert len(causes) == len(set(causes)) == len({cause for cause, _ in facts})
    assert len(docket.grants) <= 6
    for person in (P1, P3):
        assert sum(grant.profile_id == person for grant in docket.grants) <= limit


def test_a_campaign_answers_to_its_own_value_within_its_window_only() -> None:
    occasions = [
        an_occasion(1),
        an_occasion(2, minutes=-0.001),
        an_occasion(3, minutes=59.999),
        an_occasion(4, minutes=60),
        an_occasion(5, value="Viewed"),
    ]

    claims = domain.claims_of([a_campaign()], occasions)

    assert [claim.occasion.cause.int for claim in claims] == [1, 3]


def test_a_reward_that_rounds_to_nothing_is_not_claimed() -> None:
    rate = of_asset("points", Amount(order_rate_bp=1))

    assert (rate.amount(9_999), rate.amount(10_000), rate.amount(19_999)) == (0, 1, 1)


def test_who_is_refused_by_the_limit_does_not_touch_the_budget() -> None:
    docket = a_docket(15)
    claims = domain.claims_of([a_campaign(limit=1)], [an_occasion(1), an_occasion(2)])

    judged(claims, docket)

    assert [item.reason for item in docket.denials] == [Reason.PERSON_LIMIT]
    assert docket.purse.moved == [Move(BUDGET, 10)]


def test_of_several_refunds_of_an_order_the_highest_total_counts() -> None:
    one, other = UUID(int=1), UUID(int=2)
    refunds = [Refund(other, one, 5, NOON), Refund(one, one, 30, NOON), Refund(one, other, 20, NOON)]

    assert [(refund.order_id, refund.refunded_minor) for refund in domain.highest(refunds)] == [(one, 30), (other, 5)]
