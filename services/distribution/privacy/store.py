"""Every statement that forgets people, or tells what is held of them. It knows the tables of all capabilities: what
is held of a person is seen in one place."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from chassis.db import ReadTx, Tx, driver

_ERASING = 0x6572617365  # "erase"
_HELD = (
    (
        "order",
        "SELECT order_id, source, order_number, currency_code, net_minor, refunded_minor, place_time, pay_time,"
        " deliver_time, (SELECT jsonb_agg(to_jsonb(line) - 'order_id' ORDER BY line_no) FROM order_line AS line"
        " WHERE line.order_id = orders.order_id) AS lines"
        " FROM orders WHERE profile_id = ANY($1) ORDER BY place_time, order_id",
    ),
    (
        "share_link",
        "SELECT token, target_url, content_id, create_time FROM share_link WHERE sharer_profile_id = ANY($1)"
        " ORDER BY create_time",
    ),
    (
        "touch",
        "SELECT DISTINCT touch.touch_id, touch.token, touch.touch_time FROM touch LEFT JOIN visitor USING (visitor_id)"
        " WHERE touch.profile_id = ANY($1) OR visitor.profile_id = ANY($1) ORDER BY touch_time",
    ),
    (
        "rejection",
        "SELECT source, order_number, name, reason, detail, event_time FROM order_rejection"
        " WHERE EXISTS (SELECT FROM unnest($1::uuid[]) AS id"
        " WHERE position(convert_to(id::text, 'UTF8') IN payload) > 0)",
    ),
    ("restriction", "SELECT profile_id, version, is_restricted FROM restriction WHERE profile_id = ANY($1)"),
    ("partner", "SELECT partner_id, role, name, external_code, state FROM partner WHERE profile_id = ANY($1)"),
)
"""What is held of a person, by kind. `$1` are all ids of the person."""

_FORGET = (
    (
        "touches",
        "UPDATE touch SET profile_id = NULL, visitor_id = 'erased:' || touch_id WHERE profile_id = ANY($1)"
        " OR visitor_id IN (SELECT visitor_id FROM visitor WHERE profile_id = ANY($1)) AND $2::uuid IS NOT NULL",
    ),
    ("visitors", "DELETE FROM visitor WHERE profile_id = ANY($1) AND $2::uuid IS NOT NULL"),
    ("restrictions", "DELETE FROM restriction WHERE profile_id = ANY($1) AND $2::uuid IS NOT NULL"),
    (
        "rejections",
        "DELETE FROM order_rejection USING unnest($1::uuid[]) AS erased (id)"
        " WHERE position(convert_to(erased.id::text, 'UTF8') IN payload) > 0 AND $2::uuid IS NOT NULL",
    ),
    ("partners_detached", "UPDATE partner SET profile_id = NULL WHERE profile_id = ANY($1) AND $2::uuid IS NOT NULL"),
    ("links_kept", "UPDATE share_link SET sharer_profile_id = $2 WHERE sharer_profile_id = ANY($1)"),
    ("credits_kept", "UPDATE orders SET sharer_profile_id = $2 WHERE sharer_profile_id = ANY($1)"),
    (
        "orders_kept",
        "UPDATE orders SET profile_id = $2, named_profile_id = NULL, identifier_key = NULL WHERE profile_id = ANY($1)",
    ),
    ("merges", "DELETE FROM merge WHERE (loser_id = ANY($1) OR survivor_id = ANY($1)) AND $2::uuid IS NOT NULL"),
    ("redirects", "DELETE FROM redirect WHERE (loser_id = ANY($1) OR survivor_id = ANY($1)) AND $2::uuid IS NOT NULL"),
)
"""What is done, in this order, by what its count is called. `$1` are all ids of the person, `$2` is their token."""

_NOTE = "INSERT INTO erased (profile_id, erase_time) SELECT unnest($1::uuid[]), $2 ON CONFLICT DO NOTHING"


async def erased_among(tx: ReadTx, profile_ids: Collection[UUID]) -> set[UUID]:
    """Those who were erased. Nobody is erased until the transaction ends."""
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock_shared($1)", _ERASING)
    rows = await connection.fetch("SELECT profile_id FROM erased WHERE profile_id = ANY($1)", list(profile_ids))
    return {row["profile_id"] for row in rows}


async def forget(tx: Tx, profile_ids: Sequence[UUID], token: UUID, *, now: datetime) -> dict[str, int]:
    """Forget a person who had these ids. Returns how many rows of each kind that was, or stay.

    Waits for all who are taking in facts about people, and lets them wait.
    """
    connection = await driver(tx)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", _ERASING)
    counts: dict[str, int] = {}
    for kind, statement in _FORGET:
        done: str = await connection.execute(statement, profile_ids, token)
        counts[kind] = counts.get(kind, 0) + int(done.rpartition(" ")[2])
    await connection.execute(_NOTE, [*profile_ids, token], now)
    return counts


async def lines_of(tx: ReadTx, profile_ids: Sequence[UUID]) -> list[str]:
    """What is held of a person, as JSON objects."""
    connection = await driver(tx)
    lines: list[str] = []
    for kind, query in _HELD:
        told = f"SELECT (jsonb_build_object('kind', $2::text) || to_jsonb(held))::text FROM ({query}) AS held"  # noqa: S608
        lines += [row[0] for row in await connection.fetch(told, profile_ids, kind)]
    return lines
