"""Whose systems endpoints are, where they are not the brand's."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE webhook_endpoint ADD COLUMN recipient text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE webhook_endpoint DROP COLUMN recipient")
