"""Versions of the rules by which it is decided who is who."""

from typing import Any

from chassis.db import ReadTx, Tx, driver
from services.profile.identity.domain import FIRST_RULING, Numbers, Ruling

VERSIONS_LISTED_MAX = 100

_COLUMNS = f"version, {', '.join(Numbers._fields)}, actor, note, create_time"
_ADD = f"INSERT INTO identity_rules ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"  # noqa: S608
_LIST = f"SELECT {_COLUMNS} FROM identity_rules ORDER BY version DESC LIMIT $1"  # noqa: S608 (names of our own)


async def list_rulings(tx: ReadTx, *, limit: int = VERSIONS_LISTED_MAX) -> list[Ruling]:
    """Versions of the rules, the newest, which holds, first. The one of the release is the first there was."""
    found = [_ruling(row) for row in await (await driver(tx)).fetch(_LIST, limit)]
    return found if len(found) == limit else [*found, FIRST_RULING]


def _ruling(row: Any) -> Ruling:
    version, *numbers, actor, note, create_time = row
    return Ruling(version, Numbers(*numbers), actor, note, create_time)


async def save_ruling(tx: Tx, ruling: Ruling) -> None:
    """Write a version of the rules."""
    await (await driver(tx)).execute(
        _ADD, ruling.version, *ruling.numbers, ruling.actor, ruling.note, ruling.create_time
    )
