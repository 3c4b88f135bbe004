"""Changes to who is who."""

from services.profile.identity.operations.correcting import create_separation, delete_separation, merge_profiles
from services.profile.identity.operations.identifiers import (
    Held,
    block_value,
    reassign_identifier,
    remove_identifier,
    unblock_value,
)
from services.profile.identity.operations.importing import Import, Row, import_profiles
from services.profile.identity.operations.indexing import index_phones
from services.profile.identity.operations.rulebook import RuleBook, put_rules
from services.profile.identity.operations.settling import ensure_profiles, settle, transact
from services.profile.identity.operations.simulating import Simulation, simulate
from services.profile.identity.operations.undoing import Parted, undo_merge

__all__ = [
    "Held",
    "Import",
    "Parted",
    "Row",
    "RuleBook",
    "Simulation",
    "block_value",
    "create_separation",
    "delete_separation",
    "ensure_profiles",
    "import_profiles",
    "index_phones",
    "merge_profiles",
    "put_rules",
    "reassign_identifier",
    "remove_identifier",
    "settle",
    "simulate",
    "transact",
    "unblock_value",
    "undo_merge",
]
