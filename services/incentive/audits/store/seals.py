"""Seals, and the transfers that they cover."""

from datetime import date
from typing import Any

from chassis.db import ReadTx, Tx, driver
from services.incentive.audits.domain.seals import GENESIS, Hashed, Seal, Span

_COLUMNS = "day, time_zone, first_xact, end_xact, transfer_count, digest, previous, seal, seal_time"

_LAST = f"SELECT {_COLUMNS} FROM ledger_seal ORDER BY day DESC LIMIT 1"  # noqa: S608 (constants)
_BEFORE = "SELECT seal FROM ledger_seal WHERE day < $1 ORDER BY day DESC LIMIT 1"
_BETWEEN = f"SELECT {_COLUMNS} FROM ledger_seal WHERE day BETWEEN $1 AND $2 ORDER BY day"  # noqa: S608 (constants)
_LIST = f"SELECT {_COLUMNS} FROM ledger_seal WHERE day < $1 ORDER BY day DESC LIMIT $2"  # noqa: S608 (constants)
_BEGIN = "SELECT xact FROM ledger_cursor WHERE reader = 'seals'"

_INSERT = f"""
INSERT INTO ledger_seal ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
"""  # noqa: S608 (constants)

# A row as text quotes what it holds, so no two rows read alike. Times as numbers: text of them depends on the session.
_HASHES = """
SELECT transfer_key, sha256(convert_to(ROW(
    transfer_key, encode(fingerprint, 'hex'), transfer_id, debit_account, credit_account, asset, amount, memo,
    reverses_key, (extract(epoch FROM post_time) * 1000000)::bigint,
    debit_position, debit_balance, credit_position, credit_balance
)::text, 'UTF8'))
FROM transfer WHERE xact >= $1 AND xact < $2 ORDER BY transfer_key
"""

_FIND_PART = "SELECT transfer_count, digest FROM ledger_seal_part WHERE first_xact = $1 AND end_xact = $2"
_INSERT_PART = """
INSERT INTO ledger_seal_part (first_xact, end_xact, transfer_count, digest) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
_DELETE_PARTS = "DELETE FROM ledger_seal_part WHERE end_xact <= $1"


async def read_hashes(tx: ReadTx, first: int, end: int) -> list[Hashed]:
    """The hashes of the transfers of a span, in the order of their keys."""
    return [Hashed(row[0].bytes, row[1]) for row in await (await driver(tx)).fetch(_HASHES, first, end)]


async def find_part(tx: ReadTx, part: Span) -> tuple[int, bytes] | None:
    """How many transfers a part has, and the hash of them, if it was read before."""
    row = await (await driver(tx)).fetchrow(_FIND_PART, *part)
    return (row[0], row[1]) if row else None


async def insert_part(tx: Tx, part: Span, count: int, digest: bytes) -> None:
    """Note what a part came to."""
    await (await driver(tx)).execute(_INSERT_PART, *part, count, digest)


async def get_last_seal(tx: ReadTx) -> Seal | None:
    """The latest seal."""
    row = await (await driver(tx)).fetchrow(_LAST)
    return _seal(row) if row else None


async def get_beginning(tx: ReadTx) -> int:
    """Where the first seal begins."""
    return int(await (await driver(tx)).fetchval(_BEGIN))


async def find_seal_before(tx: ReadTx, day: date) -> str:
    """What the first seal from a day on is chained to."""
    return await (await driver(tx)).fetchval(_BEFORE, day) or GENESIS


async def list_seals_of(tx: ReadTx, first_day: date, last_day: date) -> list[Seal]:
    """The seals of some days, the oldest first."""
    return [_seal(row) for row in await (await driver(tx)).fetch(_BETWEEN, first_day, last_day)]


async def list_seals(tx: ReadTx, *, before: date, limit: int) -> list[Seal]:
    """Seals of days before one, the newest first."""
    return [_seal(row) for row in await (await driver(tx)).fetch(_LIST, before, limit)]


async def insert_seal(tx: Tx, seal: Seal) -> bool:
    """Write a seal down; its parts are needed no more. False when another replica has sealed the day."""
    day, time_zone, span, *rest = seal
    connection = await driver(tx)
    await connection.execute(_DELETE_PARTS, span.end)
    return bool(await connection.execute(_INSERT, day, time_zone, *span, *rest) == "INSERT 0 1")


def _seal(row: Any) -> Seal:
    day, time_zone, first, end, *rest = row
    return Seal(day, time_zone, Span(first, end), *rest)
