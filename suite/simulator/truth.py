"""What is true of a stream of actions, found by reading it alone: what a platform should report that got it right."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from suite.simulator.identities import Identities
from suite.simulator.values import Action, Cheat, Click, Kind, Person, Purchase, Register, Ring, Share

REPEAT = timedelta(seconds=60)
"""A visitor counts once per link in this time."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The shares of one depth. `passed_on` of the `exposures` became shares of the next depth."""

    depth: int
    shares: int
    exposures: int
    passed_on: int

    @property
    def i(self) -> float:
        """Exposures per share."""
        return self.exposures / self.shares

    @property
    def c(self) -> float:
        """Conversion: of the exposed, how many passed it on."""
        return self.passed_on / self.exposures if self.exposures else 0.0

    @property
    def k(self) -> float:
        """Shares that each share set off."""
        return self.passed_on / self.shares


@dataclass(frozen=True, slots=True)
class Ripple:
    """A chain of shares. `clicks` are counted ones."""

    chain: str
    root_sharer: str
    shares: int
    sharers: int
    clicks: int
    visitors: int
    depth: int


@dataclass(frozen=True, slots=True)
class Truth:
    """The ground truth of a simulation.

    `profiles_created` and `merges` hold for a platform that is told of every device, phone and member number an action
    names, in order of time, and that knew the scenario's households before. `registered`, `buyers` (newcomers who buy)
    and `repeat_buyers` leave cheaters out. `credited` says to which share each purchase owes its last valid click: made
    by the buyer as far as known by then, within the attribution time, not on an own link; cheaters' purchases are in it
    too, as that rule sees them.
    """

    people: int
    newcomers: int
    profiles_created: int
    merges: int
    shares: int
    clicks: int
    clicks_counted: int
    registered: int
    buyers: int
    repeat_buyers: int
    purchases: int
    generations: tuple[Generation, ...]
    k_by_ring: Mapping[Ring, float]
    ripples: int
    ripples_of_newcomers: int
    largest: Ripple | None
    credited: Mapping[str, str | None]
    cheaters: Mapping[str, Cheat]

    @property
    def k(self) -> float:
        """Shares that each share set off; the last generation, which had no time, is left out."""
        parents = sum(generation.shares for generation in self.generations[:-1])
        return sum(generation.passed_on for generation in self.generations[:-1]) / parents if parents else 0.0


def tell(
    actions: Sequence[Action], people: Mapping[str, Person], known: Iterable[str], attribution: timedelta
) -> Truth:
    """Read a stream in order of time. `known` are the member numbers that existed before."""
    identities = Identities(known)
    credited: dict[str, str | None] = {}
    shares: dict[str, Share] = {}
    counted: list[Click] = []
    last_counted: dict[tuple[str, str], Click] = {}
    for action in actions:
        identities.learn(action)
        if isinstance(action, Share):
            shares[action.id] = action
        elif isinstance(action, Click) and _counts(action, last_counted):
            counted.append(action)
            identities.touch(action)
        elif isinstance(action, Purchase):
            credited[action.id] = _credit(action, identities, shares, attribution)
    generations, k_by_ring = _generations(actions)
    honest = [action for action in actions if people[_actor(action)].cheat is None]
    bought = Counter(each.person for each in honest if isinstance(each, Purchase) and _is_new(people[each.person]))
    acted = {_actor(action) for action in actions}
    roots = [share for share in shares.values() if share.parent_click is None]
    return Truth(
        people=len(acted),
        newcomers=sum(_is_new(people[person]) for person in acted),
        profiles_created=identities.created,
        merges=identities.merges,
        shares=len(shares),
        clicks=sum(isinstance(action, Click) for action in actions),
        clicks_counted=len(counted),
        registered=sum(isinstance(action, Register) for action in honest),
        buyers=len(bought),
        repeat_buyers=sum(times > 1 for times in bought.values()),
        purchases=len(credited),
        generations=generations,
        k_by_ring=k_by_ring,
        ripples=len(roots),
        ripples_of_newcomers=sum(_is_new(people[share.sharer]) and not people[share.sharer].cheat for share in roots),
        largest=_largest(shares, counted),
        credited=credited,
        cheaters={person: cheat for person in sorted(acted) if (cheat := people[person].cheat)},
    )


def _actor(action: Action) -> str:
    return action.sharer if isinstance(action, Share) else action.person


def _is_new(person: Person) -> bool:
    return person.kind is Kind.NEWCOMER


def _counts(click: Click, last: dict[tuple[str, str], Click]) -> bool:
    before = last.get((click.share, click.visitor))
    if before is not None and click.at - before.at < REPEAT:
        return False
    last[click.share, click.visitor] = click
    return True


def _credit(
    purchase: Purchase, identities: Identities, shares: Mapping[str, Share], attribution: timedelta
) -> str | None:
    for click in reversed(identities.touches(purchase.member_no)):
        if purchase.at - click.at >= attribution:
            return None
        if shares[click.share].sharer != purchase.person:
            return click.share
    return None


def _generations(actions: Sequence[Action]) -> tuple[tuple[Generation, ...], Mapping[Ring, float]]:
    shares = [action for action in actions if isinstance(action, Share)]
    clicked = {action.id: action.share for action in actions if isinstance(action, Click)}
    passed_on = Counter(clicked[share.parent_click] for share in shares if share.parent_click)
    by_depth: dict[int, list[Share]] = defaultdict(list)
    by_ring: dict[Ring, list[Share]] = defaultdict(list)
    for share in shares:
        by_depth[share.depth].append(share)
        by_ring[share.ring].append(share)
    generations = tuple(
        Generation(
            depth, len(group), sum(share.exposures for share in group), sum(passed_on[share.id] for share in group)
        )
        for depth, group in sorted(by_depth.items())
    )
    k = {ring: sum(passed_on[share.id] for share in group) / len(group) for ring, group in sorted(by_ring.items())}
    return generations, k


def _largest(shares: Mapping[str, Share], counted: Sequence[Click]) -> Ripple | None:
    chains: dict[str, list[Share]] = defaultdict(list)
    for share in shares.values():
        chains[share.chain].append(share)
    if not chains:
        return None
    clicks: dict[str, list[Click]] = defaultdict(list)
    for click in counted:
        clicks[shares[click.share].chain].append(click)
    chain = min(chains, key=lambda each: (-len(chains[each]), -len(clicks[each]), each))
    return Ripple(
        chain=chain,
        root_sharer=shares[chain].sharer,
        shares=len(chains[chain]),
        sharers=len({share.sharer for share in chains[chain]}),
        clicks=len(clicks[chain]),
        visitors=len({click.visitor for click in clicks[chain]}),
        depth=max(share.depth for share in chains[chain]),
    )
