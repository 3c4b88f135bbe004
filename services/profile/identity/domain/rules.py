"""The rules by which it is decided who is who: a value handed to the algorithm, so that others can be tried."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from services.profile.identity.domain.blocking import Blocked
from services.profile.identity.domain.kinds import KINDS, Claim, Grade, Kind, Strength, claim, kind_named
from services.profile.identity.domain.people import Link, Person
from services.profile.identity.errors import IdentifierInvalid

_PROOF_TTL = MappingProxyType({"phone": timedelta(days=90), "email": timedelta(days=90)})


@dataclass(frozen=True, slots=True)
class Rules:
    """One version of the rules (spec people §3). Every merge records the version by which it was decided.

    `proof_ttl`: for how long a proof makes an identifier of a type strong; operators issue numbers again. A value that
    is seen with more than `touches_max` people within `touch_period` names nobody any more. `kinds` are the types of
    identifiers, each with what it may do.
    """

    version: int = 2
    merges_max: int = 100
    links_max: int = 1000
    proof_ttl: Mapping[str, timedelta] = field(default_factory=lambda: _PROOF_TTL)
    touches_max: int = 10
    touch_period: timedelta = timedelta(hours=24)
    blocked: Blocked = field(default_factory=Blocked)
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)

    def claim(self, type_name: str, namespace: str, value: str, verified: bool = True) -> Claim:
        """Normalise an identifier. Raises `IdentifierInvalid` for what cannot be one, and for what is blocked."""
        named = self.graded(claim(type_name, namespace, value, verified))
        if named.kind.name not in self.kinds:
            raise IdentifierInvalid(type_name, "is not a known type: no rule says what it may do")
        if named.grade.strength is Strength.NEVER:
            raise IdentifierInvalid(type_name, "names nobody under the rules", blocked=True)
        if self.blocked.blocks(named):
            raise IdentifierInvalid(type_name, "is a blocked value", blocked=True)
        return named

    def kind(self, type_name: str) -> Kind:
        """What identifiers of a type may do; those of a type that is no longer declared name nobody."""
        kind = self.kinds.get(type_name) or kind_named(type_name)
        if kind is None:
            raise LookupError(type_name)
        return kind

    def graded(self, named: Claim) -> Claim:
        """The identifier as these rules see it: what it may do, and with what rank."""
        kind = self.kind(named.kind.name)
        return named if kind is named.kind else named._replace(kind=kind, grade=kind.grade(named.verified))


RULES = Rules()


class Sight(NamedTuple):
    """People as they are to be seen at a time under some rules: what identifiers may do then."""

    time: datetime
    rules: Rules

    def is_fresh(self, link: Link) -> bool:
        """Whether an identifier's proof counts, if its type knows proofs. One that is much newer counts as little."""
        return not link.verified or self._holds(link.kind, link.last_verified)

    def grade(self, link: Link) -> Grade:
        """What an identifier may do."""
        kind = link.kind
        if not kind.has_proof:
            return kind.proven
        return kind.grade(link.verified and self._holds(kind, link.last_verified))

    def grade_of(self, type_name: str, verified: bool, last_verified: datetime | None) -> Grade:
        """What an identifier of this type and proof may do."""
        kind = self.rules.kind(type_name)
        return kind.grade(verified and self._holds(kind, last_verified))

    def _holds(self, kind: Kind, last_verified: datetime | None) -> bool:
        ttl = self.rules.proof_ttl.get(kind.name)
        return ttl is None or (last_verified is not None and abs(self.time - last_verified) < ttl)

    def is_known(self, person: Person) -> bool:
        """Whether an identifier names the person, and not only a device or a contact."""
        return any(not self.grade(link).is_weak for link in person.links.values())

    def outranks(self, person: Person, claim: Claim) -> bool:
        """Whether a person is named by an identifier of higher rank."""
        grades = map(self.grade, person.links.values())
        return any(not grade.is_weak and grade.rank < claim.grade.rank for grade in grades)

    def seniority(self, person: Person) -> tuple[int, datetime, bytes]:
        """Least for who survives a merge: highest-ranked identifier, then the earliest, then the smallest id."""
        rank = min((self.grade(link).rank for link in person.links.values()), default=99)
        return rank, person.create_time, person.profile_id.bytes
