"""Links, visits and chains."""

import asyncio

import pytest
from bowen.distribution.v1 import events_pb2, ripple_pb2
from bowen.distribution.v1 import ripple_service_pb2 as rs

from chassis.caller import acting
from chassis.errors import InvalidArgument, NotFound, PermissionDenied
from chassis.ids import new_id
from chassis.stamps import stamp
from tests.service.distribution.network import KOC, STORE, Network, a_key, a_merge

Outcome = rs.RecordTouchOutcome
COUNTED, REPEAT, REJECTED = Outcome.RESULT_COUNTED, Outcome.RESULT_REPEAT, Outcome.RESULT_REJECTED


async def record(network: Network, *touches: ripple_pb2.Touch) -> list[int]:
    response = await network.ripples.RecordTouches(rs.RecordTouchesRequest(touches=touches))
    return [outcome.result for outcome in response.outcomes]


async def test_a_link_carries_an_unguessable_token_and_no_person(network: Network):
    profile_id = str(new_id())

    link = await network.a_link(sharer_profile_id=profile_id, content_id="sku-1")

    assert len(link.token) == 22
    assert link.url == f"https://b.example/s/{link.token}"
    assert (link.depth, link.ring, link.sharer_profile_id) == (1, ripple_pb2.RING_PROSPECT, profile_id)


async def test_the_ring_follows_from_who_shares_unless_it_is_named(network: Network):
    store, koc = await network.a_partner(STORE), await network.a_partner(KOC)

    rings = [
        (await network.a_link(store)).ring,
        (await network.a_link(koc)).ring,
        (await network.a_link(koc, ring=ripple_pb2.RING_SEED)).ring,
    ]

    assert rings == [ripple_pb2.RING_TEAM, ripple_pb2.RING_OPINION_LEADER, ripple_pb2.RING_SEED]


@pytest.mark.parametrize("sharers", [{}, {"sharer_partner_id": str(new_id()), "sharer_profile_id": str(new_id())}])
async def test_exactly_one_sharer_is_named(network: Network, sharers):
    with pytest.raises(InvalidArgument):
        await network.a_link(**sharers)


async def test_a_link_needs_a_partner_and_a_touch_that_exist(network: Network):
    with pytest.raises(NotFound) as partner:
        await network.a_link(sharer_partner_id=str(new_id()))
    with pytest.raises(NotFound) as touch:
        await network.a_link(sharer_profile_id=str(new_id()), parent_touch_id=str(new_id()))

    assert (partner.value.reason, touch.value.reason) == ("PARTNER_NOT_FOUND", "TOUCH_NOT_FOUND")


async def test_shr_13_a_visitor_counts_once_per_link_and_minute(network: Network):
    link = await network.a_link(sharer_profile_id=str(new_id()))
    same = [network.a_touch(link, visitor_id="v") for _ in range(3)]

    first = await record(network, *same)
    again = await record(network, *same)
    network.clock.advance(60)
    later = await record(network, network.a_touch(link, visitor_id="v"))

    assert first == again == [COUNTED, REPEAT, REPEAT]
    assert later == [COUNTED]
    assert {item.touch.touch_id for item in await network.told(events_pb2.TouchRecorded, 2)} >= {same[0].touch_id}


async def test_concurrent_visits_of_one_visitor_count_once(network: Network):
    link = await network.a_link(sharer_profile_id=str(new_id()))
    touches = [network.a_touch(link, visitor_id="v") for _ in range(20)]

    results = await asyncio.gather(*(record(network, touch) for touch in touches))

    assert sorted(result for (result,) in results) == [COUNTED] + [REPEAT] * 19


async def test_a_visit_through_an_unknown_link_is_rejected_alone(network: Network):
    link = await network.a_link(sharer_profile_id=str(new_id()))
    unknown = network.a_touch(ripple_pb2.ShareLink(token="none"))

    response = await network.ripples.RecordTouches(rs.RecordTouchesRequest(touches=[unknown, network.a_touch(link)]))

    assert [(item.result, item.reason) for item in response.outcomes] == [
        (REJECTED, "SHARE_LINK_NOT_FOUND"),
        (COUNTED, ""),
    ]


async def test_a_malformed_visit_is_named_and_nothing_is_recorded(network: Network):
    link = await network.a_link(sharer_profile_id=str(new_id()))

    with pytest.raises(InvalidArgument) as refusal:
        await record(network, network.a_touch(link), network.a_touch(link, touch_id="x", visitor_id=""))

    assert [field for field, _ in refusal.value.violations] == ["touches[1].touch_id", "touches[1].visitor_id"]
    assert await network.rows("SELECT FROM touch") == []


async def test_shr_06_a_chain_keeps_its_lineage_and_its_numbers(network: Network):
    guide = await network.a_partner()
    root = await network.a_link(guide)
    children = []
    for number in range(3):
        touch = await network.touch(root, visitor_id=f"v{number}")
        children.append(await network.a_link(sharer_profile_id=str(new_id()), parent_touch_id=touch.touch_id))
    touch = await network.touch(children[0], visitor_id="v9")
    await network.a_link(sharer_profile_id=str(new_id()), parent_touch_id=touch.touch_id)
    await network.a_link(guide)

    ripples = (await network.ripples.ListRipples(rs.ListRipplesRequest())).ripples
    ripple = (await network.ripples.GetRipple(rs.GetRippleRequest(chain_id=root.chain_id))).ripple

    assert ripples[0] == ripple
    assert (len(ripples), ripple.root_token, ripple.depth) == (2, root.token, 3)
    assert (ripple.share_count, ripple.sharer_count, ripple.touch_count, ripple.visitor_count) == (5, 5, 4, 4)
    assert (list(ripple.generation_sizes), ripple.k_milli) == ([1, 3, 1], 1000)


async def test_a_repeated_visit_still_carries_the_lineage(network: Network):
    link = await network.a_link(sharer_profile_id=str(new_id()))
    first, repeat = network.a_touch(link, visitor_id="v"), network.a_touch(link, visitor_id="v")
    await record(network, first, repeat)

    reshare = await network.a_link(sharer_profile_id=str(new_id()), parent_touch_id=repeat.touch_id)

    assert (reshare.chain_id, reshare.depth) == (link.chain_id, 2)


async def test_a_shopper_shares_as_itself_only_also_after_a_merge(network: Network):
    old, new, other = (str(new_id()) for _ in range(3))
    await network.tell(a_merge(old, new))

    with acting(a_key(profile_id=new)):
        link = await network.a_link(sharer_profile_id=old)
        with pytest.raises(PermissionDenied):
            await network.a_link(sharer_profile_id=other)

    assert link.sharer_profile_id == new


async def test_a_stores_key_reads_the_links_and_ripples_of_its_own_partners(network: Network):
    own, other = await network.a_partner(STORE), await network.a_partner(STORE)
    mine, theirs = await network.a_link(own), await network.a_link(other)

    with acting(a_key(own.partner_id)):
        ripples = (await network.ripples.ListRipples(rs.ListRipplesRequest())).ripples
        await network.ripples.GetShareLink(rs.GetShareLinkRequest(token=mine.token))
        for call in (
            network.ripples.GetShareLink(rs.GetShareLinkRequest(token=theirs.token)),
            network.ripples.GetRipple(rs.GetRippleRequest(chain_id=theirs.chain_id)),
            network.a_link(other),
        ):
            with pytest.raises(PermissionDenied):
                await call

    assert [ripple.chain_id for ripple in ripples] == [mine.chain_id]


async def test_a_link_that_is_not_there_is_not_found(network: Network):
    with pytest.raises(NotFound) as refusal:
        await network.ripples.GetShareLink(rs.GetShareLinkRequest(token="none"))

    assert refusal.value.reason == "SHARE_LINK_NOT_FOUND"


async def test_a_late_visit_is_recorded_with_its_own_time(network: Network):
    link = await network.a_link(sharer_profile_id=str(new_id()))
    then = stamp(network.clock.now())
    network.clock.advance(3600)

    await record(network, network.a_touch(link, touch_time=then))

    (told,) = await network.told(events_pb2.TouchRecorded)
    assert told.touch.touch_time == then


@pytest.mark.parametrize("target", ["https://[", "https:///p", "https://?x", "https://a:b/", "https://a:99999/"])
async def test_a_link_leads_to_an_address(network: Network, target: str):
    with pytest.raises(InvalidArgument) as told:
        await network.a_link(sharer_profile_id=str(new_id()), target_url=target)

    assert told.value.violations[0][0] == "target_url"
