"""The tree of budgets: what a node stands for, what is left of it and whether it pays."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chassis.errors import Violation
from logic.calendar import ZONE_DEFAULT
from services.incentive.budgets.domain.periods import Bucket, Period, bucket_of


class Kind(StrEnum):
    """What a node stands for."""

    TENANT = "tenant"
    PROGRAMME = "programme"
    CAMPAIGN = "campaign"
    STORE = "store"
    REGION = "region"
    RING = "ring"
    ARM = "arm"

    @property
    def level(self) -> int:
        """How far from the root it stands. The kinds that divide a campaign stand beside each other."""
        return min(list(Kind).index(self), 3)

    @property
    def is_scoped(self) -> bool:
        """Whether it is for a part of what its parent is for."""
        return self.level == 3


class Status(StrEnum):
    """Whether a budget pays."""

    OPEN = "open"
    EXHAUSTED = "exhausted"
    OVER_CAP_BY_CHANGE = "over_cap_by_change"
    KILLED = "killed"


class Stage(StrEnum):
    """What is done about a spend that runs ahead of its plan, one step after another.

    To shade is the matter of those who choose face values per person; restricting and pausing hold wants back.
    """

    NONE = "none"
    SHADE = "shade"
    RESTRICT = "restrict"
    PAUSE = "pause"

    @property
    def next(self) -> "Stage":
        """One step further."""
        stages = list(Stage)
        return stages[min(stages.index(self) + 1, len(stages) - 1)]


@dataclass(frozen=True, slots=True)
class Budget:
    """Most that may be given in a period, and what has been of it, in the smallest unit of its asset.

    `committed` is given, reversals subtracted; `reserved` is set aside; `leased` is handed to sessions that give from
    it. `excess` is by how much a change of the cap left these above it. `ancestors` are the nodes above, parent first.
    `largest` is the largest single want seen; `decisions` counts the wants, `grants` those that were paid. If it is
    `paced`, its period or else `planned` has a plan, and `p` is the share of the members that gets through.
    """

    budget_id: UUID
    cap: int
    committed: int = 0
    reserved: int = 0
    leased: int = 0
    excess: int = 0
    ancestors: tuple[UUID, ...] = ()
    kind: Kind = Kind.CAMPAIGN
    scope: str = ""
    name: str = ""
    asset: str = ""
    period: Period = Period.NONE
    time_zone: str = ZONE_DEFAULT
    soft: bool = False
    killed: bool = False
    bucket: Bucket | None = None
    create_time: datetime | None = None
    largest: int = 0
    decisions: int = 0
    grants: int = 0
    paced: bool = False
    planned: Bucket | None = None
    p: float = 1.0
    stage: Stage = Stage.NONE

    @property
    def parent_id(self) -> UUID | None:
        """The node above; None for a root."""
        return self.ancestors[0] if self.ancestors else None

    @property
    def path(self) -> tuple[UUID, ...]:
        """The node and all above it."""
        return (self.budget_id, *self.ancestors)

    @property
    def span(self) -> Bucket | None:
        """What its plan is for: its period, else what was asked for."""
        return self.bucket or self.planned

    @property
    def used(self) -> int:
        """What is given or set aside."""
        return self.committed + self.reserved

    @property
    def left(self) -> int:
        """What may still be given; below zero after the cap was lowered."""
        return self.cap - self.used - self.leased

    def status(self, *, stopped: bool) -> Status:
        """Whether it pays. `stopped`: its own kill switch is on, or one above."""
        if stopped:
            return Status.KILLED
        if self.excess > 0:
            return Status.OVER_CAP_BY_CHANGE
        return Status.EXHAUSTED if self.used >= self.cap and not self.soft else Status.OPEN

    def at(self, now: datetime) -> "Budget":
        """As it stands at an instant: in a period in which nobody has spent yet, nothing is spent."""
        if self.bucket is None or now < self.bucket.end:
            return self
        bucket = bucket_of(self.period, self.time_zone, now)
        return replace(self, committed=0, reserved=0, leased=0, excess=0, decisions=0, grants=0, bucket=bucket)


def below(parent: Budget, kind: Kind, asset: str) -> Iterator[Violation]:
    """What keeps a node of this kind and asset from standing below a parent."""
    if kind.level <= parent.kind.level:
        yield "kind", f"must come after the parent's: {parent.kind.upper()}"
    if asset not in ("", parent.asset):
        yield "asset", f"must be the parent's: {parent.asset}"
