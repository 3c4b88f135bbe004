"""What operators blocked is sealed, and groups can be gone through in an order.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"

STATEMENTS = (
    # A keyed hash of type, value and kind, by which a value is blocked once. Absent until the next start seals the value.
    "ALTER TABLE blocked_value ADD COLUMN value_key uuid CONSTRAINT blocked_value_value_key_key UNIQUE",
    "CREATE INDEX people_group_place_key_idx ON people_group ((md5(type::text || '/' || group_id)::uuid))",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
