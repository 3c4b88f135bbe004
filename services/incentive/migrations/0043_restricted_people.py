"""Of all who ever said something about processing, few are restricted, and it is asked every few seconds."""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX restriction_restricted_idx ON restriction (profile_id) WHERE is_restricted")


def downgrade() -> None:
    op.execute("DROP INDEX restriction_restricted_idx")
