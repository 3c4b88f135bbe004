"""Packets: when and for what their budgets were charged, so that these get back what does not stay with a person."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE packet ADD COLUMN charge_time timestamptz, ADD COLUMN charge_scope text NOT NULL DEFAULT '[]'"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE packet DROP COLUMN charge_time, DROP COLUMN charge_scope")
