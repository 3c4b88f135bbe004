"""A campaign for people who were in its segment before incentive listened."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.e2e.world import World

pytestmark = pytest.mark.timeout(180)


def of_the_segment(segment_id: str, mode: str) -> dict[str, Any]:
    """Ten points for an order."""
    now = datetime.now(UTC)
    return {
        "trigger": {"order_paid": {}},
        "effects": [{"asset": {"asset": "points", "fixed": 10}}],
        "audience": {"segment_id": segment_id, "mode": mode},
        "start_time": (now - timedelta(hours=1)).isoformat(),
        "end_time": (now + timedelta(days=1)).isoformat(),
    }


async def test_who_entered_a_segment_before_incentive_listened_is_in_the_audience_of_a_campaign(world: World) -> None:
    tag = await world.a_tag()
    segment_id = await world.a_segment(tag)
    members = [(await world.a_person())[1] for _ in range(2)]
    for profile_id in members:
        await world.api.post(f"/v1/profiles/{profile_id}/tags", {"tag_id": tag["tag_id"]})
    incentive = await asyncpg.connect(world.suite.database_url("incentive"))

    async def heard() -> int:
        return int(await incentive.fetchval("SELECT count(*) FROM audience_member WHERE segment_id = $1", segment_id))

    await world.becomes(2, heard)
    await incentive.execute("DELETE FROM audience_member WHERE segment_id = $1", segment_id)  # as if it came up now
    campaigns = []
    for mode in ("LIVE", "SNAPSHOT"):
        body = {"name": world.unique("campaign"), "budget": 1_000, "terms": of_the_segment(segment_id, mode)}
        campaigns.append((await world.api.post("/v1/campaigns", body))["campaign"]["campaign_id"])
        await world.api.post(f"/v1/campaigns/{campaigns[-1]}:publish")

    async def incomplete() -> list[bool]:
        shown = [(await world.api.get(f"/v1/campaigns/{each}"))["campaign"] for each in campaigns]
        return [bool(campaign.get("audience_incomplete")) for campaign in shown]

    await world.becomes([False, False], incomplete)
    assert await heard() == 2
    stranger = (await world.a_person())[1]
    for profile_id in (*members, stranger):
        await world.step(await world.a_placed_order(profile_id), "pay")

    async def points() -> list[int]:
        return [await world.points(profile_id) for profile_id in (*members, stranger)]

    await world.becomes([20, 20, 0], points)
    await incentive.close()
