"""Who was judged in an experiment, and what came of it."""

from collections.abc import Sequence
from uuid import UUID

from chassis.db import ReadTx, Tx, driver
from services.incentive.campaigns.domain import Exposure
from services.incentive.campaigns.domain.experiments import ArmTotals
from services.incentive.campaigns.store.rows import columns

_SAVE = """
INSERT INTO exposure (campaign_id, profile_id, arm, expose_time)
SELECT DISTINCT ON (1, 2) * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS seen (c, p, a, t)
ORDER BY 1, 2, 4
ON CONFLICT ON CONSTRAINT exposure_pkey DO NOTHING
"""

# People by their survivors: of merged profiles the one that was judged first tells the arm. The order that a person was
# judged for is no outcome. A first purchase is one before which, of what is kept, there was none.
_TOTALS = """
WITH seen AS (
    SELECT DISTINCT ON (person) coalesce(survivor_id, profile_id) AS person, arm, expose_time
    FROM exposure LEFT JOIN redirect ON loser_id = profile_id
    WHERE campaign_id = $1 ORDER BY person, expose_time
), bought AS (
    SELECT person, sum(net_minor - coalesce(refunded_minor, 0)) AS net_minor, NOT EXISTS (
        SELECT FROM order_refund AS earlier
        WHERE earlier.profile_id IN (SELECT person UNION ALL SELECT loser_id FROM redirect WHERE survivor_id = person)
            AND earlier.pay_time <= min(expose_time) AND coalesce(earlier.refunded_minor, 0) < earlier.net_minor
    ) AS is_first
    FROM seen
    JOIN LATERAL (SELECT seen.person AS id UNION SELECT loser_id FROM redirect WHERE survivor_id = seen.person) AS ids
        ON true
    JOIN order_refund ON order_refund.profile_id = ids.id
        AND pay_time > expose_time AND pay_time < expose_time + make_interval(days => $2)
        AND coalesce(refunded_minor, 0) < net_minor
    GROUP BY person
), given AS (
    SELECT arm, sum(CASE WHEN cost = amount THEN amount - reversed_amount
                         WHEN reversed_amount < amount THEN cost ELSE 0 END) AS cost
    FROM reward_grant WHERE campaign_id = $1 GROUP BY arm
)
SELECT seen.arm, count(*), count(bought.person), coalesce(sum(bought.net_minor), 0)::bigint,
       coalesce(max(given.cost), 0)::bigint, count(*) FILTER (WHERE bought.is_first)
FROM seen LEFT JOIN bought USING (person) LEFT JOIN given ON given.arm = seen.arm
GROUP BY seen.arm ORDER BY seen.arm
"""


async def save_exposures(tx: Tx, exposures: Sequence[Exposure]) -> None:
    """Write down who was judged in which arm. The first time stands."""
    if exposures:
        await (await driver(tx)).execute(_SAVE, *columns(exposures, 4))


async def total(tx: ReadTx, campaign_id: UUID, outcome_days: int) -> list[ArmTotals]:
    """What each arm came to, the holdout included."""
    rows = await (await driver(tx)).fetch(_TOTALS, campaign_id, outcome_days)
    return [ArmTotals(*row) for row in rows]
