"""Addresses of claims, hashed as all that identifies."""

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE coupon ADD COLUMN address bytea NOT NULL DEFAULT ''")


def downgrade() -> None:
    op.execute("ALTER TABLE coupon DROP COLUMN address")
