"""What must hold of a fact for it to score in a pot."""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pot ADD COLUMN \"when\" text NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute('ALTER TABLE pot DROP COLUMN "when"')
