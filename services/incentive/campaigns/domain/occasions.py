"""Facts about people, and which campaigns answer to them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from services.incentive.campaigns.domain.campaigns import Campaign
from services.incentive.campaigns.domain.limits import Entity
from services.incentive.campaigns.domain.terms import Condition, GroupMode, compile_when
from services.incentive.campaigns.domain.triggers import Kind

_PROPERTIES = {
    Entity.PHONE: "phone",
    Entity.STORE: "store_id",
    Entity.CODE: "code",
    Entity.SESSION: "session_id",
    Entity.REGION: "region",
}


class Reason(StrEnum):
    """Why a campaign that answers to a fact gave nothing. That of a limit is its entity's."""

    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    BUDGET_KILLED = "BUDGET_KILLED"
    PACED = "PACED"
    ORDER_REFUNDED = "ORDER_REFUNDED"
    LATE = "LATE"
    HOLDOUT = "HOLDOUT"
    OUTRANKED = "OUTRANKED"
    NOT_IN_AUDIENCE = "NOT_IN_AUDIENCE"
    AUDIENCE_INCOMPLETE = "AUDIENCE_INCOMPLETE"
    CONDITION_FALSE = "CONDITION_FALSE"
    ATTR_MISSING = "ATTR_MISSING"
    PURCHASE_NUMBER = "PURCHASE_NUMBER"
    REGISTERED_BEFORE = "REGISTERED_BEFORE"
    NO_BENEFICIARY = "NO_BENEFICIARY"
    SELF_REWARD = "SELF_REWARD"
    COUPON_REFUSED = "COUPON_REFUSED"
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    IN_DEBT = "IN_DEBT"
    ENTITY_MISSING = "ENTITY_MISSING"
    CAMPAIGN_LIMIT = "CAMPAIGN_LIMIT"
    MEMBER_LIMIT = "MEMBER_LIMIT"
    PERSON_LIMIT = "PERSON_LIMIT"
    DEVICE_LIMIT = "DEVICE_LIMIT"
    PHONE_LIMIT = "PHONE_LIMIT"
    STORE_LIMIT = "STORE_LIMIT"
    SHARER_LIMIT = "SHARER_LIMIT"
    CODE_LIMIT = "CODE_LIMIT"
    SESSION_LIMIT = "SESSION_LIMIT"
    REGION_LIMIT = "REGION_LIMIT"


class Miss(NamedTuple):
    """Why not, and what the reason is about."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Occasion:
    """A fact about a person. `cause` identifies it for ever; `net_minor` is an order's, or a refund's.

    It is judged at `time`, when it happened; what comes of it happens `now`. It became known at `known_time`, None for
    at once. `facts` tells what conditions may ask, the same at every call; `sharer_id` is who shared what it came of.
    """

    kind: Kind
    value: str
    cause: UUID
    profile_id: str
    time: datetime
    now: datetime
    net_minor: int | None = None
    facts: Callable[[], Mapping[str, Any]] = field(default=dict, compare=False)
    sharer_id: str = ""
    known_time: datetime | None = None

    @property
    def net(self) -> int:
        """The net amount; 0 for facts that have none."""
        return self.net_minor or 0

    def entity(self, entity: Entity) -> str:
        """Which device, store and so on the fact is about; empty when it does not say. People are not asked here."""
        facts = self.facts()
        if entity == Entity.SHARER:
            return self.sharer_id
        if entity == Entity.DEVICE:
            return str(facts.get("anonymous_id") or "")
        name = _PROPERTIES[entity]
        properties = facts.get("properties")
        found = properties.get(name) if isinstance(properties, Mapping) else facts.get(name)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


class Claim(NamedTuple):
    """A campaign that answers to an occasion, unless it misses something."""

    campaign: Campaign
    occasion: Occasion
    miss: Miss | None = None

    @property
    def key(self) -> tuple[UUID, UUID]:
        """What is judged once for ever."""
        return self.campaign.campaign_id, self.occasion.cause


def claims_of(campaigns: Iterable[Campaign], occasions: Iterable[Occasion], *, explain: bool = False) -> list[Claim]:
    """What running campaigns are asked for, in the order in which the occasions came.

    What an order misses is told too; of other facts, which come by the thousand, only when asked to `explain`.
    """
    answering = _by_value(campaigns)
    return [
        claim
        for occasion in occasions
        if (asked := answering.get(occasion.value))
        for claim in _claims(asked, occasion, tells=explain or occasion.kind.has_net)
    ]


Answering = tuple[Campaign, Condition | None]


def _by_value(campaigns: Iterable[Campaign]) -> dict[str, list[Answering]]:
    """Campaigns with their conditions by what they answer to, in the order in which a group is asked: by priority, the
    older first."""
    by_value: dict[str, list[Answering]] = {}
    for campaign in sorted(campaigns, key=lambda each: (-each.terms.priority, each.campaign_id)):
        condition = compile_when(campaign.terms.when) if campaign.terms.when else None
        by_value.setdefault(campaign.terms.trigger.value, []).append((campaign, condition))
    return by_value


def _ranked(answering: list[Answering], occasion: Occasion) -> list[Answering]:
    """Of a group that gives the best, the largest amount comes first."""

    def rank(each: Answering) -> int:
        group = each[0].terms.eval_group
        return -each[0].terms.amount(occasion.net) if group and group.mode == GroupMode.BEST else 0

    is_fixed = all(each.terms.eval_group is None for each, _ in answering)
    return answering if is_fixed else sorted(answering, key=rank)


def _claims(answering: list[Answering], occasion: Occasion, *, tells: bool) -> Iterator[Claim]:
    net, time = occasion.net, occasion.time
    for campaign, condition in _ranked(answering, occasion):
        if net >= campaign.terms.trigger.net_minor_min and campaign.covers(time):
            claim = _claim(campaign, condition, occasion, tells=tells)
            if claim is not None:
                yield claim


def _claim(campaign: Campaign, condition: Condition | None, occasion: Occasion, *, tells: bool) -> Claim | None:
    if condition is None or condition.test(occasion.facts()):
        return Claim(campaign, occasion)
    if not tells:
        return None
    missing = condition.missing(occasion.facts())
    miss = Miss(Reason.ATTR_MISSING, ", ".join(missing)) if missing else Miss(Reason.CONDITION_FALSE)
    return Claim(campaign, occasion, miss)
