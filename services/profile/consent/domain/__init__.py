"""The ledger of consent and what holds by it (spec people §1H, §3.5). Pure."""

from services.profile.consent.domain.chain import (
    START,
    Chain,
    address_hash,
    broken_at,
    written,
)
from services.profile.consent.domain.deciding import (
    check,
    decide,
    effective,
    flags,
    gates,
    granted,
)
from services.profile.consent.domain.entries import (
    GATES,
    GUARDIAN,
    KINDS_OF_ADDRESS,
    NO_HASH,
    OWN,
    PERSONALIZATION,
    PROCESSING,
    SENSITIVE,
    UNMERGE,
    Entry,
    Flags,
    Kind,
    Purpose,
    Reason,
    Scope,
    State,
    Statement,
)
from services.profile.consent.domain.parting import (
    parted,
)
from services.profile.consent.domain.preferences import (
    Preference,
    news,
)

__all__ = [
    "Chain",
    "Entry",
    "Flags",
    "GATES",
    "GUARDIAN",
    "KINDS_OF_ADDRESS",
    "Kind",
    "NO_HASH",
    "OWN",
    "PERSONALIZATION",
    "PROCESSING",
    "Preference",
    "Purpose",
    "Reason",
    "SENSITIVE",
    "START",
    "Scope",
    "State",
    "Statement",
    "UNMERGE",
    "address_hash",
    "broken_at",
    "check",
    "decide",
    "effective",
    "flags",
    "gates",
    "granted",
    "news",
    "parted",
    "written",
]
