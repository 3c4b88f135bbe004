"""Pots: random parts, lotteries, levels that are claimed, points by orders."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

CLAIM = """
CREATE TABLE pot_claim (
    pot_id uuid NOT NULL,
    profile_id uuid NOT NULL,
    level integer NOT NULL,
    amount bigint NOT NULL,
    score_min bigint NOT NULL,
    state text NOT NULL,
    claim_time timestamptz NOT NULL,
    CONSTRAINT pot_claim_pkey PRIMARY KEY (pot_id, profile_id, level),
    CONSTRAINT pot_claim_pot_fkey FOREIGN KEY (pot_id) REFERENCES pot (pot_id),
    CONSTRAINT pot_claim_amount_check CHECK (amount > 0),
    CONSTRAINT pot_claim_state_check CHECK (state IN ('paid', 'taken_back'))
)
"""


def upgrade() -> None:
    for statement in (
        """
        ALTER TABLE pot
            ADD COLUMN metric text NOT NULL DEFAULT 'events',
            ADD COLUMN kind text NOT NULL DEFAULT 'ranked',
            ADD COLUMN plan text NOT NULL DEFAULT '',
            ADD COLUMN rules text NOT NULL DEFAULT '',
            ADD COLUMN seed bytea NOT NULL DEFAULT '',
            ADD COLUMN entry_hash text NOT NULL DEFAULT '',
            ADD CONSTRAINT pot_metric_check CHECK (metric IN ('events', 'orders', 'items', 'net')),
            ADD CONSTRAINT pot_kind_check CHECK (kind IN ('ranked', 'random', 'lottery', 'levels')),
            ADD CONSTRAINT pot_chance_check CHECK ((kind IN ('random', 'lottery')) = (seed <> '' AND rules <> ''))
        """,
        "ALTER TABLE pot_point ADD COLUMN points bigint NOT NULL DEFAULT 1",
        """
        ALTER TABLE pot_share
            ADD COLUMN prize text NOT NULL DEFAULT '',
            ADD COLUMN score_kept_min bigint NOT NULL DEFAULT 0
        """,
        CLAIM,
        "CREATE INDEX pot_point_profile_idx ON pot_point (pot_id, profile_id)",
        "CREATE INDEX pot_metric_idx ON pot (state) WHERE metric <> 'events'",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX pot_metric_idx")
    op.execute("DROP INDEX pot_point_profile_idx")
    op.execute("DROP TABLE pot_claim")
    op.execute("ALTER TABLE pot_share DROP COLUMN prize, DROP COLUMN score_kept_min")
    op.execute("ALTER TABLE pot_point DROP COLUMN points")
    op.execute(
        "ALTER TABLE pot DROP COLUMN metric, DROP COLUMN kind, DROP COLUMN plan, DROP COLUMN rules, "
        "DROP COLUMN seed, DROP COLUMN entry_hash"
    )
