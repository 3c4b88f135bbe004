"""The ripple through the public API: links, visits through the real short links, events on the Segment wire."""

from collections.abc import Sequence
from datetime import datetime

from suite.api import Api, Json, at_once
from suite.demo import plan as plans
from suite.demo.journal import TOKEN, TOUCH, Journal
from suite.demo.plan import Plan
from suite.demo.stillness import Stillness
from suite.demo.world import World
from suite.simulator import Action, Click, Kind, Login, Register, Share

LANES = 6
EVENTS_PER_REQUEST = 400
SHOP = "https://shop.example.com"


class Sharing:
    """Replays what the simulated people do."""

    def __init__(self, api: Api, plan: Plan, world: World, journal: Journal, stillness: Stillness) -> None:
        self._api, self._world, self._journal, self._stillness = api, world, journal, stillness
        self.people = plan.simulation.people
        self.actions = plan.simulation.actions
        self._profiles: dict[str, str] = {}
        self._shares = {action.id: action for action in self.actions if isinstance(action, Share)}
        self._parents = {share.parent_click for share in self._shares.values()}
        self.events = 0
        self.clicks = 0

    async def play(self, actions: tuple[Action, ...]) -> None:
        """Replay a day, and wait until every visit is recorded."""
        visits: list[str] = []
        for wave in plans.waves(actions):
            shares = [action for action in wave if isinstance(action, Share)]
            clicks = [action for action in wave if isinstance(action, Click)]
            accounts = [action for action in wave if isinstance(action, Register | Login)]
            await self._stillness.visits([self._touch(share.parent_click) for share in shares if share.parent_click])
            await at_once(LANES, shares, self._share)
            visits += await at_once(LANES, clicks, self._click)
            self._journal.flush()
            await self._send(self._world.public_key, [self._page(click) for click in clicks])
            told = [*map(_identify, accounts), *(self._shared(share) for share in shares if self._is_consumer(share))]
            await self._send(self._world.server_key, told)
        await self._stillness.visits(visits)

    def _touch(self, click: str) -> str:
        return str(self._journal.get(TOUCH, click))

    def _is_consumer(self, share: Share) -> bool:
        return self.people[share.sharer].kind is not Kind.GUIDE

    async def _share(self, share: Share) -> None:
        if self._journal.get(TOKEN, share.id):
            return
        body: Json = {"target_url": f"{SHOP}/{share.content}", "content_id": share.content, "ring": share.ring.name}
        if share.parent_click:
            body["parent_touch_id"] = self._touch(share.parent_click)
        if self._is_consumer(share):
            body["sharer_profile_id"] = await self.profile(share.sharer)
        else:
            body["sharer_partner_id"] = self._world.partners[share.sharer]
        answer = await self._api.post("/v1/share-links", body, request_id=f"share:{share.id}", now=share.at)
        self._journal.note(TOKEN, share.id, answer["share_link"]["token"])

    async def _click(self, click: Click) -> str:
        known = self._journal.get(TOUCH, click.id)
        if known:
            return str(known)
        token = self._journal.get(TOKEN, click.share)
        touch = await self._api.follow(token, visitor=click.visitor, address=click.ip, now=click.at)
        if click.id in self._parents:
            self._journal.note(TOUCH, click.id, touch)
        self.clicks += 1
        return touch

    async def profile(self, person_id: str) -> str:
        """The profile of a person whom the shop knows."""
        person = self.people[person_id]
        if person.kind is Kind.HOUSEHOLD:
            return self._world.members[person.member_no]
        if person_id not in self._profiles:
            found = await self._api.get("/v1/profiles:lookup", type="phone", value=person.phone)
            self._profiles[person_id] = found["profile"]["profile_id"]
        return self._profiles[person_id]

    async def _send(self, write_key: str, events: list[tuple[datetime, Json]]) -> None:
        """One request after the other: who somebody is must stay in order."""
        ordered = sorted(events, key=lambda event: (event[0], event[1]["messageId"]))
        for first in range(0, len(ordered), EVENTS_PER_REQUEST):
            portion = ordered[first : first + EVENTS_PER_REQUEST]
            await self._api.ingest(write_key, [event for _, event in portion], now=portion[-1][0])
            self.events += len(portion)

    def _page(self, click: Click) -> tuple[datetime, Json]:
        content = self._shares[click.share].content
        return click.at, {
            "type": "page",
            "messageId": click.id,
            "anonymousId": click.visitor,
            "timestamp": click.at,
            "name": "Shared content",
            "properties": {"url": f"{SHOP}/{content}", "content_id": content},
            "context": {"ip": click.ip},
        }

    def _shared(self, share: Share) -> tuple[datetime, Json]:
        person = self.people[share.sharer]
        by_card = person.kind is Kind.HOUSEHOLD
        return share.at, {
            "type": "track",
            "messageId": share.id,
            "event": "Product Shared",
            "timestamp": share.at,
            "properties": {"share_via": "link", "product_id": share.content, "depth": share.depth},
            "context": {"externalIds": _external("" if by_card else person.phone, person.member_no if by_card else "")},
        }


def _identify(account: Register | Login) -> tuple[datetime, Json]:
    event: Json = {
        "type": "identify",
        "messageId": account.id,
        "anonymousId": account.visitor,
        "timestamp": account.at,
        "context": {"externalIds": _external(account.phone, account.member_no)},
    }
    if isinstance(account, Register):
        event["traits"] = {"source": "share"}
    return account.at, event


def _external(phone: str, member_no: str) -> Sequence[Json]:
    """Proven identifiers: the phone by a one-time code, the number by the card."""
    found = (("phone", phone), ("member_no", member_no))
    return [
        {"type": type_name, "id": value, "verified": True, "collection": "users", "encoding": "none"}
        for type_name, value in found
        if value
    ]
