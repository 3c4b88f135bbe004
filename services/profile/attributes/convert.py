"""Rules and origins of attributes, between the contract and the domain."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bowen.profile.v1 import attribute_service_pb2 as pb
from bowen.profile.v1 import profile_pb2

from chassis.stamps import stamp
from services.profile.attributes.domain import Facts
from services.profile.attributes.domain.rules import Fact, Kind, RuleRecord
from services.profile.attributes.errors import AttributeRuleInvalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rule_from_proto(request: pb.PutAttributeRuleRequest, actor: str, *, now: datetime) -> RuleRecord:
    """A rule to set. Raises `AttributeRuleInvalid`."""
    sources, kind = list(request.source_ids), Kind(request.kind)
    if kind is not Kind.SOURCE_PRIORITY and sources:
        raise AttributeRuleInvalid("source_ids", "goes with KIND_SOURCE_PRIORITY alone")
    if kind is Kind.SOURCE_PRIORITY and (not all(sources) or not 0 < len(sources) == len(set(sources))):
        raise AttributeRuleInvalid("source_ids", "must name at least one source, each once")
    return RuleRecord(0, request.name, kind, sources, actor, request.note, now, request.is_sensitive)


def rule_to_proto(rule: RuleRecord) -> pb.AttributeRule:
    """A rule."""
    return pb.AttributeRule(
        name=rule.name,
        kind=pb.AttributeRule.Kind.ValueType(rule.kind),
        source_ids=rule.sources,
        version=rule.version,
        actor=rule.actor,
        note=rule.note,
        create_time=stamp(rule.create_time),
        is_sensitive=rule.is_sensitive,
    )


def provenance_to_proto(facts: Facts) -> Iterator[profile_pb2.AttributeProvenance]:
    """Where each attribute comes from, by name."""
    for name, fact in sorted(facts.items()):
        yield profile_pb2.AttributeProvenance(
            name=name,
            value=bytes(fact.value).decode(),
            source_id=fact.source_id,
            time=stamp(_moment(fact)),
            facts=[
                profile_pb2.AttributeFact(
                    value=bytes(part.value).decode(), source_id=part.source_id, time=stamp(_moment(part))
                )
                for part in fact.parts
            ],
        )


def _moment(fact: Fact) -> datetime:
    return _EPOCH + timedelta(microseconds=fact.time)
