"""Versions of the rules, as the brand's people write them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from services.profile.identity.domain.blocking import Blocked
from services.profile.identity.domain.kinds import KINDS, Grade, Kind, kind_named
from services.profile.identity.domain.rules import RULES, Rules
from services.profile.identity.errors import IdentifierRuleInvalid


class Numbers(NamedTuple):
    """What somebody may set. Each is at least one."""

    phone_proof_days: int = 90
    email_proof_days: int = 90
    seen_max: int = RULES.touches_max
    seen_hours: int = 24
    merges_max: int = RULES.merges_max
    identifiers_max: int = RULES.links_max


class IdentifierRule(NamedTuple):
    """What identifiers of a type may do; where it knows proofs, those that are proven or those that are not."""

    type: str
    is_unproven: bool
    grade: Grade


class Ruling(NamedTuple):
    """A version of the rules: who wrote it, why, and since when it holds.

    `identifiers` say it of every type, so that a later release's own rules change no version that was written.
    """

    version: int
    numbers: Numbers
    identifiers: tuple[IdentifierRule, ...]
    actor: str
    note: str
    create_time: datetime | None


def identifier_rules(kinds: Mapping[str, Kind]) -> tuple[IdentifierRule, ...]:
    """What types of identifiers may do, one rule per type and, where it makes a difference, proof."""
    proven = (IdentifierRule(kind.name, False, kind.proven) for kind in kinds.values())
    unproven = (IdentifierRule(kind.name, True, kind.unproven) for kind in kinds.values() if kind.has_proof)
    return (*proven, *unproven)


def kinds_of(rules: Iterable[IdentifierRule]) -> Mapping[str, Kind]:
    """The types of identifiers as rules have them, a brand's own among them; others are as the release has them.

    Raises `IdentifierRuleInvalid` for a type that there is not, for what is unproven of one that knows no proofs, and
    for what is said twice.
    """
    kinds, said = dict(KINDS), set[tuple[str, bool]]()
    for type_name, is_unproven, grade in rules:
        kind = kinds.get(type_name) or kind_named(type_name)
        if kind is None:
            raise IdentifierRuleInvalid(type_name, "is not a known type")
        if is_unproven and not kind.has_proof:
            raise IdentifierRuleInvalid(type_name, "knows no proofs")
        if (type_name, is_unproven) in said:
            raise IdentifierRuleInvalid(type_name, "is named twice")
        said.add((type_name, is_unproven))
        kinds[type_name] = _regraded(kind, grade, is_unproven)
    return KINDS if kinds == KINDS else kinds


def _regraded(kind: Kind, grade: Grade, is_unproven: bool) -> Kind:
    if kind.has_proof:
        return replace(kind, unproven=grade) if is_unproven else replace(kind, proven=grade)
    return replace(kind, proven=grade, unproven=grade)


FIRST_RULING = Ruling(RULES.version, Numbers(), identifier_rules(KINDS), "", "", None)
"""What holds until somebody writes rules."""


def rules_of(ruling: Ruling, blocked: Blocked) -> Rules:
    """The rules that a version means, with what is blocked."""
    numbers = ruling.numbers
    return Rules(
        version=ruling.version,
        merges_max=numbers.merges_max,
        links_max=numbers.identifiers_max,
        proof_ttl={
            "phone": timedelta(days=numbers.phone_proof_days),
            "email": timedelta(days=numbers.email_proof_days),
        },
        touches_max=numbers.seen_max,
        touch_period=timedelta(hours=numbers.seen_hours),
        blocked=blocked,
        kinds=kinds_of(ruling.identifiers),
    )
