"""Which campaign gives what to whom for what happened. Pure: the same facts on the same state are judged alike.

A fact is judged at the time at which it happened, in the campaign's window `[start_time, end_time)`. Every pair of
campaign and cause is judged once for ever; a campaign that does not run, or whose window the fact is outside of, does
not judge it at all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from logic.attributes import compile_attribute
from logic.trees import Test, compile_tree, parse_tree
from services.incentive.budgets.domain import Outcome, Purse, Want
from services.incentive.campaigns.errors import CampaignNotRunning
from services.incentive.subjects.domain import Person

RATE_BP_MAX = 10_000
OPERATORS_MAX = 64
WHEN_BYTES_MAX = 4096


@lru_cache(maxsize=10_000)
def compile_when(when: str) -> Test[Mapping[str, Any]]:
    """The closure of a campaign's condition. Raises `TreeFault`."""
    return compile_tree(parse_tree(when, WHEN_BYTES_MAX), {"attr": compile_attribute}, operators_max=OPERATORS_MAX)


class State(StrEnum):
    """Where a campaign stands."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"


class Kind(StrEnum):
    """The kinds of facts that campaigns answer to."""

    EVENT = "event"
    SEGMENT = "segment"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a campaign answers to. `value` is the event's name or the segment's id; empty for orders."""

    kind: Kind
    value: str = ""
    net_minor_min: int = 0


@dataclass(frozen=True, slots=True)
class Reward:
    """What a campaign gives: a fixed amount, or basis points of an order's net amount."""

    asset: str
    fixed: int | None = None
    order_rate_bp: int | None = None

    def amount(self, net_minor: int) -> int:
        """The amount in the asset's smallest unit, rounded down."""
        return self.fixed if self.fixed is not None else net_minor * (self.order_rate_bp or 0) // RATE_BP_MAX


@dataclass(frozen=True, slots=True)
class Campaign:
    """When this happens, give that, within this budget. Only its state changes."""

    campaign_id: UUID
    name: str
    state: State
    trigger: Trigger
    reward: Reward
    budget_id: UUID
    rewards_per_profile_max: int
    start_time: datetime
    end_time: datetime
    create_time: datetime
    when: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether one person may get only so many rewards."""
        return self.rewards_per_profile_max > 0


def started(campaign: Campaign) -> Campaign:
    """Let a draft or a paused campaign give."""
    return replace(campaign, state=State.RUNNING)


def paused(campaign: Campaign) -> Campaign:
    """Let a campaign give no more. Raises `CampaignNotRunning` for a draft."""
    if campaign.state == State.DRAFT:
        raise CampaignNotRunning(campaign.campaign_id, campaign.state.upper())
    return replace(campaign, state=State.PAUSED)


@dataclass(frozen=True, slots=True)
class Occasion:
    """A fact about a person. `cause` identifies it for ever; `net_minor` is an order's.

    It is judged at `time`, when it happened; what comes of it happens `now`. `facts` tells what conditions may ask.
    """

    kind: Kind
    value: str
    cause: UUID
    profile_id: str
    time: datetime
    now: datetime
    net_minor: int | None = None
    facts: Callable[[], Mapping[str, Any]] = field(default=dict, compare=False)

    def fulfils(self, when: str) -> bool:
        """Whether a condition holds of it. There is always an answer: what is missing compares as false."""
        return not when or compile_when(when)(self.facts())


class Claim(NamedTuple):
    """A campaign that answers to an occasion, and the amount that it is to give."""

    campaign: Campaign
    occasion: Occasion
    amount: int

    @property
    def want(self) -> Want:
        """What it asks of the campaign's budget."""
        return Want(self.campaign.budget_id, self.amount)

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What is judged once for ever."""
        return self.campaign.campaign_id, self.occasion.cause


def claims_of(campaigns: Iterable[Campaign], occasions: Iterable[Occasion]) -> list[Claim]:
    """What running campaigns are asked for, in the order in which the occasions came."""
    by_value: dict[str, list[Campaign]] = {}
    for campaign in campaigns:
        by_value.setdefault(campaign.trigger.value, []).append(campaign)
    return [
        claim
        for occasion in occasions
        for campaign in by_value.get(occasion.value, ())
        if (claim := _claim(campaign, occasion)) is not None
    ]


def _claim(campaign: Campaign, occasion: Occasion) -> Claim | None:
    net_minor = occasion.net_minor or 0
    if not campaign.start_time <= occasion.time < campaign.end_time or net_minor < campaign.trigger.net_minor_min:
        return None
    if not occasion.fulfils(campaign.when):
        return None
    amount = campaign.reward.amount(net_minor)
    return Claim(campaign, occasion, amount) if amount > 0 else None


class Refund(NamedTuple):
    """How much of an order has been refunded in all, and by which refund it came to that."""

    order_id: UUID
    refund_id: UUID
    refunded_minor: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A reward that a person got. `order_net_minor` is what refunds are measured against; None without an order.

    `charge_time` is when its budget was charged, by the budget's clock, `lease_id` the lease that paid, if one did.
    """

    grant_id: UUID
    campaign_id: UUID
    cause: UUID
    profile_id: str
    asset: str
    amount: int
    reversed_amount: int
    order_net_minor: int | None
    grant_time: datetime
    charge_time: datetime | None = None
    lease_id: UUID | None = None

    @property
    def is_reversed(self) -> bool:
        """Whether all of it was taken back."""
        return self.reversed_amount == self.amount


class Reason(StrEnum):
    """Why a running campaign gave nothing."""

    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    BUDGET_KILLED = "BUDGET_KILLED"
    PERSON_LIMIT = "PERSON_LIMIT"
    ORDER_REFUNDED = "ORDER_REFUNDED"


class Denial(NamedTuple):
    """A claim that was refused, for those who have to explain it."""

    claim: Claim
    profile_id: str
    reason: Reason


Tallies = dict[tuple[UUID, str], int]
"""How many rewards a profile has of a limited campaign."""


@dataclass(slots=True)
class Docket:
    """All that a batch of claims is judged by, and the verdicts."""

    judged: set[tuple[UUID, UUID]]
    people: Mapping[str, Person]
    tallies: Tallies
    refunds: Mapping[UUID, Refund]
    purse: Purse
    grants: list[Grant] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)


def judge(claims: Sequence[Claim], docket: Docket, new_id: Callable[[], UUID]) -> None:
    """Judge claims one after another, each once for ever."""
    for claim in claims:
        if claim.key in docket.judged:
            continue
        docket.judged.add(claim.key)
        person = docket.people[claim.occasion.profile_id]
        reason = _reason_against(claim, person, docket)
        if reason is not None:
            docket.denials.append(Denial(claim, person.profile_id, reason))
            continue
        docket.grants.append(_grant(claim, person, new_id(), docket.purse))
        if claim.campaign.is_limited:
            tally = claim.campaign.campaign_id, person.profile_id
            docket.tallies[tally] = docket.tallies.get(tally, 0) + 1


def _reason_against(claim: Claim, person: Person, docket: Docket) -> Reason | None:
    campaign = claim.campaign
    refund = docket.refunds.get(claim.occasion.cause)
    if refund and due(claim.amount, claim.occasion.net_minor or 0, refund.refunded_minor) == claim.amount:
        return Reason.ORDER_REFUNDED
    rewards = sum(docket.tallies.get((campaign.campaign_id, profile_id), 0) for profile_id in person.ids)
    if campaign.is_limited and rewards >= campaign.rewards_per_profile_max:
        return Reason.PERSON_LIMIT
    outcome = docket.purse.charge(claim.want)
    return None if outcome is Outcome.PAID else Reason(outcome)


def _grant(claim: Claim, person: Person, grant_id: UUID, purse: Purse) -> Grant:
    return Grant(
        grant_id=grant_id,
        campaign_id=claim.campaign.campaign_id,
        cause=claim.occasion.cause,
        profile_id=person.profile_id,
        asset=claim.campaign.reward.asset,
        amount=claim.amount,
        reversed_amount=0,
        order_net_minor=claim.occasion.net_minor,
        grant_time=claim.occasion.now,
        charge_time=purse.time,
        lease_id=purse.lease_of(claim.want),
    )


def due(amount: int, net_minor: int, refunded_minor: int) -> int:
    """How much of a reward is to be taken back in all: in proportion, rounded down; all of it at a full refund."""
    return amount if refunded_minor >= net_minor else amount * refunded_minor // net_minor


class Reversal(NamedTuple):
    """A grant after something was taken back, how much that was, when, and the refund that asked for it."""

    grant: Grant
    amount: int
    refund_id: UUID
    time: datetime


def reversals_of(grants: Iterable[Grant], refunds: Mapping[UUID, Refund]) -> list[Reversal]:
    """What refunds take back beyond what was taken back before."""
    reversals = []
    for grant in grants:
        refund = refunds.get(grant.cause)
        if refund is None or grant.order_net_minor is None:
            continue
        total = due(grant.amount, grant.order_net_minor, refund.refunded_minor)
        if total > grant.reversed_amount:
            after = replace(grant, reversed_amount=total)
            time = max(refund.time, grant.grant_time)
            reversals.append(Reversal(after, total - grant.reversed_amount, refund.refund_id, time))
    return reversals


def highest(refunds: Iterable[Refund]) -> list[Refund]:
    """Of several refunds of one order the one with the highest total, in key order."""
    best: dict[UUID, Refund] = {}
    for refund in refunds:
        known = best.get(refund.order_id)
        if known is None or refund.refunded_minor > known.refunded_minor:
            best[refund.order_id] = refund
    return [best[order_id] for order_id in sorted(best)]
