"""Campaigns that bring missions forward."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE reward_grant ADD COLUMN mission_id uuid")


def downgrade() -> None:
    op.execute("ALTER TABLE reward_grant DROP COLUMN mission_id")
