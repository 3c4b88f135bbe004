"""Who is who, decided in memory."""

from services.profile.identity.domain.evidence import Evidence, Previous, admitted, ranked
from services.profile.identity.domain.kinds import KINDS, Claim, Strength, claim, key_of
from services.profile.identity.domain.merging import (
    ALIAS,
    MANUAL,
    SHARED_IDENTIFIER,
    Author,
    LinkState,
    Merge,
    PersonState,
)
from services.profile.identity.domain.people import Link, Origin, People, Person, Trust
from services.profile.identity.domain.records import MergeRecord, Separation
from services.profile.identity.domain.resolution import Conflict, Verdict, concerned_by, merge_by_hand, resolve
from services.profile.identity.domain.rules import RULES, Rules
from services.profile.identity.domain.unmerging import (
    Parting,
    PastEvent,
    PastMerge,
    Side,
    dependents,
    part,
    parted_facts,
)

__all__ = [
    "ALIAS",
    "KINDS",
    "MANUAL",
    "RULES",
    "SHARED_IDENTIFIER",
    "Author",
    "Claim",
    "Conflict",
    "Evidence",
    "Link",
    "LinkState",
    "Merge",
    "MergeRecord",
    "Origin",
    "Parting",
    "PastEvent",
    "PastMerge",
    "People",
    "Person",
    "PersonState",
    "Previous",
    "Rules",
    "Separation",
    "Side",
    "Strength",
    "Trust",
    "Verdict",
    "admitted",
    "claim",
    "concerned_by",
    "dependents",
    "key_of",
    "merge_by_hand",
    "part",
    "parted_facts",
    "ranked",
    "resolve",
]
