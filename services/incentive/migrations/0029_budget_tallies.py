"""What boards tell of rewards that are held, and of first purchases."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# What is to be added to tallies, by the wants that it was charged with: nobody waits for a row of a tree's upper nodes.
NOTE = """
CREATE TABLE budget_note (
    note_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT budget_note_pkey PRIMARY KEY,
    wants jsonb NOT NULL,
    note_time timestamptz NOT NULL,
    held_grants bigint NOT NULL DEFAULT 0,
    held_amount bigint NOT NULL DEFAULT 0,
    first_purchases bigint NOT NULL DEFAULT 0
)
"""

# By the start of a period; that of all time where a budget has none.
TALLY = """
CREATE TABLE budget_tally (
    budget_id uuid NOT NULL,
    start_time timestamptz NOT NULL,
    held_grants bigint NOT NULL,
    held_amount bigint NOT NULL,
    first_purchases bigint NOT NULL,
    CONSTRAINT budget_tally_pkey PRIMARY KEY (budget_id, start_time)
) WITH (fillfactor = 80)
"""

# The first kept purchase of a person, if campaigns had rewarded them for it or before it: whose it is in tallies.
FIRST_PURCHASE = """
CREATE TABLE first_purchase (
    profile_id uuid NOT NULL CONSTRAINT first_purchase_pkey PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT first_purchase_order_key UNIQUE,
    note_time timestamptz NOT NULL,
    wants jsonb NOT NULL
)
"""

# What waits for deliveries already.
HELD = """
INSERT INTO budget_note (wants, note_time, held_grants, held_amount)
SELECT jsonb_build_array(jsonb_build_array(budget_id, coalesce(scope, '[]'))), coalesce(charge_time, grant_time), 1,
       amount - reversed_amount
FROM reward_grant JOIN campaign USING (campaign_id) WHERE awaits_delivery AND reversed_amount < amount
"""


def upgrade() -> None:
    for statement in (NOTE, TALLY, FIRST_PURCHASE, HELD):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE first_purchase, budget_tally, budget_note")
