"""Leases of sessions on budgets, and reservations of sagas."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# `largest` is the largest single want seen; `decisions` and `grants` count the wants of the period and those paid.
COUNTS = """
ALTER TABLE budget
    ADD COLUMN largest bigint NOT NULL DEFAULT 0,
    ADD COLUMN decisions bigint NOT NULL DEFAULT 0,
    ADD COLUMN grants bigint NOT NULL DEFAULT 0
"""

# What a database session may give without holding the nodes. `unfolded` are the nodes whose rows still count it as
# leased; once it is closed or over, whoever holds such a node moves what was spent to `committed` there.
LEASE = """
CREATE TABLE budget_lease (
    lease_id uuid NOT NULL CONSTRAINT budget_lease_pkey PRIMARY KEY,
    session integer NOT NULL,
    nodes uuid[] NOT NULL,
    unfolded uuid[] NOT NULL,
    amount bigint NOT NULL,
    spent bigint NOT NULL DEFAULT 0,
    decisions bigint NOT NULL DEFAULT 0,
    grants bigint NOT NULL DEFAULT 0,
    open boolean NOT NULL DEFAULT true,
    lease_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    CONSTRAINT budget_lease_spent_check CHECK (spent BETWEEN 0 AND amount)
) WITH (fillfactor = 50)
"""

# What a saga set aside and has not yet given. Refusals are kept as well: a repeated request gets the first answer.
RESERVATION = """
CREATE TABLE budget_reservation (
    reservation_id uuid NOT NULL CONSTRAINT budget_reservation_pkey PRIMARY KEY,
    request_key bytea NOT NULL,
    fingerprint bytea NOT NULL,
    budget_id uuid NOT NULL,
    nodes uuid[] NOT NULL,
    amount bigint NOT NULL,
    reference text NOT NULL,
    state text NOT NULL,
    reason text NOT NULL,
    reserve_time timestamptz NOT NULL,
    expire_time timestamptz NOT NULL,
    resolve_time timestamptz,
    CONSTRAINT budget_reservation_request_key UNIQUE (request_key),
    CONSTRAINT budget_reservation_amount_check CHECK (amount > 0),
    CONSTRAINT budget_reservation_state_check
        CHECK (state IN ('reserved', 'committed', 'released', 'expired', 'refused')),
    CONSTRAINT budget_reservation_reason_check CHECK ((reason <> '') = (state = 'refused')),
    CONSTRAINT budget_reservation_resolved_check CHECK ((state = 'reserved') = (resolve_time IS NULL))
) WITH (fillfactor = 80)
"""


def upgrade() -> None:
    for statement in (
        COUNTS,
        LEASE,
        "CREATE INDEX budget_lease_session_idx ON budget_lease (session) WHERE open",
        RESERVATION,
        "CREATE INDEX budget_reservation_expire_idx ON budget_reservation (expire_time) WHERE state = 'reserved'",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE budget_reservation, budget_lease")
    op.execute("ALTER TABLE budget DROP COLUMN largest, DROP COLUMN decisions, DROP COLUMN grants")
