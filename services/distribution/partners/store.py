"""Every statement about partners and redirects."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.distribution.partners.domain import LEVELS_MAX, Partner, PartnerState, Role, Visible
from services.distribution.partners.errors import PartnerNotFound

Condition = tuple[str, tuple[Any, ...] | None]
"""A condition, and its values if it shall hold."""

_HIERARCHY_LOCK = 0x70617274  # "part"

_COLUMNS = """
SELECT p.partner_id, p.role, p.name, p.external_code, p.parent_id, coalesce(r.survivor_id, p.profile_id) AS profile_id,
       p.state, p.inactive_time, p.create_time, p.update_time
FROM partner p LEFT JOIN redirect r ON r.loser_id = p.profile_id
"""
_BELOW = """
WITH RECURSIVE below (partner_id, level) AS (
    SELECT partner_id, 1 FROM partner WHERE partner_id = $1
    UNION ALL
    SELECT p.partner_id, b.level + 1 FROM partner p JOIN below b ON p.parent_id = b.partner_id WHERE b.level <= $2
)
SELECT partner_id, level FROM below
"""
_PATH = """
WITH RECURSIVE path (partner_id, parent_id, level) AS (
    SELECT partner_id, parent_id, 1 FROM partner WHERE partner_id = $1
    UNION ALL
    SELECT p.partner_id, p.parent_id, a.level + 1 FROM partner p JOIN path a ON p.partner_id = a.parent_id
    WHERE a.level <= $2
)
SELECT partner_id FROM path ORDER BY level
"""
_INSERT = """
INSERT INTO partner (partner_id, role, name, external_code, parent_id, profile_id, state, inactive_time, create_time,
                     update_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT ON CONSTRAINT partner_code_key DO NOTHING
"""
_UPDATE = """
UPDATE partner SET name = $2, parent_id = $3, profile_id = $4, state = $5, inactive_time = $6, update_time = $7
WHERE partner_id = $1
"""


def page_query(select: str, conditions: Sequence[Condition], order: str, limit: int) -> tuple[str, list[Any]]:
    """A statement with those conditions that have values, and the values.

    In a condition `{}` stands for a value. Each combination is a statement, and so a plan, of its own.
    """
    values: list[Any] = []
    clauses: list[str] = []
    for text, wanted in conditions:
        if wanted is not None:
            clauses.append(text.format(*(f"${len(values) + number}" for number in range(1, len(wanted) + 1))))
            values += wanted
    where = "WHERE " + " AND ".join(clauses) if clauses else ""
    return f"{select} {where} ORDER BY {order} LIMIT ${len(values) + 1}", [*values, limit]


def given(value: Any) -> tuple[Any] | None:
    """The values of a condition that holds only if there is a value."""
    return None if value is None else (value,)


async def lock_hierarchy(tx: Tx) -> None:
    """Be the only one who changes the tree until the transaction ends. Changes are rare and quick."""
    await (await driver(tx)).execute("SELECT pg_advisory_xact_lock($1)", _HIERARCHY_LOCK)


async def get_partner(tx: ReadTx, partner_id: UUID) -> Partner:
    """Read a partner. Raises `PartnerNotFound`."""
    found = await get_partners(tx, [partner_id])
    if partner_id not in found:
        raise PartnerNotFound(partner_id)
    return found[partner_id]


async def lock_partner(tx: Tx, partner_id: UUID) -> Partner:
    """Read a partner and hold it until the transaction ends. Raises `PartnerNotFound`."""
    row = await (await driver(tx)).fetchrow(_COLUMNS + "WHERE p.partner_id = $1 FOR UPDATE OF p", partner_id)
    if row is None:
        raise PartnerNotFound(partner_id)
    return _partner(row)


async def get_partners(tx: ReadTx, partner_ids: Iterable[UUID]) -> dict[UUID, Partner]:
    """Those of the partners that exist, by id."""
    rows = await (await driver(tx)).fetch(_COLUMNS + "WHERE p.partner_id = ANY($1)", list(set(partner_ids)))
    return {row["partner_id"]: _partner(row) for row in rows}


async def list_partners(
    tx: ReadTx,
    *,
    role: Role | None,
    parent_id: UUID | None,
    external_code: str | None,
    visible: Visible,
    after: UUID | None,
    limit: int,
) -> list[Partner]:
    """Partners that match, in the order of their creation, from behind `after`."""
    conditions = [
        ("p.role = {}", given(role)),
        ("p.parent_id = {}", given(parent_id)),
        ("p.external_code = {}", given(external_code)),
        ("p.partner_id = ANY({})", given(None if visible is None else list(visible))),
        ("p.partner_id > {}", given(after)),
    ]
    query, values = page_query(_COLUMNS, conditions, "p.partner_id", limit)
    return [_partner(row) for row in await (await driver(tx)).fetch(query, *values)]


async def insert_partner(tx: Tx, partner: Partner) -> bool:
    """False when another partner of the role has the code."""
    done = await (await driver(tx)).execute(_INSERT, *astuple(partner))
    return bool(done == "INSERT 0 1")


async def update_partner(tx: Tx, partner: Partner) -> None:
    """Save what may change of a partner."""
    await (await driver(tx)).execute(
        _UPDATE, partner.partner_id, partner.name, partner.parent_id, partner.profile_id, partner.state,
        partner.inactive_time, partner.update_time,
    )  # fmt: skip


async def path(tx: ReadTx, partner_id: UUID) -> list[UUID]:
    """The way from a partner up to its root, itself included; empty if there is no such partner."""
    return [row["partner_id"] for row in await (await driver(tx)).fetch(_PATH, partner_id, LEVELS_MAX)]


async def height(tx: ReadTx, partner_id: UUID) -> int:
    """Levels of the tree below a partner, its own included."""
    rows = await (await driver(tx)).fetch(_BELOW, partner_id, LEVELS_MAX)
    return max((row["level"] for row in rows), default=0)


async def visible_to(tx: ReadTx, store_id: str) -> Visible:
    """Whom a caller bound to a store may see: the store and the partners below it. Not bound: everybody."""
    if not store_id:
        return None
    try:
        root = UUID(store_id)
    except ValueError:
        return frozenset()
    rows = await (await driver(tx)).fetch(_BELOW, root, LEVELS_MAX)
    return frozenset(row["partner_id"] for row in rows)


def _partner(row: Any) -> Partner:
    values = dict(row)
    values["role"], values["state"] = Role(values["role"]), PartnerState(values["state"])
    return Partner(**values)
