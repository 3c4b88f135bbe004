"""Every statement of audits."""

from services.incentive.audits.store.cohorts import list_cohorts, save_estimate
from services.incentive.audits.store.feed import find_horizon, list_posted, lock_cursor, move_cursor
from services.incentive.audits.store.proofs import (
    begin_run,
    count_blocks,
    end_run,
    find_last,
    find_proofs,
    find_run,
    list_proofs,
    lock_run,
    read_accounts,
    read_rows,
    save_run,
)
from services.incentive.audits.store.seals import (
    find_part,
    find_seal_before,
    get_beginning,
    get_last_seal,
    insert_part,
    insert_seal,
    list_seals,
    list_seals_of,
    read_hashes,
)

__all__ = [
    "begin_run",
    "count_blocks",
    "end_run",
    "find_horizon",
    "find_last",
    "find_part",
    "find_proofs",
    "find_run",
    "find_seal_before",
    "get_beginning",
    "get_last_seal",
    "insert_part",
    "insert_seal",
    "list_cohorts",
    "list_posted",
    "list_proofs",
    "list_seals",
    "list_seals_of",
    "lock_cursor",
    "lock_run",
    "move_cursor",
    "read_accounts",
    "read_hashes",
    "read_rows",
    "save_estimate",
    "save_run",
]
