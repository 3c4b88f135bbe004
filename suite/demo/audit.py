"""Reads through the public API what came out, person by person and order by order."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from suite.api import Api, Json, at_once
from suite.dataset import CURRENCY
from suite.demo.sharing import Sharing
from suite.demo.stillness import Stillness
from suite.demo.world import World
from suite.simulator import Kind, Register

LANES = 8
COMMISSION = f"commission.{CURRENCY}"
ACCOUNTS = ("available", "debt")
"""Where commission is posted to; what were elsewhere would show in the liability."""
POSTING_SECONDS_MAX = 120.0
TOP = 5


@dataclass(slots=True)
class Orders:
    """Sums over orders."""

    count: int = 0
    net_minor: int = 0
    refunded_minor: int = 0
    steps: Counter[str] = field(default_factory=Counter)

    def add(self, order: Json) -> None:
        """Add one."""
        self.count += 1
        self.net_minor += order["net_minor"]
        self.refunded_minor += order["refunded_minor"]
        self.steps[order["attribution"]["step"]] += 1


@dataclass(slots=True)
class Grants:
    """Sums over the rewards of one campaign."""

    count: int = 0
    amount: int = 0
    reversed_amount: int = 0

    @property
    def kept(self) -> int:
        """What was given and not taken back."""
        return self.amount - self.reversed_amount


@dataclass(slots=True)
class Findings:
    """What was read."""

    people: int = 0
    merges: int = 0
    events: int = 0
    dead_letters: int = 0
    orders: Orders = field(default_factory=Orders)
    segments: dict[str, int] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    grants: dict[str, Grants] = field(default_factory=dict)
    campaigns: dict[str, Json] = field(default_factory=dict)
    trial_balance: dict[str, Json] = field(default_factory=dict)
    templates: list[Json] = field(default_factory=list)
    commissions: Json = field(default_factory=dict)
    partners_minor: int = 0
    top: list[Json] = field(default_factory=list)
    ripple: Json = field(default_factory=dict)


class Audit:
    """One reading of everything."""

    def __init__(self, api: Api, world: World, sharing: Sharing, stillness: Stillness) -> None:
        self._api, self._world, self._sharing, self._stillness = api, world, sharing, stillness
        self.findings = Findings()

    async def read(self) -> Findings:
        """Read it all."""
        await self._posted()
        await self._stillness.settle()
        await self._summaries()
        await self._orders()
        await self._segments()
        await self._people()
        await self._partners()
        self.findings.dead_letters = await self._stillness.dead_letters()
        return self.findings

    async def _posted(self) -> None:
        """Wait until the ledger has posted every commission."""
        deadline = time.monotonic() + POSTING_SECONDS_MAX
        while True:
            self.findings.commissions = await self._api.get("/v1/commissions:stats", currency_code=CURRENCY)
            if not self.findings.commissions["unposted_count"] or time.monotonic() > deadline:
                return
            await asyncio.sleep(0.2)

    async def _summaries(self) -> None:
        found, api = self.findings, self._api
        stats = await api.get("/v1/profiles:stats")
        found.people, found.merges, found.events = stats["profile_count"], stats["merge_count"], stats["event_count"]
        for name, campaign_id in self._world.campaigns.items():
            found.campaigns[name] = (await api.get(f"/v1/campaigns/{campaign_id}"))["campaign"]
            found.grants[name] = Grants()
        for line in (await api.get("/v1/ledger/trial-balance"))["lines"]:
            found.trial_balance[line["asset"]] = line
        for template_id in self._world.templates.values():
            found.templates.append((await api.get(f"/v1/coupon-templates/{template_id}"))["coupon_template"])
        top = await api.get("/v1/commissions:top-partners", role="GUIDE", currency_code=CURRENCY, page_size=TOP)
        found.top = top["partners"]
        ripples = (await api.get("/v1/ripples", page_size=1))["ripples"]
        found.ripple = ripples[0] if ripples else {}

    async def _orders(self) -> None:
        """Every order, store by store."""
        stores = [code for code in self._world.partners if code.startswith("CJ-S-")]

        async def of_store(code: str) -> None:
            async for order in self._api.items("/v1/orders", "orders", store_id=self._world.partners[code]):
                self.findings.orders.add(order)

        await at_once(LANES // 2, stores, of_store)

    async def _segments(self) -> None:
        for name, segment_id in self._world.segments.items():
            segment = (await self._api.get(f"/v1/segments/{segment_id}"))["segment"]
            self.findings.segments[name] = segment["member_count"]
            path = f"/v1/segments/{segment_id}/members"
            self.findings.members[name] = {member["profile_id"] async for member in self._api.items(path, "members")}

    async def _people(self) -> None:
        """Tags and rewards of everybody whom the shop knows; nobody else can have any."""
        await at_once(LANES, await self._known(), self._person)

    async def _known(self) -> list[str]:
        known = set(self._world.members.values())
        accounts = {each.person for each in self._sharing.actions if isinstance(each, Register)}
        newcomers = [person for person in accounts if self._sharing.people[person].kind is Kind.NEWCOMER]
        known.update(await at_once(LANES, sorted(newcomers), self._sharing.profile))
        return sorted(known)

    async def _person(self, profile_id: str) -> None:
        tags = await self._api.get(f"/v1/profiles/{profile_id}/tags")
        self.findings.tags[profile_id] = {tag["key"] for tag in tags["tags"]}
        campaigns = {campaign_id: name for name, campaign_id in self._world.campaigns.items()}
        async for grant in self._api.items(f"/v1/profiles/{profile_id}/grants", "grants"):
            sums = self.findings.grants[campaigns[grant["campaign_id"]]]
            sums.count += 1
            sums.amount += grant["amount"]
            sums.reversed_amount += grant["reversed_amount"]

    async def _partners(self) -> None:
        """What the ledger says every partner has."""
        accounts = [f"partner/{each}/{name}" for each in self._world.partners.values() for name in ACCOUNTS]

        async def balance(account: str) -> int:
            answer = await self._api.get("/v1/ledger/account", account=account, asset=COMMISSION)
            return int(answer["account"]["balance"])

        self.findings.partners_minor = sum(await at_once(LANES, accounts, balance))
