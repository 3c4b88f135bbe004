"""What two people are compared by."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from services.profile.search.domain import digits_of

_NOISE = re.compile(r"[^a-z]")
_KEYS = {
    "given_name": ("firstname", "givenname"),
    "surname": ("lastname", "surname", "familyname"),
    "birthday": ("birthday", "birthdate", "dateofbirth", "birth"),
    "address": ("address", "street"),
    "postcode": ("postcode", "zip", "zipcode", "postalcode"),
    "city": ("city",),
    "email": ("email",),
    "phone": ("phone", "mobile", "tel"),
    "id_number": ("idnumber", "idcard", "idno"),
}
_NAMES = ("name", "fullname", "realname")
_DENSE_FROM = "\u2e80"
_PHONE_DIGITS = 11


class Record(NamedTuple):
    """What is known of a person, in the form that it is compared in. None: nothing is known."""

    unique_id: str
    given_name: str | None = None
    surname: str | None = None
    birthday: str | None = None
    address: str | None = None
    postcode: str | None = None
    city: str | None = None
    email: str | None = None
    phone: str | None = None
    id_number: str | None = None


class Match(NamedTuple):
    """Two records that are alike. `weights`: log2 of the Bayes factor by field."""

    one: str
    other: str
    probability: float
    weights: Mapping[str, float]


def record_of(
    unique_id: str, values: Mapping[str, msgspec.Raw], *, phones: Sequence[str] = (), emails: Sequence[str] = ()
) -> Record:
    """What a person is compared by: of what is known of them, and of their identifiers where nothing else is."""
    texts = {_NOISE.sub("", key.lower()): _text(value) for key, value in values.items()}
    told = {field: next((texts[key] for key in keys if texts.get(key)), "") for field, keys in _KEYS.items()}
    if not (told["given_name"] and told["surname"]):
        whole = next((texts[key] for key in _NAMES if texts.get(key)), "")
        told["given_name"], told["surname"] = _split(whole) if whole else (told["given_name"], told["surname"])
    told["email"] = told["email"] or next(iter(emails), "")
    told["phone"] = digits_of(told["phone"] or next(iter(phones), ""))[-_PHONE_DIGITS:]
    told["birthday"] = digits_of(told["birthday"])[:8]
    return Record(unique_id, **{field: _folded(text) or None for field, text in told.items()})


def _split(name: str) -> tuple[str, str]:
    """Given name and surname of a whole name: the latter stands first where it is one Chinese character, else last."""
    parts = name.split()
    if len(parts) > 1:
        return " ".join(parts[:-1]), parts[-1]
    if name[:1] >= _DENSE_FROM:
        return name[1:], name[:1]
    return "", name


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _text(value: msgspec.Raw) -> str:
    try:
        return str(msgspec.json.decode(value, type=str | int))
    except msgspec.MsgspecError:
        return ""
