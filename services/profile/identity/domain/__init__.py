"""Who is who, decided in memory."""

from services.profile.identity.domain.blocking import BLOCKED_MAX, Blocked, PatternInvalid, blocked_of, compiled
from services.profile.identity.domain.corrections import reassign
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
from services.profile.identity.domain.records import (
    BlockedValue,
    LinkReading,
    MergeRecord,
    MoveRecord,
    Quarantined,
    Separation,
)
from services.profile.identity.domain.resolution import concerned_by, merge_by_hand, resolve
from services.profile.identity.domain.rules import RULES, Rules, Sight
from services.profile.identity.domain.rulings import FIRST_RULING, Numbers, Ruling, rules_of
from services.profile.identity.domain.unmerging import (
    EVENTS_MAX,
    SAID_MAX,
    Parting,
    PastEvent,
    PastMerge,
    Side,
    dependents,
    part,
    parted_facts,
)
from services.profile.identity.domain.verdicts import Conflict, Move, MoveReason, Quarantine, Verdict

__all__ = [
    "ALIAS",
    "BLOCKED_MAX",
    "EVENTS_MAX",
    "FIRST_RULING",
    "KINDS",
    "MANUAL",
    "RULES",
    "SAID_MAX",
    "SHARED_IDENTIFIER",
    "Author",
    "Blocked",
    "BlockedValue",
    "Claim",
    "Conflict",
    "Evidence",
    "Link",
    "LinkReading",
    "LinkState",
    "Merge",
    "MergeRecord",
    "Move",
    "MoveReason",
    "MoveRecord",
    "Numbers",
    "Origin",
    "Parting",
    "PastEvent",
    "PastMerge",
    "PatternInvalid",
    "People",
    "Person",
    "PersonState",
    "Previous",
    "Quarantine",
    "Quarantined",
    "Rules",
    "Ruling",
    "Separation",
    "Side",
    "Sight",
    "Strength",
    "Trust",
    "Verdict",
    "admitted",
    "blocked_of",
    "claim",
    "compiled",
    "concerned_by",
    "dependents",
    "key_of",
    "merge_by_hand",
    "part",
    "parted_facts",
    "ranked",
    "reassign",
    "resolve",
    "rules_of",
]
