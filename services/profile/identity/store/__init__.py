"""Every SQL statement about people and their identifiers."""

from services.profile.identity.store.imports import Imported, imported, save_imported
from services.profile.identity.store.reads import (
    LinkReading,
    MergeReading,
    Reading,
    everyone_of,
    get_profile,
    list_merges,
    own,
    owners,
    root_of,
    roots_of,
)
from services.profile.identity.store.writes import Clash, hold, load, save, save_conflicts, save_merges, take_turn

__all__ = [
    "Clash",
    "Imported",
    "LinkReading",
    "MergeReading",
    "Reading",
    "everyone_of",
    "get_profile",
    "hold",
    "imported",
    "list_merges",
    "load",
    "own",
    "owners",
    "root_of",
    "roots_of",
    "save",
    "save_conflicts",
    "save_imported",
    "save_merges",
    "take_turn",
]
