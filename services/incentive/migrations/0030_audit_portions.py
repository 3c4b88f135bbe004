"""Seals and proofs in portions: what is read of a day before it is sealed, and how far proofs have come."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# Parts of the next seal that are read already. Nothing in them changes any more.
SEAL_PART = """
CREATE TABLE ledger_seal_part (
    first_xact bigint NOT NULL,
    end_xact bigint NOT NULL,
    transfer_count bigint NOT NULL,
    digest bytea NOT NULL,
    CONSTRAINT ledger_seal_part_pkey PRIMARY KEY (first_xact, end_xact)
)
"""

# A proof that is being made, one of each kind at a time: what it reads, how far it has come, and what it found so far.
PROOF_RUN = """
CREATE TABLE ledger_proof_run (
    is_full boolean NOT NULL CONSTRAINT ledger_proof_run_pkey PRIMARY KEY,
    run_id uuid NOT NULL,
    first_xact bigint NOT NULL,
    end_xact bigint NOT NULL,
    stage text NOT NULL,
    at bigint NOT NULL,
    until bigint NOT NULL,
    account text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    found jsonb NOT NULL,
    begin_time timestamptz NOT NULL,
    CONSTRAINT ledger_proof_run_stage_check CHECK (stage IN ('rows', 'accounts'))
)
"""


def upgrade() -> None:
    for statement in (
        SEAL_PART,
        PROOF_RUN,
        "ALTER TABLE ledger_proof ADD COLUMN run_id uuid",
        "CREATE UNIQUE INDEX ledger_proof_run_key ON ledger_proof (run_id)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE ledger_proof DROP COLUMN run_id")
    op.execute("DROP TABLE ledger_proof_run, ledger_seal_part")
