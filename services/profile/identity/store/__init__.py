"""Every SQL statement about people and their identifiers."""

from services.profile.identity.store.conflicts import save_conflicts
from services.profile.identity.store.erasures import Forgotten, forget, known_merges, put_nobody
from services.profile.identity.store.imports import Imported, imported, save_imported
from services.profile.identity.store.merges import (
    below,
    get_merge,
    list_merges,
    list_undone,
    lock_merge,
    mark_undone,
    merges_since,
    save_merges,
)
from services.profile.identity.store.moves import list_moves, remove_identifier, save_moves
from services.profile.identity.store.partings import (
    create_times,
    first_seen,
    give_back,
    keep_apart,
    lead_back,
    line_of,
    set_create_time,
    uncount,
)
from services.profile.identity.store.quarantine import (
    block,
    list_blocked,
    list_quarantined,
    release,
    unblock,
)
from services.profile.identity.store.reads import (
    Reading,
    everyone_of,
    flags_of,
    get_profile,
    own,
    owners,
    root_of,
    roots_of,
)
from services.profile.identity.store.separations import list_separations, separate, unite
from services.profile.identity.store.writes import Clash, hold, load, load_by_id, lock, save, take_turn

__all__ = [
    "Clash",
    "Forgotten",
    "Imported",
    "Reading",
    "below",
    "block",
    "create_times",
    "everyone_of",
    "first_seen",
    "flags_of",
    "get_merge",
    "forget",
    "get_profile",
    "give_back",
    "hold",
    "imported",
    "keep_apart",
    "lead_back",
    "line_of",
    "known_merges",
    "list_blocked",
    "list_merges",
    "list_moves",
    "list_quarantined",
    "list_separations",
    "list_undone",
    "load",
    "load_by_id",
    "lock",
    "lock_merge",
    "mark_undone",
    "merges_since",
    "own",
    "owners",
    "put_nobody",
    "release",
    "remove_identifier",
    "root_of",
    "roots_of",
    "save",
    "save_conflicts",
    "save_imported",
    "save_merges",
    "save_moves",
    "separate",
    "set_create_time",
    "take_turn",
    "unblock",
    "uncount",
    "unite",
]
