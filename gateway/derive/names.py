"""Enum values as HTTP says them: `STORE` for `PARTNER_ROLE_STORE`."""

import enum
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def short_names(descriptor: Any) -> dict[int, str]:
    """Short names by number. Where one would not be a name, or name two values, full names are kept."""
    prefix = _WORD.sub("_", descriptor.name).upper() + "_"
    full = {value.number: value.name for value in reversed(descriptor.values)}
    short = {number: name.removeprefix(prefix) for number, name in full.items()}
    is_clear = len(set(short.values())) == len(short) and all(name.isidentifier() for name in short.values())
    return short if is_clear else full


class ShortNamed(str, enum.Enum):  # noqa: UP042 (a StrEnum's value is what it holds; here they differ)
    """A value of an enum: decoded by its short name or its full one, and to the message it is the full one."""

    def __new__(cls, full: str, short: str) -> "ShortNamed":
        """`full` is what the string holds, `short` what decoders look for."""
        member = str.__new__(cls, full)
        member._value_ = short
        return member

    @classmethod
    def _missing_(cls, value: object) -> "ShortNamed | None":
        return cls.__members__.get(str(value))

    @classmethod
    def named(cls, text: str) -> "ShortNamed":
        """The value with this name. Raises `ValueError`."""
        kind: Any = cls
        value: ShortNamed = kind(text)
        return value


@cache
def enum_type(descriptor: Any) -> type[ShortNamed]:
    """The type that decodes values of an enum."""
    short = short_names(descriptor)
    members = {value.name: (value.name, short[value.number]) for value in descriptor.values}
    kind: Any = ShortNamed(descriptor.full_name, members)  # type: ignore[arg-type] # the functional form
    return kind  # type: ignore[no-any-return]


class Names(dict[int, str | int]):
    """Short names by number; a number that a newer service sends stays a number."""

    def __missing__(self, number: int) -> int:
        return number


def names(descriptor: Any) -> Names:
    """What readers look values up in."""
    return Names(short_names(descriptor))


def choices(descriptor: Any) -> Iterator[str]:
    """Short names in the order of their numbers, the unset one left out."""
    short = short_names(descriptor)
    return (short[number] for number in sorted(short) if number != 0)
