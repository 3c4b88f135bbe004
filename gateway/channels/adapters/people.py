"""People as orders and calls name them: telephone numbers that reach a person, and those that stand for nobody."""

import re
import unicodedata
from typing import Any

from gateway.channels.adapters.reading import text
from gateway.channels.domain import Identifier

LENGTH_MAX = 200
"""What is longer is nobody's name (§3.3)."""

_EXTENDED = re.compile(r"1\d{10}(-|—|转|,|#|\[|ext)+\d{1,6}\]?$", re.IGNORECASE).search
_DIALLED = re.compile(r"(\D*\d){5}").match
_NOISE = re.compile(r"[\s()]+")


def account(kind: str, namespace: str, value: Any) -> list[Identifier]:
    """An account on a platform, if the platform names one unmasked and what it is unique in is known."""
    return _named(kind, namespace, value) if namespace else []


def member(value: Any) -> list[Identifier]:
    """A member of the brand, unless the number is masked: many would share it."""
    return _named("member_no", "", value)


def _named(kind: str, namespace: str, value: Any) -> list[Identifier]:
    name = text(value)
    fits = 0 < len(name) <= LENGTH_MAX and len(namespace) <= LENGTH_MAX
    return [Identifier(kind, namespace, name)] if fits and "*" not in name else []


def phone(value: Any, *, verified: bool = False, protected: bool = False) -> list[Identifier]:
    """A telephone number, unless it is masked, virtual, or `protected`: lent by the platform for one order (§3.3).

    Numbers of contacts and callers are not proven: they belong to households.
    """
    number = unicodedata.normalize("NFKC", text(value))
    return [Identifier("phone", "", number, verified)] if not protected and _reaches(number) else []


def _reaches(number: str) -> bool:
    is_told = len(number) <= LENGTH_MAX and "*" not in number and _DIALLED(number)
    return bool(is_told) and not _EXTENDED(_NOISE.sub("", number))
