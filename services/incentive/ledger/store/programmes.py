"""The rules of assets: versions that only grow."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from chassis.db import ReadTx, Tx, driver
from services.incentive.ledger.domain.programmes import Expiry, Policy, Programme
from services.incentive.ledger.errors import ProgrammeNotFound

_COLUMNS = """
asset, name, time_zone, expiry, expiry_count, maturity_seconds, clawback, debt_max, grace_days, grace_on_void,
balance_max, daily_earn_max, yearly_earn_max, fair_value, version, effective_time, create_time, member_transfers
"""

# The first version has always been in force.
_IN_FORCE = f"""
SELECT DISTINCT ON (asset) {_COLUMNS} FROM programme
WHERE asset = ANY($1::text[]) AND (effective_time <= $2 OR version = 1) ORDER BY asset, version DESC
"""  # noqa: S608 (constants)

_LIST = f"""
SELECT {_COLUMNS} FROM programme WHERE (asset, version) > ($1, $2) AND ($3 = '' OR asset = $3)
ORDER BY asset, version LIMIT $4
"""  # noqa: S608 (constants)

_LATEST = f"""
SELECT {_COLUMNS} FROM programme WHERE asset = $1 ORDER BY version DESC LIMIT 1 FOR UPDATE
"""  # noqa: S608 (constants)

_INSERT = f"""
INSERT INTO programme ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
"""  # noqa: S608 (constants)


async def find_programmes(tx: ReadTx, assets: Collection[str], now: datetime) -> dict[str, Programme]:
    """The rules in force of those of the assets that have any."""
    rows = await (await driver(tx)).fetch(_IN_FORCE, list(assets), now)
    return {row["asset"]: _programme(row) for row in rows}


async def get_programme(tx: ReadTx, asset: str, now: datetime) -> Programme:
    """The rules in force of an asset. Raises `ProgrammeNotFound`."""
    found = await find_programmes(tx, [asset], now)
    if asset not in found:
        raise ProgrammeNotFound(asset)
    return found[asset]


async def list_programmes(tx: ReadTx, asset: str, *, after: tuple[str, int], limit: int) -> list[Programme]:
    """All versions after one, of an asset unless that is empty."""
    rows = await (await driver(tx)).fetch(_LIST, *after, asset, limit)
    return [_programme(row) for row in rows]


async def lock_latest(tx: Tx, asset: str) -> Programme | None:
    """The last version of an asset, held: nobody else adds one."""
    row = await (await driver(tx)).fetchrow(_LATEST, asset)
    return _programme(row) if row else None


async def insert_programme(tx: Tx, programme: Programme) -> None:
    """Add a version."""
    columns = [name.strip() for name in _COLUMNS.split(",")]
    await (await driver(tx)).execute(_INSERT, *(getattr(programme, name) for name in columns))


def _programme(row: Any) -> Programme:
    return Programme(**dict(row) | {"expiry": Expiry(row["expiry"]), "clawback": Policy(row["clawback"])})
