"""Who takes part: guides and households from the start, newcomers as clicks bring them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from suite.simulator.chance import WHOLE_BP, Chance
from suite.simulator.scenario import Audience, RingRule, Scenario
from suite.simulator.values import Cheat, Kind, Person, Ring

_AREA_CODES = """
    201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 220 223 224 225 227 228 229 231 234 235 239
    240 248 251 252 253 254 256 260 262 267 269 270 272 276 281 301 302 303 304 305 307 308 309 310 312 313 314 315
    316 317 318 319 320 321 323 325 326 330 331 334 336 337 339 346 347 351 352 360 361 385 386 401 402 404 405 406
    407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435 440 442 443 458 469 470 475 478 479 480 484
    501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520 530 531 534 539 540 541 551 559 561 562 563 567
    570 571 573 574 575 580 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 617 618 619 620 623 626 630
    631 636 641 646 650 651 657 660 661 662 678 681 682 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719
"""
AREA_CODES = tuple(_AREA_CODES.split())
"""With 555-0100 to 555-0199 of each: numbers that are kept for fiction and yet well-formed."""


class PhoneNumbersExhausted(Exception):
    """More registrations than there are telephone numbers kept for fiction: simulate fewer days or people."""

    def __init__(self, number: int) -> None:
        super().__init__(f"no fictional telephone number is left for registration {number + 1}")


@dataclass(slots=True)
class Actor:
    """A person while the simulation runs."""

    person: Person
    ip: str
    devices: list[str] = field(default_factory=list)
    known_from: datetime | None = None
    """When somebody can first name this person: always for guides and households, at registration for newcomers."""
    carded: bool = False
    """The member number is issued."""
    linked: set[str] = field(default_factory=set)
    """Devices that registered or logged in."""


class Population:
    """Everybody, in order of appearance."""

    def __init__(self, scenario: Scenario, chance: Chance) -> None:
        self._scenario = scenario
        self._chance = chance
        self.actors: dict[str, Actor] = {}
        self._newcomers: list[Actor] = []
        self._met: dict[str, Actor] = {}
        self._registered = 0
        households = list(scenario.households)
        chance.random.shuffle(households)
        rule = scenario.rules.get
        seeds, leaders = (rule(ring, RingRule()).people for ring in (Ring.SEED, Ring.OPINION_LEADER))
        self._leaders = [self._household(each, Ring.OPINION_LEADER) for each in households[:leaders]]
        self._seeds = [self._household(each, Ring.SEED) for each in households[leaders : leaders + seeds]]
        self._others = households[leaders + seeds :]
        self._guides = [self._guide(place) for place in range(rule(Ring.TEAM, RingRule()).people)]

    def first_sharers(self, ring: Ring) -> Sequence[Actor]:
        """Who of a ring is there before the first click."""
        return {Ring.TEAM: self._guides, Ring.SEED: self._seeds, Ring.OPINION_LEADER: self._leaders}.get(ring, [])

    def clicker(self, audience: Audience) -> Actor:
        """Somebody who follows a share: drawn from the audience, a newcomer where the drawn pool is empty."""
        roll = self._chance.random.randrange(WHOLE_BP)
        if 0 <= roll < audience.seed:
            return self._one_of(self._seeds)
        if 0 <= (roll := roll - audience.seed) < audience.leader:
            return self._one_of(self._leaders)
        if 0 <= (roll := roll - audience.leader) < audience.household:
            return self._bystander()
        if 0 <= roll - audience.household < audience.known:
            return self._one_of(self._newcomers)
        return self.newcomer()

    def newcomer(self, cheat: Cheat | None = None, *, ip: str = "") -> Actor:
        """Somebody nobody knew. Cheaters keep to themselves: nobody else's click is theirs."""
        store = self._chance.random.choice(self._scenario.stores)
        actor = self._add(Kind.NEWCOMER, Ring.PROSPECT, store_id=store, cheat=cheat, ip=ip)
        if cheat is None:
            self._newcomers.append(actor)
        return actor

    def register(self, actor: Actor, at: datetime) -> None:
        """Give a newcomer an account: a phone number now and a member number that may be issued later."""
        number = self._registered
        if number >= 100 * len(AREA_CODES):
            raise PhoneNumbersExhausted(number)
        self._registered += 1
        phone = f"+1{AREA_CODES[number % len(AREA_CODES)]}55501{number // len(AREA_CODES):02d}"
        actor.person = replace(actor.person, phone=phone, member_no=f"SIM-{self._scenario.seed}-{number + 1}")
        actor.known_from = at

    def device(self, actor: Actor, *, fresh: bool = False) -> str:
        """The device a person is at: the last one, or a new one."""
        if fresh or not actor.devices:
            actor.devices.append(self._chance.new_id("device"))
        return actor.devices[-1]

    def _one_of(self, pool: Sequence[Actor]) -> Actor:
        return self._chance.random.choice(pool) if pool else self.newcomer()

    def _bystander(self) -> Actor:
        if not self._others:
            return self.newcomer()
        member_no = self._chance.random.choice(self._others)
        return self._met.get(member_no) or self._household(member_no, Ring.PROSPECT)

    def _household(self, member_no: str, ring: Ring) -> Actor:
        store = self._chance.random.choice(self._scenario.stores)
        actor = self._add(Kind.HOUSEHOLD, ring, member_no=member_no, store_id=store)
        actor.known_from, actor.carded = self._scenario.start, True
        self._met[member_no] = actor
        return actor

    def _guide(self, place: int) -> Actor:
        stores = self._scenario.stores
        actor = self._add(Kind.GUIDE, Ring.TEAM, store_id=stores[place % len(stores)])
        actor.known_from = self._scenario.start
        return actor

    def _add(
        self,
        kind: Kind,
        ring: Ring,
        *,
        store_id: str,
        member_no: str = "",
        cheat: Cheat | None = None,
        ip: str = "",
    ) -> Actor:
        person = Person(self._chance.new_id("person"), kind, ring, member_no, "", store_id, cheat)
        actor = Actor(person, ip or _address(len(self.actors)))
        self.actors[person.person_id] = actor
        return actor


def _address(number: int) -> str:
    return f"10.{number // 62_500 % 250}.{number // 250 % 250}.{number % 250 + 1}"
