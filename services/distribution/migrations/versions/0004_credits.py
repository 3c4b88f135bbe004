"""Credits and visits that turn out to be somebody's own, and commission that is taken back and given again for it."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    CREATE TABLE voided_touch (
        touch_id uuid NOT NULL CONSTRAINT voided_touch_pkey PRIMARY KEY CONSTRAINT voided_touch_touch_fkey REFERENCES touch,
        void_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX visitor_device_idx ON visitor (visitor_id)",
    "ALTER TABLE orders ADD COLUMN void_reason text NOT NULL DEFAULT ''",
    # How often it has accrued anew; a movement takes back the accrual of its number.
    "ALTER TABLE commission ADD COLUMN accrual integer NOT NULL DEFAULT 0",
    "ALTER TABLE posting ADD COLUMN accrual integer NOT NULL DEFAULT 0",
)
UNDOING = (
    "ALTER TABLE posting DROP COLUMN accrual",
    "ALTER TABLE commission DROP COLUMN accrual",
    "ALTER TABLE orders DROP COLUMN void_reason",
    "DROP INDEX visitor_device_idx",
    "DROP TABLE voided_touch",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    for statement in UNDOING:
        op.execute(statement)
