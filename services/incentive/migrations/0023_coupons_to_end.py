"""Coupons that wait for their locks to end to be taken back."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX coupon_ending_idx ON coupon (lock_until) WHERE status = 'locked' AND revoke_time IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX coupon_ending_idx")
