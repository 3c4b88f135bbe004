"""Attributes that need a consent of their own, and who gave it.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"

STATEMENTS = (
    "ALTER TABLE attribute_rule ADD COLUMN is_sensitive boolean NOT NULL DEFAULT false",
    # What each profile's own ledger says of sensitive attributes and of a guardian: 0 nothing, 1 yes, 2 no.
    "ALTER TABLE processing ADD COLUMN sensitive smallint NOT NULL DEFAULT 0",
    "ALTER TABLE processing ADD COLUMN guardian smallint NOT NULL DEFAULT 0",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
