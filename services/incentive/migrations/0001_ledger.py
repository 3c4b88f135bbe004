"""The chassis' tables, the redirects of merged profiles, and the ledger."""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REDIRECT = """
CREATE TABLE redirect (
    loser_id uuid NOT NULL CONSTRAINT redirect_pkey PRIMARY KEY,
    survivor_id uuid NOT NULL,
    merge_id uuid NOT NULL,
    CONSTRAINT redirect_apart_check CHECK (loser_id <> survivor_id)
)
"""

# Balances of members and partners. No deficit anywhere but in `debt`; a sequence that never goes back.
ACCOUNT = """
CREATE TABLE account (
    account text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    balance bigint NOT NULL DEFAULT 0,
    sequence bigint NOT NULL DEFAULT 0,
    CONSTRAINT account_pkey PRIMARY KEY (account, asset),
    CONSTRAINT account_deficit_check CHECK (balance >= 0 OR account LIKE '%/debt')
) WITH (fillfactor = 70)
"""

# One row per transfer, never changed. A position is the account's sequence, or the transfer's number where the account
# has no balance row; the unique indexes prove that no update was lost, and page the entries.
TRANSFER = """
CREATE TABLE transfer (
    transfer_key uuid NOT NULL CONSTRAINT transfer_pkey PRIMARY KEY,
    fingerprint bytea NOT NULL,
    transfer_id text NOT NULL,
    debit_account text COLLATE "C" NOT NULL,
    credit_account text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    memo text NOT NULL,
    reverses_key uuid,
    post_time timestamptz NOT NULL,
    debit_position bigint NOT NULL,
    debit_balance bigint,
    credit_position bigint NOT NULL,
    credit_balance bigint,
    CONSTRAINT transfer_amount_check CHECK (amount > 0),
    CONSTRAINT transfer_accounts_check CHECK (debit_account <> credit_account),
    CONSTRAINT transfer_debit_key UNIQUE (debit_account, asset, debit_position),
    CONSTRAINT transfer_credit_key UNIQUE (credit_account, asset, credit_position),
    CONSTRAINT transfer_reverses_fkey FOREIGN KEY (reverses_key) REFERENCES transfer (transfer_key)
)
"""

REFUSAL = """
CREATE TABLE transfer_refusal (
    transfer_key uuid NOT NULL CONSTRAINT transfer_refusal_pkey PRIMARY KEY,
    fingerprint bytea NOT NULL,
    transfer_id text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    refuse_time timestamptz NOT NULL
)
"""


def upgrade() -> None:
    for statement in (
        *schema.V1,
        REDIRECT,
        "CREATE INDEX redirect_survivor_idx ON redirect (survivor_id)",
        ACCOUNT,
        "CREATE SEQUENCE transfer_number",
        TRANSFER,
        "CREATE INDEX transfer_reverses_idx ON transfer (reverses_key) WHERE reverses_key IS NOT NULL",
        REFUSAL,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE transfer_refusal, transfer, account, redirect")
    op.execute("DROP SEQUENCE transfer_number")
    for statement in schema.DOWN_V1:
        op.execute(statement)
