"""Who wins what in a pot, and the proof of it. Pure (spec value §2.5)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.incentive.pots.errors import PotNotOver, PotState

SCOPE = "service:incentive/pots"
"""Whose transfer ids those of pots are."""


class State(StrEnum):
    """Where a pot stands."""

    OPEN = "open"
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


class ThinPool(StrEnum):
    """What becomes of a pool with fewer units than members: nothing of it is paid, or the first get one unit each."""

    VOID = "void"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Prizes:
    """What is paid: `top_amount` to each of the `top_count` best, `shared_pool` split among the others."""

    top_count: int
    top_amount: int
    shared_pool: int
    thin_pool: ThinPool

    @property
    def most(self) -> int:
        """What is paid at most."""
        return self.top_count * self.top_amount + self.shared_pool

    def amounts(self, members: int) -> list[int]:
        """What each of the members gets, in their order. Zeros for those who get nothing."""
        best = min(self.top_count, members)
        return [self.top_amount] * best + self._split(members - best)

    def _split(self, members: int) -> list[int]:
        if not members:
            return []
        each, more = divmod(self.shared_pool, members)
        if not each and self.thin_pool == ThinPool.VOID:
            return [0] * members
        return [each + 1] * more + [each] * (members - more)


@dataclass(frozen=True, slots=True)
class Pot:
    """A pot. `budget_id` holds what its prizes come to at most."""

    pot_id: UUID
    name: str
    state: State
    event_name: str
    score_min: int
    asset: str
    prizes: Prizes
    start_time: datetime
    end_time: datetime
    freeze_time: datetime
    create_time: datetime
    budget_id: UUID
    set_hash: str = ""

    @property
    def is_frozen(self) -> bool:
        """Whether its winners stand."""
        return self.state in (State.FROZEN, State.SETTLING, State.SETTLED)


def freezable(pot: Pot, now: datetime) -> None:
    """Raises `PotState` when the pot is void, `PotNotOver` while late events are waited for."""
    if pot.state != State.OPEN:
        raise PotState(pot.pot_id, pot.state.upper())
    if now < pot.freeze_time:
        raise PotNotOver(pot.freeze_time)


def settling(pot: Pot) -> Pot:
    """Start to pay. Raises `PotState` when the winners do not stand."""
    if not pot.is_frozen:
        raise PotState(pot.pot_id, pot.state.upper())
    return pot if pot.state == State.SETTLED else replace(pot, state=State.SETTLING)


def voided(pot: Pot) -> Pot:
    """Call a pot off. Raises `PotState` once its winners stand."""
    if pot.is_frozen:
        raise PotState(pot.pot_id, pot.state.upper())
    return replace(pot, state=State.VOID)


class Score(NamedTuple):
    """Where a member stands in a pot: points, and when the last of them was made."""

    profile_id: str
    score: int
    reach_time: datetime


class Share(NamedTuple):
    """What a winner gets."""

    pot_id: UUID
    profile_id: str
    rank: int
    score: int
    reach_time: datetime
    amount: int
    state: ShareState = ShareState.DUE

    @property
    def leaf(self) -> bytes:
        """Its leaf in the tree of winners."""
        return _hash(b"\0", f"{self.pot_id}|{self.rank}|{self.profile_id}|{self.amount}".encode())

    @property
    def transfer_id(self) -> str:
        """Its payment's."""
        return f"pot/{self.pot_id}/{self.rank}"


def ranked(scores: Sequence[Score]) -> list[Score]:
    """In order: more points first, then who reached them earlier, then the smaller id."""
    return sorted(scores, key=lambda each: (-each.score, each.reach_time, each.profile_id))


def shares_of(pot: Pot, scores: Sequence[Score]) -> list[Share]:
    """What the members of a pot win, in order. Who gets nothing is no winner."""
    order = ranked([each for each in scores if each.score >= pot.score_min])
    amounts = pot.prizes.amounts(len(order))
    return [
        Share(pot.pot_id, each.profile_id, rank, each.score, each.reach_time, amount)
        for rank, (each, amount) in enumerate(zip(order, amounts, strict=True), start=1)
        if amount
    ]


class Totals(NamedTuple):
    """What became of a pot's shares."""

    winners: int
    paid_amount: int
    unallocated_amount: int


class Point(NamedTuple):
    """A recorded event that may score."""

    event_id: UUID
    name: str
    profile_id: str
    time: datetime


def _hash(mark: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(mark + b"".join(parts)).digest()


def _level_above(level: Sequence[bytes]) -> list[bytes]:
    """Hashes of pairs; an odd one out moves up as it is."""
    return [_hash(b"\1", *level[at : at + 2]) if at + 1 < len(level) else level[at] for at in range(0, len(level), 2)]


def merkle_root(leaves: Sequence[bytes]) -> str:
    """The root of the tree of leaves, 64 hexadecimal digits; of none, the hash of nothing."""
    level = list(leaves) or [_hash(b"\0")]
    while len(level) > 1:
        level = _level_above(level)
    return level[0].hex()


def merkle_proof(leaves: Sequence[bytes], index: int) -> list[str]:
    """The hashes beside the way from a leaf to the root, each with its side: `L` or `R`."""
    proof, level = [], list(leaves)
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            proof.append(f"{'R' if beside > index else 'L'}{level[beside].hex()}")
        level, index = _level_above(level), index // 2
    return proof


def proven(leaf: bytes, proof: Sequence[str]) -> str:
    """The root that a proof leads to from a leaf."""
    for step in proof:
        beside = bytes.fromhex(step[1:])
        leaf = _hash(b"\1", leaf, beside) if step[0] == "R" else _hash(b"\1", beside, leaf)
    return leaf.hex()
