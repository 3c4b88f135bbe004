"""Campaigns, versions and findings in the contract's words."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from uuid import UUID

from bowen.incentive.v1 import campaign_pb2 as pb
from bowen.incentive.v1 import campaign_service_pb2 as service

from chassis.errors import Violation
from chassis.stamps import stamp
from services.incentive.budgets.domain import Bucket, Budget
from services.incentive.campaigns.convert import words
from services.incentive.campaigns.convert.faults import terms_faults
from services.incentive.campaigns.convert.shown import terms_to_proto
from services.incentive.campaigns.convert.terms import amount_from_proto, terms_from_proto
from services.incentive.campaigns.domain import Campaign, State, Terms, Version, per_person
from services.incentive.campaigns.domain.lint import Finding
from services.incentive.campaigns.errors import CampaignInvalid, CampaignNotPublishable

_SIMPLE = ("trigger", "reward", "rewards_per_profile_max", "start_time", "end_time", "when")


def campaign_from_proto(
    request: service.CreateCampaignRequest, *, campaign_id: UUID, budget_id: UUID, now: datetime
) -> tuple[Campaign, Budget]:
    """The draft that is asked for, with its budget. Raises `CampaignInvalid` with all that does not fit."""
    violations = list(_faults(request))
    if violations:
        raise CampaignInvalid(violations)
    terms = terms_from_proto(request.terms if request.HasField("terms") else _spelt_out(request))
    budget = Budget(
        budget_id,
        request.budget,
        name=request.name,
        asset=terms.effects[0].budget_asset,
        paced=request.paced,
        planned=Bucket(terms.start_time, terms.end_time) if request.paced else None,
    )
    return Campaign(campaign_id, request.name, State.DRAFT, terms, budget_id, now), budget


def terms_of_update(request: service.UpdateCampaignRequest, budget: Budget) -> Terms:
    """The terms that are asked for. Raises `CampaignInvalid` with all that does not fit."""
    violations = [(_under("terms", field), rule) for field, rule in terms_faults(request.terms, budget.cap)]
    if violations:
        raise CampaignInvalid(violations)
    return terms_from_proto(request.terms)


def _faults(request: service.CreateCampaignRequest) -> Iterator[Violation]:
    if request.HasField("terms"):
        given = {field.name for field, _ in request.ListFields()}
        yield from ((name, "must be left out when terms are given") for name in _SIMPLE if name in given)
        yield from ((_under("terms", field), rule) for field, rule in terms_faults(request.terms, request.budget))
    else:
        yield from _simple_faults(request)


def _simple_faults(request: service.CreateCampaignRequest) -> Iterator[Violation]:
    for name in ("trigger", "reward"):
        if not request.HasField(name):
            yield name, "is required"
    if request.HasField("trigger") and request.HasField("reward"):
        for field, rule in terms_faults(_spelt_out(request), request.budget):
            yield _simple_field(field), rule


def _under(prefix: str, field: str) -> str:
    return field if field == "budget" else f"{prefix}.{field}"


def _simple_field(field: str) -> str:
    """Where the simple form says what the full one says in its only effect."""
    return field.replace("effects[0].asset", "reward")


def _spelt_out(request: service.CreateCampaignRequest) -> pb.CampaignTerms:
    terms = pb.CampaignTerms(when=request.when)
    terms.trigger.CopyFrom(request.trigger)
    asset = terms.effects.add().asset
    asset.asset = request.reward.asset
    if (which := request.reward.WhichOneof("amount")) is not None:
        setattr(asset, which, getattr(request.reward, which))
    if request.rewards_per_profile_max:
        terms.limits.add(entity=pb.Limit.ENTITY_PERSON, cap=request.rewards_per_profile_max)
    for name in ("start_time", "end_time"):
        if request.HasField(name):
            getattr(terms, name).CopyFrom(getattr(request, name))
    return terms


def campaign_to_proto(
    campaign: Campaign, budget: Budget, now: datetime, incomplete: Collection[UUID] = ()
) -> pb.Campaign:
    """A campaign with what it spent, as it stands. `incomplete` are segments that are not known in full."""
    terms, audience = terms_to_proto(campaign.terms), campaign.terms.audience
    return pb.Campaign(
        campaign_id=str(campaign.campaign_id),
        name=campaign.name,
        state=words.STATES[campaign.standing(now)],
        trigger=terms.trigger,
        reward=_reward(terms),
        budget=budget.cap,
        spent=budget.committed,
        rewards_per_profile_max=_per_person_max(campaign.terms),
        start_time=terms.start_time,
        end_time=terms.end_time,
        create_time=stamp(campaign.create_time),
        when=terms.when,
        version=campaign.version,
        terms=terms,
        draft_version=campaign.draft_version,
        budget_id=str(campaign.budget_id),
        audience_incomplete=audience is not None and audience.segment_id in incomplete,
    )


def _reward(terms: pb.CampaignTerms) -> pb.Reward | None:
    first = terms.effects[0]
    if first.WhichOneof("gives") != "asset" or first.asset.WhichOneof("amount") == "tiers":
        return None
    amount = amount_from_proto(first.asset)
    if amount.fixed is not None:
        return pb.Reward(asset=first.asset.asset, fixed=amount.fixed)
    return pb.Reward(asset=first.asset.asset, order_rate_bp=amount.order_rate_bp or 0)


def _per_person_max(terms: Terms) -> int:
    return min((limit.cap for limit in terms.limits if limit == per_person(limit.cap)), default=0)


def version_to_proto(version: Version) -> pb.CampaignVersion:
    """A version."""
    publish_time = None if version.publish_time is None else stamp(version.publish_time)
    return pb.CampaignVersion(version=version.number, terms=terms_to_proto(version.terms), publish_time=publish_time)


def finding_to_proto(finding: Finding) -> pb.Finding:
    """Something that the publisher has to know."""
    return pb.Finding(
        field=_under("terms", finding.field),
        rule=finding.rule,
        severity=words.SEVERITIES[finding.severity],
        detail=finding.detail,
    )


def not_publishable(findings: Iterable[Finding]) -> CampaignNotPublishable:
    """The refusal for hard findings."""
    return CampaignNotPublishable([(_under("terms", item.field), f"{item.rule}: {item.detail}") for item in findings])
