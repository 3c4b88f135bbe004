"""What changes budgets: lock, decide, save in one statement per table.

Whoever spends opens a purse, takes from it and saves it, in one transaction with what it is spent on. Rows are held in
one order everywhere: reservations, budgets in key order, leases in key order.
"""

from services.incentive.budgets.operations.meters import look
from services.incentive.budgets.operations.nodes import create_budget, end_leases, move_cap, set_kill_switch, update_cap
from services.incentive.budgets.operations.purses import (
    fold_some,
    open_purse,
    release_all,
    require,
    reserve_all,
    save_purse,
)
from services.incentive.budgets.operations.reservations import lapse_some, lapse_under, reserve, resolve
from services.incentive.budgets.operations.tallies import add_notes, note

__all__ = [
    "add_notes",
    "create_budget",
    "end_leases",
    "fold_some",
    "lapse_some",
    "lapse_under",
    "look",
    "move_cap",
    "note",
    "open_purse",
    "release_all",
    "reserve",
    "require",
    "reserve_all",
    "resolve",
    "save_purse",
    "set_kill_switch",
    "update_cap",
]
