"""People who were erased: what comes late does not bring them back.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ERASED = """
CREATE TABLE erased (
    profile_id uuid NOT NULL CONSTRAINT erased_pkey PRIMARY KEY,
    erase_time timestamptz NOT NULL
)
"""


def upgrade() -> None:
    op.execute(ERASED)


def downgrade() -> None:
    op.execute("DROP TABLE erased")
