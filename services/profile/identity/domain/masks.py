"""What is shown of personal data to those who have no reason to see it whole (spec people §1C, C6).

Numbers and addresses are known by their shape wherever they stand, names and the like by the name of their member. What
the brand itself gave out (member numbers, ids of apps) is shown: it is what a till asks by.
"""

import re
from collections.abc import Collection
from typing import Any

import msgspec

HIDDEN = "***"
HIDDEN_JSON = f'"{HIDDEN}"'
_PHONE = re.compile(r"(\+?\d{1,3}[ -]?)?\(?\d{3}\)?[ -]?\d{4}[ -]?\d{4}").fullmatch
_LANDLINE = re.compile(r"\+?[\d ()-]{7,20}").fullmatch
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+").fullmatch
_NOISE = re.compile(r"[^a-z]")

_NUMBERS = frozenset({"phone", "mobile", "tel", "telephone", "phonenumber", "mobilephone", "cellphone", "fax"})
_HIDDEN = frozenset(
    {
        *(
            "address",
            "street",
            "birthday",
            "birthdate",
            "dateofbirth",
            "birth",
            "idcard",
            "idnumber",
            "idno",
            "passport",
        ),
        *("wechat", "wechatid", "ip", "latitude", "longitude", "openid", "unionid"),
    }
)
_NAMES = frozenset({"firstname", "lastname", "fullname", "realname", "username", "nickname", "receiver", "contact"})
_NAME = "name"


def value(text: str) -> str:
    """A number or an address, if the text is one, with its middle hidden; any other text as it is."""
    if _EMAIL(text):
        local, _, domain = text.partition("@")
        return f"{local[0]}{HIDDEN}@{domain}"
    return number(text) if _PHONE(text) else text


def number(text: str) -> str:
    """A number with its middle hidden: what is left tells two of one person apart."""
    if len(text) < 8:
        return HIDDEN
    return f"{text[: len(text) - 8]}****{text[-4:]}"


def name(text: str) -> str:
    """A name of which the first letter is left."""
    return text[:1] + "**" if text else text


def json_object(text: str, *, about_person: bool, sensitive: Collection[str] = ()) -> str:
    """A JSON object with what is personal in it hidden. `about_person`: its member `name` is a person's.

    `sensitive`: names of members that are hidden whole, at any depth.
    """
    if not text or text == "{}":
        return text
    told = _masked(msgspec.json.decode(text), about_person)
    return msgspec.json.encode(_without(told, sensitive) if sensitive else told).decode()


def _without(node: Any, sensitive: Collection[str]) -> Any:
    if isinstance(node, dict):
        return {key: HIDDEN if key in sensitive else _without(child, sensitive) for key, child in node.items()}
    return [_without(child, sensitive) for child in node] if isinstance(node, list) else node


def json_member(name: str, text: str) -> str:
    """The JSON value of a person's attribute, with what is personal in it hidden."""
    return msgspec.json.encode(_member(name, msgspec.json.decode(text), True)).decode()


def _masked(node: Any, about_person: bool) -> Any:
    if isinstance(node, dict):
        return {key: _member(key, child, about_person) for key, child in node.items()}
    if isinstance(node, list):
        return [_masked(child, about_person) for child in node]
    return value(node) if isinstance(node, str) else node


def _member(key: str, child: Any, about_person: bool) -> Any:
    plain = _NOISE.sub("", key.lower())
    if child is None:
        return None
    if plain in _HIDDEN:
        return HIDDEN
    if plain in _NUMBERS:
        return number(child) if isinstance(child, str) and _LANDLINE(child) else HIDDEN
    if plain in _NAMES or (about_person and plain == _NAME):
        return name(child) if isinstance(child, str) else HIDDEN
    return _masked(child, about_person or plain in ("traits", "user", "customer"))
