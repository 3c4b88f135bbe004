"""Every statement on budgets."""

from services.incentive.budgets.store.moves import Overspent, roll, save_moved
from services.incentive.budgets.store.nodes import (
    find_budgets,
    find_concerned,
    get_budget,
    get_time,
    insert_budget,
    list_budgets,
    lock_budget,
    lock_budgets,
    save_cap,
    save_switch,
)

__all__ = [
    "Overspent",
    "find_budgets",
    "find_concerned",
    "get_budget",
    "get_time",
    "insert_budget",
    "list_budgets",
    "lock_budget",
    "lock_budgets",
    "roll",
    "save_cap",
    "save_moved",
    "save_switch",
]
