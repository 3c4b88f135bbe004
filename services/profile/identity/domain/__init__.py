"""Who is who, decided in memory."""

from services.profile.identity.domain.evidence import Evidence, Previous, admitted, ranked
from services.profile.identity.domain.kinds import KINDS, Claim, Strength, claim, key_of
from services.profile.identity.domain.people import Link, Origin, People, Person, Trust
from services.profile.identity.domain.resolution import (
    ALIAS,
    RULE_VERSION,
    SHARED_IDENTIFIER,
    Conflict,
    LinkState,
    Merge,
    PersonState,
    Verdict,
    concerned_by,
    resolve,
)

__all__ = [
    "ALIAS",
    "KINDS",
    "RULE_VERSION",
    "SHARED_IDENTIFIER",
    "Claim",
    "Conflict",
    "Evidence",
    "Link",
    "LinkState",
    "Merge",
    "Origin",
    "People",
    "Person",
    "PersonState",
    "Previous",
    "Strength",
    "Trust",
    "Verdict",
    "admitted",
    "claim",
    "concerned_by",
    "key_of",
    "ranked",
    "resolve",
]
