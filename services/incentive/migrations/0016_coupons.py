"""Coupons with terms, limits, locks, orders, returns and batches."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Terms, policies and limits are read and written whole with the template that they are of, and no statement asks for
# their parts: they are JSON, in which what is not there has its default.
TEMPLATE = """
ALTER TABLE coupon_template
    ADD COLUMN in_flight_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN limits text NOT NULL DEFAULT '[]',
    ADD COLUMN terms text NOT NULL DEFAULT '{}',
    ADD COLUMN policies text NOT NULL DEFAULT '{}',
    ADD CONSTRAINT coupon_template_in_flight_check
        CHECK (in_flight_count >= 0 AND issued_count + in_flight_count <= stock)
"""

# The check on `redeem_time` is what keeps the release before this one from using what is locked, frozen or revoked.
# Codes of batches have no owner and no number until they are claimed.
COUPON = """
ALTER TABLE coupon
    ALTER COLUMN profile_id DROP NOT NULL,
    ALTER COLUMN number DROP NOT NULL,
    DROP CONSTRAINT coupon_redeemed_check,
    ADD COLUMN status text NOT NULL DEFAULT 'issued',
    ADD COLUMN lock_until timestamptz,
    ADD COLUMN use_count integer NOT NULL DEFAULT 0,
    ADD COLUMN expire_time timestamptz,
    ADD COLUMN grace_used boolean NOT NULL DEFAULT false,
    ADD COLUMN return_time timestamptz,
    ADD COLUMN revoke_time timestamptz,
    ADD COLUMN restocked boolean NOT NULL DEFAULT false,
    ADD COLUMN device bytea NOT NULL DEFAULT '',
    ADD COLUMN phone bytea NOT NULL DEFAULT '',
    ADD COLUMN payment bytea NOT NULL DEFAULT '',
    ADD COLUMN store_id text NOT NULL DEFAULT '',
    ADD COLUMN batch_id uuid,
    ADD CONSTRAINT coupon_status_check
        CHECK (status IN ('pending', 'issued', 'locked', 'redeemed', 'frozen', 'revoked')),
    ADD CONSTRAINT coupon_locked_check CHECK ((status = 'locked') = (lock_until IS NOT NULL)),
    ADD CONSTRAINT coupon_redeemed_check CHECK (
        (redeem_time IS NULL OR (status IN ('issued', 'redeemed') AND order_reference IS NOT NULL))
        AND (order_reference IS NULL OR redeem_time IS NOT NULL OR status = 'locked')
    )
"""

GROUP = """
CREATE TABLE coupon_group (
    name text NOT NULL CONSTRAINT coupon_group_pkey PRIMARY KEY,
    mode text NOT NULL,
    position integer NOT NULL,
    CONSTRAINT coupon_group_mode_check
        CHECK (mode IN ('stackable', 'list_order', 'best_for_member', 'lowest_discount'))
)
"""

# How many coupons of a template a subject got in a span, for each limit that the template has.
TALLY = """
CREATE TABLE coupon_tally (
    template_id uuid NOT NULL,
    scope text NOT NULL,
    begin_day date NOT NULL,
    subject text NOT NULL,
    coupons integer NOT NULL,
    CONSTRAINT coupon_tally_pkey PRIMARY KEY (template_id, scope, begin_day, subject),
    CONSTRAINT coupon_tally_coupons_check CHECK (coupons >= 0)
) WITH (fillfactor = 80)
"""

# What claims of a template had in common, hashed: people who share a bond are one cluster.
BOND = """
CREATE TABLE coupon_bond (
    template_id uuid NOT NULL,
    bond bytea NOT NULL,
    profile_id uuid NOT NULL,
    CONSTRAINT coupon_bond_pkey PRIMARY KEY (template_id, bond, profile_id)
)
"""

ORDER = """
CREATE TABLE coupon_order (
    coupon_order_id uuid NOT NULL CONSTRAINT coupon_order_pkey PRIMARY KEY,
    store_id text NOT NULL,
    order_reference text NOT NULL,
    profile_id text NOT NULL,
    selling_store_id text NOT NULL,
    currency_code text NOT NULL,
    lines text NOT NULL,
    verdict text NOT NULL,
    refunded text NOT NULL DEFAULT '{}',
    refunded_minor bigint NOT NULL DEFAULT 0,
    deliver_time timestamptz,
    create_time timestamptz NOT NULL,
    CONSTRAINT coupon_order_reference_key UNIQUE (order_reference, store_id),
    CONSTRAINT coupon_order_verdict_check
        CHECK (verdict IN ('open', 'cancelled', 'redeemed', 'charge_full', 'refund_payment'))
) WITH (fillfactor = 80)
"""

USE = """
CREATE TABLE coupon_use (
    coupon_id uuid NOT NULL,
    use_no integer NOT NULL,
    coupon_order_id uuid NOT NULL,
    place integer NOT NULL,
    allocation text NOT NULL,
    state text NOT NULL,
    lock_until timestamptz,
    CONSTRAINT coupon_use_pkey PRIMARY KEY (coupon_id, use_no),
    CONSTRAINT coupon_use_state_check CHECK (state IN ('locked', 'redeemed', 'returned', 'released', 'lost'))
) WITH (fillfactor = 80)
"""

BATCH = """
CREATE TABLE coupon_batch (
    batch_id uuid NOT NULL CONSTRAINT coupon_batch_pkey PRIMARY KEY,
    template_id uuid NOT NULL,
    code_count bigint NOT NULL,
    made_count bigint NOT NULL DEFAULT 0,
    state text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT coupon_batch_made_check CHECK (made_count BETWEEN 0 AND code_count),
    CONSTRAINT coupon_batch_state_check CHECK (state IN ('running', 'done', 'cancelled'))
) WITH (fillfactor = 50)
"""

# When a person's last look-up of a code would have been due, had they come evenly.
LOOKUP = """
CREATE TABLE coupon_lookup (
    profile_id uuid NOT NULL CONSTRAINT coupon_lookup_pkey PRIMARY KEY,
    due_time timestamptz NOT NULL
) WITH (fillfactor = 70)
"""


def upgrade() -> None:
    for statement in (
        TEMPLATE,
        COUPON,
        "UPDATE coupon SET status = 'redeemed' WHERE redeem_time IS NOT NULL",
        "CREATE INDEX coupon_batch_idx ON coupon (batch_id, coupon_id) WHERE batch_id IS NOT NULL",
        GROUP,
        TALLY,
        BOND,
        "CREATE INDEX coupon_bond_profile_idx ON coupon_bond (template_id, profile_id)",
        ORDER,
        USE,
        "CREATE INDEX coupon_use_order_idx ON coupon_use (coupon_order_id)",
        # The last guard: a coupon is never on two orders at once.
        "CREATE UNIQUE INDEX coupon_use_live_key ON coupon_use (coupon_id) WHERE state IN ('locked', 'redeemed')",
        BATCH,
        "CREATE INDEX coupon_batch_running_idx ON coupon_batch (batch_id) WHERE state = 'running'",
        LOOKUP,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE coupon_lookup, coupon_batch, coupon_use, coupon_order, coupon_bond, coupon_tally, coupon_group"
    )
    op.execute("DELETE FROM coupon WHERE profile_id IS NULL")
    op.execute(
        """
        ALTER TABLE coupon
            DROP CONSTRAINT coupon_redeemed_check, DROP CONSTRAINT coupon_locked_check,
            DROP CONSTRAINT coupon_status_check
        """
    )
    op.execute("UPDATE coupon SET order_reference = NULL WHERE redeem_time IS NULL")
    op.execute(
        """
        ALTER TABLE coupon
            DROP COLUMN status, DROP COLUMN lock_until, DROP COLUMN use_count, DROP COLUMN expire_time,
            DROP COLUMN grace_used, DROP COLUMN return_time, DROP COLUMN revoke_time, DROP COLUMN restocked,
            DROP COLUMN device, DROP COLUMN phone, DROP COLUMN payment, DROP COLUMN store_id, DROP COLUMN batch_id,
            ALTER COLUMN profile_id SET NOT NULL, ALTER COLUMN number SET NOT NULL,
            ADD CONSTRAINT coupon_redeemed_check CHECK ((order_reference IS NULL) = (redeem_time IS NULL))
        """
    )
    op.execute(
        """
        ALTER TABLE coupon_template
            DROP COLUMN in_flight_count, DROP COLUMN limits, DROP COLUMN terms, DROP COLUMN policies
        """
    )
