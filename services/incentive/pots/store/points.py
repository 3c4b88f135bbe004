"""What scores, once for ever: a score is a fold over these rows."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from people.restrictions import RESTRICTED
from services.incentive.pots.domain import Pot, Share
from services.incentive.pots.domain.points import OrderPoints, Point, Rule
from services.incentive.pots.domain.prizes import Score
from services.incentive.pots.store.columns import columns
from services.incentive.pots.store.shares import share_of

Met = tuple[UUID, UUID]
"""A pot, and a fact that meets its condition."""

# Whoever counts holds the open pots, so that none is frozen under it.
_SCORE = """
WITH open AS (
    SELECT pot_id, event_name, start_time, end_time, "when" FROM pot
    WHERE state = 'open' AND metric = 'events' AND event_name = ANY($2::text[]) ORDER BY pot_id FOR SHARE
)
INSERT INTO pot_point (pot_id, event_id, profile_id, event_time)
SELECT open.pot_id, fact.event_id, fact.profile_id, fact.event_time
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[]) AS fact (event_id, name, profile_id, event_time)
JOIN open ON open.event_name = fact.name AND fact.event_time >= open.start_time AND fact.event_time < open.end_time
    AND (open."when" = '' OR (open.pot_id, fact.event_id) IN (SELECT * FROM unnest($5::uuid[], $6::uuid[])))
ON CONFLICT ON CONSTRAINT pot_point_pkey DO NOTHING
"""

# Those that do not score by named events have no name.
_RULES = """
SELECT pot_id, event_name, "when" FROM pot WHERE state = 'open' AND "when" <> '' AND event_name = ANY($1::text[])
"""

_GIVE = """
WITH open AS (
    SELECT pot_id FROM pot WHERE state = 'open' ORDER BY pot_id FOR SHARE
)
UPDATE pot_point AS point SET profile_id = owner.profile_id
FROM open, unnest($1::uuid[], $2::uuid[]) AS owner (event_id, profile_id)
WHERE point.pot_id = open.pot_id AND point.event_id = owner.event_id
"""

_FACTS = """
unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[],
       $7::text[])
    AS fact (order_id, profile_id, pay_time, orders, items, net, currency_code)
"""

_BY_METRIC = "CASE pot.metric WHEN 'orders' THEN fact.orders WHEN 'items' THEN fact.items ELSE fact.net END"

# A refund that arrives before its payment leaves the row that the payment does not raise.
_SCORE_ORDERS = f"""
WITH open AS (
    SELECT pot_id, metric, currency_code, start_time, end_time, "when" FROM pot
    WHERE state = 'open' AND metric <> 'events' ORDER BY pot_id FOR SHARE
)
INSERT INTO pot_point AS point (pot_id, event_id, profile_id, event_time, points)
SELECT pot.pot_id, fact.order_id, fact.profile_id, fact.pay_time, {_BY_METRIC}
FROM {_FACTS} JOIN open AS pot ON fact.pay_time >= pot.start_time AND fact.pay_time < pot.end_time
    AND pot.currency_code IN ('', fact.currency_code)
    AND (pot."when" = '' OR (pot.pot_id, fact.order_id) IN (SELECT * FROM unnest($8::uuid[], $9::uuid[])))
ORDER BY pot.pot_id, fact.order_id
ON CONFLICT ON CONSTRAINT pot_point_pkey DO UPDATE SET points = excluded.points
WHERE point.points > excluded.points
"""  # noqa: S608 (constants)

_LOWER = f"""
UPDATE pot_point AS point SET points = {_BY_METRIC}
FROM pot, {_FACTS}
WHERE pot.pot_id = ANY($8::uuid[]) AND point.pot_id = pot.pot_id AND point.event_id = fact.order_id
    AND point.points > {_BY_METRIC}
"""  # noqa: S608 (constants)

# Merged people are one; who was erased or is only stored is not among them.
_SCORES = f"""
SELECT coalesce(redirect.survivor_id, point.profile_id)::text, sum(point.points)::bigint,
       max(point.event_time) FILTER (WHERE point.points > 0)
FROM pot_point AS point LEFT JOIN redirect ON redirect.loser_id = point.profile_id
WHERE point.pot_id = $1 AND point.profile_id NOT IN ({RESTRICTED})
    AND NOT EXISTS (SELECT FROM erased WHERE erased.profile_id = point.profile_id)
GROUP BY 1 HAVING sum(point.points) >= $2
"""  # noqa: S608 (constants)

_HOLD = """
SELECT points FROM pot_point WHERE pot_id = $1 AND profile_id = ANY($2::uuid[]) ORDER BY event_id FOR NO KEY UPDATE
"""

PEOPLE_OF_ORDERS = """
WITH buyer AS (
    SELECT DISTINCT point.pot_id, coalesce(redirect.survivor_id, point.profile_id) AS person_id
    FROM pot_point AS point LEFT JOIN redirect ON redirect.loser_id = point.profile_id
    WHERE point.pot_id = ANY($1::uuid[]) AND point.event_id = ANY($2::uuid[])
), person AS (
    SELECT pot_id, person_id, person_id AS profile_id FROM buyer
    UNION ALL
    SELECT pot_id, person_id, loser_id FROM buyer JOIN redirect ON redirect.survivor_id = buyer.person_id
), standing AS (
    SELECT person.pot_id, person_id, sum(points) AS score
    FROM person JOIN pot_point AS point USING (pot_id, profile_id) GROUP BY 1, 2
)
"""
"""The people behind orders in some pots, all their profiles, and how they stand: `$1` pots, `$2` orders."""

_FALLEN = f"""
{PEOPLE_OF_ORDERS}
SELECT share.pot_id, share.profile_id::text, rank, share.score, reach_time, amount, state, prize, score_kept_min,
       ungiven_amount
FROM standing JOIN person USING (pot_id, person_id) JOIN pot_share AS share USING (pot_id, profile_id)
WHERE state IN ('due', 'paid') AND standing.score < score_kept_min
ORDER BY share.pot_id, rank FOR UPDATE OF share
"""  # noqa: S608 (constants)


async def give_points(tx: Tx, owners: Mapping[UUID, str]) -> None:
    """Let events and orders score for who they are of, in pots that are open: whose winners stand they stand."""
    await (await driver(tx)).execute(_GIVE, list(owners.keys()), list(owners.values()))


async def find_rules(tx: ReadTx, names: Collection[str]) -> list[Rule]:
    """What open pots ask of events of these names, and of orders by the empty name."""
    return [Rule(*row) for row in await (await driver(tx)).fetch(_RULES, list(names))]


async def score(tx: Tx, points: Sequence[Point], met: Sequence[Met] = ()) -> None:
    """Have events count in the open pots that they score in, each once for ever: where there is a condition, by
    what is `met`."""
    rows = [point[:4] for point in points]
    await (await driver(tx)).execute(_SCORE, *columns(rows), *_pairs(met))


async def score_orders(tx: Tx, points: Sequence[OrderPoints], met: Sequence[Met] = ()) -> None:
    """Have orders count in the open pots that orders score in, less after every refund: where there is a condition,
    by what is `met`. One entry per order."""
    await (await driver(tx)).execute(_SCORE_ORDERS, *_columns(points), *_pairs(met))


async def lower_points(tx: Tx, points: Sequence[OrderPoints], pots: Collection[Pot]) -> None:
    """Have refunded orders count less in pots that are locked."""
    await (await driver(tx)).execute(_LOWER, *_columns(points), [pot.pot_id for pot in pots])


def _columns(points: Sequence[OrderPoints]) -> list[list[object]]:
    return columns([point[:7] for point in points])


def _pairs(met: Sequence[Met]) -> tuple[list[UUID], list[UUID]]:
    return [pot_id for pot_id, _ in met], [fact_id for _, fact_id in met]


async def list_scores(tx: ReadTx, pot: Pot) -> list[Score]:
    """Where those stand who have points enough, but for who was erased or is only stored."""
    return [Score(*row) for row in await (await driver(tx)).fetch(_SCORES, pot.pot_id, pot.score_min)]


async def hold_points(tx: Tx, pot_id: UUID, profile_ids: Collection[str]) -> int:
    """A person's score under all their ids. Until the transaction ends no refund makes it less, and nobody claims by it
    under another id."""
    rows = await (await driver(tx)).fetch(_HOLD, pot_id, list(profile_ids))
    return sum(row[0] for row in rows)


async def get_score(tx: ReadTx, pot_id: UUID, profile_ids: Collection[str]) -> int:
    """A person's score under all their ids, at this moment."""
    query = "SELECT sum(points)::bigint FROM pot_point WHERE pot_id = $1 AND profile_id = ANY($2::uuid[])"
    return await (await driver(tx)).fetchval(query, pot_id, list(profile_ids)) or 0


async def find_fallen_shares(tx: Tx, pots: Collection[Pot], order_ids: Collection[UUID]) -> list[Share]:
    """Shares in locked pots whose winners kept too little of these orders."""
    rows = await (await driver(tx)).fetch(_FALLEN, [pot.pot_id for pot in pots], list(order_ids))
    return [share_of(row) for row in rows]
