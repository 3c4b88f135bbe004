"""Pacing of budgets, and how they are being spent."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

PLAN = """
ALTER TABLE budget
    ADD COLUMN paced boolean NOT NULL DEFAULT false,
    ADD COLUMN plan_start timestamptz,
    ADD COLUMN plan_end timestamptz,
    ADD CONSTRAINT budget_plan_check CHECK (
        num_nonnulls(plan_start, plan_end) = CASE WHEN paced AND period = 'none' THEN 2 ELSE 0 END
        AND (plan_start IS NULL OR plan_start < plan_end)
    )
"""

# What is observed of a budget, and the state of its controller: written by one replica at a time, read by all.
METER = """
CREATE TABLE budget_meter (
    budget_id uuid NOT NULL CONSTRAINT budget_meter_pkey PRIMARY KEY,
    meter_time timestamptz NOT NULL,
    start_time timestamptz,
    cap bigint NOT NULL,
    used bigint NOT NULL,
    decisions bigint NOT NULL,
    grants bigint NOT NULL,
    used_rate double precision NOT NULL,
    grants_rate double precision NOT NULL,
    alarm_bp integer NOT NULL,
    stage text NOT NULL,
    ahead_time timestamptz,
    p double precision NOT NULL,
    integral double precision NOT NULL,
    smoothed double precision NOT NULL,
    step_time timestamptz,
    step_decisions bigint NOT NULL,
    weights double precision[] NOT NULL,
    CONSTRAINT budget_meter_p_check CHECK (p BETWEEN 0 AND 1),
    CONSTRAINT budget_meter_stage_check CHECK (stage IN ('none', 'shade', 'restrict', 'pause'))
) WITH (fillfactor = 50)
"""

# The wants of paced budgets in every five minutes: four weeks of them are the forecast.
SLOT = """
CREATE TABLE budget_slot (
    budget_id uuid NOT NULL,
    slot_time timestamptz NOT NULL,
    decisions bigint NOT NULL,
    used bigint NOT NULL,
    CONSTRAINT budget_slot_pkey PRIMARY KEY (budget_id, slot_time)
) WITH (fillfactor = 80)
"""


def upgrade() -> None:
    for statement in (PLAN, METER, SLOT):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE budget_slot, budget_meter")
    op.execute(
        "ALTER TABLE budget DROP CONSTRAINT budget_plan_check, DROP COLUMN paced, DROP COLUMN plan_start,"
        " DROP COLUMN plan_end"
    )
