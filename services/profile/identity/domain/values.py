"""Values of identifiers: their one written form, and those that name nobody (spec people §3.3)."""

import re
import unicodedata

import phonenumbers

VALUE_LENGTH_MAX = 200
REGION = "CN"

_WORDS = frozenset(
    """
    -1 null none nil nan undefined anonymous guest unknown test admin true false id email userid distinct_id void abc123
    n/a 未知 匿名 游客
    """.split()  # noqa: SIM905 (forty lines of quotes and commas otherwise)
) | {"[object object]"}
_QUOTES = "\"'`´‘’“”„«»「」『』 \t\r\n"
_MASKED = re.compile(r"[*\u2217\u2022\u25cf\u00d7]|[#?]{3}").search
"""What exports put in the place of characters: an asterisk in its forms, a bullet, a cross; a run of other signs."""
_PHONE_MASKED = re.compile(r"\d[a-zA-Z_]{2,}\d").search
_NOTHING = re.compile(r"[0\-]*").fullmatch
_EMAIL = re.compile(r"[^@\s]+@([^@\s.]+\.)+[^@\s.]+").fullmatch
_EMAIL_DOMAINS = ("@example.com", "@test.com")
_PHONE_VIRTUAL = re.compile(r"(?:\+?86|0086)?[\s-]*1[\d\s]{10,}-\d{2,6}").fullmatch
_PHONE_NOISE = re.compile(r"[\s\-().]+")
_PHONE_MOBILE = re.compile(r"(?:\+86|0086|86)?(1\d{10})").fullmatch
_MOBILE_PLAN = re.compile(
    str(phonenumbers.PhoneMetadata.metadata_for_region(REGION).mobile.national_number_pattern)  # type: ignore[union-attr]
).fullmatch
_PHONE_PLACEHOLDER = "13800138000"


class Unusable(Exception):
    """A value that names nobody. Its text completes "the identifier …"."""


def exact(value: str) -> str:
    """The value without white space around it."""
    return usable(value.strip())


def upper(value: str) -> str:
    """Upper case, no white space at all."""
    return usable("".join(usable(value.strip()).split()).upper())


def lower(value: str) -> str:
    """Lower case, no white space around it."""
    return usable(value.strip().lower())


def email(value: str) -> str:
    """Lower case. Dots and plus signs are part of an address."""
    address = lower(value)
    if not _EMAIL(address):
        raise Unusable("is no e-mail address")
    if address.endswith(_EMAIL_DOMAINS):
        raise Unusable("belongs to a domain kept for examples")
    return address


def phone(value: str) -> str:
    """E.164; a number without country code is Chinese."""
    text = unicodedata.normalize("NFKC", value).strip()
    if _MASKED(text) or _PHONE_MASKED(text):
        raise Unusable("is masked")
    digits = _PHONE_NOISE.sub("", text)
    mobile = _PHONE_MOBILE(digits)
    if mobile is None:
        return _phone_by_plan(text)
    national = mobile[1]
    if national == _PHONE_PLACEHOLDER or len(set(national)) == 1 or not _MOBILE_PLAN(national):
        raise Unusable("is no telephone number")
    return f"+86{national}"


def _phone_by_plan(text: str) -> str:
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        raise Unusable("is no telephone number") from None
    if number.extension or _PHONE_VIRTUAL(text):
        raise Unusable("is a virtual number")
    if not phonenumbers.is_valid_number(number):
        raise Unusable("is no telephone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def usable(value: str) -> str:
    """The value itself, unless it is one of those that stand for nobody."""
    if len(value) > VALUE_LENGTH_MAX:
        raise Unusable(f"is longer than {VALUE_LENGTH_MAX} characters")
    bare = unicodedata.normalize("NFKC", value).strip(_QUOTES).lower()
    if not bare or bare in _WORDS or _NOTHING(bare):
        raise Unusable("is a blocked value")
    if _MASKED(bare):
        raise Unusable("is masked")
    return value
