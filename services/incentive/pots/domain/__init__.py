"""Who wins what in a pot, and the proof of it. Pure (spec value §2.5)."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.pots.domain.claims import ClaimState, LevelClaim
from services.incentive.pots.domain.draws import Draws
from services.incentive.pots.domain.merkle import leaf_of, merkle_root, upper_nodes
from services.incentive.pots.domain.prizes import Award, Levels, Lottery, Plan, Prizes, RandomSplit, Score
from services.incentive.pots.errors import PotKind, PotLevelNotReached, PotNotOver, PotState

SCOPE = "service:incentive/pots"
"""Whose transfer ids those of pots are."""


class State(StrEnum):
    """Where a pot stands."""

    OPEN = "open"
    CLOSING = "closing"
    FROZEN = "frozen"
    SETTLING = "settling"
    SETTLED = "settled"
    VOID = "void"


class ShareState(StrEnum):
    """Where a winner's share stands."""

    DUE = "due"
    PAID = "paid"
    WITHDRAWN = "withdrawn"
    TAKEN_BACK = "taken_back"


class Metric(StrEnum):
    """What one scores by."""

    EVENTS = "events"
    ORDERS = "orders"
    ITEMS = "items"
    NET = "net"


@dataclass(frozen=True, slots=True)
class PrizeRules:
    """What is published of prizes that are due to chance (spec value §8)."""

    conditions: str
    method: str
    redemption_terms: str
    organiser: str


@dataclass(frozen=True, slots=True)
class Pot:
    """A pot. `budget_id` holds what it pays at most; `seed` decides its draws, with those who take part.

    `currency_code` is of those orders that score by their net amount; empty for all other metrics. Of its prizes
    `void_amount` went to nobody, of that `carried_amount` to the pot `carry_over_pot_id`; `received_amount` came. What
    scores has to meet `when`; empty for everything.
    """

    pot_id: UUID
    name: str
    state: State
    event_name: str
    score_min: int
    asset: str
    prizes: Plan
    start_time: datetime
    end_time: datetime
    freeze_time: datetime
    create_time: datetime
    budget_id: UUID
    set_hash: str = ""
    metric: Metric = Metric.EVENTS
    currency_code: str = ""
    rules: PrizeRules | None = None
    seed: bytes = b""
    entry_hash: str = ""
    carry_over_pot_id: UUID | None = None
    void_amount: int = 0
    carried_amount: int = 0
    received_amount: int = 0
    when: str = ""

    @property
    def is_frozen(self) -> bool:
        """Whether its winners stand."""
        return self.state in (State.FROZEN, State.SETTLING, State.SETTLED)

    @property
    def shared_pool(self) -> int:
        """What is split evenly; 0 for pots that split nothing so."""
        return self.prizes.shared_pool if isinstance(self.prizes, Prizes) else 0

    @property
    def seed_hash(self) -> str:
        """What is published of the seed before the draw; empty when nothing is due to chance."""
        return hashlib.sha256(self.seed).hexdigest() if self.seed else ""

    @property
    def revealed_seed(self) -> str:
        """The seed, once nothing can be made of it."""
        return self.seed.hex() if self.state == State.SETTLED else ""

    def stage(self, now: datetime) -> State:
        """Where it stands at an instant: an open pot closes by itself when its time is over."""
        return State.CLOSING if self.state == State.OPEN and now >= self.end_time else self.state


def freezable(pot: Pot, now: datetime) -> None:
    """Raises `PotKind` for levels, `PotState` when the pot is void, `PotNotOver` while late events are waited for."""
    if isinstance(pot.prizes, Levels):
        raise PotKind(pot.pot_id, "its levels are claimed, there is nothing to freeze")
    if pot.state != State.OPEN:
        raise PotState(pot.pot_id, pot.state.upper())
    if now < pot.freeze_time:
        raise PotNotOver(pot.freeze_time)


def settling(pot: Pot) -> Pot:
    """Start to pay. Raises `PotState` when the winners do not stand."""
    if not pot.is_frozen:
        raise PotState(pot.pot_id, pot.state.upper())
    return pot if pot.state == State.SETTLED else replace(pot, state=State.SETTLING)


def voided(pot: Pot, claimed: int = 0) -> Pot:
    """Call a pot off of whose levels an amount is claimed. Raises `PotState` once its winners stand."""
    if pot.is_frozen:
        raise PotState(pot.pot_id, pot.state.upper())
    return replace(pot, state=State.VOID, void_amount=pot.prizes.most - claimed)


def heir_faults(pot: Pot, heir: Pot | None) -> Iterator[str]:
    """Why a pot cannot have carried over to it what nobody gets of another."""
    if heir is None:
        yield "must name a pot"
        return
    if heir.state != State.OPEN:
        yield f"must name an open pot: it is {heir.state}"
    if heir.asset != pot.asset:
        yield f"must name a pot of the same asset: it pays {heir.asset}"
    if not heir.shared_pool:
        yield "must name a pot with a shared pool"
    if heir.freeze_time <= pot.freeze_time:
        yield "must name a pot that is frozen later"


class Share(NamedTuple):
    """What a winner gets. Of the published `amount`, `ungiven_amount` is above the bounds of the asset's programme."""

    pot_id: UUID
    profile_id: str
    rank: int
    score: int
    reach_time: datetime
    amount: int
    state: ShareState = ShareState.DUE
    prize: str = ""
    score_kept_min: int = 0
    ungiven_amount: int = 0

    @property
    def leaf(self) -> bytes:
        """Its leaf in the tree of winners."""
        return leaf_of(f"{self.pot_id}|{self.rank}|{self.profile_id}|{self.amount}")

    @property
    def transfer_id(self) -> str:
        """Its payment's."""
        return f"pot/{self.pot_id}/{self.rank}"

    @property
    def paid_amount(self) -> int:
        """What reached the winner, taken back afterwards or not."""
        was_paid = self.state in (ShareState.PAID, ShareState.TAKEN_BACK)
        return self.amount - self.ungiven_amount if was_paid else 0

    def paid(self, ungiven: Mapping[str, int]) -> "Share":
        """It is paid, but for what is not given of payments that have these ids."""
        return self._replace(state=ShareState.PAID, ungiven_amount=ungiven.get(self.transfer_id, 0))

    @property
    def taken_away(self) -> "Share":
        """It falls away before it is paid, or is taken back after that; once."""
        after = {ShareState.DUE: ShareState.WITHDRAWN, ShareState.PAID: ShareState.TAKEN_BACK}
        return self._replace(state=after.get(self.state, self.state))


def tree_of(shares: Sequence[Share]) -> list[tuple[int, int, bytes]]:
    """What is kept of the tree of winners: level, place and hash of its upper nodes."""
    return list(upper_nodes([share.leaf for share in shares]))


def ranked(scores: Iterable[Score]) -> list[Score]:
    """In order: more points first, then who reached them earlier, then the smaller id."""
    return sorted(scores, key=lambda each: (-each.score, each.reach_time, each.profile_id))


def frozen(pot: Pot, scores: Iterable[Score]) -> tuple[Pot, list[Share]]:
    """The pot with its winners, and what they get. Who gets nothing is no winner."""
    entries = ranked(each for each in scores if each.score >= pot.score_min)
    if pot.seed:
        leaves = [leaf_of(f"{pot.pot_id}|{at}|{e.profile_id}|{e.score}") for at, e in enumerate(entries, start=1)]
        pot = replace(pot, entry_hash=merkle_root(leaves))
    awards = [award for award in _awards(pot, entries) if award.amount]
    shares = [_share(pot, rank, award) for rank, award in enumerate(awards, start=1)]
    root = merkle_root([share.leaf for share in shares])
    void_amount = pot.prizes.most - sum(share.amount for share in shares)
    return replace(pot, state=State.FROZEN, set_hash=root, void_amount=void_amount), shares


def _awards(pot: Pot, entries: Sequence[Score]) -> Iterable[Award]:
    match pot.prizes:
        case Prizes():
            return pot.prizes.awards(entries, pot.score_min)
        case RandomSplit() | Lottery():
            return pot.prizes.awards(entries, pot.score_min, Draws(pot.seed, pot.entry_hash))
        case _:
            return []


def _share(pot: Pot, rank: int, award: Award) -> Share:
    return Share(
        pot.pot_id,
        award.of.profile_id,
        rank,
        award.of.score,
        award.of.reach_time,
        award.amount,
        prize=award.prize,
        score_kept_min=award.score_kept_min,
    )


def claimed(pot: Pot, profile_id: str, level: int, score: int, now: datetime) -> LevelClaim:
    """What a member may claim. The score is what was found here, the level what they ask for.

    Raises `PotKind`, `PotState` outside the pot's time, `PotLevelNotReached`. Source: POT-09.
    """
    if not isinstance(pot.prizes, Levels):
        raise PotKind(pot.pot_id, "it has no levels")
    if pot.state != State.OPEN or not pot.start_time <= now < pot.freeze_time:
        raise PotState(pot.pot_id, (State.VOID if pot.state == State.VOID else State.CLOSING).upper())
    reached = pot.prizes.reached(score)
    if level > reached:
        raise PotLevelNotReached(level, reached)
    asked = pot.prizes.levels[level - 1]
    return LevelClaim(pot.pot_id, profile_id, level, asked.amount, asked.score_min, ClaimState.PAID, now)


class Totals(NamedTuple):
    """What became of a pot's shares."""

    winners: int
    paid_amount: int
    unallocated_amount: int
    ungiven_amount: int
