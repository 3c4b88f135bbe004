"""Grants of experiments, by campaign: what an arm cost is read without all that was ever given."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX reward_grant_arm_idx ON reward_grant (campaign_id, arm) WHERE arm <> ''")


def downgrade() -> None:
    op.execute("DROP INDEX reward_grant_arm_idx")
