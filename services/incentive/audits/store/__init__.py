"""Every statement of audits."""

from services.incentive.audits.store.cohorts import list_cohorts, save_estimate
from services.incentive.audits.store.feed import find_horizon, list_posted, lock_cursor, move_cursor
from services.incentive.audits.store.proofs import (
    add_proofs,
    check_all,
    check_since,
    find_last,
    list_proofs,
    sum_all,
    sum_between,
)
from services.incentive.audits.store.seals import (
    find_seal_before,
    get_beginning,
    get_last_seal,
    insert_seal,
    list_seals,
    list_seals_of,
    read_part,
)

__all__ = [
    "add_proofs",
    "check_all",
    "check_since",
    "find_horizon",
    "find_last",
    "find_seal_before",
    "get_last_seal",
    "get_beginning",
    "insert_seal",
    "list_cohorts",
    "list_posted",
    "list_proofs",
    "list_seals",
    "list_seals_of",
    "lock_cursor",
    "move_cursor",
    "read_part",
    "save_estimate",
    "sum_all",
    "sum_between",
]
