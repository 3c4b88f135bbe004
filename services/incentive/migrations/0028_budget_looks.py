"""Looking at the budgets that move, and not at all; experiments find the grants of their campaign."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

# In which ten seconds a node moved last, by the database's clock: rewritten at most once in them, so that all other
# changes of a row leave the index alone. Nodes of before this release count as having moved now.
MOVED = """
ALTER TABLE budget ADD COLUMN moved_slot bigint NOT NULL DEFAULT floor(extract(epoch FROM now()) / 10)::bigint
"""


def upgrade() -> None:
    for statement in (
        MOVED,
        "CREATE INDEX budget_moved_idx ON budget (moved_slot)",
        "CREATE INDEX budget_paced_idx ON budget (plan_end) WHERE paced",
        "CREATE TABLE budget_look (look_slot bigint NOT NULL)",
        "INSERT INTO budget_look SELECT floor(extract(epoch FROM now()) / 10)::bigint",
        "CREATE INDEX reward_grant_campaign_idx ON reward_grant (campaign_id, arm)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX reward_grant_campaign_idx")
    op.execute("DROP TABLE budget_look")
    op.execute("ALTER TABLE budget DROP COLUMN moved_slot")
    op.execute("DROP INDEX budget_paced_idx")
