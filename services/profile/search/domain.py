"""Parts of names and numbers, and what stands for them in the index: a keyed hash of each.

A name is cut into all runs of three characters, and also of one and two where one of them is of a script that writes a
word with so few; a phone number into all runs of four digits. A fragment is found where all its runs are; whether it
really stands there, in one piece, is seen from what is found.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from itertools import permutations
from typing import NamedTuple

import msgspec

from services.profile.search.errors import FragmentTooShort
from services.profile.vault.domain import Vault

NAME_LENGTH_MAX = 100
RUN, DIGITS = 3, 4
"""Characters of a run of a name, and of a number."""

_TOKEN_BYTES = 8
_DENSE_FROM = "\u2e80"
"""Where the scripts begin that write a word with one character or two: Chinese, Japanese, Korean."""

_NOISE = re.compile(r"[^a-z]")
_DIALLED = re.compile(r"\+?[\d\s().-]+").fullmatch
_NOT_DIGITS = re.compile(r"\D")
_WHOLE = frozenset({"name", "fullname", "realname", "nickname"})
_PARTS = frozenset({"firstname", "lastname"})


class Field(Enum):
    """Where a fragment may stand. The values are what the hashes are for."""

    NAME = "search-name"
    PHONE = "search-phone"


class Fragment(NamedTuple):
    """What somebody looks for: a folded part of a name, or digits."""

    field: Field
    text: str

    def stands_in(self, values: Iterable[str]) -> bool:
        """Whether it is a part of one of the names or numbers."""
        plain = fold if self.field is Field.NAME else digits_of
        return any(self.text in plain(value) for value in values)

    def tokens(self, vault: Vault) -> list[int]:
        """What is there in the index wherever it stands."""
        size = min(RUN, len(self.text)) if self.field is Field.NAME else DIGITS
        return _tokens(vault, self.field, _runs(self.text, size))


def fragment_of(query: str) -> Fragment:
    """What a clerk looks for: digits, as they are dialled, are of a number; anything else is of a name.

    Raises `FragmentTooShort`.
    """
    text = unicodedata.normalize("NFKC", query)
    if _DIALLED(text) and (digits := digits_of(text)):
        if len(digits) < DIGITS:
            raise FragmentTooShort("q", f"must have at least {DIGITS} digits")
        return Fragment(Field.PHONE, digits)
    folded = fold(text)
    if len(folded) < RUN and not _is_dense(folded):
        raise FragmentTooShort("q", f"must have at least {RUN} letters, or a Chinese character")
    return Fragment(Field.NAME, folded)


def fold(text: str) -> str:
    """A name as it is compared: full-width and capital letters are as good as others, spaces do not count."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())[:NAME_LENGTH_MAX]


def digits_of(text: str) -> str:
    """The digits of a number."""
    return _NOT_DIGITS.sub("", text)


def names_of(values: Mapping[str, msgspec.Raw]) -> list[str]:
    """The names among what is known of somebody; of first and last name together in either order."""
    texts = {_plain(key): text for key, value in values.items() if _is_name(key) and (text := _text(value))}
    names = [text for key, text in texts.items() if key in _WHOLE]
    parts = [text for key, text in texts.items() if key in _PARTS]
    return names + ["".join(each) for each in permutations(parts) if each]


def named(values: Mapping[str, msgspec.Raw]) -> dict[str, bytes]:
    """What names come from, to tell whether they changed."""
    return {key: bytes(value) for key, value in values.items() if _is_name(key)}


def name_tokens(vault: Vault, names: Iterable[str]) -> list[int]:
    """What stands for names in the index."""
    return _tokens(vault, Field.NAME, (run for name in names for run in _name_runs(fold(name))))


def phone_tokens(vault: Vault, number: str) -> list[int]:
    """What stands for a phone number in the index."""
    return _tokens(vault, Field.PHONE, _runs(digits_of(number), DIGITS))


def _name_runs(name: str) -> Iterator[str]:
    yield from _runs(name, RUN)
    for size in range(1, RUN):
        yield from filter(_is_dense, _runs(name, size))


def _runs(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(len(text) - size + 1))


def _tokens(vault: Vault, field: Field, runs: Iterable[str]) -> list[int]:
    hashes = (vault.hash(field.value, run.encode(), size=_TOKEN_BYTES) for run in set(runs))
    return sorted(int.from_bytes(each, "big", signed=True) for each in hashes)


def _is_dense(text: str) -> bool:
    return any(character >= _DENSE_FROM for character in text)


@lru_cache(maxsize=4_096)
def _plain(key: str) -> str:
    return _NOISE.sub("", key.lower())


def _is_name(key: str) -> bool:
    plain = _plain(key)
    return plain in _WHOLE or plain in _PARTS


def _text(value: msgspec.Raw) -> str:
    try:
        return msgspec.json.decode(value, type=str)
    except msgspec.MsgspecError:
        return ""
