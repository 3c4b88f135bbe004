"""Conditions of campaigns."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""ALTER TABLE campaign ADD COLUMN "when" text NOT NULL DEFAULT ''""")


def downgrade() -> None:
    op.execute('ALTER TABLE campaign DROP COLUMN "when"')
