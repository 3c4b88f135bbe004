"""Points of assets with a programme, by the month in which they were earned."""

from collections import defaultdict

from chassis.db import ReadTx, Tx, driver
from services.incentive.audits.domain.liability import Cohort

# What was earned opened a lot; twins of merged members and lots that were given back are the same points again. Months
# are those of the lot's own time zone. What an issuer or the write-off took back was never for sale.
_ISSUED = """
SELECT to_char(earn_time AT TIME ZONE time_zone, 'YYYY-MM') AS month,
       sum(amount - taken)::bigint, sum((amount - taken) * fair_value)::bigint
FROM lot, LATERAL (
    SELECT coalesce(sum(quantity), 0) AS taken
    FROM lot AS part JOIN lot_move USING (lot_id) JOIN transfer USING (transfer_key)
    WHERE part.root_id = lot.root_id AND target = 'none'
      AND (credit_account LIKE 'issuer/%' OR credit_account = 'sys/writeoff')
) AS back
WHERE lot.asset = $1 AND lot_id = root_id AND restored_from IS NULL
GROUP BY 1 ORDER BY 1
"""

_REDEEMED = """
SELECT to_char(earn_time AT TIME ZONE time_zone, 'YYYY-MM') AS month,
       to_char(post_time AT TIME ZONE time_zone, 'YYYY-MM') AS redeemed_month,
       sum(CASE WHEN target = 'none' THEN quantity ELSE -quantity END)::bigint
FROM lot JOIN lot_move USING (lot_id) JOIN transfer USING (transfer_key)
WHERE lot.asset = $1
  AND (target = 'none' AND credit_account = 'sys/redeemed' OR source = 'none' AND debit_account = 'sys/redeemed')
GROUP BY 1, 2
"""

_ESTIMATES = "SELECT month, effective_month, expected FROM redemption_estimate WHERE asset = $1"

_SAVE = """
INSERT INTO redemption_estimate (asset, month, effective_month, expected) VALUES ($1, $2, $3, $4)
ON CONFLICT ON CONSTRAINT redemption_estimate_pkey DO UPDATE SET expected = excluded.expected
"""


async def list_cohorts(tx: ReadTx, asset: str, until: str) -> list[Cohort]:
    """The cohorts of an asset up to a month, the oldest first."""
    connection = await driver(tx)
    redeemed: dict[str, dict[str, int]] = defaultdict(dict)
    for month, when, count in await connection.fetch(_REDEEMED, asset):
        redeemed[month][when] = count
    estimates: dict[str, dict[str, int]] = defaultdict(dict)
    for month, effective, expected in await connection.fetch(_ESTIMATES, asset):
        estimates[month][effective] = expected
    rows = await connection.fetch(_ISSUED, asset)
    return [
        Cohort(month, issued, value, redeemed[month], estimates[month])
        for month, issued, value in rows
        if month <= until
    ]


async def save_estimate(tx: Tx, asset: str, month: str, effective_month: str, expected: int) -> None:
    """Note an estimate in place of the one for the same months."""
    await (await driver(tx)).execute(_SAVE, asset, month, effective_month, expected)
