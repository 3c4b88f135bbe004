"""What is needed to read the ledger from where one stopped; its seals, its proofs, estimates of what is redeemed."""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# The transaction that posted a transfer. Below the oldest transaction that is still open nothing can be added any more:
# that is a position from which, and up to which, the ledger can be read, which neither time nor a sequence is.
# Transfers from before this column have 0, and are read by none of those who go on from a position.
POSITION = """
ALTER TABLE transfer ADD COLUMN xact bigint NOT NULL DEFAULT 0,
    ALTER COLUMN xact SET DEFAULT pg_current_xact_id()::text::bigint
"""

INDEX = "CREATE INDEX transfer_xact_idx ON transfer USING brin (xact) WITH (pages_per_range = 32, autosummarize = on)"

# How far each reader has come. All begin where the positions begin.
CURSOR = """
CREATE TABLE ledger_cursor (
    reader text COLLATE "C" NOT NULL CONSTRAINT ledger_cursor_pkey PRIMARY KEY,
    xact bigint NOT NULL
)
"""

BEGIN = """
INSERT INTO ledger_cursor (reader, xact)
SELECT reader, pg_snapshot_xmin(pg_current_snapshot())::text::bigint FROM unnest('{seals,transfers}'::text[]) AS reader
"""

SEAL = """
CREATE TABLE ledger_seal (
    day date NOT NULL CONSTRAINT ledger_seal_pkey PRIMARY KEY,
    time_zone text NOT NULL,
    first_xact bigint NOT NULL,
    end_xact bigint NOT NULL,
    transfer_count bigint NOT NULL,
    digest text NOT NULL,
    previous text NOT NULL,
    seal text NOT NULL,
    seal_time timestamptz NOT NULL,
    CONSTRAINT ledger_seal_previous_key UNIQUE (previous),
    CONSTRAINT ledger_seal_span_check CHECK (first_xact <= end_xact)
)
"""

PROOF = """
CREATE TABLE ledger_proof (
    number bigint NOT NULL CONSTRAINT ledger_proof_pkey PRIMARY KEY,
    end_xact bigint NOT NULL,
    is_full boolean NOT NULL,
    prove_time timestamptz NOT NULL
)
"""

PROOF_LINE = """
CREATE TABLE ledger_proof_line (
    number bigint NOT NULL,
    asset text COLLATE "C" NOT NULL,
    debits numeric NOT NULL,
    liability numeric NOT NULL,
    account_count bigint NOT NULL,
    discrepancy numeric NOT NULL,
    CONSTRAINT ledger_proof_line_pkey PRIMARY KEY (number, asset),
    CONSTRAINT ledger_proof_line_number_fkey FOREIGN KEY (number) REFERENCES ledger_proof (number)
)
"""

ESTIMATE = """
CREATE TABLE redemption_estimate (
    asset text COLLATE "C" NOT NULL,
    month text COLLATE "C" NOT NULL,
    effective_month text COLLATE "C" NOT NULL,
    expected bigint NOT NULL,
    CONSTRAINT redemption_estimate_pkey PRIMARY KEY (asset, month, effective_month),
    CONSTRAINT redemption_estimate_expected_check CHECK (expected > 0)
)
"""


def upgrade() -> None:
    for statement in (POSITION, INDEX, CURSOR, BEGIN, SEAL, PROOF, PROOF_LINE, ESTIMATE):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE redemption_estimate, ledger_proof_line, ledger_proof, ledger_seal, ledger_cursor")
    op.execute("ALTER TABLE transfer DROP COLUMN xact")
