"""Keys for sealed text follow each other.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"

STATEMENTS = (
    # From when on text is sealed with a key: every replica must have it by then.
    "ALTER TABLE vault_key ADD COLUMN active_time timestamptz NOT NULL DEFAULT 'epoch'",
    # Whether all that was written before identifiers were sealed is: only then is a service ready.
    "ALTER TABLE resealing ADD COLUMN is_keyed boolean NOT NULL DEFAULT false",
    "UPDATE resealing SET is_keyed = is_done",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
