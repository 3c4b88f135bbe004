"""Holds: value that is set aside for a purchase."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HOLD = """
CREATE TABLE hold (
    hold_id uuid NOT NULL CONSTRAINT hold_pkey PRIMARY KEY,
    profile_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    captured_amount bigint NOT NULL,
    refunded_amount bigint NOT NULL,
    state text NOT NULL,
    reference text NOT NULL,
    store_id text,
    expire_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    resolve_time timestamptz,
    CONSTRAINT hold_amount_check CHECK (amount > 0),
    CONSTRAINT hold_state_check CHECK (state IN ('held', 'captured', 'voided', 'expired')),
    CONSTRAINT hold_captured_check CHECK (captured_amount BETWEEN 0 AND amount),
    CONSTRAINT hold_refunded_check CHECK (refunded_amount BETWEEN 0 AND captured_amount),
    CONSTRAINT hold_resolved_check CHECK ((state = 'held') = (resolve_time IS NULL))
) WITH (fillfactor = 80)
"""


def upgrade() -> None:
    op.execute(HOLD)
    op.execute("CREATE INDEX hold_expire_idx ON hold (expire_time) WHERE state = 'held'")


def downgrade() -> None:
    op.execute("DROP TABLE hold")
