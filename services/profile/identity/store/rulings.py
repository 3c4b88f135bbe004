"""Versions of the rules by which it is decided who is who."""

from datetime import timedelta
from typing import Any

import msgspec

from chassis.db import ReadTx, Tx, driver
from services.profile.identity.domain import (
    FIRST_RULING,
    Grade,
    IdentifierRule,
    Numbers,
    Ruling,
    Strength,
    identifier_rules,
    kinds_of,
)

VERSIONS_LISTED_MAX = 100

_COLUMNS = f"version, {', '.join(Numbers._fields)}, identifiers, actor, note, create_time"
_ADD = f"INSERT INTO identity_rules ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"  # noqa: S608
_LIST = f"SELECT {_COLUMNS} FROM identity_rules ORDER BY version DESC LIMIT $1"  # noqa: S608 (names of our own)

_Stored = tuple[str, bool, int, int, int, int]
"""Type, whether it is about what is not proven, strength, rank, limit, and in how many days; 0 for ever."""

_stored = msgspec.json.Decoder(list[_Stored])


async def list_rulings(tx: ReadTx, *, limit: int = VERSIONS_LISTED_MAX) -> list[Ruling]:
    """Versions of the rules, the newest, which holds, first. The one of the release is the first there was."""
    found = [_ruling(row) for row in await (await driver(tx)).fetch(_LIST, limit)]
    return found if len(found) == limit else [*found, FIRST_RULING]


def _ruling(row: Any) -> Ruling:
    version, *numbers, stored, actor, note, create_time = row
    rules = identifier_rules(kinds_of(map(_rule, _stored.decode(stored))))
    return Ruling(version, Numbers(*numbers), rules, actor, note, create_time)


def _rule(stored: _Stored) -> IdentifierRule:
    name, is_unproven, strength, rank, limit, days = stored
    return IdentifierRule(name, is_unproven, Grade(Strength(strength), rank, limit, timedelta(days) if days else None))


async def save_ruling(tx: Tx, ruling: Ruling) -> None:
    """Write a version of the rules."""
    identifiers = msgspec.json.encode([_row(each) for each in ruling.identifiers]).decode()
    written = ruling.version, *ruling.numbers, identifiers, ruling.actor, ruling.note, ruling.create_time
    await (await driver(tx)).execute(_ADD, *written)


def _row(rule: IdentifierRule) -> _Stored:
    grade = rule.grade
    days = grade.period.days if grade.period else 0
    return rule.type, rule.is_unproven, grade.strength, grade.rank, grade.limit, days
