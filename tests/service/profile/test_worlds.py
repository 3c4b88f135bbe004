"""One person may be several things; two deployments never know the same one (I27, I29)."""

import json

import pytest
from bowen.profile.v1 import events_pb2
from bowen.profile.v1 import profile_service_pb2 as pb

from chassis.errors import NotFound
from tests.service.profile.speaking import identifier, identify

PHONE = identifier("phone", "13812345678")
OPENID = identifier("wx.openid", "o-1", namespace="mini-program")


async def test_i27_an_employee_who_shops_is_one_profile_that_is_both(profile):
    hired = pb.ProfileRow(
        row_id="E-7", identifiers=[PHONE], attributes=json.dumps({"employee_no": "E-7", "store": "S1"})
    )
    [employee] = await profile.imported(hired)
    [shopper] = await profile.accepted(identify(identifiers=[OPENID], traits={"level": "gold"}))

    [one] = await profile.accepted(identify(identifiers=[PHONE, OPENID]))

    assert {employee.profile_id, shopper} == {one, *(each.loser_id for each in await profile.merges(one))}
    found = await profile.get(one)
    assert json.loads(found.attributes) == {"employee_no": "E-7", "store": "S1", "level": "gold"}
    by_role = await profile.resolved([PHONE], [OPENID], create=False)
    assert [each.profile_id for each in by_role] == [one, one]
    assert await profile.stats() == (1, 1, 2)


async def test_i29_two_deployments_that_share_a_phone_share_nothing_else(profile, other_profile):
    [here] = await profile.accepted(identify(user_id="u1", identifiers=[PHONE], traits={"city": "上海"}))
    [there] = await other_profile.accepted(identify(user_id="u2", identifiers=[PHONE], traits={"city": "北京"}))

    assert here != there
    for asked, own, foreign in ((profile, here, there), (other_profile, there, here)):
        assert (await asked.lookup("phone", PHONE.value)).profile_id == own
        assert await asked.stats() == (1, 0, 1)
        with pytest.raises(NotFound):
            await asked.get(foreign)
        assert {each.profile_id for each in await asked.facts(events_pb2.EventRecorded)} == {own}
    assert profile.vault.hash("address", b"phone") != other_profile.vault.hash("address", b"phone")
    assert json.loads((await profile.get(here)).attributes) == {"city": "上海"}
    assert await profile.fetch("SELECT 1 FROM conflict UNION ALL SELECT 1 FROM identifier_move") == []
