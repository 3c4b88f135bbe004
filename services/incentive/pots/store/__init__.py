"""Every statement on pots. A batch costs one statement per table, whatever its size."""

from services.incentive.pots.store.claims import find_fallen_claims, find_level_claims, insert_claim, save_claims
from services.incentive.pots.store.points import (
    find_fallen_shares,
    get_score,
    hold_points,
    list_scores,
    lower_points,
    score,
    score_orders,
)
from services.incentive.pots.store.pots import (
    get_pot,
    hold_pot,
    insert_pot,
    lock_frozen_of_orders,
    lock_pot,
    lock_settling,
    save_pot,
)
from services.incentive.pots.store.shares import (
    count_shares,
    find_nodes,
    find_shares,
    get_totals,
    list_block,
    list_shares,
    lock_due,
    save_nodes,
    save_shares,
    save_states,
)

__all__ = [
    "count_shares",
    "find_fallen_claims",
    "find_fallen_shares",
    "find_level_claims",
    "find_nodes",
    "find_shares",
    "get_pot",
    "get_score",
    "get_totals",
    "hold_points",
    "hold_pot",
    "insert_claim",
    "insert_pot",
    "list_block",
    "list_scores",
    "list_shares",
    "lock_due",
    "lock_frozen_of_orders",
    "lock_pot",
    "lock_settling",
    "lower_points",
    "save_claims",
    "save_nodes",
    "save_pot",
    "save_shares",
    "save_states",
    "score",
    "score_orders",
]
