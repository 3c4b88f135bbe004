"""What of a reward did not reach the person, and packets that came back."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE reward_grant
            ADD COLUMN ungiven_amount bigint NOT NULL DEFAULT 0,
            ADD COLUMN return_time timestamptz,
            ADD COLUMN return_reason text NOT NULL DEFAULT ''
        """
    )


def downgrade() -> None:
    op.execute(
        """
        ALTER TABLE reward_grant
            DROP COLUMN ungiven_amount,
            DROP COLUMN return_time,
            DROP COLUMN return_reason
        """
    )
