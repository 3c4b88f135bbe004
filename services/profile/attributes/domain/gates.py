"""What may be known of whom: sensitive attributes by separate consent, children by their guardian's (spec people §5.1).

PIPL articles 28 to 31: somebody under fourteen, or whom a source calls so, is known by no more than that until a
guardian agrees.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

import msgspec

from services.profile.attributes.domain.rules import Fact

ADULT_YEARS = 14
BIRTHDAYS = frozenset(
    {"birthday", "birthdate", "birthDate", "birth_date", "dateOfBirth", "date_of_birth", "dateofbirth"}
)
FLAGS = frozenset({"is_minor", "isMinor"})
CHINA = timedelta(hours=8)


class Permission(NamedTuple):
    """What a person, or their guardian, agreed to."""

    sensitive: bool = False
    guardian: bool = False


NO_PERMISSION = Permission()


class Gate(NamedTuple):
    """Which attributes are sensitive, and when it is."""

    sensitive: Collection[str]
    now: datetime

    def concerns(self, facts: Mapping[str, Fact]) -> bool:
        """Whether anything of it needs somebody's consent."""
        return any(name in facts for name in self.sensitive) or is_minor(facts, self.now)

    def shut_out(self, facts: Mapping[str, Fact], permission: Permission) -> Iterator[str]:
        """Names of what may not be known of the person."""
        is_child = not permission.guardian and is_minor(facts, self.now)
        for name, fact in facts.items():
            if fact.is_null and not fact.parts:
                continue
            is_unagreed = name in self.sensitive and not permission.sensitive
            if is_unagreed or (is_child and name not in BIRTHDAYS | FLAGS):
                yield name

    def passed(self, facts: Mapping[str, Fact], permission: Permission) -> dict[str, Fact]:
        """What may be known of the person."""
        shut = set(self.shut_out(facts, permission))
        return {name: fact for name, fact in facts.items() if name not in shut}


def is_minor(facts: Mapping[str, Fact], now: datetime) -> bool:
    """Whether a source says so, or a birthday."""
    if any(bytes(facts[name].value) == b"true" for name in FLAGS if name in facts):
        return True
    today = (now + CHINA).date()
    return any(_is_young(facts[name], today) for name in BIRTHDAYS if name in facts)


def _is_young(fact: Fact, today: date) -> bool:
    born = _date(fact)
    if born is None:
        return False
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) < ADULT_YEARS


def _date(fact: Fact) -> date | None:
    value = msgspec.json.decode(fact.value)
    try:
        return date.fromisoformat(value[:10].replace("/", "-")) if isinstance(value, str) else None
    except ValueError:
        return None
