"""Versions of the rules, as the brand's people write them."""

from datetime import datetime, timedelta
from typing import NamedTuple

from services.profile.identity.domain.blocking import Blocked
from services.profile.identity.domain.rules import RULES, Rules


class Numbers(NamedTuple):
    """What somebody may set. Each is at least one."""

    phone_proof_days: int = 90
    email_proof_days: int = 90
    seen_max: int = RULES.touches_max
    seen_hours: int = 24
    merges_max: int = RULES.merges_max
    identifiers_max: int = RULES.links_max


class Ruling(NamedTuple):
    """A version of the rules: who wrote it, why, and since when it holds."""

    version: int
    numbers: Numbers
    actor: str
    note: str
    create_time: datetime | None


FIRST_RULING = Ruling(RULES.version, Numbers(), "", "", None)
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
    )
