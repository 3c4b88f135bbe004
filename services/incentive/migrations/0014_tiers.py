"""Levels of membership."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TIER_PROGRAMME = """
CREATE TABLE tier_programme (
    programme_id uuid NOT NULL CONSTRAINT tier_programme_pkey PRIMARY KEY,
    name text NOT NULL,
    currency_code text NOT NULL,
    asset text NOT NULL,
    levels text NOT NULL,
    months integer NOT NULL,
    cycle_month integer,
    cycle_day integer,
    downgrade text NOT NULL,
    grace_days integer NOT NULL,
    time_zone text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT tier_programme_metric_check CHECK ((currency_code = '') <> (asset = '')),
    CONSTRAINT tier_programme_window_check CHECK ((months > 0) <> (cycle_month IS NOT NULL)),
    CONSTRAINT tier_programme_downgrade_check CHECK (downgrade IN ('one_down', 'balance_based'))
)
"""

# What orders count, once for ever: what was earned is a sum over these rows.
TIER_STEP = """
CREATE TABLE tier_step (
    fact_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    value bigint NOT NULL,
    withdrawn bigint NOT NULL,
    step_time timestamptz NOT NULL,
    CONSTRAINT tier_step_pkey PRIMARY KEY (fact_id, programme_id),
    CONSTRAINT tier_step_withdrawn_check CHECK (withdrawn BETWEEN 0 AND value)
) WITH (fillfactor = 90)
"""

MEMBER_TIER = """
CREATE TABLE member_tier (
    programme_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    level integer NOT NULL,
    since_time timestamptz,
    keep_time timestamptz,
    grace_from timestamptz,
    CONSTRAINT member_tier_pkey PRIMARY KEY (programme_id, profile_id),
    CONSTRAINT member_tier_level_check CHECK (level >= 0)
) WITH (fillfactor = 80)
"""

TIER_CHANGE = """
CREATE TABLE tier_change (
    change_id uuid NOT NULL CONSTRAINT tier_change_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    from_level integer NOT NULL,
    to_level integer NOT NULL,
    reason text NOT NULL,
    change_time timestamptz NOT NULL,
    note text NOT NULL,
    document_id text NOT NULL,
    CONSTRAINT tier_change_reason_check CHECK (reason IN ('earned', 'expired', 'placed'))
)
"""


def upgrade() -> None:
    for statement in (
        TIER_PROGRAMME,
        TIER_STEP,
        "CREATE INDEX tier_step_profile_idx ON tier_step (programme_id, profile_id)",
        MEMBER_TIER,
        "CREATE INDEX member_tier_keep_idx ON member_tier (keep_time) WHERE keep_time IS NOT NULL",
        TIER_CHANGE,
        "CREATE INDEX tier_change_profile_idx ON tier_change (programme_id, profile_id, change_id)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE tier_change, member_tier, tier_step, tier_programme")
