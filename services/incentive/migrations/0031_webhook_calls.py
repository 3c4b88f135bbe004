"""Webhooks that campaigns promise."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# What is to be called when it matures; gone once it was told, or was taken back before.
CALL = """
CREATE TABLE webhook_call (
    grant_id uuid NOT NULL CONSTRAINT webhook_call_pkey PRIMARY KEY,
    mature_time timestamptz NOT NULL
)
"""


def upgrade() -> None:
    op.execute("ALTER TABLE reward_grant ADD COLUMN endpoint_id uuid")
    op.execute(CALL)
    op.execute("CREATE INDEX webhook_call_mature_time_idx ON webhook_call (mature_time)")


def downgrade() -> None:
    op.execute("DROP TABLE webhook_call")
    op.execute("ALTER TABLE reward_grant DROP COLUMN endpoint_id")
