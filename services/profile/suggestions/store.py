"""About whom somebody has said something."""

from chassis.db import ReadTx, driver

# Pairs that were decided, and those who were told apart, under whatever ids.
_SETTLED = """
SELECT coalesce(a.survivor_id, low_id) AS one, coalesce(b.survivor_id, high_id) AS other
FROM (SELECT low_id, high_id FROM separation UNION SELECT low_id, high_id FROM review_item WHERE state <> 1) AS pair
LEFT JOIN redirect AS a ON a.loser_id = low_id LEFT JOIN redirect AS b ON b.loser_id = high_id
"""


async def settled(tx: ReadTx) -> set[frozenset[str]]:
    """The pairs about whom somebody has said something."""
    return {frozenset((str(one), str(other))) for one, other in await (await driver(tx)).fetch(_SETTLED)}
