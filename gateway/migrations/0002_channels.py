"""Channels on which platforms call back."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What callbacks are signed and encrypted with is sealed: AES-GCM under the deployment's key, bound to the channel's id.
CHANNEL = """
CREATE TABLE channel (
    channel_id uuid NOT NULL CONSTRAINT channel_pkey PRIMARY KEY,
    kind smallint NOT NULL,
    name text NOT NULL,
    namespace text NOT NULL,
    sealed bytea NOT NULL,
    create_time timestamptz NOT NULL,
    revoke_time timestamptz
)
"""


def upgrade() -> None:
    op.execute(CHANNEL)


def downgrade() -> None:
    op.execute("DROP TABLE channel")
