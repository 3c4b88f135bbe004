"""People who were erased: what comes late does not bring them back.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
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
