"""People who ask to be told what distribution holds, or to be forgotten: through the running process."""

from bowen.distribution.v1 import events_pb2, order_pb2

from chassis.ids import new_id
from services.distribution.privacy import store
from tests.service.distribution.network import HOUR, Network, a_merge, an_event
from tests.service.forgetting import a_question, an_erasure, counts_of, holding, kinds_of, personal_tables


async def a_life(network: Network) -> tuple[order_pb2.Order, str]:
    """An order of a person who was merged from two, visited by a link, shared one, and is a partner too."""
    link = await network.a_link(await network.a_partner())
    order = await network.imported(network.a_row(paid=HOUR))
    loser = str(new_id())
    await network.touch(link, visitor_id="secret-phone")
    await network.touch(link, profile_id=loser, visitor_id="secret-tablet")
    await network.a_link(sharer_profile_id=order.profile_id)
    await network.a_partner(profile_id=order.profile_id)
    broken = an_event(order.profile_id, name="Order Completed", properties='{"order_id": "secret-order"}')
    await network.tell(an_event(order.profile_id, anonymous_id="secret-phone"), broken)
    await network.tell(a_merge(loser, order.profile_id))
    return order, loser


async def test_orders_stay_with_a_token_in_the_buyers_place_and_visits_lose_their_visitor(network: Network):
    order, loser = await a_life(network)
    erased = an_erasure(order.profile_id, loser)

    await network.tell(erased)

    assert await holding(network.db, order.profile_id) == await holding(network.db, loser) == {}
    assert await holding(network.db, "secret") == {}
    kept = await network.order(order.order_id)
    assert (kept.profile_id, kept.net_minor, kept.order_number) == (erased.token, order.net_minor, order.order_number)
    assert await network.rows("SELECT 1 FROM orders WHERE identifier_key IS NOT NULL") == []
    [confirmed] = await network.told(events_pb2.ErasureConfirmed)
    counts = counts_of(confirmed, erased)
    assert (counts["orders_kept"], counts["touches"], counts["links_kept"], counts["rejections"]) == (1, 2, 1, 1)


async def test_an_order_of_an_erased_person_is_still_refunded(network: Network):
    order, loser = await a_life(network)
    await network.tell(an_erasure(order.profile_id, loser))
    network.clock.advance(7200)

    refunded = await network.refund(order)

    assert refunded.state == order_pb2.Order.STATE_REFUNDED


async def test_what_comes_late_does_not_bring_them_back(network: Network):
    order, loser = await a_life(network)
    await network.tell(an_erasure(order.profile_id, loser))

    await network.tell(an_event(order.profile_id, anonymous_id="secret-phone"), an_event(loser, anonymous_id="secret"))

    assert await network.rows("SELECT 1 FROM visitor") == []


async def test_who_asks_is_told_all_there_is(network: Network):
    order, loser = await a_life(network)

    await network.tell(a_question(order.profile_id, loser))

    kinds = kinds_of(await network.told(events_pb2.PersonalDataProvided))
    assert sorted(kinds) == ["order", "partner", "rejection", "share_link", "touch", "touch"]


async def test_every_table_about_people_is_told_of_and_forgotten(network: Network):
    for statements in (store.HELD, store.FORGET):
        text = " ".join(statement for _, statement in statements)
        assert {table for table in await personal_tables(network.db) if table not in text} == set()
