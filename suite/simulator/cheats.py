"""Cheaters: what they do looks like sharing and is worth nothing. The truth names them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from suite.simulator.chance import Chance
from suite.simulator.population import Actor, Population
from suite.simulator.scenario import Scenario
from suite.simulator.values import Action, Cheat, Click, Login, Purchase, Register, Ring, Share

MINUTE = timedelta(minutes=1)
REFRESH_SECONDS = 58
"""A refresher's clicks begin with a clock minute and end within it, so any way of counting minutes sees one."""


class Cheating:
    """Makes the plan's cheats, each at a random time of the scenario; what would fall after its end is left out."""

    def __init__(self, scenario: Scenario, population: Population, chance: Chance) -> None:
        self._scenario = scenario
        self._population = population
        self._chance = chance

    def actions(self) -> Iterator[Action]:
        """All cheats."""
        for action in self._all():
            if action.at < self._scenario.end:
                yield action

    def _all(self) -> Iterator[Action]:
        plan = self._scenario.cheats
        for number in range(plan.click_rings):
            yield from self._click_ring(f"203.0.113.{number % 250 + 1}")
        for _ in range(plan.refreshers):
            yield from self._refresh()
        for _ in range(plan.self_purchasers):
            yield from self._self_purchase()
        for _ in range(plan.mutual_pairs):
            yield from self._mutual_invite()

    def _click_ring(self, ip: str) -> Iterator[Action]:
        start, plan = self._some_time(), self._scenario.cheats
        actors = [self._population.newcomer(Cheat.CLICK_RING, ip=ip) for _ in range(plan.click_ring_people)]
        shares = []
        for place, actor in enumerate(actors):
            yield self._register(actor, start + place * MINUTE)
            share = self._share(actor, start + timedelta(minutes=30 + place))
            shares.append(share)
            yield share
        for day in range(plan.click_ring_rounds):
            for place, actor in enumerate(actors):
                for turn in range(1, len(actors)):
                    at = start + timedelta(days=day, hours=1, minutes=10 * turn + place)
                    yield self._click(actor, shares[(place + turn) % len(shares)], at, actor.devices[0])

    def _refresh(self) -> Iterator[Action]:
        start, clicks = self._some_time(), self._scenario.cheats.refresh_clicks
        actor = self._population.newcomer(Cheat.REFRESH)
        yield self._register(actor, start)
        share = self._share(actor, start + 5 * MINUTE)
        yield share
        visitor = self._population.device(actor, fresh=True)
        burst = (start + timedelta(hours=1)).replace(second=0)
        for place in range(clicks):
            yield self._click(actor, share, burst + timedelta(seconds=REFRESH_SECONDS * place // clicks), visitor)

    def _self_purchase(self) -> Iterator[Action]:
        start = self._some_time()
        actor = self._population.newcomer(Cheat.SELF_PURCHASE)
        yield self._register(actor, start)
        share = self._share(actor, start + 5 * MINUTE)
        yield share
        visitor = self._population.device(actor, fresh=True)
        yield self._click(actor, share, start + 10 * MINUTE, visitor)
        yield self._login(actor, start + 12 * MINUTE, visitor)
        yield self._purchase(actor, start + 15 * MINUTE)

    def _mutual_invite(self) -> Iterator[Action]:
        start = self._some_time()
        pair = [self._population.newcomer(Cheat.MUTUAL_INVITE) for _ in range(2)]
        shares = []
        for actor in pair:
            yield self._register(actor, start)
            share = self._share(actor, start + MINUTE)
            shares.append(share)
            yield share
        for actor, share in zip(pair, reversed(shares), strict=True):
            yield self._click(actor, share, start + 3 * MINUTE, actor.devices[0])
            yield self._purchase(actor, start + 6 * MINUTE)

    def _some_time(self) -> datetime:
        return self._scenario.start + self._chance.within(timedelta(), timedelta(days=self._scenario.days))

    def _register(self, actor: Actor, at: datetime) -> Register:
        self._population.register(actor, at)
        actor.carded = True
        visitor, person = self._population.device(actor), actor.person
        return Register(self._chance.new_id("register"), at, visitor, person.person_id, person.phone, person.member_no)

    def _share(self, actor: Actor, at: datetime) -> Share:
        share_id = self._chance.new_id("share")
        content = self._chance.random.choice(self._scenario.contents)
        return Share(share_id, at, actor.person.person_id, Ring.PROSPECT, content, None, share_id, 1, 0)

    def _click(self, actor: Actor, share: Share, at: datetime, visitor: str) -> Click:
        return Click(self._chance.new_id("click"), at, share.id, visitor, actor.person.person_id, actor.ip)

    def _login(self, actor: Actor, at: datetime, visitor: str) -> Login:
        return Login(self._chance.new_id("login"), at, visitor, actor.person.person_id, actor.person.phone, "")

    def _purchase(self, actor: Actor, at: datetime) -> Purchase:
        person, basket = actor.person, self._chance.random.randrange(self._scenario.baskets)
        purchase_id = self._chance.new_id("purchase")
        return Purchase(purchase_id, at, person.person_id, person.member_no, person.store_id, basket)
