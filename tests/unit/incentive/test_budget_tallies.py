"""Which nodes of the tree of budgets a note counts at, and in which period."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.incentive.budgets.domain import Budget, Kind, Period
from services.incentive.budgets.domain.tallies import ALWAYS, Note, Tallied, start_of, summed

NOON = datetime(2026, 6, 20, 4, 0, tzinfo=UTC)
PROGRAMME, FIRST, SECOND, STORE = (UUID(int=each) for each in range(1, 5))


def a_tree(store_time: datetime = NOON - timedelta(days=1), period: Period = Period.NONE) -> dict[UUID, Budget]:
    """A programme with two campaigns, of which one has a part for a store."""
    nodes = [
        Budget(PROGRAMME, 100, kind=Kind.PROGRAMME, period=period),
        Budget(FIRST, 100, ancestors=(PROGRAMME,)),
        Budget(SECOND, 100, ancestors=(PROGRAMME,)),
        Budget(STORE, 100, ancestors=(FIRST, PROGRAMME), kind=Kind.STORE, scope="s-1", create_time=store_time),
    ]
    return {node.budget_id: node for node in nodes}


def test_a_purchase_of_two_campaigns_counts_once_at_what_they_have_in_common() -> None:
    bought = Note(((FIRST, ((Kind.STORE, "s-1"),)), (SECOND, ((Kind.STORE, "s-1"),))), NOON, Tallied(0, 0, 1))

    sums = summed([bought, bought], a_tree())

    assert sums == {(each, ALWAYS): Tallied(0, 0, 2) for each in (PROGRAMME, FIRST, SECOND, STORE)}


def test_what_is_noted_back_goes_to_the_same_nodes_and_the_same_period() -> None:
    """Whatever was created, and whichever period began, between the two."""
    held = Note(((FIRST, ((Kind.STORE, "s-1"),)),), NOON, Tallied(1, 30))
    back = held._replace(added=Tallied(-1, -30))
    later = a_tree(NOON + timedelta(hours=1), Period.DAY)

    assert summed([held], later).keys() == {(PROGRAMME, NOON - timedelta(hours=12)), (FIRST, ALWAYS)}
    assert set(summed([held, back], later).values()) == {Tallied()}


def test_a_budget_with_a_period_has_a_tally_for_each() -> None:
    daily = a_tree(period=Period.DAY)[PROGRAMME]
    midnight = NOON + timedelta(hours=12)  # in Shanghai

    assert start_of(daily, midnight - timedelta(microseconds=1)) == midnight - timedelta(days=1)
    assert start_of(daily, midnight) == midnight
