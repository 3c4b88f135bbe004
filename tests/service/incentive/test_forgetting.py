"""People who ask to be told what incentive holds, or to be forgotten. Value stays under an id that leads nowhere."""

from bowen.incentive.v1 import events_pb2

from people.privacy import of_the_living
from services.incentive.campaigns import consumers as campaigns
from services.incentive.privacy import consumers, store
from tests.service.forgetting import a_question, an_erasure, counts_of, kinds_of, personal_tables, told
from tests.service.incentive.rewarding import (
    Incentive,
    a_merge,
    a_paid_order,
    a_refund,
    an_event,
    new,
    on_order,
    points,
)


async def a_life(incentive: Incentive) -> tuple[str, str]:
    """Two ids of one person, with a reward, a coupon and points."""
    survivor, loser = new(), new()
    await incentive.a_running_campaign(reward=points(30))
    await incentive.happen(an_event(loser))
    await incentive.issue(await incentive.a_template(), survivor)
    await incentive.happen(a_merge(loser, survivor))
    return survivor, loser


async def test_value_stays_in_the_books_and_judgements_go(incentive: Incentive) -> None:
    survivor, loser = await a_life(incentive)
    erased = an_erasure(survivor, loser)

    await incentive.happen(erased, handler=consumers.on_profile_erased)

    [confirmed] = await told(incentive.db, events_pb2.ErasureConfirmed)
    counts = counts_of(confirmed, erased)
    assert (counts["reward_grant_kept"], counts["coupon_kept"], counts["account_kept"] > 0) == (1, 1, True)
    assert await incentive.has(survivor) == (30, 0)
    await incentive.ledger.check()


async def test_an_erased_person_is_given_nothing_more(incentive: Incentive) -> None:
    survivor, loser = await a_life(incentive)
    await incentive.happen(an_erasure(survivor, loser), handler=consumers.on_profile_erased)
    other = new()

    hear = of_the_living(campaigns.on_event_recorded)
    await incentive.happen(an_event(survivor), an_event(loser), an_event(other), handler=hear)

    assert await incentive.has(survivor) == (30, 0)
    assert await incentive.has(other) == (30, 0)


async def test_an_order_of_nobody_known_holds_nobody_up(incentive: Incentive) -> None:
    await incentive.a_running_campaign(trigger=on_order(), reward=points(50))
    person, hear = new(), of_the_living(campaigns.on_order_paid)

    await incentive.happen(a_paid_order(""), a_paid_order(person), handler=hear)

    assert await incentive.has(person) == (50, 0)


async def test_an_order_that_is_refunded_after_the_erasure_still_takes_its_reward_back(incentive: Incentive) -> None:
    person = new()
    await incentive.a_running_campaign(trigger=on_order(), reward=points(50))
    paid = a_paid_order(person)
    await incentive.happen(paid)
    await incentive.happen(an_erasure(person), handler=consumers.on_profile_erased)

    await incentive.happen(a_refund(paid, 10_000))

    assert await incentive.has(person) == (0, 0)
    await incentive.ledger.check()


async def test_who_asks_is_told_all_there_is(incentive: Incentive) -> None:
    survivor, loser = await a_life(incentive)

    await incentive.happen(a_question(survivor, loser), handler=consumers.on_personal_data_requested)

    kinds = kinds_of(await told(incentive.db, events_pb2.PersonalDataProvided))
    assert {"account", "transfer", "reward_grant", "coupon"} <= set(kinds)
    assert (kinds.count("reward_grant"), kinds.count("coupon")) == (1, 1)


async def test_every_table_about_people_is_told_of_and_accounted_for(incentive: Incentive) -> None:
    for statements in (store.HELD, store.FORGET):
        text = " ".join(statement for _, statement in statements)
        assert {table for table in await personal_tables(incentive.db) if table not in text} == set()
