"""Programmes of assets, and the lots that members have of them."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Versions only grow, and are never changed: the rules of an asset at any instant can be told.
PROGRAMME = """
CREATE TABLE programme (
    asset text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    time_zone text NOT NULL,
    expiry text NOT NULL,
    expiry_count integer NOT NULL,
    maturity_seconds bigint NOT NULL,
    clawback text NOT NULL,
    debt_max bigint NOT NULL,
    grace_days integer NOT NULL,
    grace_on_void boolean NOT NULL,
    balance_max bigint NOT NULL,
    daily_earn_max bigint NOT NULL,
    yearly_earn_max bigint NOT NULL,
    fair_value bigint NOT NULL,
    effective_time timestamptz NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT programme_pkey PRIMARY KEY (asset, version),
    CONSTRAINT programme_expiry_check CHECK (expiry IN ('never', 'days', 'month_end', 'year_end')),
    CONSTRAINT programme_clawback_check CHECK (clawback IN ('unlimited', 'within_balance', 'only_pending'))
)
"""

LOT = """
CREATE TABLE lot (
    lot_id uuid NOT NULL CONSTRAINT lot_pkey PRIMARY KEY,
    root_id uuid NOT NULL,
    restored_from uuid,
    profile_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    source_key uuid,
    amount bigint NOT NULL,
    pending bigint NOT NULL,
    available bigint NOT NULL,
    held bigint NOT NULL,
    expired bigint NOT NULL,
    earn_time timestamptz NOT NULL,
    mature_time timestamptz,
    expire_time timestamptz,
    last_day date,
    time_zone text NOT NULL,
    fair_value bigint NOT NULL,
    CONSTRAINT lot_owner_key UNIQUE (root_id, profile_id),
    CONSTRAINT lot_places_check CHECK (pending >= 0 AND available >= 0 AND held >= 0 AND expired >= 0),
    CONSTRAINT lot_amount_check CHECK (amount > 0 AND pending + available + held <= amount),
    CONSTRAINT lot_expire_check CHECK ((last_day IS NULL) = (expire_time IS NULL))
) WITH (fillfactor = 80)
"""

# What a transfer did to a lot, kept for ever: who spent what of which lot can be told, and undone.
MOVE = """
CREATE TABLE lot_move (
    transfer_key uuid NOT NULL,
    position integer NOT NULL,
    lot_id uuid NOT NULL,
    quantity bigint NOT NULL,
    source text NOT NULL,
    target text NOT NULL,
    precedent uuid,
    CONSTRAINT lot_move_pkey PRIMARY KEY (transfer_key, position),
    CONSTRAINT lot_move_lot_fkey FOREIGN KEY (lot_id) REFERENCES lot (lot_id),
    CONSTRAINT lot_move_quantity_check CHECK (quantity > 0),
    CONSTRAINT lot_move_places_check CHECK (source <> target)
)
"""


def upgrade() -> None:
    for statement in (
        PROGRAMME,
        LOT,
        "CREATE INDEX lot_left_idx ON lot (profile_id, asset) WHERE pending > 0 OR available > 0 OR held > 0",
        "CREATE INDEX lot_expired_idx ON lot (profile_id, asset) WHERE expired > 0",
        "CREATE INDEX lot_profile_idx ON lot (profile_id, lot_id)",
        "CREATE INDEX lot_source_idx ON lot (source_key) WHERE source_key IS NOT NULL",
        "CREATE INDEX lot_mature_idx ON lot (mature_time) WHERE pending > 0",
        "CREATE INDEX lot_expire_idx ON lot (expire_time) WHERE pending > 0 OR available > 0",
        MOVE,
        "CREATE INDEX lot_move_lot_idx ON lot_move (lot_id)",
        "CREATE INDEX lot_move_precedent_idx ON lot_move (precedent) WHERE precedent IS NOT NULL",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE lot_move, lot, programme")
