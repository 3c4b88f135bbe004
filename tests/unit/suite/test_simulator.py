"""The simulated ripple is the same for a seed, obeys cause and effect, and knows the truth about itself."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.simulator import (
    Cheat,
    Click,
    Kind,
    Login,
    Purchase,
    Register,
    Scenario,
    Share,
    Simulation,
    demo,
    simulate,
    textbook_funnel,
    textbook_ripple,
)
from suite.simulator.chance import Chance
from suite.simulator.truth import tell

START = datetime(2017, 1, 1, 5, tzinfo=UTC)
SEEDS = st.integers(min_value=0, max_value=10_000)


def a_scenario(seed: int = 1, days: int = 10) -> Scenario:
    return demo(
        seed=seed,
        start=START,
        days=days,
        stores=tuple(f"S-{number}" for number in range(20)),
        households=tuple(f"H-{number}" for number in range(600)),
        baskets=50,
    )


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(a_scenario(days=30))


@settings(max_examples=5, deadline=None)
@given(SEEDS)
def test_the_same_seed_makes_the_same_stream(seed: int) -> None:
    assert simulate(a_scenario(seed)) == simulate(a_scenario(seed))


def test_another_seed_makes_another_stream_that_shares_no_id() -> None:
    ours, others = simulate(a_scenario(1)), simulate(a_scenario(2))

    assert not {action.id for action in ours.actions} & {action.id for action in others.actions}


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_everything_follows_its_cause(seed: int) -> None:
    simulation = simulate(a_scenario(seed))
    shares: dict[str, Share] = {}
    clicks: dict[str, Click] = {}
    named: set[str] = {person.person_id for person in simulation.people.values() if person.kind is not Kind.NEWCOMER}
    for action in simulation.actions:
        if isinstance(action, Share):
            assert action.sharer in named
            if action.parent_click is None:
                assert (action.chain, action.depth) == (action.id, 1)
            else:
                click = clicks[action.parent_click]
                parent = shares[click.share]
                assert click.person == action.sharer != parent.sharer
                assert click.at < action.at
                assert (action.chain, action.depth) == (parent.chain, parent.depth + 1)
            shares[action.id] = action
        elif isinstance(action, Click):
            assert shares[action.share].at < action.at
            clicks[action.id] = action
        elif isinstance(action, Register):
            assert action.person not in named
            named.add(action.person)
        else:
            assert action.person in named


@settings(max_examples=10, deadline=None)
@given(SEEDS, st.integers(1, 20))
def test_times_are_sorted_whole_seconds_within_the_scenario(seed: int, days: int) -> None:
    scenario = a_scenario(seed, days)
    times = [action.at for action in simulate(scenario).actions]

    assert all(before <= after for before, after in pairwise(times))
    assert all(scenario.start <= at < scenario.end and at.microsecond == 0 for at in times)


def test_ids_are_unique(simulation: Simulation) -> None:
    assert len({action.id for action in simulation.actions}) == len(simulation.actions)


def test_phones_member_numbers_and_devices_belong_to_one_person(simulation: Simulation) -> None:
    owners: dict[str, set[str]] = {}
    for action in simulation.actions:
        if isinstance(action, Click | Register | Login):
            owners.setdefault(action.visitor, set()).add(action.person)
        if isinstance(action, Register | Login):
            for name in filter(None, (action.phone, action.member_no)):
                owners.setdefault(name, set()).add(action.person)
        if isinstance(action, Purchase):
            owners.setdefault(action.member_no, set()).add(action.person)

    assert all(len(persons) == 1 for persons in owners.values())


def test_a_member_number_is_issued_before_its_purchase(simulation: Simulation) -> None:
    issued = set(simulation.scenario.households)
    for action in simulation.actions:
        if isinstance(action, Register | Login):
            issued.add(action.member_no)
        elif isinstance(action, Purchase):
            assert action.member_no in issued
            assert 0 <= action.basket < simulation.scenario.baskets


def test_the_days_of_a_simulation_are_its_parts(simulation: Simulation) -> None:
    start, day = simulation.scenario.start, timedelta(days=1)

    parts = [simulation.between(start + number * day, start + (number + 1) * day) for number in range(30)]

    assert tuple(action for part in parts for action in part) == simulation.actions


@given(SEEDS)
@settings(max_examples=50, deadline=None)
def test_the_textbook_ripple_has_100_60_36_and_then_21_or_22(seed: int) -> None:
    """SHR-17: i = 3, c = 0.2, four generations from 100."""
    truth = simulate(textbook_ripple(seed)).truth

    assert [generation.shares for generation in truth.generations][:3] == [100, 60, 36]
    assert truth.generations[3].shares in (21, 22)
    assert truth.generations[0].i == 3
    assert truth.generations[0].c == pytest.approx(0.2)
    assert truth.k == pytest.approx(0.6, abs=0.01)


def test_over_seeds_the_fourth_generation_is_21_6() -> None:
    sizes = [simulate(textbook_ripple(seed)).truth.generations[3].shares for seed in range(100)]

    assert sum(sizes) / len(sizes) == pytest.approx(21.6, abs=0.15)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_of_ten_thousand_visitors_200_buy_and_60_buy_again(seed: int) -> None:
    truth = simulate(textbook_funnel(seed)).truth

    assert (truth.newcomers, truth.buyers, truth.repeat_buyers) == (10_000, 200, 60)


def test_a_refresher_counts_once(simulation: Simulation) -> None:
    refreshers = {person for person, cheat in simulation.truth.cheaters.items() if cheat is Cheat.REFRESH}
    clicks = [each for each in simulation.actions if isinstance(each, Click) and each.person in refreshers]
    bursts = Counter((click.share, click.visitor) for click in clicks)

    assert bursts
    assert max(bursts.values()) == simulation.scenario.cheats.refresh_clicks
    assert len({(click.share, click.visitor, click.at.replace(second=0)) for click in clicks}) == len(bursts)
    assert simulation.truth.clicks - simulation.truth.clicks_counted == len(clicks) - len(bursts)


def test_buying_through_the_own_link_credits_nobody(simulation: Simulation) -> None:
    own = {person for person, cheat in simulation.truth.cheaters.items() if cheat is Cheat.SELF_PURCHASE}
    purchases = [each for each in simulation.actions if isinstance(each, Purchase) and each.person in own]

    assert purchases
    assert {simulation.truth.credited[purchase.id] for purchase in purchases} == {None}


def test_a_click_ring_stays_at_one_address_and_every_kind_of_cheat_is_labelled(simulation: Simulation) -> None:
    ring = {person for person, cheat in simulation.truth.cheaters.items() if cheat is Cheat.CLICK_RING}
    addresses = {each.ip for each in simulation.actions if isinstance(each, Click) and each.person in ring}

    assert 1 <= len(addresses) <= simulation.scenario.cheats.click_rings
    assert set(simulation.truth.cheaters.values()) == set(Cheat)


def test_credit_goes_to_an_earlier_click_of_the_buyer_within_the_attribution_time(simulation: Simulation) -> None:
    clicked: dict[tuple[str, str], list[datetime]] = {}
    for action in simulation.actions:
        if isinstance(action, Click):
            clicked.setdefault((action.person, action.share), []).append(action.at)

    credited = 0
    for action in simulation.actions:
        if isinstance(action, Purchase) and (share := simulation.truth.credited[action.id]):
            ages = [action.at - at for at in clicked[action.person, share]]
            assert any(timedelta() <= age < simulation.scenario.attribution for age in ages)
            credited += 1
    assert credited > 0


def test_expected_merges_are_what_a_plain_graph_of_identifiers_gives(simulation: Simulation) -> None:
    groups: list[set[str]] = [{member_no} for member_no in simulation.scenario.households]
    created = 0
    for action in simulation.actions:
        if isinstance(action, Share):
            continue
        visitor = "" if isinstance(action, Purchase) else action.visitor
        phone = action.phone if isinstance(action, Register | Login) else ""
        member_no = "" if isinstance(action, Click) else action.member_no
        names = {name for name in (visitor, phone, member_no) if name}
        touched = [group for group in groups if group & names]
        created += not touched
        groups = [group for group in groups if not group & names] + [names.union(*touched)]
        if created > 400:
            break

    prefix = simulation.actions[: simulation.actions.index(action) + 1]
    truth = tell(prefix, simulation.people, simulation.scenario.households, timedelta(days=7))
    assert truth.profiles_created == created
    assert truth.merges == 600 + created - len(groups) > 0


@given(st.lists(st.integers(0, 200), min_size=1, max_size=20), st.integers(0, 10_000), SEEDS)
def test_a_stratified_draw_takes_its_rate_of_all_calls_together(sizes: list[int], rate_bp: int, seed: int) -> None:
    chance = Chance(seed, "test")

    taken = [chance.take("draw", range(size), rate_bp) for size in sizes]

    exact = sum(sizes) * rate_bp / 10_000
    assert abs(sum(map(len, taken)) - exact) < 1
    for size, drawn in zip(sizes, taken, strict=True):
        assert drawn == sorted(set(drawn))
        assert len(drawn) <= size
