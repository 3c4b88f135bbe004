"""Budgets, campaigns with what they gave, and coupons."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A budget knows nobody who spends from it. The check is the last guard: no statement can overspend by one unit.
BUDGET = """
CREATE TABLE budget (
    budget_id uuid NOT NULL CONSTRAINT budget_pkey PRIMARY KEY,
    cap bigint NOT NULL,
    committed bigint NOT NULL DEFAULT 0,
    CONSTRAINT budget_committed_check CHECK (committed BETWEEN 0 AND cap)
) WITH (fillfactor = 50)
"""

CAMPAIGN = """
CREATE TABLE campaign (
    campaign_id uuid NOT NULL CONSTRAINT campaign_pkey PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL,
    trigger text NOT NULL,
    trigger_value text NOT NULL,
    net_minor_min bigint NOT NULL,
    asset text NOT NULL,
    fixed bigint,
    order_rate_bp integer,
    budget_id uuid NOT NULL,
    rewards_per_profile_max integer NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT campaign_budget_fkey FOREIGN KEY (budget_id) REFERENCES budget (budget_id),
    CONSTRAINT campaign_state_check CHECK (state IN ('draft', 'running', 'paused')),
    CONSTRAINT campaign_trigger_check CHECK (trigger IN ('event', 'segment', 'order')),
    CONSTRAINT campaign_reward_check CHECK (num_nonnulls(fixed, order_rate_bp) = 1),
    CONSTRAINT campaign_window_check CHECK (start_time < end_time)
)
"""

# One row per campaign and cause, for ever: whatever the way a fact takes, it is rewarded once. No foreign key to the
# campaign: its check would lock the hot row, and campaigns are never deleted.
REWARD_GRANT = """
CREATE TABLE reward_grant (
    grant_id uuid NOT NULL CONSTRAINT reward_grant_pkey PRIMARY KEY,
    campaign_id uuid NOT NULL,
    cause uuid NOT NULL,
    profile_id uuid NOT NULL,
    asset text NOT NULL,
    amount bigint NOT NULL,
    reversed_amount bigint NOT NULL DEFAULT 0,
    order_net_minor bigint,
    grant_time timestamptz NOT NULL,
    CONSTRAINT reward_grant_cause_key UNIQUE (cause, campaign_id),
    CONSTRAINT reward_grant_amount_check CHECK (amount > 0),
    CONSTRAINT reward_grant_reversed_check CHECK (reversed_amount BETWEEN 0 AND amount)
) WITH (fillfactor = 90)
"""

# Why somebody got nothing from a campaign that ran, for those who have to explain it.
GRANT_REFUSAL = """
CREATE TABLE grant_refusal (
    campaign_id uuid NOT NULL,
    cause uuid NOT NULL,
    profile_id uuid NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL,
    refuse_time timestamptz NOT NULL,
    CONSTRAINT grant_refusal_pkey PRIMARY KEY (cause, campaign_id)
)
"""

# How many rewards a profile has of a campaign that limits them; the row that its grants hold one after another.
CLAIMANT = """
CREATE TABLE claimant (
    campaign_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    rewards integer NOT NULL DEFAULT 0,
    CONSTRAINT claimant_pkey PRIMARY KEY (campaign_id, profile_id),
    CONSTRAINT claimant_rewards_check CHECK (rewards >= 0)
) WITH (fillfactor = 80)
"""

# The row that the payment and the refunds of an order hold one after another, with the highest refunded total known.
ORDER_REFUND = """
CREATE TABLE order_refund (
    order_id uuid NOT NULL CONSTRAINT order_refund_pkey PRIMARY KEY,
    refund_id uuid,
    refunded_minor bigint,
    refund_time timestamptz,
    CONSTRAINT order_refund_known_check CHECK (num_nonnulls(refund_id, refunded_minor, refund_time) IN (0, 3))
) WITH (fillfactor = 80)
"""

COUPON_TEMPLATE = """
CREATE TABLE coupon_template (
    template_id uuid NOT NULL CONSTRAINT coupon_template_pkey PRIMARY KEY,
    name text NOT NULL,
    value_minor bigint NOT NULL,
    currency_code text NOT NULL,
    order_minor_min bigint NOT NULL,
    stock bigint NOT NULL,
    issued_count bigint NOT NULL DEFAULT 0,
    redeemed_count bigint NOT NULL DEFAULT 0,
    coupons_per_profile_max integer NOT NULL,
    last_day date NOT NULL,
    time_zone text NOT NULL,
    expire_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT coupon_template_stock_check CHECK (issued_count BETWEEN 0 AND stock),
    CONSTRAINT coupon_template_redeemed_check CHECK (redeemed_count BETWEEN 0 AND issued_count)
) WITH (fillfactor = 50)
"""

# `number` counts a person's coupons of a template: the unique row behind the limit per person.
COUPON = """
CREATE TABLE coupon (
    coupon_id uuid NOT NULL CONSTRAINT coupon_pkey PRIMARY KEY,
    template_id uuid NOT NULL,
    code text COLLATE "C" NOT NULL,
    profile_id uuid NOT NULL,
    number integer NOT NULL,
    order_reference text,
    issue_time timestamptz NOT NULL,
    redeem_time timestamptz,
    CONSTRAINT coupon_template_fkey FOREIGN KEY (template_id) REFERENCES coupon_template (template_id),
    CONSTRAINT coupon_code_key UNIQUE (code),
    CONSTRAINT coupon_number_key UNIQUE (template_id, profile_id, number),
    CONSTRAINT coupon_redeemed_check CHECK ((order_reference IS NULL) = (redeem_time IS NULL))
) WITH (fillfactor = 90)
"""


def upgrade() -> None:
    for statement in (
        BUDGET,
        CAMPAIGN,
        "CREATE INDEX campaign_trigger_idx ON campaign (trigger, trigger_value) WHERE state = 'running'",
        REWARD_GRANT,
        "CREATE INDEX reward_grant_profile_idx ON reward_grant (profile_id, grant_id)",
        GRANT_REFUSAL,
        CLAIMANT,
        ORDER_REFUND,
        COUPON_TEMPLATE,
        COUPON,
        "CREATE INDEX coupon_profile_idx ON coupon (profile_id, coupon_id)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE coupon, coupon_template, order_refund, claimant, grant_refusal, reward_grant, campaign, budget"
    )
