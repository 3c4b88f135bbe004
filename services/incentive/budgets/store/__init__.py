"""Every statement on budgets."""

from services.incentive.budgets.store.leases import (
    Overdrawn,
    find_over,
    find_own,
    insert_lease,
    lock_leases,
    lock_over,
    save_drawn,
    save_folded,
)
from services.incentive.budgets.store.moves import Overspent, count, roll, save_moved
from services.incentive.budgets.store.nodes import (
    find_budgets,
    find_concerned,
    get_budget,
    get_time,
    insert_budget,
    list_budgets,
    lock_budget,
    lock_budgets,
    note_largest,
    save_cap,
    save_switch,
)

__all__ = [
    "Overdrawn",
    "Overspent",
    "count",
    "find_budgets",
    "find_concerned",
    "find_over",
    "find_own",
    "get_budget",
    "get_time",
    "insert_budget",
    "insert_lease",
    "list_budgets",
    "lock_budget",
    "lock_budgets",
    "lock_leases",
    "lock_over",
    "note_largest",
    "roll",
    "save_cap",
    "save_drawn",
    "save_folded",
    "save_moved",
    "save_switch",
]
