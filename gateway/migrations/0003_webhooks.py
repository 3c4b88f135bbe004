"""Endpoints of webhooks, what is posted to them, and how that went."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Secrets are sealed as those of channels are. The one before the last signs too until `overlap_end_time`.
ENDPOINT = """
CREATE TABLE webhook_endpoint (
    endpoint_id uuid NOT NULL CONSTRAINT webhook_endpoint_pkey PRIMARY KEY,
    name text NOT NULL,
    url text NOT NULL,
    sealed bytea NOT NULL,
    sealed_before bytea,
    overlap_end_time timestamptz,
    create_time timestamptz NOT NULL,
    disable_time timestamptz
)
"""

# `next_time` is set while it is pending: when it is due, or until when it is being tried.
DELIVERY = """
CREATE TABLE webhook_delivery (
    delivery_id uuid NOT NULL CONSTRAINT webhook_delivery_pkey PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    message_id text NOT NULL,
    type text NOT NULL,
    body text NOT NULL,
    create_time timestamptz NOT NULL,
    next_time timestamptz,
    status smallint NOT NULL CONSTRAINT webhook_delivery_status_check CHECK (status BETWEEN 1 AND 3),
    attempt_count integer NOT NULL DEFAULT 0,
    reason text NOT NULL DEFAULT '',
    profile_id uuid,
    CONSTRAINT webhook_delivery_next_time_check CHECK ((status = 1) = (next_time IS NOT NULL))
)
"""

ATTEMPT = """
CREATE TABLE webhook_attempt (
    delivery_id uuid NOT NULL CONSTRAINT webhook_attempt_delivery_id_fkey
        REFERENCES webhook_delivery ON DELETE CASCADE,
    attempt_no integer NOT NULL,
    attempt_time timestamptz NOT NULL,
    status_code integer NOT NULL,
    fault text NOT NULL,
    duration_ms integer NOT NULL,
    CONSTRAINT webhook_attempt_pkey PRIMARY KEY (delivery_id, attempt_no)
)
"""

# Who was erased: what is heard about them later is not posted.
ERASED = """
CREATE TABLE webhook_erased (
    profile_id uuid NOT NULL CONSTRAINT webhook_erased_pkey PRIMARY KEY,
    erase_time timestamptz NOT NULL
)
"""

INDEXES = (
    "CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (endpoint_id, next_time) WHERE status = 1",
    "CREATE INDEX webhook_delivery_endpoint_idx ON webhook_delivery (endpoint_id, delivery_id)",
    "CREATE INDEX webhook_delivery_profile_idx ON webhook_delivery (profile_id) WHERE profile_id IS NOT NULL",
    "CREATE INDEX webhook_delivery_create_time_idx ON webhook_delivery USING brin (create_time)",
)


def upgrade() -> None:
    for statement in (ENDPOINT, DELIVERY, ATTEMPT, ERASED, *INDEXES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE webhook_erased, webhook_attempt, webhook_delivery, webhook_endpoint")
