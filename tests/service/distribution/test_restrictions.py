"""People who are only stored: PIPL art. 47 (spec people §5.1)."""

import pytest
from bowen.profile.v1.events_pb2 import ProcessingChanged

from chassis.errors import FailedPrecondition
from chassis.ids import new_id
from tests.service.distribution.network import HOUR, Network, a_member, a_merge, an_event
from tests.service.distribution.test_ripples import COUNTED, REPEAT, record


async def test_pipl_47_no_visit_and_no_device_is_known_as_of_who_is_only_stored_and_orders_go_on(network: Network):
    seller, loser = await network.a_partner(), str(new_id())
    link, buyer = await network.a_link(seller), a_member("m-1")
    person = (await network.imported(network.a_row(buyer=buyer))).profile_id
    before = await network.touch(link, visitor_id="phone")
    await network.tell(an_event(person, anonymous_id="phone"), a_merge(loser, person))
    restricted = ProcessingChanged(profile_id=loser, version=2, is_restricted=True)
    await network.tell(restricted, ProcessingChanged(profile_id=loser, version=1))

    touches = [network.a_touch(link, profile_id=person), network.a_touch(link, visitor_id="phone")]
    recorded = await record(network, *touches, network.a_touch(link, visitor_id="stranger"))
    await network.tell(an_event(person, anonymous_id="tablet"))
    with pytest.raises(FailedPrecondition) as refused:
        await network.a_link(sharer_profile_id=person)
    order = await network.imported(network.a_row(buyer=buyer, paid=HOUR))

    assert recorded == [COUNTED, REPEAT, COUNTED]
    kept = "SELECT visitor_id, profile_id FROM touch WHERE touch_id = ANY($1)"
    assert [*map(tuple, await network.rows(kept, [each.touch_id for each in touches]))] == [("", None)] * 2
    assert [row[0] for row in await network.rows("SELECT visitor_id FROM visitor")] == ["phone"]
    assert refused.value.reason == "PROCESSING_RESTRICTED"
    assert (order.attribution.partner_id, order.attribution.touch_id) == (seller.partner_id, before.touch_id)

    await network.tell(ProcessingChanged(profile_id=loser, version=3))
    after = await network.touch(link, profile_id=person)
    assert [str(row[1]) for row in await network.rows(kept, [after.touch_id])] == [person]
    assert (await network.a_link(sharer_profile_id=person)).sharer_profile_id == person
