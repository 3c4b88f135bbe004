"""How a ripple grows: wave by wave, each made of the shares that the wave before set off."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from suite.simulator.chance import Chance
from suite.simulator.population import Actor, Population
from suite.simulator.scenario import RingRule, Scenario
from suite.simulator.values import Action, Click, Kind, Login, Purchase, Register, Ring, Share

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """A click as the simulation sees it: `known` says that the person can be named from `at` on."""

    actor: Actor
    share: Share
    click: Click
    at: datetime
    known: bool
    newcomer: bool


class Growth:
    """Lets a scenario's ripples run out. What would happen after the end does not, nor what would follow from it."""

    def __init__(self, scenario: Scenario, population: Population, chance: Chance) -> None:
        self._scenario = scenario
        self._population = population
        self._chance = chance
        self._bought: set[str] = set()
        self.actions: list[Action] = []

    def run(self) -> None:
        """Make first shares, then waves until nobody passes anything on."""
        wave = list(self._first_shares())
        while wave:
            visits = self._identified(self._visits(wave))
            wave = [*self._passed_on(visits), *self._bought_through(visits)]

    def _emit(self, action: Action) -> bool:
        happens = action.at < self._scenario.end
        if happens:
            self.actions.append(action)
        return happens

    def _rule(self, ring: Ring) -> RingRule:
        return self._scenario.rules.get(ring, RingRule())

    # Shares

    def _first_shares(self) -> Iterator[Share]:
        """Spread each person's shares evenly over the launch, each at a random time of its part."""
        for ring in Ring:
            for actor in self._population.first_sharers(ring):
                shares = self._rule(ring).first_shares
                for place in range(shares):
                    part = self._scenario.launch / shares
                    at = self._scenario.start + place * part + self._chance.within(timedelta(), part - MINUTE)
                    yield from self._share(actor, at, None)

    def _share(self, actor: Actor, at: datetime, visit: Visit | None) -> Iterator[Share]:
        share_id = self._chance.new_id("share")
        share = Share(
            id=share_id,
            at=at.replace(microsecond=0),
            sharer=actor.person.person_id,
            ring=actor.person.ring,
            content=visit.share.content if visit else self._chance.random.choice(self._scenario.contents),
            parent_click=visit.click.id if visit else None,
            chain=visit.share.chain if visit else share_id,
            depth=visit.share.depth + 1 if visit else 1,
            exposures=self._rule(actor.person.ring).exposures,
        )
        if self._emit(share):
            yield share

    def _passed_on(self, visits: list[Visit]) -> Iterator[Share]:
        able = [visit for visit in visits if visit.known and visit.share.depth < self._scenario.generations_max]
        for ring, group in _by_ring(able):
            for visit in self._chance.take(f"share:{ring}", group, self._rule(ring).share_bp):
                yield from self._share(visit.actor, visit.at + self._chance.about(timedelta(hours=2)), visit)

    # Clicks

    def _visits(self, wave: list[Share]) -> list[Visit]:
        """Draw the clicks of all exposures of a wave at once."""
        visits: list[Visit] = []
        for ring in Ring:
            exposed = [share for share in wave if share.ring is ring for _ in range(share.exposures)]
            for share in self._chance.take(f"click:{ring}", exposed, self._rule(ring).click_bp):
                visits.extend(self._visit(share, self._rule(ring)))
        return visits

    def _visit(self, share: Share, rule: RingRule) -> Iterator[Visit]:
        actor = self._population.clicker(rule.audience)
        if actor.person.person_id == share.sharer:
            return
        newcomer = actor.person.kind is Kind.NEWCOMER and not actor.devices
        click = self._click(actor, share, share.at + self._chance.about(rule.hop), self._population.device(actor))
        known = actor.known_from is not None and actor.known_from < click.at
        if self._emit(click):
            yield Visit(actor, share, click, click.at, known, newcomer)

    def _click(self, actor: Actor, share: Share, at: datetime, visitor: str) -> Click:
        return Click(self._chance.new_id("click"), at, share.id, visitor, actor.person.person_id, actor.ip)

    # Who it is

    def _identified(self, visits: list[Visit]) -> list[Visit]:
        """Let newcomers register and households log in; those who did can be named a little later than they clicked."""
        registering = set[str]()
        for ring, group in _by_ring(visit for visit in visits if visit.newcomer):
            taken = self._chance.take(f"register:{ring}", group, self._rule(ring).register_bp)
            registering.update(visit.click.id for visit in taken)
        return [self._identify(visit, visit.click.id in registering) for visit in visits]

    def _identify(self, visit: Visit, registers: bool) -> Visit:
        at = visit.at + self._chance.within(MINUTE, 20 * MINUTE)
        actor, visitor = visit.actor, visit.click.visitor
        if registers:
            done = self._register(actor, visitor, at)
        elif actor.person.kind is Kind.HOUSEHOLD and visitor not in actor.linked:
            done = self._chance.happens(self._scenario.login_bp) and self._login(actor, visitor, at)
        else:
            return visit
        if done and self._chance.happens(self._scenario.switch_bp):
            self._switch(visit, at)
        known = done or (visit.known and visitor in actor.linked)
        return Visit(actor, visit.share, visit.click, at, known, visit.newcomer)

    def _register(self, actor: Actor, visitor: str, at: datetime) -> bool:
        if at >= self._scenario.end:
            return False
        self._population.register(actor, at)
        actor.carded = self._chance.happens(self._scenario.card_bp)
        actor.linked.add(visitor)
        person = actor.person
        number = person.member_no if actor.carded else ""
        return self._emit(
            Register(self._chance.new_id("register"), at, visitor, person.person_id, person.phone, number)
        )

    def _login(self, actor: Actor, visitor: str, at: datetime) -> bool:
        person = actor.person
        number = person.member_no if actor.carded and not person.phone else ""
        login = Login(self._chance.new_id("login"), at, visitor, person.person_id, person.phone, number)
        if not self._emit(login):
            return False
        actor.linked.add(visitor)
        return True

    def _switch(self, visit: Visit, at: datetime) -> None:
        """Open the same link on another device some hours later and log in there: two profiles turn out to be one."""
        visitor = self._population.device(visit.actor, fresh=True)
        again = self._click(visit.actor, visit.share, at + self._chance.about(timedelta(hours=10)), visitor)
        if self._emit(again):
            self._login(visit.actor, visitor, again.at + self._chance.within(MINUTE, 20 * MINUTE))

    # Purchases

    def _bought_through(self, visits: list[Visit]) -> Iterator[Share]:
        """Let some of those who clicked buy, and some of the new customers buy again or start a ripple of their own."""
        able = {visit.actor.person.person_id: visit for visit in visits if visit.known}
        for ring, group in _by_ring(visit for person, visit in able.items() if person not in self._bought):
            first = [
                (visit.actor, at)
                for visit in self._chance.take(f"buy:{ring}", group, self._rule(ring).buy_bp)
                if (at := self._buy(visit.actor, visit.at + MINUTE + self._chance.about(timedelta(days=1))))
            ]
            new = [(actor, at) for actor, at in first if actor.person.kind is Kind.NEWCOMER]
            for actor, at in self._chance.take("repeat", new, self._scenario.repeat_bp):
                self._buy(actor, at + timedelta(days=1) + self._chance.about(timedelta(days=6)))
            for actor, at in self._chance.take("new_ripple", new, self._scenario.new_ripple_bp):
                yield from self._share(actor, at + self._chance.about(timedelta(days=1)), None)

    def _buy(self, actor: Actor, at: datetime) -> datetime | None:
        """Order goods; a newcomer without a card is issued one at the till. Gives the time, None if after the end."""
        if at >= self._scenario.end:
            return None
        person = actor.person
        if not actor.carded:
            visitor = actor.devices[0]
            login_id = self._chance.new_id("login")
            self._emit(Login(login_id, at - MINUTE / 2, visitor, person.person_id, person.phone, person.member_no))
            actor.carded = True
        self._bought.add(person.person_id)
        basket = self._chance.random.randrange(self._scenario.baskets)
        purchase_id = self._chance.new_id("purchase")
        self._emit(Purchase(purchase_id, at, person.person_id, person.member_no, person.store_id, basket))
        return at


def _by_ring(visits: Iterable[Visit]) -> list[tuple[Ring, list[Visit]]]:
    groups: dict[Ring, list[Visit]] = defaultdict(list)
    for visit in visits:
        groups[visit.actor.person.ring].append(visit)
    return sorted(groups.items())
