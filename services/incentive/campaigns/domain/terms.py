"""All that a version of a campaign says. Frozen once published."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from logic.attributes import compile_attribute
from logic.calendar import ZONE_DEFAULT
from logic.comparisons import MISSING, look_up
from logic.conditions import CONDITION_BYTES_MAX, OPERATORS_MAX
from logic.trees import Test, compile_tree, parse_tree
from services.incentive.campaigns.domain.effects import Beneficiary, Effect
from services.incentive.campaigns.domain.experiments import Experiment
from services.incentive.campaigns.domain.limits import Limit
from services.incentive.campaigns.domain.triggers import Trigger


class Condition(NamedTuple):
    """A compiled condition, and the paths that it asks."""

    test: Test[Mapping[str, Any]]
    paths: tuple[str, ...]

    def missing(self, facts: Mapping[str, Any]) -> list[str]:
        """Those of its paths at which there is nothing."""
        return [path for path in self.paths if look_up(facts, tuple(path.split("."))) is MISSING]

    def pick(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The part of the facts that it asks: as good as the whole to it."""
        picked: dict[str, Any] = {}
        for path in self.paths:
            steps = path.split(".")
            found = look_up(facts, tuple(steps))
            if found is MISSING:
                continue
            inner = picked
            for step in steps[:-1]:
                inner = inner.setdefault(step, {})
            inner[steps[-1]] = found
        return picked


@lru_cache(maxsize=10_000)
def compile_when(when: str) -> Condition:
    """The closure of a campaign's condition. Raises `TreeFault`."""
    paths: dict[str, None] = {}

    def noted(body: Any, path: str) -> Test[Mapping[str, Any]]:
        test = compile_attribute(body, path)
        paths[body["path"]] = None
        return test

    test = compile_tree(parse_tree(when, CONDITION_BYTES_MAX), {"attr": noted}, operators_max=OPERATORS_MAX)
    return Condition(test, tuple(paths))


class AudienceMode(StrEnum):
    """When membership is looked at: when the fact happened, or when the version was published."""

    LIVE = "live"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True)
class Audience:
    """A segment, and the copy of it that was made at publishing."""

    segment_id: UUID
    mode: AudienceMode = AudienceMode.LIVE
    snapshot_id: UUID | None = None


class GroupMode(StrEnum):
    """Which campaign of a group gives."""

    FIRST = "first"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class EvalGroup:
    """Campaigns of which one gives for a fact."""

    name: str
    mode: GroupMode = GroupMode.FIRST


class Channel(StrEnum):
    """Where a campaign is shown."""

    WECHAT_H5 = "wechat_h5"
    WECHAT_MINI_PROGRAM = "wechat_mini_program"
    APP = "app"
    WEB = "web"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Prize:
    """What must be published of prizes that are drawn by chance."""

    kinds: str = ""
    conditions: str = ""
    method: str = ""
    draw_time: datetime | None = None
    quantity: int = 0
    probability_ppm: int = 0
    top_prize_minor: int = 0
    redemption: str = ""
    organiser: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """Who answers for rewards of level 2."""

    approver: str
    document_id: str


class TouchChoice(StrEnum):
    """Which touch before registration makes the inviter."""

    LAST = "last"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class RefuseTemplate:
    """What is told of refusals for a reason; an empty one is for all that have no text of their own."""

    reason: str
    template: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a version says."""

    trigger: Trigger
    effects: tuple[Effect, ...]
    start_time: datetime
    end_time: datetime
    time_zone: str = ZONE_DEFAULT
    when: str = ""
    limits: tuple[Limit, ...] = ()
    audience: Audience | None = None
    eval_group: EvalGroup | None = None
    priority: int = 0
    channel: Channel | None = None
    experiment: Experiment | None = None
    prize: Prize | None = None
    approval: Approval | None = None
    reevaluate_on_return: bool = False
    partial_allowed: bool = False
    void_together: bool = False
    inviter_touch: TouchChoice = field(default=TouchChoice.LAST)
    explain_template: str = ""
    refuse_templates: tuple[RefuseTemplate, ...] = ()

    def amount(self, net_minor: int) -> int:
        """All that its effects give for a net amount, of whatever kind: what the best of a group is told by."""
        return sum(effect.amount(net_minor) for effect in self.effects)

    @property
    def asks_inviters(self) -> bool:
        """Whether it rewards who invited the actor."""
        return any(
            effect.beneficiary in (Beneficiary.INVITER, Beneficiary.INVITER_OF_INVITER) for effect in self.effects
        )

    def stands(self, net_minor: int, facts: Mapping[str, Any]) -> bool:
        """Whether an order of which so much is left would still be answered to."""
        if net_minor < self.trigger.net_minor_min:
            return False
        return not self.when or compile_when(self.when).test(facts)
