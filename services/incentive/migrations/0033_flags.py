"""Rewards that turned out to be doubtful because of who people are."""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# What is given twice, to oneself, or for somebody else's fact. One row per reward and kind for ever: a flag that is cleared
# may come back. `item_id` is a grant or a coupon; the coupon of a grant is called as its grant is.
FLAG = """
CREATE TABLE reward_flag (
    flag_id uuid NOT NULL CONSTRAINT reward_flag_pkey PRIMARY KEY,
    kind text NOT NULL,
    item text NOT NULL,
    item_id uuid NOT NULL,
    first_id uuid,
    campaign_id uuid,
    template_id uuid,
    profile_id uuid NOT NULL,
    other_id uuid NOT NULL,
    state text NOT NULL,
    flag_time timestamptz NOT NULL,
    clear_time timestamptz,
    resolve_time timestamptz,
    resolver text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    CONSTRAINT reward_flag_item_key UNIQUE (item_id, kind),
    CONSTRAINT reward_flag_kind_check CHECK (kind IN ('duplicate_grant', 'own_share', 'reassigned')),
    CONSTRAINT reward_flag_item_check CHECK (item IN ('grant', 'coupon')),
    CONSTRAINT reward_flag_state_check CHECK (state IN ('open', 'kept', 'reversed', 'cleared')),
    CONSTRAINT reward_flag_resolved_check CHECK (state NOT IN ('kept', 'reversed') OR resolve_time IS NOT NULL)
)
"""

# Whose a fact is, where that is another person than was told at first. The latest telling holds.
OWNER = """
CREATE TABLE fact_owner (
    cause uuid NOT NULL CONSTRAINT fact_owner_pkey PRIMARY KEY,
    profile_id uuid NOT NULL,
    assign_time timestamptz NOT NULL
)
"""

# Visits that were told to be void, or to count again. The latest telling holds.
TOUCH = """
CREATE TABLE void_touch (
    touch_id uuid NOT NULL CONSTRAINT void_touch_pkey PRIMARY KEY,
    is_void boolean NOT NULL,
    change_time timestamptz NOT NULL
)
"""


def upgrade() -> None:
    op.execute("ALTER TABLE reward_grant ADD COLUMN actor_id uuid")
    op.execute("CREATE INDEX reward_grant_actor_idx ON reward_grant (actor_id) WHERE actor_id IS NOT NULL")
    for statement in (
        FLAG,
        "CREATE INDEX reward_flag_profile_idx ON reward_flag (profile_id)",
        "CREATE INDEX reward_flag_other_idx ON reward_flag (other_id)",
        "CREATE INDEX reward_flag_campaign_idx ON reward_flag (campaign_id, flag_id)",
        "CREATE INDEX reward_flag_open_idx ON reward_flag (flag_id) WHERE state = 'open'",
        OWNER,
        TOUCH,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE void_touch, fact_owner, reward_flag")
    op.execute("DROP INDEX reward_grant_actor_idx")
    op.execute("ALTER TABLE reward_grant DROP COLUMN actor_id")
