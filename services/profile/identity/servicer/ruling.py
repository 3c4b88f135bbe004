"""Versions of the rules, between the contract and the domain."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bowen.profile.v1 import identity_service_pb2 as pb

from chassis.stamps import stamp
from services.profile.identity.domain import Grade, IdentifierRule, Numbers, Ruling, Strength


def ruling_to_proto(ruling: Ruling) -> pb.IdentityRules:
    """A version of the rules."""
    numbers = pb.IdentityNumbers(**ruling.numbers._asdict())
    identifiers = map(_rule_to_proto, ruling.identifiers)
    rules = pb.IdentityRules(
        version=ruling.version, numbers=numbers, identifiers=identifiers, actor=ruling.actor, note=ruling.note
    )
    if ruling.create_time is not None:
        rules.create_time.CopyFrom(stamp(ruling.create_time))
    return rules


def _rule_to_proto(rule: IdentifierRule) -> pb.IdentifierRule:
    grade = rule.grade
    fields: dict[str, Any] = {"class": int(grade.strength), "rank": grade.rank, "limit": grade.limit}
    days = grade.period.days if grade.period else 0
    return pb.IdentifierRule(type=rule.type, is_unproven=rule.is_unproven, period_days=days, **fields)


def numbers_from_proto(numbers: pb.IdentityNumbers) -> Numbers:
    """What somebody sets."""
    return Numbers(*(getattr(numbers, name) for name in Numbers._fields))


def rules_from_proto(rules: Iterable[pb.IdentifierRule]) -> list[IdentifierRule]:
    """What types of identifiers may do, as somebody sets it."""
    return [_rule(each) for each in rules]


def _rule(rule: pb.IdentifierRule) -> IdentifierRule:
    period = timedelta(days=rule.period_days) if rule.period_days else None
    grade = Grade(Strength(getattr(rule, "class")), rule.rank, rule.limit, period)
    return IdentifierRule(rule.type, rule.is_unproven, grade)
