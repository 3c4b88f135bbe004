"""How people may be processed.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# As profile told it of each id. A person is what any of the merged ids is.
PROCESSING = """
CREATE TABLE processing (
    profile_id uuid NOT NULL CONSTRAINT processing_pkey PRIMARY KEY,
    version bigint NOT NULL,
    is_restricted boolean NOT NULL,
    is_personalization_off boolean NOT NULL
)
"""


def upgrade() -> None:
    op.execute(PROCESSING)


def downgrade() -> None:
    op.execute("DROP TABLE processing")
