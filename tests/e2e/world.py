"""What journeys are made of: stores, guides, links, shoppers, orders. Valid by default; a test names what it is about.

Every name is of its own world, so that tests that share a suite do not meet.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from chassis.ids import new_id
from tests.e2e.running import Suite
from tests.waiting import eventually

Json = dict[str, Any]
SECONDS_MAX = 60.0
FOLLOWS = 60.0
"""How long is waited for what an event leads to; it takes a fraction of a second on an idle machine."""


def client_of(suite: Suite) -> httpx.AsyncClient:
    """A connection to the gateway, without credentials."""
    return httpx.AsyncClient(base_url=suite.url, timeout=SECONDS_MAX, trust_env=False)


@dataclass(frozen=True)
class Api:
    """The API as one caller has it."""

    client: httpx.AsyncClient
    authorization: str

    async def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Any call, any answer."""
        headers = {"Authorization": self.authorization, **request.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **request)

    async def get(self, path: str, **params: Any) -> Json:
        """Read; anything but an answer fails the test."""
        return _content(await self.call("GET", path, params=params))

    async def post(self, path: str, body: Json | None = None, *, key: str = "", method: str = "POST") -> Json:
        """Change; anything but an answer fails the test. Each call is a request of its own unless `key` says."""
        headers = {"Idempotency-Key": key or str(new_id())}
        return _content(await self.call(method, path, json=body or {}, headers=headers))


def _content(response: httpx.Response) -> Json:
    assert response.is_success, (
        f"{response.request.method} {response.request.url} {response.status_code} {response.text}"
    )
    content: Json = response.json()
    return content


class World:
    """One test's own part of the suite's world, as an operator sees it who may do everything."""

    def __init__(self, suite: Suite, client: httpx.AsyncClient) -> None:
        self.suite, self.client = suite, client
        self.name = f"w{new_id().hex[-12:]}"
        self.api = Api(client, f"Bearer {suite.root_key}")
        self._count = 0

    def unique(self, noun: str) -> str:
        """A name that nobody else has."""
        self._count += 1
        return f"{noun}-{self.name}-{self._count}"

    # ------------------------------------------------------------------------------------------------- the network

    async def a_partner(self, role: str, **fields: Any) -> str:
        body = {"role": role, "name": self.unique(role.lower()), "external_code": self.unique("code"), **fields}
        return str((await self.api.post("/v1/partners", body))["partner"]["partner_id"])

    async def a_store(self) -> str:
        return await self.a_partner("STORE")

    async def a_guide(self, store_id: str) -> str:
        return await self.a_partner("GUIDE", parent_partner_id=store_id)

    async def a_plan(self, **fields: Any) -> Json:
        """Commission for guides and for the store above them, from now on, for everybody."""
        body = {
            "name": self.unique("plan"),
            "seller_rates": [{"role": "GUIDE", "rate_bp": 1000}, {"role": "STORE", "rate_bp": 500}],
            "parent_rate_bp": 200,
            **fields,
        }
        return dict((await self.api.post("/v1/commission-plans", body))["plan"])

    async def a_link(self, **fields: Any) -> Json:
        body = {"target_url": "https://mall.example/p/1?x=y", "content_id": self.unique("content"), **fields}
        return dict((await self.api.post("/v1/share-links", body))["share_link"])

    async def a_visit(self, token: str, visitor: str = "") -> tuple[str, str]:
        """Follow a link as a browser. Returns the ids of the touch and of the visitor."""
        self.client.cookies.clear()
        cookies = {"Cookie": f"bowen_vid={visitor}"} if visitor else {}
        answer = await self.client.get(f"/s/{token}", headers=cookies, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        marks = parse_qs(urlsplit(answer.headers["location"]).query)
        return marks["bowen_touch"][0], marks["bowen_visitor"][0]

    # -------------------------------------------------------------------------------------------------- the people

    async def send(self, kind: str, write_key: str = "", **event: Any) -> httpx.Response:
        """Send one event on the Segment wire."""
        body = {"messageId": str(new_id()), **event}
        return await self.client.post(f"/v1/{kind}", json=body, auth=(write_key or self.suite.write_key, ""))

    async def a_person(self, **traits: Any) -> tuple[str, str]:
        """A known person. Returns the user id and the profile's id."""
        user_id = self.unique("user")
        answer = await self.send("identify", userId=user_id, traits=traits)
        assert answer.status_code == 200, answer.text
        return user_id, await self.profile_id(user_id)

    async def profile_id(self, user_id: str, kind: str = "user_id") -> str:
        profile = (await self.api.get("/v1/profiles:lookup", type=kind, value=user_id))["profile"]
        return str(profile["profile_id"])

    # --------------------------------------------------------------------------------------------------- the sales

    def an_order(self, profile_id: str, **fields: Any) -> Json:
        """The body of an order of 100.00 CNY."""
        return {
            "order_number": self.unique("order"),
            "source": "mall",
            "buyer": {"profile_id": profile_id},
            "currency_code": "CNY",
            "lines": [{"line_no": 1, "sku": "sku-1", "quantity": 1, "gross_minor": 10_000}],
            **fields,
        }

    async def a_placed_order(self, profile_id: str, **fields: Any) -> str:
        answer = await self.api.post("/v1/orders", self.an_order(profile_id, **fields))
        return str(answer["order"]["order_id"])

    async def step(self, order_id: str, verb: str, body: Json | None = None) -> Json:
        """Pay, deliver, refund or cancel."""
        return dict((await self.api.post(f"/v1/orders/{order_id}:{verb}", body))["order"])

    # ------------------------------------------------------------------------------------- judgements and rewards

    async def a_tag(self, key: str = "") -> Json:
        group = {"name": self.unique("group"), "dimension": "INTERACTION"}
        group_id = (await self.api.post("/v1/tag-groups", group))["tag_group"]["group_id"]
        key = (key or self.unique("tag")).replace("-", "_")
        return dict((await self.api.post("/v1/tags", {"group_id": group_id, "key": key, "name": key}))["tag"])

    async def a_rule(self, tag: Json, when: Json) -> Json:
        return dict((await self.api.post("/v1/tag-rules", {"tag_id": tag["tag_id"], "when": when}))["rule"])

    async def a_segment(self, tag: Json) -> str:
        body = {"name": self.unique("segment"), "expression": {"v": 1, "tag": {"key": tag["key"]}}}
        return str((await self.api.post("/v1/segments", body))["segment"]["segment_id"])

    async def a_campaign(self, trigger: Json, reward: Json, budget: int = 1_000_000, **fields: Any) -> str:
        """A campaign that runs."""
        now = datetime.now(UTC)
        body = {
            "name": self.unique("campaign"),
            "trigger": trigger,
            "reward": {"asset": "points", **reward},
            "budget": budget,
            "start_time": (now - timedelta(hours=1)).isoformat(),
            "end_time": (now + timedelta(days=1)).isoformat(),
            **fields,
        }
        campaign_id = str((await self.api.post("/v1/campaigns", body))["campaign"]["campaign_id"])
        await self.api.post(f"/v1/campaigns/{campaign_id}:start")
        return campaign_id

    async def a_template(self, **fields: Any) -> str:
        """Coupons of 5.00 CNY that can be used for another month."""
        body = {
            "name": self.unique("coupon"),
            "value_minor": 500,
            "currency_code": "CNY",
            "stock": 100,
            "last_day": f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}",
            **fields,
        }
        return str((await self.api.post("/v1/coupon-templates", body))["coupon_template"]["template_id"])

    # ------------------------------------------------------------------------------------------------ what is known

    async def points(self, profile_id: str, asset: str = "points") -> int:
        """What a person can spend."""
        balances = (await self.api.get(f"/v1/profiles/{profile_id}/balances"))["balances"]
        return sum(line["available"] - line["debt"] for line in balances if line["asset"] == asset)

    async def balance(self, account: str, asset: str) -> int:
        return int((await self.api.get("/v1/ledger/account", account=account, asset=asset))["account"]["balance"])

    async def becomes(self, expected: Any, read: Any, *args: Any) -> None:
        """What is read becomes what is expected, and the test says what it was if it does not."""
        seen: list[Any] = []

        async def holds() -> bool:
            seen[:] = [await read(*args)]
            return bool(seen[0] == expected)

        try:
            await eventually(holds, within=FOLLOWS)
        except AssertionError:
            assert seen[0] == expected
            raise

    async def a_view(self, profile_id: str) -> Json:
        """Everything about a person; asked again when a busy machine was too late with a part."""

        async def whole() -> Json | None:
            view = await self.api.get(f"/v1/profiles/{profile_id}/360")
            return None if view.get("degraded") else view

        view = await eventually(whole, within=FOLLOWS)
        assert view is not None
        return view

    async def keys(self, *scopes: str, **fields: Any) -> tuple[str, Api]:
        """An API key with these scopes. Returns its id and the API as it has it."""
        made = await self.api.post("/v1/api-keys", {"name": self.unique("key"), "scopes": list(scopes), **fields})
        return str(made["api_key"]["key_id"]), Api(self.client, f"Bearer {made['key']}")

    async def balances_are_sound(self) -> None:
        """The trial balance of the whole ledger is zero."""
        for line in (await self.api.get("/v1/ledger/trial-balance"))["lines"]:
            assert line["debits"] == line["credits"], line
            assert line["discrepancy"] == 0, line


def elapsed(since: float) -> float:
    """Seconds since a moment of the monotonic clock."""
    return time.monotonic() - since


def problem(response: httpx.Response) -> Mapping[str, Any]:
    """The problem document of a refusal, which must be one."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    content: Json = response.json()
    assert content["status"] == response.status_code
    assert content["type"].startswith("/problems/")
    return content
