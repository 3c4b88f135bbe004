"""Whether members may give an asset to each other."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE programme ADD COLUMN member_transfers boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE programme DROP COLUMN member_transfers")
