"""Versions of campaigns, several effects each, counters of any limit, and what is known of orders, shares and people."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What a version says. Frozen once it has a publish time. Campaigns of before have none: their columns say it all.
CAMPAIGN_VERSION = """
CREATE TABLE campaign_version (
    campaign_id uuid NOT NULL,
    version integer NOT NULL,
    terms jsonb NOT NULL,
    publish_time timestamptz,
    CONSTRAINT campaign_version_pkey PRIMARY KEY (campaign_id, version),
    CONSTRAINT campaign_version_campaign_fkey FOREIGN KEY (campaign_id) REFERENCES campaign (campaign_id)
)
"""

# `answers_kind` and `answers_value` are null for campaigns that replicas of the previous version made.
CAMPAIGN = (
    """
    ALTER TABLE campaign
        ADD COLUMN version integer NOT NULL DEFAULT 1,
        ADD COLUMN draft_version integer NOT NULL DEFAULT 0,
        ADD COLUMN stop_time timestamptz,
        ADD COLUMN answers_kind text,
        ADD COLUMN answers_value text,
        DROP CONSTRAINT campaign_state_check,
        ADD CONSTRAINT campaign_state_check CHECK (state IN ('draft', 'running', 'paused', 'ended', 'archived'))
    """,
    """
    CREATE INDEX campaign_answers_idx
    ON campaign (coalesce(answers_kind, trigger), coalesce(answers_value, trigger_value))
    WHERE state IN ('running', 'ended')
    """,
)

# One row per campaign, cause and effect, for ever. `snapshot` is what it was judged by, as far as the condition asks.
REWARD_GRANT = """
ALTER TABLE reward_grant
    ADD COLUMN campaign_version integer NOT NULL DEFAULT 1,
    ADD COLUMN effect integer NOT NULL DEFAULT 1,
    ADD COLUMN level integer NOT NULL DEFAULT 0,
    ADD COLUMN desired_amount bigint,
    ADD COLUMN cost bigint,
    ADD COLUMN uses jsonb,
    ADD COLUMN scope jsonb,
    ADD COLUMN awaits_delivery boolean NOT NULL DEFAULT false,
    ADD COLUMN coupon_id uuid,
    ADD COLUMN tag_id uuid,
    ADD COLUMN arm text NOT NULL DEFAULT '',
    ADD COLUMN snapshot jsonb,
    ADD CONSTRAINT reward_grant_effect_key UNIQUE (cause, campaign_id, effect),
    DROP CONSTRAINT reward_grant_cause_key,
    ADD CONSTRAINT reward_grant_level_check CHECK (level BETWEEN 0 AND 2)
"""

GRANT_REFUSAL = (
    """
    ALTER TABLE grant_refusal
        ADD COLUMN campaign_version integer NOT NULL DEFAULT 1,
        ADD COLUMN effect integer NOT NULL DEFAULT 0,
        ADD COLUMN detail text NOT NULL DEFAULT '',
        DROP CONSTRAINT grant_refusal_pkey,
        ADD CONSTRAINT grant_refusal_pkey PRIMARY KEY (cause, campaign_id, effect)
    """,
    "CREATE INDEX grant_refusal_profile_idx ON grant_refusal (profile_id, refuse_time)",
    "CREATE INDEX grant_refusal_campaign_idx ON grant_refusal (campaign_id, refuse_time)",
)

# A claimant is whoever a limit counts. `profile_id` is a profile for the rewards of a person for ever; for all other
# limits a digest of the entity and the period.
CLAIMANT = "ALTER TABLE claimant ALTER COLUMN rewards TYPE bigint"

# All that is known of an order: who paid it, and what is left of it.
ORDER_REFUND = (
    """
    ALTER TABLE order_refund
        ADD COLUMN facts jsonb,
        ADD COLUMN profile_id uuid,
        ADD COLUMN net_minor bigint,
        ADD COLUMN pay_time timestamptz
    """,
    "CREATE INDEX order_refund_profile_idx ON order_refund (profile_id, pay_time) WHERE profile_id IS NOT NULL",
)

# Visits through the links of consumers, until they are too old to make an inviter.
SHARE_TOUCH = (
    """
    CREATE TABLE share_touch (
        touch_id uuid NOT NULL CONSTRAINT share_touch_pkey PRIMARY KEY,
        visitor_id text NOT NULL,
        profile_id uuid,
        sharer_id uuid NOT NULL,
        touch_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX share_touch_visitor_idx ON share_touch (visitor_id, touch_time)",
    "CREATE INDEX share_touch_profile_idx ON share_touch (profile_id, touch_time) WHERE profile_id IS NOT NULL",
    "CREATE INDEX share_touch_time_idx ON share_touch (touch_time)",
)

# The reward tree: insert-only, without a cycle.
REGISTRATION = """
CREATE TABLE registration (
    profile_id uuid NOT NULL CONSTRAINT registration_pkey PRIMARY KEY,
    cause uuid NOT NULL,
    register_time timestamptz NOT NULL,
    first_inviter_id uuid,
    last_inviter_id uuid,
    first_touch_id uuid,
    last_touch_id uuid,
    CONSTRAINT registration_self_check CHECK (first_inviter_id <> profile_id AND last_inviter_id <> profile_id)
)
"""

# Who was judged in an experiment first when, and in which arm.
EXPOSURE = """
CREATE TABLE exposure (
    campaign_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    arm text NOT NULL,
    expose_time timestamptz NOT NULL,
    CONSTRAINT exposure_pkey PRIMARY KEY (campaign_id, profile_id)
)
"""

# The last spell of each profile in each segment: a later entry replaces an earlier one, whatever arrives first.
AUDIENCE = (
    """
    CREATE TABLE audience_member (
        segment_id uuid NOT NULL,
        profile_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        enter_time timestamptz,
        leave_time timestamptz,
        CONSTRAINT audience_member_pkey PRIMARY KEY (segment_id, profile_id)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE TABLE audience_snapshot (
        snapshot_id uuid NOT NULL CONSTRAINT audience_snapshot_pkey PRIMARY KEY,
        segment_id uuid NOT NULL,
        create_time timestamptz NOT NULL,
        people bigint NOT NULL
    )
    """,
    """
    CREATE TABLE audience_snapshot_member (
        snapshot_id uuid NOT NULL,
        profile_id uuid NOT NULL,
        CONSTRAINT audience_snapshot_member_pkey PRIMARY KEY (snapshot_id, profile_id)
    )
    """,
)


def upgrade() -> None:
    for statement in (
        *CAMPAIGN,
        CAMPAIGN_VERSION,
        REWARD_GRANT,
        *GRANT_REFUSAL,
        CLAIMANT,
        *ORDER_REFUND,
        *SHARE_TOUCH,
        REGISTRATION,
        EXPOSURE,
        *AUDIENCE,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE audience_snapshot_member, audience_snapshot, audience_member, exposure, registration, share_touch"
    )
    op.execute("DROP INDEX order_refund_profile_idx")
    op.execute(
        "ALTER TABLE order_refund DROP COLUMN facts, DROP COLUMN profile_id, DROP COLUMN net_minor, DROP COLUMN pay_time"
    )
    op.execute("ALTER TABLE claimant ALTER COLUMN rewards TYPE integer")
    op.execute(
        "DELETE FROM grant_refusal AS r USING grant_refusal AS o WHERE r.cause = o.cause AND r.campaign_id = o.campaign_id AND r.effect > o.effect"
    )
    op.execute("DROP INDEX grant_refusal_profile_idx, grant_refusal_campaign_idx")
    op.execute("""
        ALTER TABLE grant_refusal DROP CONSTRAINT grant_refusal_pkey,
            DROP COLUMN campaign_version, DROP COLUMN effect, DROP COLUMN detail,
            ADD CONSTRAINT grant_refusal_pkey PRIMARY KEY (cause, campaign_id)
    """)
    op.execute("DELETE FROM reward_grant WHERE effect > 1")
    op.execute("""
        ALTER TABLE reward_grant DROP CONSTRAINT reward_grant_effect_key,
            DROP COLUMN campaign_version, DROP COLUMN effect, DROP COLUMN level, DROP COLUMN desired_amount,
            DROP COLUMN cost, DROP COLUMN uses, DROP COLUMN scope,
            DROP COLUMN awaits_delivery, DROP COLUMN coupon_id, DROP COLUMN tag_id, DROP COLUMN arm,
            DROP COLUMN snapshot, ADD CONSTRAINT reward_grant_cause_key UNIQUE (cause, campaign_id)
    """)
    op.execute("DROP TABLE campaign_version")
    op.execute("DROP INDEX campaign_answers_idx")
    op.execute("UPDATE campaign SET state = 'paused' WHERE state IN ('ended', 'archived')")
    op.execute("""
        ALTER TABLE campaign DROP COLUMN version, DROP COLUMN draft_version, DROP COLUMN stop_time,
            DROP COLUMN answers_kind, DROP COLUMN answers_value, DROP CONSTRAINT campaign_state_check,
            ADD CONSTRAINT campaign_state_check CHECK (state IN ('draft', 'running', 'paused'))
    """)
