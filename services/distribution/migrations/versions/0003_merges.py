"""Merges one by one: what it takes to undo them, and to ignore those that are told after they were undone."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Every merge as it was told; an undone one stays. Of merges that were told before this release only the outcome is known
# (`redirect`).
MERGE = """
CREATE TABLE merge (
    merge_id uuid NOT NULL CONSTRAINT merge_pkey PRIMARY KEY,
    loser_id uuid NOT NULL,
    survivor_id uuid NOT NULL,
    undone boolean NOT NULL
)
"""


def upgrade() -> None:
    op.execute(MERGE)
    op.execute("CREATE INDEX merge_loser_idx ON merge (loser_id)")


def downgrade() -> None:
    op.execute("DROP TABLE merge")
