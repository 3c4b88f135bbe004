"""What the demo replays, in which order, and what its report makes of what it read."""

from collections import Counter
from functools import cache

import pytest

from suite.demo import plan as plans
from suite.demo import report
from suite.demo.audit import COMMISSION, Findings, Grants, Orders
from suite.demo.journal import TOUCH, Journal
from suite.demo.plan import Expected
from suite.demo.world import ADVOCATES, FREQUENT, POINTS, REGULARS, REWARD_ADVOCATES, REWARD_ORDERS, SHARER
from suite.faults import Fault
from suite.simulator import Click, Login, Purchase, Register, Share


@cache
def a_plan():
    return plans.make(2, 1)


@cache
def expected_of_the_plan() -> Expected:
    expected = Expected()
    for number, day in a_plan().days_from(0):
        expected.add(a_plan(), number, day)
    return expected


def sound_findings() -> Findings:
    """What is found when everything is right, for one order of 10.00 that a guide sold to a regular who shares."""
    return Findings(
        people=1,
        events=1,
        orders=Orders(1, 1000, 200, Counter(NAMED_SELLER=1)),
        segments={REGULARS: 1, ADVOCATES: 1},
        members={REGULARS: {"p"}, ADVOCATES: {"p"}},
        tags={"p": {FREQUENT, SHARER}, "q": set()},
        grants={REWARD_ORDERS: Grants(1, 10, 2), REWARD_ADVOCATES: Grants(1, 500, 0)},
        campaigns={REWARD_ORDERS: {"spent": 8, "budget": 100}, REWARD_ADVOCATES: {"spent": 500, "budget": 500}},
        trial_balance={
            POINTS: {"debits": 512, "credits": 512, "liability": 508, "discrepancy": 0},
            COMMISSION: {"debits": 30, "credits": 30, "liability": 24, "discrepancy": 0},
        },
        templates=[{"issued_count": 2, "redeemed_count": 1}],
        commissions={"accrued_minor": 24, "unposted_count": 0},
        partners_minor=24,
    )


EXPECTED = Expected(
    orders=1, net_minor=1000, refunds=1, refunded_minor=200, events=1, coupons_issued=2, coupons_redeemed=1
)


def broken(findings: Findings) -> list[str]:
    return [check.name for check in report.checks(findings, EXPECTED) if not check.holds]


def test_every_invariant_holds_for_sound_findings():
    assert broken(sound_findings()) == []


@pytest.mark.parametrize(
    ("break_it", "name"),
    [
        (lambda found: setattr(found.orders, "count", 2), "orders, each exactly once"),
        (lambda found: setattr(found.orders, "net_minor", 999), "their net sum"),
        (lambda found: setattr(found.orders, "refunded_minor", 0), "refunds in cents"),
        (lambda found: found.trial_balance[POINTS].update(credits=511), "the ledger of points sums to zero"),
        (lambda found: found.trial_balance[POINTS].update(discrepancy=1), "no balance of points disagrees"),
        (lambda found: setattr(found, "partners_minor", 23), "commissions accrued are"),
        (lambda found: found.commissions.update(unposted_count=1), "commissions that wait"),
        (lambda found: found.campaigns[REWARD_ADVOCATES].update(spent=501), "keeps its budget"),
        (lambda found: setattr(found.grants[REWARD_ORDERS], "amount", 11), "spent what people were given"),
        (lambda found: setattr(found, "events", 2), "every acknowledged event"),
        (lambda found: found.segments.update({REGULARS: 2}), "Regulars"),
        (lambda found: found.tags.update(q={FREQUENT}), "Regulars"),
        (lambda found: found.templates[0].update(redeemed_count=2), "coupons redeemed"),
        (lambda found: setattr(found, "dead_letters", 1), "no consumer could handle"),
    ],
)
def test_each_invariant_can_fail(break_it, name):
    found = sound_findings()

    break_it(found)

    assert any(name in each for each in broken(found))


def test_the_digest_is_that_of_the_figures():
    one = report.digest({"people": "1"}, sound_findings())

    assert one == report.digest({"people": "1"}, sound_findings())
    assert one != report.digest({"people": "2"}, sound_findings())


def test_equal_days_and_seed_make_equal_plans():
    again = plans.make(2, 1)

    assert again.simulation.actions == a_plan().simulation.actions
    assert [store.store_id for store in again.stores] == [store.store_id for store in a_plan().stores]


def test_a_plan_has_as_many_days_as_the_data():
    with pytest.raises(Fault, match="must be 1 to 365"):
        plans.make(366, 1)


def test_what_must_come_out_is_the_data_with_the_simulated_purchases():
    days = list(a_plan().journey.days(0, 2))
    purchases = [action for action in a_plan().simulation.actions if isinstance(action, Purchase)]

    expected = expected_of_the_plan()

    assert expected.orders == sum(len(day.orders) for day in days) + len(purchases)
    own = sum(order.net_minor for day in days for order in day.orders)
    assert expected.net_minor == own + sum(a_plan().baskets[each.basket].net_minor for each in purchases)


def test_waves_hold_every_action_once_but_purchases():
    actions = a_plan().simulation.actions

    waves = plans.waves(actions)

    flat = [action.id for wave in waves for action in wave]
    assert sorted(flat) == sorted(action.id for action in actions if not isinstance(action, Purchase))


def test_a_share_comes_after_the_click_it_follows_and_after_its_sharer_is_known():
    waves = plans.waves(a_plan().simulation.actions)
    place = {action.id: number for number, wave in enumerate(waves) for action in wave}
    account_before: dict[str, int] = {}

    for action in a_plan().simulation.actions:
        if isinstance(action, Register | Login):
            account_before[action.person] = place[action.id]
        if isinstance(action, Share):
            assert place[action.id] > account_before.get(action.sharer, -1)
            assert action.parent_click is None or place[action.id] > place[action.parent_click]
        if isinstance(action, Click):
            assert place[action.id] >= place[action.share]


def test_what_one_person_does_stays_in_order():
    waves = plans.waves(a_plan().simulation.actions)
    place = {action.id: number for number, wave in enumerate(waves) for action in wave}
    last: dict[str, int] = {}

    for action in a_plan().simulation.actions:
        if isinstance(action, Click | Register | Login):
            assert place[action.id] >= last.get(action.person, 0)
            last[action.person] = place[action.id]


def test_a_journal_remembers_over_a_crash_what_was_written_whole(tmp_path):
    path = tmp_path / "demo.journal"
    journal = Journal(path)
    journal.bind(2, 1)
    journal.note(TOUCH, "click", "touch")
    journal.day_done(0)
    journal.close()
    with path.open("ab") as file:
        file.write(b'["touch","half')

    again = Journal(path)
    again.note(TOUCH, "next", "one")
    again.close()

    last = Journal(path)
    assert (last.get(TOUCH, "click"), last.get(TOUCH, "half"), last.get(TOUCH, "next")) == ("touch", None, "one")
    assert last.days_done == 1
    last.close()


def test_a_directory_holds_one_demo(tmp_path):
    journal = Journal(tmp_path / "demo.journal")
    journal.bind(2, 1)

    with pytest.raises(Fault, match="holds the demo of 2 days with seed 1"):
        journal.bind(3, 1)
    journal.close()
