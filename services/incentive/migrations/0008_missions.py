"""Missions."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MISSION = """
CREATE TABLE mission (
    mission_id uuid NOT NULL CONSTRAINT mission_pkey PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL,
    measure text NOT NULL,
    event_name text NOT NULL,
    distinct_property text NOT NULL,
    target bigint NOT NULL,
    period text,
    activation text NOT NULL,
    recurrence text NOT NULL,
    rollback boolean NOT NULL,
    "when" text NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    budget_id uuid NOT NULL,
    time_zone text NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT mission_budget_fkey FOREIGN KEY (budget_id) REFERENCES budget (budget_id),
    CONSTRAINT mission_state_check CHECK (state IN ('running', 'paused')),
    CONSTRAINT mission_measure_check CHECK (measure IN ('events', 'orders', 'net_minor', 'pieces', 'products')),
    CONSTRAINT mission_event_check CHECK ((measure = 'events') = (event_name <> '')),
    CONSTRAINT mission_period_check CHECK (period IN ('day', 'week', 'month', 'year')),
    CONSTRAINT mission_activation_check CHECK (activation IN ('user_action', 'fixed_schedule')),
    CONSTRAINT mission_recurrence_check CHECK (recurrence IN ('none', 'on_expiration', 'on_completion')),
    CONSTRAINT mission_target_check CHECK (target > 0 AND amount > 0),
    CONSTRAINT mission_window_check CHECK (start_time < end_time)
)
"""

# What counts, once for ever: progress is a fold over these rows. What refunds take of it only grows.
MISSION_STEP = """
CREATE TABLE mission_step (
    fact_id uuid NOT NULL,
    mission_id uuid NOT NULL,
    part integer NOT NULL,
    profile_id uuid NOT NULL,
    item text NOT NULL,
    value bigint NOT NULL,
    withdrawn bigint NOT NULL,
    step_time timestamptz NOT NULL,
    CONSTRAINT mission_step_pkey PRIMARY KEY (fact_id, mission_id, part),
    CONSTRAINT mission_step_withdrawn_check CHECK (withdrawn BETWEEN 0 AND value)
) WITH (fillfactor = 90)
"""

# The row that those hold one after another who settle what a profile has completed.
MISSION_MEMBER = """
CREATE TABLE mission_member (
    mission_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    CONSTRAINT mission_member_pkey PRIMARY KEY (mission_id, profile_id)
)
"""

MISSION_COMPLETION = """
CREATE TABLE mission_completion (
    mission_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    number bigint NOT NULL,
    round integer NOT NULL,
    state text NOT NULL,
    complete_time timestamptz NOT NULL,
    CONSTRAINT mission_completion_pkey PRIMARY KEY (mission_id, profile_id, number),
    CONSTRAINT mission_completion_state_check CHECK (state IN ('rewarded', 'unpaid', 'reversed'))
) WITH (fillfactor = 90)
"""


def upgrade() -> None:
    for statement in (
        MISSION,
        "CREATE INDEX mission_event_idx ON mission (event_name) WHERE state = 'running'",
        MISSION_STEP,
        "CREATE INDEX mission_step_profile_idx ON mission_step (mission_id, profile_id)",
        MISSION_MEMBER,
        MISSION_COMPLETION,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE mission_completion, mission_member, mission_step, mission")
