"""Budgets as a tree, with periods and kill switches."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# The amounts of a node are those of its current period. `excess` is by how much a change of the cap left them above it.
NODE = """
ALTER TABLE budget
    ADD COLUMN reserved bigint NOT NULL DEFAULT 0,
    ADD COLUMN leased bigint NOT NULL DEFAULT 0,
    ADD COLUMN excess bigint NOT NULL DEFAULT 0,
    ADD COLUMN ancestors uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN kind text NOT NULL DEFAULT 'campaign',
    ADD COLUMN scope text NOT NULL DEFAULT '',
    ADD COLUMN name text NOT NULL DEFAULT '',
    ADD COLUMN asset text NOT NULL DEFAULT '',
    ADD COLUMN period text NOT NULL DEFAULT 'none',
    ADD COLUMN time_zone text NOT NULL DEFAULT 'Asia/Shanghai',
    ADD COLUMN soft boolean NOT NULL DEFAULT false,
    ADD COLUMN killed boolean NOT NULL DEFAULT false,
    ADD COLUMN bucket_start timestamptz,
    ADD COLUMN bucket_end timestamptz,
    ADD COLUMN create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
    DROP CONSTRAINT budget_committed_check,
    ADD CONSTRAINT budget_committed_check CHECK (
        committed >= 0 AND reserved >= 0 AND leased >= 0 AND excess >= 0
        AND (soft OR committed + reserved + leased <= cap + excess)
    ),
    ADD CONSTRAINT budget_kind_check
        CHECK (kind IN ('tenant', 'programme', 'campaign', 'store', 'region', 'ring', 'arm')),
    ADD CONSTRAINT budget_scope_check CHECK ((scope <> '') = (kind IN ('store', 'region', 'ring', 'arm'))),
    ADD CONSTRAINT budget_period_check CHECK (
        period IN ('none', 'day', 'week', 'month')
        AND num_nonnulls(bucket_start, bucket_end) = CASE period WHEN 'none' THEN 0 ELSE 2 END
    )
"""

# Periods that are over: refunds and reservations of that time still belong to them.
BUCKET = """
CREATE TABLE budget_bucket (
    budget_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    end_time timestamptz NOT NULL,
    cap bigint NOT NULL,
    committed bigint NOT NULL,
    reserved bigint NOT NULL,
    leased bigint NOT NULL,
    excess bigint NOT NULL,
    soft boolean NOT NULL,
    CONSTRAINT budget_bucket_pkey PRIMARY KEY (budget_id, start_time),
    CONSTRAINT budget_bucket_committed_check CHECK (
        committed >= 0 AND reserved >= 0 AND leased >= 0 AND excess >= 0
        AND (soft OR committed + reserved + leased <= cap + excess)
    )
) WITH (fillfactor = 80)
"""


def upgrade() -> None:
    for statement in (
        NODE,
        "CREATE UNIQUE INDEX budget_scope_key ON budget ((ancestors[1]), kind, scope) WHERE scope <> ''",
        "CREATE INDEX budget_parent_idx ON budget ((ancestors[1]))",
        BUCKET,
        "UPDATE budget SET name = campaign.name, asset = campaign.asset FROM campaign WHERE campaign.budget_id = budget.budget_id",
        "UPDATE budget SET name = pot.name, asset = pot.asset FROM pot WHERE pot.budget_id = budget.budget_id",
        "ALTER TABLE reward_grant ADD COLUMN charge_time timestamptz, ADD COLUMN lease_id uuid",
    ):
        op.execute(statement)


def downgrade() -> None:
    for statement in (
        "ALTER TABLE reward_grant DROP COLUMN charge_time, DROP COLUMN lease_id",
        "DROP TABLE budget_bucket",
        "DROP INDEX budget_scope_key, budget_parent_idx",
        """
        ALTER TABLE budget
            DROP CONSTRAINT budget_kind_check, DROP CONSTRAINT budget_scope_check, DROP CONSTRAINT budget_period_check,
            DROP CONSTRAINT budget_committed_check,
            DROP COLUMN reserved, DROP COLUMN leased, DROP COLUMN excess, DROP COLUMN ancestors, DROP COLUMN kind,
            DROP COLUMN scope, DROP COLUMN name, DROP COLUMN asset, DROP COLUMN period, DROP COLUMN time_zone,
            DROP COLUMN soft, DROP COLUMN killed, DROP COLUMN bucket_start, DROP COLUMN bucket_end,
            DROP COLUMN create_time
        """,
        "ALTER TABLE budget ADD CONSTRAINT budget_committed_check CHECK (committed BETWEEN 0 AND cap) NOT VALID",
    ):
        op.execute(statement)
