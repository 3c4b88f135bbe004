"""Partners, ripples, orders and commission."""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None

STATEMENTS = (
    # ---- partners
    """
    CREATE TABLE redirect (
        loser_id uuid NOT NULL CONSTRAINT redirect_pkey PRIMARY KEY,
        survivor_id uuid NOT NULL,
        CONSTRAINT redirect_not_itself CHECK (loser_id <> survivor_id)
    )
    """,
    "CREATE INDEX redirect_survivor_idx ON redirect (survivor_id)",
    """
    CREATE TABLE partner (
        partner_id uuid NOT NULL CONSTRAINT partner_pkey PRIMARY KEY,
        role smallint NOT NULL,
        name text NOT NULL,
        external_code text NOT NULL,
        parent_id uuid CONSTRAINT partner_parent_fkey REFERENCES partner,
        profile_id uuid,
        state smallint NOT NULL,
        inactive_time timestamptz,
        create_time timestamptz NOT NULL,
        update_time timestamptz NOT NULL,
        CONSTRAINT partner_code_key UNIQUE (external_code, role),
        CONSTRAINT partner_not_its_own_parent CHECK (parent_id <> partner_id)
    )
    """,
    "CREATE INDEX partner_parent_idx ON partner (parent_id, partner_id)",
    "CREATE INDEX partner_role_idx ON partner (role, partner_id)",
    # ---- ripples
    """
    CREATE TABLE chain (
        chain_id uuid NOT NULL CONSTRAINT chain_pkey PRIMARY KEY,
        root_token text NOT NULL,
        root_partner_id uuid,
        share_count bigint NOT NULL,
        order_count bigint NOT NULL DEFAULT 0,
        depth integer NOT NULL,
        CONSTRAINT chain_has_shares CHECK (share_count >= depth AND depth >= 1)
    )
    """,
    "CREATE INDEX chain_size_idx ON chain (share_count DESC, chain_id)",
    """
    CREATE TABLE share_link (
        token text NOT NULL CONSTRAINT share_link_pkey PRIMARY KEY,
        target_url text NOT NULL,
        sharer_partner_id uuid,
        sharer_profile_id uuid,
        content_id text NOT NULL,
        parent_touch_id uuid,
        chain_id uuid NOT NULL CONSTRAINT share_link_chain_fkey REFERENCES chain,
        depth integer NOT NULL,
        ring smallint NOT NULL,
        create_time timestamptz NOT NULL,
        CONSTRAINT share_link_one_sharer CHECK (num_nonnulls(sharer_partner_id, sharer_profile_id) = 1)
    )
    """,
    "CREATE INDEX share_link_chain_idx ON share_link (chain_id, depth)",
    # `repeat_of` is the counted touch of the same visitor, link and minute; a counted touch has none.
    """
    CREATE TABLE touch (
        touch_id uuid NOT NULL CONSTRAINT touch_pkey PRIMARY KEY,
        token text NOT NULL CONSTRAINT touch_link_fkey REFERENCES share_link,
        visitor_id text NOT NULL,
        profile_id uuid,
        touch_time timestamptz NOT NULL,
        minute bigint NOT NULL,
        repeat_of uuid
    )
    """,
    "CREATE UNIQUE INDEX touch_minute_key ON touch (token, visitor_id, minute) WHERE repeat_of IS NULL",
    "CREATE INDEX touch_visitor_idx ON touch (visitor_id, touch_time) WHERE repeat_of IS NULL",
    "CREATE INDEX touch_profile_idx ON touch (profile_id, touch_time) WHERE repeat_of IS NULL AND profile_id IS NOT NULL",
    """
    CREATE TABLE visitor (
        profile_id uuid NOT NULL,
        visitor_id text NOT NULL,
        CONSTRAINT visitor_pkey PRIMARY KEY (profile_id, visitor_id)
    )
    """,
    # ---- orders
    """
    CREATE TABLE orders (
        order_id uuid NOT NULL CONSTRAINT orders_pkey PRIMARY KEY,
        source text NOT NULL,
        order_number text NOT NULL,
        profile_id uuid NOT NULL,
        store_id uuid,
        seller_id uuid,
        currency_code text NOT NULL,
        net_minor bigint NOT NULL,
        refunded_minor bigint NOT NULL DEFAULT 0,
        state smallint NOT NULL,
        place_time timestamptz NOT NULL,
        pay_time timestamptz,
        deliver_time timestamptz,
        step smallint,
        partner_id uuid,
        touch_id uuid,
        token text,
        sharer_profile_id uuid,
        losers jsonb,
        CONSTRAINT orders_number_key UNIQUE (order_number, source),
        CONSTRAINT orders_refund_within_net CHECK (refunded_minor BETWEEN 0 AND net_minor),
        CONSTRAINT orders_paid_is_credited CHECK ((pay_time IS NULL) = (step IS NULL))
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX orders_time_idx ON orders (place_time, order_id)",
    "CREATE INDEX orders_store_idx ON orders (store_id, place_time, order_id)",
    "CREATE INDEX orders_profile_idx ON orders (profile_id, place_time, order_id)",
    """
    CREATE TABLE order_line (
        order_id uuid NOT NULL,
        line_no integer NOT NULL,
        sku text NOT NULL,
        category text NOT NULL,
        quantity integer NOT NULL,
        gross_minor bigint NOT NULL,
        discount_minor bigint NOT NULL,
        refunded_minor bigint NOT NULL DEFAULT 0,
        CONSTRAINT order_line_pkey PRIMARY KEY (order_id, line_no),
        CONSTRAINT order_line_order_fkey FOREIGN KEY (order_id) REFERENCES orders,
        CONSTRAINT order_line_discount_within_gross CHECK (discount_minor BETWEEN 0 AND gross_minor),
        CONSTRAINT order_line_refund_within_net CHECK (refunded_minor BETWEEN 0 AND gross_minor - discount_minor)
    ) WITH (fillfactor = 90)
    """,
    # `lines` maps line numbers to minor units.
    """
    CREATE TABLE refund (
        refund_id uuid NOT NULL CONSTRAINT refund_pkey PRIMARY KEY,
        order_id uuid NOT NULL CONSTRAINT refund_order_fkey REFERENCES orders,
        refund_number text NOT NULL,
        amount_minor bigint NOT NULL,
        lines jsonb NOT NULL,
        refund_time timestamptz NOT NULL,
        CONSTRAINT refund_number_key UNIQUE (order_id, refund_number),
        CONSTRAINT refund_of_something CHECK (amount_minor > 0)
    )
    """,
    # Order events of trusted sources that could not become orders. `payload` is the event as it came.
    """
    CREATE TABLE order_rejection (
        event_id uuid NOT NULL CONSTRAINT order_rejection_pkey PRIMARY KEY,
        source text NOT NULL,
        order_number text NOT NULL,
        name text NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        payload bytea NOT NULL,
        event_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX order_rejection_number_idx ON order_rejection (order_number, source)",
    # ---- commission
    """
    CREATE TABLE commission_plan (
        plan_id uuid NOT NULL CONSTRAINT commission_plan_pkey PRIMARY KEY,
        name text NOT NULL,
        seller_rates jsonb NOT NULL,
        parent_rate_bp integer NOT NULL,
        payout_cap_bp integer NOT NULL,
        start_time timestamptz NOT NULL CONSTRAINT commission_plan_start_key UNIQUE,
        create_time timestamptz NOT NULL
    )
    """,
    # `lines` holds per line: number, net, share of the amount, refunded, reversed.
    """
    CREATE TABLE commission (
        commission_id uuid NOT NULL CONSTRAINT commission_pkey PRIMARY KEY,
        order_id uuid NOT NULL,
        partner_id uuid NOT NULL,
        share smallint NOT NULL,
        plan_id uuid NOT NULL CONSTRAINT commission_plan_fkey REFERENCES commission_plan,
        rate_bp_hundredths bigint NOT NULL,
        currency_code text NOT NULL,
        amount_minor bigint NOT NULL,
        reversed_minor bigint NOT NULL,
        capped boolean NOT NULL,
        state smallint NOT NULL,
        lines jsonb NOT NULL,
        create_time timestamptz NOT NULL,
        accrue_time timestamptz,
        CONSTRAINT commission_share_key UNIQUE (order_id, share),
        CONSTRAINT commission_reversed_within_amount CHECK (reversed_minor BETWEEN 0 AND amount_minor)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX commission_time_idx ON commission (create_time, commission_id)",
    "CREATE INDEX commission_partner_idx ON commission (partner_id, create_time, commission_id)",
    "CREATE INDEX commission_estimated_idx ON commission (currency_code, partner_id) INCLUDE (amount_minor, reversed_minor) WHERE state = 1",
    """
    CREATE TABLE partner_earning (
        partner_id uuid NOT NULL,
        currency_code text NOT NULL,
        earned_minor bigint NOT NULL,
        order_count bigint NOT NULL,
        CONSTRAINT partner_earning_pkey PRIMARY KEY (partner_id, currency_code)
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX partner_earning_rank_idx ON partner_earning (currency_code, earned_minor DESC, partner_id)",
    # Movements that the ledger is asked for. The numbers of one partner's rows are in the order of their commits:
    # their writers hold the partner's row of `partner_earning`.
    """
    CREATE TABLE posting (
        posting_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT posting_pkey PRIMARY KEY,
        transfer_id text NOT NULL CONSTRAINT posting_transfer_key UNIQUE,
        commission_id uuid NOT NULL CONSTRAINT posting_commission_fkey REFERENCES commission,
        partner_id uuid NOT NULL,
        lane smallint NOT NULL,
        kind smallint NOT NULL,
        currency_code text NOT NULL,
        amount_minor bigint NOT NULL,
        state smallint NOT NULL,
        reason text NOT NULL DEFAULT '',
        create_time timestamptz NOT NULL,
        post_time timestamptz,
        CONSTRAINT posting_of_something CHECK (amount_minor > 0)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX posting_waiting_idx ON posting (lane, posting_id) WHERE state = 1",
    "CREATE INDEX posting_open_idx ON posting (commission_id) WHERE state IN (1, 3)",
)

TABLES = (
    "posting", "partner_earning", "commission", "commission_plan", "order_rejection", "refund", "order_line", "orders",
    "visitor", "touch", "share_link", "chain", "partner", "redirect",
)  # fmt: skip


def upgrade() -> None:
    for statement in (*schema.V1, *STATEMENTS):
        op.execute(statement)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
    for statement in schema.DOWN_V1:
        op.execute(statement)
