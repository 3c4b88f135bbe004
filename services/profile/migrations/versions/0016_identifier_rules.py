"""What each type of identifier may do is part of a version of the rules.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"

# A JSON array of [type, is unproven, strength, rank, limit, days]. A version without any was written when there was but
# one table, that of the release.
STATEMENT = "ALTER TABLE identity_rules ADD COLUMN identifiers text NOT NULL DEFAULT '[]'"


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENT)
