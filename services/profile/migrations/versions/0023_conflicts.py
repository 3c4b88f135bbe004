"""Conflicts in order of time, and by who holds what was claimed.

Revision ID: 0023
"""

from alembic import op

revision = "0023"
down_revision = "0022"

STATEMENTS = (
    "CREATE INDEX conflict_first_time_idx ON conflict (first_time, profile_id, key, rule)",
    "CREATE INDEX conflict_owner_id_idx ON conflict (owner_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
