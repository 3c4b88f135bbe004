"""The network of partners: its tree under real concurrency, and who sees whom."""

import asyncio

import pytest
from bowen.distribution.v1 import partner_service_pb2 as ps

from chassis.caller import acting
from chassis.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied, Refusal
from chassis.ids import new_id
from tests.service.distribution.network import GUIDE, INACTIVE, STORE, Network, a_key


async def test_a_code_is_unique_among_the_partners_of_one_role(network: Network):
    await network.a_partner(STORE, external_code="S-17")
    await network.a_partner(GUIDE, external_code="S-17")

    with pytest.raises(AlreadyExists) as refusal:
        await network.a_partner(STORE, external_code="S-17")

    assert (refusal.value.reason, refusal.value.metadata["role"]) == ("PARTNER_CODE_EXISTS", "STORE")


async def test_eight_parallel_retries_of_one_request_make_one_partner(network: Network):
    request = ps.CreatePartnerRequest(request_id="r", role=STORE, name="S", external_code="S-1")

    answers = await asyncio.gather(*(network.partners.CreatePartner(request) for _ in range(8)))

    assert len({answer.partner.partner_id for answer in answers}) == 1
    assert len(await network.rows("SELECT FROM partner")) == 1


async def test_a_parent_must_exist(network: Network):
    with pytest.raises(NotFound) as refusal:
        await network.a_partner(parent_partner_id=str(new_id()))

    assert refusal.value.reason == "PARTNER_NOT_FOUND"


async def test_a_tree_has_sixteen_levels_and_no_more(network: Network):
    deepest = await network.a_partner()
    for _ in range(15):
        deepest = await network.a_partner(parent_partner_id=deepest.partner_id)

    with pytest.raises(FailedPrecondition) as refusal:
        await network.a_partner(parent_partner_id=deepest.partner_id)

    assert (refusal.value.reason, refusal.value.metadata) == ("HIERARCHY_TOO_DEEP", {"levels": "17"})


async def test_a_partner_never_moves_below_itself(network: Network):
    top = await network.a_partner()
    below = await network.a_partner(parent_partner_id=top.partner_id)

    for parent in (top, below):
        with pytest.raises(FailedPrecondition) as refusal:
            await network.update(top, parent_partner_id=parent.partner_id)
        assert refusal.value.reason == "HIERARCHY_CYCLE"


async def test_of_two_crossing_moves_exactly_one_happens(network: Network):
    for _ in range(10):
        left, right = await network.a_partner(), await network.a_partner()

        outcomes = await asyncio.gather(
            network.update(left, parent_partner_id=right.partner_id),
            network.update(right, parent_partner_id=left.partner_id),
            return_exceptions=True,
        )

        refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert [refusal.reason for refusal in refusals] == ["HIERARCHY_CYCLE"]


async def test_what_is_not_set_stays_and_set_and_empty_removes(network: Network):
    top = await network.a_partner()
    partner = await network.a_partner(parent_partner_id=top.partner_id, name="Ann", profile_id=str(new_id()))

    renamed = await network.update(partner, name="Bea")
    root = await network.update(partner, parent_partner_id="", profile_id="")

    assert (renamed.name, renamed.parent_partner_id) == ("Bea", top.partner_id)
    assert (root.name, root.parent_partner_id, root.profile_id) == ("Bea", "", "")


async def test_a_stores_key_sees_its_store_and_the_partners_below_it_only(network: Network):
    own, other = await network.a_partner(STORE), await network.a_partner(STORE)
    guide = await network.a_partner(parent_partner_id=own.partner_id)
    deeper = await network.a_partner(parent_partner_id=guide.partner_id)

    with acting(a_key(own.partner_id)):
        seen = await network.partners.ListPartners(ps.ListPartnersRequest())
        await network.partners.GetPartner(ps.GetPartnerRequest(partner_id=deeper.partner_id))
        await network.a_partner(parent_partner_id=own.partner_id)
        refused = [
            network.partners.GetPartner(ps.GetPartnerRequest(partner_id=other.partner_id)),
            network.partners.GetPartner(ps.GetPartnerRequest(partner_id=str(new_id()))),
            network.update(other, state=INACTIVE),
            network.update(guide, parent_partner_id=other.partner_id),
            network.a_partner(),
        ]
        outcomes = await asyncio.gather(*refused, return_exceptions=True)

    assert [partner.partner_id for partner in seen.partners] == [own.partner_id, guide.partner_id, deeper.partner_id]
    assert [(type(outcome), outcome.reason) for outcome in outcomes] == [(PermissionDenied, "NOT_YOURS")] * 5


async def test_pages_of_partners_hold_each_partner_once(network: Network):
    created = [(await network.a_partner()).partner_id for _ in range(5)]

    found, token = [], ""
    while not found or token:
        page = await network.partners.ListPartners(ps.ListPartnersRequest(page_size=2, page_token=token))
        found += [partner.partner_id for partner in page.partners]
        token = page.next_page_token

    assert found == created
