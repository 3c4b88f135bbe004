"""Pots: prizes that members share."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

POT = """
CREATE TABLE pot (
    pot_id uuid NOT NULL CONSTRAINT pot_pkey PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL,
    event_name text NOT NULL,
    score_min bigint NOT NULL,
    asset text NOT NULL,
    top_count bigint NOT NULL,
    top_amount bigint NOT NULL,
    shared_pool bigint NOT NULL,
    thin_pool text NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    freeze_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    budget_id uuid NOT NULL,
    set_hash text NOT NULL DEFAULT '',
    CONSTRAINT pot_budget_fkey FOREIGN KEY (budget_id) REFERENCES budget (budget_id),
    CONSTRAINT pot_state_check CHECK (state IN ('open', 'frozen', 'settling', 'settled', 'void')),
    CONSTRAINT pot_thin_pool_check CHECK (thin_pool IN ('void', 'first')),
    CONSTRAINT pot_hash_check CHECK ((set_hash <> '') = (state IN ('frozen', 'settling', 'settled'))),
    CONSTRAINT pot_window_check CHECK (start_time < end_time AND end_time <= freeze_time)
)
"""

# What scores, once for ever: the score is a fold over these rows.
POT_POINT = """
CREATE TABLE pot_point (
    pot_id uuid NOT NULL,
    event_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    event_time timestamptz NOT NULL,
    CONSTRAINT pot_point_pkey PRIMARY KEY (pot_id, event_id)
)
"""

POT_SHARE = """
CREATE TABLE pot_share (
    pot_id uuid NOT NULL,
    rank bigint NOT NULL,
    profile_id uuid NOT NULL,
    score bigint NOT NULL,
    reach_time timestamptz NOT NULL,
    amount bigint NOT NULL,
    state text NOT NULL,
    CONSTRAINT pot_share_pkey PRIMARY KEY (pot_id, rank),
    CONSTRAINT pot_share_profile_key UNIQUE (pot_id, profile_id),
    CONSTRAINT pot_share_pot_fkey FOREIGN KEY (pot_id) REFERENCES pot (pot_id),
    CONSTRAINT pot_share_amount_check CHECK (amount > 0),
    CONSTRAINT pot_share_state_check CHECK (state IN ('due', 'paid', 'withdrawn', 'taken_back'))
) WITH (fillfactor = 80)
"""


def upgrade() -> None:
    for statement in (
        POT,
        "CREATE INDEX pot_event_idx ON pot (event_name) WHERE state = 'open'",
        POT_POINT,
        POT_SHARE,
        "CREATE INDEX pot_share_due_idx ON pot_share (pot_id, rank) WHERE state = 'due'",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE pot_share, pot_point, pot")
