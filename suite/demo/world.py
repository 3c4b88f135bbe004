"""What there is before the first day: stores, guides, tags, segments, campaigns, a commission plan, keys."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from suite.api import Api, Json, at_once, portions
from suite.dataset import CURRENCY, Campaign, Member
from suite.demo.journal import MADE, Journal
from suite.demo.plan import POINTS_RATE_BP, Plan

LANES = 6
SOURCE = "completejourney"
POINTS = "points"

ADVOCATE_POINTS = 500
ADVOCATES_PAID = 100
ADVOCATE_BUDGET = ADVOCATE_POINTS * ADVOCATES_PAID
"""Fewer than there are: the budget is spent to the last point and not one further."""
ORDER_BUDGET = 10**12

FREQUENT, SHARER, FAMILY, ARRIVED = "frequent_buyer", "sharer", "family", "arrived_by_share"
REGULARS, ADVOCATES = "Regulars", "Advocates"
REWARD_ORDERS, REWARD_ADVOCATES = "One point per dollar", "Thank you for sharing"

GROUPS = {"BASIC": "Household", "SOURCE": "First contact", "INTERACTION": "Behaviour"}


def _at_least(count: int, event: str) -> Json:
    return {"event": {"name": event, "window": {"last": "30d"}, "agg": "count", "op": "ge", "value": count}}


TAGS: dict[str, tuple[str, str, Json]] = {
    FAMILY: ("BASIC", "Children at home", {"attr": {"path": "kids_count", "op": "in", "value": ["1", "2", "3+"]}}),
    ARRIVED: ("SOURCE", "Arrived by a shared link", {"attr": {"path": "source", "op": "eq", "value": "share"}}),
    FREQUENT: ("INTERACTION", "Buys often", _at_least(3, "order.paid")),
    SHARER: ("INTERACTION", "Shares", _at_least(1, "Product Shared")),
}
"""Dimension, name and rule of each tag."""

SEGMENTS = {
    REGULARS: {"v": 1, "all": [{"tag": {"key": FREQUENT}}]},
    ADVOCATES: {"v": 1, "all": [{"tag": {"key": SHARER}}, {"not": {"tag": {"key": ARRIVED}}}]},
}


def in_segment(name: str, keys: set[str]) -> bool:
    """Who must be in a segment, said a second time without the service's words."""
    return FREQUENT in keys if name == REGULARS else SHARER in keys and ARRIVED not in keys


@dataclass(slots=True)
class World:
    """Ids of what was made. Partners by external code, members by number, the rest by name."""

    partners: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    segments: dict[str, str] = field(default_factory=dict)
    campaigns: dict[str, str] = field(default_factory=dict)
    templates: dict[str, str] = field(default_factory=dict)
    public_key: str = ""
    server_key: str = ""


class Maker:
    """Makes things once: what the journal knows is there, the rest is asked for by a request id that stays the same."""

    def __init__(self, api: Api, journal: Journal, now: datetime) -> None:
        self._api, self._journal, self._now = api, journal, now

    async def make(self, name: str, path: str, body: Json, field_: str, id_: str) -> str:
        """The id (or other text) of a thing: `answer[field_][id_]`."""
        known = self._journal.get(MADE, name)
        if known is None:
            answer = await self._api.post(path, body, request_id=f"demo:{name}", now=self._now)
            known = answer[field_][id_]
            self._journal.note(MADE, name, known)
        return str(known)

    async def world(self, plan: Plan) -> World:
        """Make everything."""
        world = World()
        await self._keys(world)
        await self._commission_plan(plan)
        await self._stores(world, plan)
        await self._guides(world, plan)
        await self._tags()
        await self._segments(world)
        await self._campaigns(world, plan)
        for campaign in plan.journey.campaigns:
            if template := self._journal.get(MADE, f"template {campaign.campaign_id}"):
                world.templates[campaign.campaign_id] = template
        self._journal.flush()
        return world

    async def _keys(self, world: World) -> None:
        async def key(name: str, trust: str) -> str:
            body = {"name": name, "trust": trust}
            return await self.make(f"key {trust}", "/v1/write-keys", body, "write_key", "write_key")

        world.public_key = await key("Shop pages", "PUBLIC")
        world.server_key = await key("Shop server", "SERVER")

    async def _commission_plan(self, plan: Plan) -> None:
        rates = {"STORE": 100, "GUIDE": 300, "EMPLOYEE": 200, "KOC": 500}
        body: Json = {
            "name": "Demo plan",
            "seller_rates": [{"role": role, "rate_bp": rate} for role, rate in rates.items()],
            "parent_rate_bp": 50,
            "payout_cap_bp": 1_000,
            "start_time": plan.start,
        }
        await self.make("commission plan", "/v1/commission-plans", body, "plan", "plan_id")

    async def _partner(self, role: str, code: str, name: str, parent: str = "") -> tuple[str, str]:
        body: Json = {"role": role, "name": name, "external_code": code}
        if parent:
            body["parent_partner_id"] = parent
        return code, await self.make(f"partner {code}", "/v1/partners", body, "partner", "partner_id")

    async def _stores(self, world: World, plan: Plan) -> None:
        made = await at_once(LANES, plan.stores, lambda store: self._partner("STORE", store.store_id, store.name))
        world.partners.update(made)

    async def _guides(self, world: World, plan: Plan) -> None:
        names = {store.store_id: store.name for store in plan.stores}
        asked = [
            ("GUIDE", code, f"Till guide of {names[store]}", world.partners[store])
            for store, code in plan.till_guides.items()
        ]
        for number, guide in enumerate(plan.guides):
            role = {8: "EMPLOYEE", 9: "KOC"}.get(number % 10, "GUIDE")
            name = f"{role.title() if role != 'KOC' else role} {number + 1} of {names[guide.store_id]}"
            asked.append((role, guide.person_id, name, world.partners[guide.store_id]))
        world.partners.update(await at_once(LANES, asked, lambda each: self._partner(*each)))

    async def _tags(self) -> None:
        for dimension, name in GROUPS.items():
            body: Json = {"name": name, "dimension": dimension}
            group = await self.make(f"group {dimension}", "/v1/tag-groups", body, "tag_group", "group_id")
            for key, (of_dimension, shown, when) in TAGS.items():
                if of_dimension == dimension:
                    await self._tag(key, shown, when, group)

    async def _tag(self, key: str, name: str, when: Json, group: str) -> None:
        tag = await self.make(f"tag {key}", "/v1/tags", {"group_id": group, "key": key, "name": name}, "tag", "tag_id")
        body: Json = {"tag_id": tag, "when": {"v": 1, "all": [when]}}
        await self.make(f"rule {key}", "/v1/tag-rules", body, "rule", "rule_id")

    async def _segments(self, world: World) -> None:
        for name, expression in SEGMENTS.items():
            body: Json = {"name": name, "expression": expression}
            world.segments[name] = await self.make(f"segment {name}", "/v1/segments", body, "segment", "segment_id")

    async def _campaigns(self, world: World, plan: Plan) -> None:
        period: Json = {"start_time": plan.start, "end_time": plan.end + timedelta(days=30)}
        orders: Json = {
            "trigger": {"order_paid": {"net_minor_min": 1}},
            "reward": {"asset": POINTS, "order_rate_bp": POINTS_RATE_BP},
            "budget": ORDER_BUDGET,
        }
        advocates: Json = {
            "trigger": {"segment_id": world.segments[ADVOCATES]},
            "reward": {"asset": POINTS, "fixed": ADVOCATE_POINTS},
            "budget": ADVOCATE_BUDGET,
            "rewards_per_profile_max": 1,
        }
        for name, body in ((REWARD_ORDERS, orders), (REWARD_ADVOCATES, advocates)):
            asked = {"name": name, **body, **period}
            campaign = await self.make(f"campaign {name}", "/v1/campaigns", asked, "campaign", "campaign_id")
            start = f"/v1/campaigns/{campaign}:start"
            await self.make(f"start {name}", start, {}, "campaign", "campaign_id")
            world.campaigns[name] = campaign

    async def template(self, world: World, campaign: Campaign) -> str:
        """The coupons of a mailing."""
        if campaign.campaign_id not in world.templates:
            body: Json = {
                "name": f"Mailing {campaign.campaign_id}",
                "value_minor": 100,
                "currency_code": CURRENCY,
                "stock": 100_000,
                "last_day": campaign.end_date.isoformat(),
                "time_zone": "America/New_York",
            }
            name = f"template {campaign.campaign_id}"
            made = await self.make(name, "/v1/coupon-templates", body, "coupon_template", "template_id")
            world.templates[campaign.campaign_id] = made
            self._journal.flush()
        return world.templates[campaign.campaign_id]


async def import_members(api: Api, plan: Plan, world: World) -> None:
    """Bring the households in; a repeat changes nothing and tells their ids again."""
    rows = [_row(member, plan.start) for member in plan.journey.members]
    for portion in portions(rows, _itself, 500):
        answer = await api.post("/v1/profiles:import", {"source_id": SOURCE, "rows": portion}, now=plan.start)
        for outcome in answer["outcomes"]:
            world.members[outcome["row_id"]] = outcome["profile_id"]


def _itself(row: Json) -> Json:
    return row


def _row(member: Member, now: datetime) -> Json:
    return {
        "row_id": member.member_no,
        "identifiers": [{"type": "member_no", "value": member.member_no, "verified": True}],
        "attributes": {**member.attributes, "home_store": member.home_store_id},
        "time": now,
    }
