"""Rewards that await the delivery of their order."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE order_refund ADD COLUMN deliver_time timestamptz")
    op.execute("CREATE INDEX reward_grant_awaiting_idx ON reward_grant (cause) WHERE awaits_delivery")


def downgrade() -> None:
    op.execute("DROP INDEX reward_grant_awaiting_idx")
    op.execute("ALTER TABLE order_refund DROP COLUMN deliver_time")
