"""How much of what a merge moved others had brought before, so that a chain can be undone from any of its links."""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

CARRIED = """
CREATE TABLE merge_carried (
    merge_id uuid NOT NULL,
    asset text NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT merge_carried_pkey PRIMARY KEY (merge_id, asset, kind)
)
"""


def upgrade() -> None:
    op.execute(CARRIED)


def downgrade() -> None:
    op.execute("DROP TABLE merge_carried")
