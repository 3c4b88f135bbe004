"""Every statement about links, visits and chains."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from people.restrictions import RESTRICTED
from services.distribution.partners.domain import Visible
from services.distribution.ripples.domain import Click, Lineage, Ring, Ripple, ShareLink, Touch
from services.distribution.ripples.errors import RippleNotFound, TouchNotFound

CLICKS_MAX = 50
"""How many of a buyer's last visits are looked at."""

_LINKS = """
SELECT l.*, coalesce(r.survivor_id, l.sharer_profile_id) AS sharer
FROM share_link l LEFT JOIN redirect r ON r.loser_id = l.sharer_profile_id WHERE l.token = ANY($1)
"""
_LINEAGE = "SELECT chain_id, depth FROM touch t JOIN share_link l ON l.token = t.token WHERE t.touch_id = $1"
_INSERT_LINK = """
INSERT INTO share_link (token, target_url, sharer_partner_id, sharer_profile_id, content_id, parent_touch_id, chain_id,
                        depth, ring, create_time)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_START_CHAIN = """
INSERT INTO chain (chain_id, root_token, root_partner_id, share_count, depth) VALUES ($1, $2, $3, 1, 1)
"""
_EXTEND_CHAIN = """
UPDATE chain SET share_count = share_count + 1, depth = greatest(depth, $2) WHERE chain_id = $1
"""
_COUNT = """
INSERT INTO touch (touch_id, token, visitor_id, profile_id, touch_time, minute)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[], $6::bigint[])
ON CONFLICT DO NOTHING RETURNING touch_id
"""
_NOTE_REPEATS = """
INSERT INTO touch (touch_id, token, visitor_id, profile_id, touch_time, minute, repeat_of)
SELECT DISTINCT ON (v.touch_id) v.*, c.touch_id
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[], $6::bigint[])
     AS v (touch_id, token, visitor_id, profile_id, touch_time, minute)
JOIN touch c ON c.token = v.token AND c.visitor_id = v.visitor_id AND c.minute = v.minute AND c.repeat_of IS NULL
ORDER BY v.touch_id
ON CONFLICT DO NOTHING
"""
_COUNTED = "SELECT touch_id FROM touch WHERE touch_id = ANY($1) AND repeat_of IS NULL"
_LEARN = f"""
INSERT INTO visitor (profile_id, visitor_id)
SELECT * FROM unnest($1::uuid[], $2::text[]) AS seen (profile_id, visitor_id) WHERE profile_id NOT IN ({RESTRICTED})
ON CONFLICT ON CONSTRAINT visitor_pkey DO NOTHING
"""  # noqa: S608 (constants)
_OF_RESTRICTED = f"""
WITH restricted AS ({RESTRICTED})
SELECT touch_id FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS seen (touch_id, visitor_id, profile_id)
WHERE profile_id IN (SELECT restricted.profile_id FROM restricted)
   OR visitor_id IN (SELECT visitor.visitor_id FROM visitor JOIN restricted USING (profile_id))
"""  # noqa: S608 (constants)
# Visits that the buyer's devices made, or that were the buyer's from the start, under every id the buyer ever had.
_CLICKS = """
WITH buyer AS (
    SELECT * FROM unnest($1::integer[], $2::uuid[], $3::timestamptz[]) AS b (sale, profile_id, until)
), person AS (
    SELECT sale, until, profile_id FROM buyer
    UNION ALL SELECT b.sale, b.until, r.loser_id FROM buyer b JOIN redirect r ON r.survivor_id = b.profile_id
), click AS (
    SELECT p.sale, t.touch_id, t.touch_time, t.token
    FROM person p JOIN visitor v ON v.profile_id = p.profile_id
    JOIN touch t ON t.visitor_id = v.visitor_id AND t.repeat_of IS NULL
     AND t.touch_time <= p.until AND t.touch_time > p.until - $4::interval
    UNION
    SELECT p.sale, t.touch_id, t.touch_time, t.token
    FROM person p JOIN touch t ON t.profile_id = p.profile_id AND t.repeat_of IS NULL
     AND t.touch_time <= p.until AND t.touch_time > p.until - $4::interval
), last AS (
    SELECT *, row_number() OVER (PARTITION BY sale ORDER BY touch_time DESC, touch_id DESC) AS rank FROM click
)
SELECT k.sale, k.touch_id, k.touch_time, k.token, l.content_id, l.sharer_partner_id,
       coalesce(r.survivor_id, l.sharer_profile_id) AS sharer_profile_id
FROM last k JOIN share_link l ON l.token = k.token LEFT JOIN redirect r ON r.loser_id = l.sharer_profile_id
WHERE k.rank <= $5 ORDER BY k.sale, k.rank
"""
_COUNT_ORDERS = """
WITH credited AS (
    SELECT l.chain_id, sum(c.orders) AS orders
    FROM unnest($1::text[], $2::bigint[]) AS c (token, orders) JOIN share_link l ON l.token = c.token
    GROUP BY l.chain_id
), held AS (
    SELECT chain_id, c.orders FROM chain JOIN credited c USING (chain_id) ORDER BY chain_id FOR UPDATE OF chain
)
UPDATE chain SET order_count = order_count + held.orders FROM held WHERE chain.chain_id = held.chain_id
"""
# Visits of people who are one with the sharer now and were not told to be. A device that others use too is nobody's.
_OWN = """
WITH device AS (
    SELECT visitor_id, array_agg(profile_id) AS owners FROM visitor
    WHERE visitor_id IN (SELECT visitor_id FROM visitor WHERE profile_id = ANY($1)) GROUP BY visitor_id
), visit AS (
    SELECT touch_id, token, ARRAY[profile_id] AS owners FROM touch
    WHERE profile_id = ANY($1) AND repeat_of IS NULL
    UNION ALL
    SELECT touch_id, token, owners FROM device JOIN touch USING (visitor_id)
    WHERE profile_id IS NULL AND repeat_of IS NULL
), shared AS (
    SELECT touch_id, owners, coalesce(l.sharer_profile_id, p.profile_id) AS sharer_id
    FROM visit JOIN share_link l USING (token) LEFT JOIN partner p ON p.partner_id = l.sharer_partner_id
), judged AS (
    SELECT touch_id, coalesce(sharer_id <> ALL (owners) AND (
        SELECT bool_and(coalesce(o.survivor_id, owner) = coalesce(s.survivor_id, sharer_id))
        FROM unnest(owners) AS owner LEFT JOIN redirect o ON o.loser_id = owner
        LEFT JOIN redirect s ON s.loser_id = sharer_id
    ), false) AS is_own
    FROM shared
)
SELECT t.touch_id, t.token, t.visitor_id, t.profile_id, t.touch_time, is_own
FROM judged JOIN touch t USING (touch_id) LEFT JOIN voided_touch v USING (touch_id)
WHERE is_own <> (v.touch_id IS NOT NULL) ORDER BY t.touch_id
"""
_VOID = "INSERT INTO voided_touch (touch_id, void_time) SELECT *, $2 FROM unnest($1::uuid[])"
_RESTORE = "DELETE FROM voided_touch WHERE touch_id = ANY($1)"
_RIPPLES = """
SELECT c.chain_id, c.root_token, c.root_partner_id, c.share_count, c.order_count, s.sharer_count, g.sizes,
       t.touch_count, t.visitor_count
FROM ({chains}) c
CROSS JOIN LATERAL (
    SELECT count(DISTINCT coalesce(l.sharer_partner_id, r.survivor_id, l.sharer_profile_id)) AS sharer_count
    FROM share_link l LEFT JOIN redirect r ON r.loser_id = l.sharer_profile_id WHERE l.chain_id = c.chain_id
) s
CROSS JOIN LATERAL (
    SELECT array_agg(n ORDER BY depth) AS sizes
    FROM (SELECT depth, count(*) AS n FROM share_link WHERE chain_id = c.chain_id GROUP BY depth) generation
) g
CROSS JOIN LATERAL (
    SELECT count(*) AS touch_count, count(DISTINCT t.visitor_id) AS visitor_count
    FROM share_link l JOIN touch t ON t.token = l.token AND t.repeat_of IS NULL
    WHERE l.chain_id = c.chain_id AND NOT EXISTS (SELECT FROM voided_touch v WHERE v.touch_id = t.touch_id)
) t
ORDER BY c.share_count DESC, c.chain_id
"""
_ONE = _RIPPLES.format(chains="SELECT * FROM chain WHERE chain_id = $1")
_LARGEST = _RIPPLES.format(
    chains="""
    SELECT * FROM chain WHERE $1::uuid[] IS NULL OR root_partner_id = ANY($1)
    ORDER BY share_count DESC, chain_id LIMIT $2
"""
)


async def get_links(tx: ReadTx, tokens: Iterable[str]) -> dict[str, ShareLink]:
    """Those of the links that exist, by token."""
    rows = await (await driver(tx)).fetch(_LINKS, list(set(tokens)))
    return {row["token"]: _link(row) for row in rows}


async def lineage(tx: ReadTx, touch_id: UUID) -> Lineage:
    """Where the share stands that a visit came through. Raises `TouchNotFound`."""
    row = await (await driver(tx)).fetchrow(_LINEAGE, touch_id)
    if row is None:
        raise TouchNotFound(touch_id)
    return Lineage(row["chain_id"], row["depth"])


async def insert_link(tx: Tx, link: ShareLink) -> None:
    """Save a link, and start its chain or make it longer."""
    connection = await driver(tx)
    if link.lineage.depth == 1:
        await connection.execute(_START_CHAIN, link.lineage.chain_id, link.token, link.sharer_partner_id)
    else:
        await connection.execute(_EXTEND_CHAIN, link.lineage.chain_id, link.lineage.depth)
    await connection.execute(
        _INSERT_LINK, link.token, link.target_url, link.sharer_partner_id, link.sharer_profile_id, link.content_id,
        link.parent_touch_id, link.lineage.chain_id, link.lineage.depth, link.ring, link.create_time,
    )  # fmt: skip


async def insert_touches(tx: Tx, touches: Sequence[Touch]) -> set[UUID]:
    """Save visits that may count; the ids of those that do, because nothing of their key or id was there."""
    rows = await (await driver(tx)).fetch(_COUNT, *_columns(touches))
    return {row["touch_id"] for row in rows}


async def note_repeats(tx: Tx, touches: Sequence[Touch]) -> set[UUID]:
    """Save visits that do not count; the ids of those that had been saved, and counted, before."""
    connection = await driver(tx)
    await connection.execute(_NOTE_REPEATS, *_columns(touches))
    return {row["touch_id"] for row in await connection.fetch(_COUNTED, [touch.touch_id for touch in touches])}


async def find_restricted(tx: ReadTx, touches: Sequence[Touch]) -> set[UUID]:
    """The ids of those visits that are of people who are only stored, or by devices of theirs."""
    ids, _, visitors, people, *_ = _columns(touches)
    rows = await (await driver(tx)).fetch(_OF_RESTRICTED, ids, visitors, people)
    return {row["touch_id"] for row in rows}


async def learn_visitors(tx: Tx, visitors: Iterable[tuple[UUID, str]]) -> None:
    """Note which devices are whose, given as pairs (profile, visitor). A device may be of several people.

    Of people who are only stored none is noted.
    """
    if pairs := sorted(set(visitors)):
        await (await driver(tx)).execute(_LEARN, *map(list, zip(*pairs, strict=True)))


async def find_turned(tx: ReadTx, profile_ids: Sequence[UUID]) -> tuple[list[Touch], list[Touch]]:
    """Of these people's visits, given by all their ids: those that turned out to be of the sharer's own, and those that
    are so no longer."""
    rows = await (await driver(tx)).fetch(_OWN, profile_ids)
    found = [(Touch(*values), is_own) for *values, is_own in map(tuple, rows)]
    return [touch for touch, is_own in found if is_own], [touch for touch, is_own in found if not is_own]


async def void_touches(tx: Tx, touches: Sequence[Touch], now: datetime) -> None:
    """Have visits count no longer."""
    await (await driver(tx)).execute(_VOID, [touch.touch_id for touch in touches], now)


async def restore_touches(tx: Tx, touches: Sequence[Touch]) -> None:
    """Have visits count again."""
    await (await driver(tx)).execute(_RESTORE, [touch.touch_id for touch in touches])


async def last_clicks(tx: ReadTx, sales: Sequence[tuple[UUID, datetime]], lookback: timedelta) -> list[list[Click]]:
    """Per sale, given by its surviving buyer and its time, the last counted visits up to then, newest first."""
    clicks: list[list[Click]] = [[] for _ in sales]
    if sales:
        buyers, times = map(list, zip(*sales, strict=True))
        numbers = list(range(len(sales)))
        for row in await (await driver(tx)).fetch(_CLICKS, numbers, buyers, times, lookback, CLICKS_MAX):
            sale, *values = row.values()
            clicks[sale].append(Click(*values))
    return clicks


async def count_orders(tx: Tx, orders_by_token: Mapping[str, int]) -> None:
    """Add orders to the chains of the links that they are credited to."""
    if orders_by_token:
        await (await driver(tx)).execute(_COUNT_ORDERS, list(orders_by_token), list(orders_by_token.values()))


async def get_ripple(tx: ReadTx, chain_id: UUID) -> Ripple:
    """Read a chain in numbers. Raises `RippleNotFound`."""
    row = await (await driver(tx)).fetchrow(_ONE, chain_id)
    if row is None:
        raise RippleNotFound(chain_id)
    return _ripple(row)


async def list_ripples(tx: ReadTx, *, visible: Visible, limit: int) -> list[Ripple]:
    """The largest chains, those only that a visible partner started."""
    ids = None if visible is None else list(visible)
    return [_ripple(row) for row in await (await driver(tx)).fetch(_LARGEST, ids, limit)]


def _columns(touches: Sequence[Touch]) -> list[list[Any]]:
    return [
        [touch.touch_id for touch in touches],
        [touch.token for touch in touches],
        [touch.visitor_id for touch in touches],
        [touch.profile_id for touch in touches],
        [touch.touch_time for touch in touches],
        [touch.minute for touch in touches],
    ]


def _link(row: Any) -> ShareLink:
    return ShareLink(
        row["token"], row["target_url"], row["sharer_partner_id"], row["sharer"], row["content_id"],
        row["parent_touch_id"], Lineage(row["chain_id"], row["depth"]), Ring(row["ring"]), row["create_time"],
    )  # fmt: skip


def _ripple(row: Any) -> Ripple:
    return Ripple(
        row["chain_id"], row["root_token"], row["root_partner_id"], row["share_count"], row["sharer_count"],
        row["touch_count"], row["visitor_count"], row["order_count"], tuple(row["sizes"]),
    )  # fmt: skip
