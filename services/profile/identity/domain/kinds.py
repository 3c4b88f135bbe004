"""Types of identifiers and what each may do (spec people §3.1)."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from services.profile.identity.domain import values
from services.profile.identity.errors import IdentifierInvalid

CLAIMS_CACHED_MAX = 65_536
_DEVICE_RANK = 14


class Strength(IntEnum):
    """How much an identifier may do. The numbers are those of the contract's `IdentifierClass`."""

    STRONG = 1
    ACCOUNT = 2
    WEAK = 3
    NEVER = 4


class Scope(IntEnum):
    """Whether a type's values are unique in a namespace."""

    NONE = 0
    OPTIONAL = 1
    REQUIRED = 2


@dataclass(frozen=True, slots=True)
class Grade:
    """Strength, rank (1 is the highest) and how many a person may hold per namespace, within `period` if it is set."""

    strength: Strength
    rank: int
    limit: int
    period: timedelta | None = None

    @property
    def is_weak(self) -> bool:
        """Whether it may only link an anonymous person to a known one."""
        return self.strength >= Strength.WEAK


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of identifier. What its source has not proven may do no more than `unproven`.

    Those for which that makes a difference (`has_proof`) are contacts: people are called by them or written to. A
    device (`is_device`) is nobody. Rules may change the grades, and nothing else.
    """

    name: str
    scope: Scope
    normalise: Callable[[str], str]
    proven: Grade
    unproven: Grade
    has_proof: bool = False
    is_device: bool = False

    def normalised(self, value: str) -> str:
        """The one written form of a value. Raises `IdentifierInvalid`."""
        try:
            return self.normalise(value)
        except values.Unusable as reason:
            raise IdentifierInvalid(self.name, str(reason), blocked=True) from None

    def grade(self, verified: bool) -> Grade:
        """What an identifier of this type may do."""
        return self.proven if verified else self.unproven


class Claim(NamedTuple):
    """An identifier as somebody names it: normalised, with its key and grade."""

    key: bytes
    kind: Kind
    namespace: str
    value: str
    verified: bool
    grade: Grade


def _kind(
    name: str, scope: Scope, normalise: Callable[[str], str], grade: Grade, unproven: Grade | None = None
) -> Kind:
    return Kind(name, scope, normalise, grade, unproven or grade, unproven is not None, grade.rank >= _DEVICE_RANK)


def _account(name: str, rank: int) -> Kind:
    return _kind(name, Scope.REQUIRED, values.exact, Grade(Strength.ACCOUNT, rank, 1))


def _device(name: str) -> Kind:
    return _kind(name, Scope.OPTIONAL, values.lower, Grade(Strength.WEAK, _DEVICE_RANK, 5, timedelta(days=365)))


_CONTACT = Grade(Strength.WEAK, 13, 5)

_ALL = (
    _kind("user_id", Scope.NONE, values.exact, Grade(Strength.STRONG, 1, 1)),
    _kind("member_no", Scope.OPTIONAL, values.upper, Grade(Strength.STRONG, 2, 1)),
    _kind("wx.unionid", Scope.OPTIONAL, values.exact, Grade(Strength.STRONG, 3, 1)),
    _kind("phone", Scope.NONE, values.phone, Grade(Strength.STRONG, 4, 3), _CONTACT),
    _account("wecom.external_userid", 5),
    _account("wx.openid", 6),
    _account("taobao.omid", 7),
    _account("taobao.ouid", 8),
    _account("taobao.open_uid", 9),
    _account("douyin.union_id", 10),
    _account("douyin.open_id", 10),
    _account("xhs.open_id", 11),
    _account("jd.open_id", 11),
    _account("weibo.uid", 11),
    _account("alipay.user_id", 11),
    _kind("email", Scope.NONE, values.email, Grade(Strength.STRONG, 12, 5), _CONTACT),
    _device("android.oaid"),
    _device("android.id"),
    _device("idfa"),
    _kind("push_token", Scope.OPTIONAL, values.exact, Grade(Strength.WEAK, 14, 5, timedelta(days=365))),
    _kind("anonymous_id", Scope.OPTIONAL, values.exact, Grade(Strength.WEAK, 15, 5, timedelta(days=7))),
)

KINDS = MappingProxyType({kind.name: kind for kind in _ALL})

OWN_TYPES_CACHED_MAX = 1024
_OWN_TYPE = re.compile(r"x\.[a-z][a-z0-9_]*(\.[a-z0-9_]+)*").fullmatch
_UNDECLARED = Grade(Strength.NEVER, 98, 1)


@lru_cache(maxsize=OWN_TYPES_CACHED_MAX)
def _own(name: str) -> Kind | None:
    if not _OWN_TYPE(name):
        return None
    return Kind(name, Scope.OPTIONAL, values.exact, _UNDECLARED, _UNDECLARED)


def kind_named(name: str) -> Kind | None:
    """The type of this name: one of Bowen's, or one of a brand's own, as `x.loyalty_card`; None if there is none.

    What a brand's own may do stands in its rules alone; until it does, it names nobody.
    """
    return KINDS.get(name) or _own(name)


NEVER = MappingProxyType(
    {
        "taobao.oaid": "is an address of an order, not a person; Android's is `android.oaid`",
        "taobao.buyer_nick": "changes and is blurred",
        "nickname": "names nobody for certain",
        "ip": "names nobody for certain",
        "user_agent": "names nobody for certain",
    }
)


@lru_cache(maxsize=CLAIMS_CACHED_MAX)
def claim(type_name: str, namespace: str, value: str, verified: bool = True) -> Claim:
    """Normalise an identifier. Raises `IdentifierInvalid` for what cannot be one."""
    kind = kind_named(type_name)
    if kind is None:
        known = type_name in NEVER
        raise IdentifierInvalid(type_name, NEVER[type_name] if known else "is not a known type", blocked=known)
    namespace = namespace.strip()
    if kind.scope is Scope.REQUIRED and not namespace:
        raise IdentifierInvalid(type_name, "needs a namespace")
    if kind.scope is Scope.NONE and namespace:
        raise IdentifierInvalid(type_name, "has no namespace")
    normal = kind.normalised(value)
    return Claim(key_of(kind.name, namespace, normal), kind, namespace, normal, verified, kind.grade(verified))


def key_of(type_name: str, namespace: str, value: str) -> bytes:
    """128 bits that stand for a normalised identifier."""
    return hashlib.blake2b("\0".join((type_name, namespace, value)).encode(), digest_size=16).digest()
