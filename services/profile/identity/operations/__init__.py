"""Changes to who is who."""

from services.profile.identity.operations.correcting import create_separation, delete_separation, merge_profiles
from services.profile.identity.operations.importing import Import, Row, import_profiles
from services.profile.identity.operations.settling import ensure_profiles, settle, transact
from services.profile.identity.operations.undoing import undo_merge

__all__ = [
    "Import",
    "Row",
    "create_separation",
    "delete_separation",
    "ensure_profiles",
    "import_profiles",
    "merge_profiles",
    "settle",
    "transact",
    "undo_merge",
]
