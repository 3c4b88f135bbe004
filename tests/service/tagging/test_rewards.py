"""Tags that campaigns give and take back."""

from typing import Any

from bowen.incentive.v1.events_pb2 import RewardGranted, RewardReversed
from bowen.tagging.v1 import tag_service_pb2
from google.protobuf.message import Message

from chassis.consumer import Delivery
from chassis.ids import new_id
from services.tagging.tags import consumers
from tests.service.tagging.tagging import Tagging


async def happen(tagging: Tagging, *facts: Message) -> None:
    handler: Any = consumers.on_reward_granted if isinstance(facts[0], RewardGranted) else consumers.on_reward_reversed
    now = tagging.clock.now()
    await tagging.db.transact(lambda tx: handler(tx, [Delivery(new_id(), fact, now, now) for fact in facts]))


def granted(profile_id: str, tag_id: str) -> RewardGranted:
    return RewardGranted(grant_id=str(new_id()), profile_id=profile_id, tag_id=tag_id, amount=1)


def taken_back(grant: RewardGranted) -> RewardReversed:
    return RewardReversed(grant_id=grant.grant_id, profile_id=grant.profile_id, tag_id=grant.tag_id, amount=1)


async def test_a_campaign_s_tag_is_set_with_the_grant_as_its_origin_and_taken_back(tagging: Tagging) -> None:
    fan, profile_id = await tagging.tag("fan"), str(new_id())
    grant = granted(profile_id, fan.tag_id)

    await happen(tagging, grant, RewardGranted(grant_id=str(new_id()), profile_id=profile_id, asset="points", amount=5))
    await happen(tagging, grant)
    listed = await tagging.tags.ListProfileTags(  # type: ignore[misc]
        tag_service_pb2.ListProfileTagsRequest(profile_id=profile_id)
    )
    await happen(tagging, taken_back(grant))

    assert [(tag.key, tag.operator) for tag in listed.tags] == [("fan", f"grant:{grant.grant_id}")]
    assert await tagging.tags_of(profile_id) == []


async def test_what_somebody_else_gave_meanwhile_stays(tagging: Tagging) -> None:
    fan, profile_id = await tagging.tag("fan"), str(new_id())
    await happen(tagging, grant := granted(profile_id, fan.tag_id))
    await tagging.add(profile_id, fan, operator="anna")

    await happen(tagging, taken_back(grant))

    assert await tagging.tags_of(profile_id) == ["fan"]


async def test_a_tag_that_is_not_there_hurts_nobody(tagging: Tagging) -> None:
    fan, one, other = await tagging.tag("fan"), str(new_id()), str(new_id())

    await happen(tagging, granted(one, str(new_id())), granted(other, fan.tag_id))

    assert await tagging.tags_of(one) == []
    assert await tagging.tags_of(other) == ["fan"]
