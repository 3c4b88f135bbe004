"""Undone merges: that they are undone once, and what did not come back."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UNMERGE = """
CREATE TABLE ledger_unmerge (
    merge_id uuid NOT NULL CONSTRAINT ledger_unmerge_pkey PRIMARY KEY,
    restored_id uuid NOT NULL,
    remaining_id uuid NOT NULL,
    unmerge_time timestamptz NOT NULL
)
"""

UNRECOVERABLE = """
CREATE TABLE unrecoverable (
    merge_id uuid NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT unrecoverable_pkey PRIMARY KEY (merge_id, asset),
    CONSTRAINT unrecoverable_merge_fkey FOREIGN KEY (merge_id) REFERENCES ledger_unmerge (merge_id),
    CONSTRAINT unrecoverable_amount_check CHECK (amount > 0)
)
"""


def upgrade() -> None:
    op.execute(UNMERGE)
    op.execute(UNRECOVERABLE)


def downgrade() -> None:
    op.execute("DROP TABLE unrecoverable, ledger_unmerge")
