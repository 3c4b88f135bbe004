"""Cash red packets."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# `next_time` is when the provider is to be asked; none once all is known. A grant gives one packet.
PACKET = """
CREATE TABLE packet (
    packet_id uuid NOT NULL CONSTRAINT packet_pkey PRIMARY KEY,
    profile_id uuid NOT NULL,
    payee text NOT NULL,
    amount_minor bigint NOT NULL,
    currency_code text NOT NULL,
    budget_id uuid NOT NULL,
    issuer text NOT NULL,
    wishing text NOT NULL,
    grant_id uuid,
    state text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    provider_code text NOT NULL DEFAULT '',
    recalled_minor bigint NOT NULL DEFAULT 0,
    create_time timestamptz NOT NULL,
    send_time timestamptz,
    close_time timestamptz,
    next_time timestamptz,
    CONSTRAINT packet_grant_key UNIQUE (grant_id),
    CONSTRAINT packet_amount_check CHECK (amount_minor > 0),
    CONSTRAINT packet_recalled_check CHECK (recalled_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT packet_state_check CHECK (
        state IN ('reserved', 'sending', 'sent', 'claimed', 'returned', 'failed', 'withdrawn')
    ),
    CONSTRAINT packet_open_check CHECK (
        (state IN ('reserved', 'sending', 'sent')) = (close_time IS NULL)
        AND (close_time IS NULL) = (next_time IS NOT NULL)
    )
) WITH (fillfactor = 80)
"""


def upgrade() -> None:
    op.execute(PACKET)
    op.execute("CREATE INDEX packet_next_idx ON packet (next_time) WHERE next_time IS NOT NULL")
    op.execute("CREATE INDEX packet_profile_idx ON packet (profile_id, packet_id)")


def downgrade() -> None:
    op.execute("DROP TABLE packet")
