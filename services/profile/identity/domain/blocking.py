"""Values that an operator blocked: they name nobody (spec people §3.3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

from services.profile.identity.domain.kinds import Claim
from services.profile.identity.domain.records import BlockedValue

BLOCKED_MAX = 10_000
_EVERY_TYPE = ""


class PatternInvalid(Exception):
    """A pattern that is none. Its text completes "the pattern …"."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What is blocked, exactly and by pattern, per type and for every type.

    All patterns of a type are one automaton: it takes time in proportion to the value, whatever somebody writes.
    """

    values: frozenset[tuple[str, str]] = frozenset()
    patterns: Mapping[str, Any] = field(default_factory=dict)

    def blocks(self, claim: Claim) -> bool:
        """Whether an identifier, normalised, is one of them."""
        if not self.values and not self.patterns:
            return False
        types = (claim.kind.name, _EVERY_TYPE)
        return any((name, claim.value) in self.values for name in types) or any(
            (pattern := self.patterns.get(name)) is not None and pattern.fullmatch(claim.value) for name in types
        )


def blocked_of(listed: Iterable[BlockedValue]) -> Blocked:
    """All that is on a list. Raises `PatternInvalid` where the patterns are too much together."""
    values, patterns = set(), dict[str, list[str]]()
    for each in listed:
        if each.is_pattern:
            patterns.setdefault(each.type, []).append(each.value)
        else:
            values.add((each.type, each.value))
    automata = {name: compiled("|".join(f"(?:{each})" for each in several)) for name, several in patterns.items()}
    return Blocked(frozenset(values), automata)


def compiled(pattern: str) -> Any:
    """A pattern in the syntax of RE2. Raises `PatternInvalid`."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PatternInvalid(f"is none of RE2: {_text(error)}") from None


def _text(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode() if isinstance(told, bytes) else str(told)
