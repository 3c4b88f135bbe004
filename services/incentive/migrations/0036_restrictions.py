"""People who are only stored."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# An older state never replaces a newer one. No row: the person may be judged.
RESTRICTION = """
CREATE TABLE restriction (
    profile_id uuid NOT NULL CONSTRAINT restriction_pkey PRIMARY KEY,
    version bigint NOT NULL,
    is_restricted boolean NOT NULL
)
"""


def upgrade() -> None:
    op.execute(RESTRICTION)


def downgrade() -> None:
    op.execute("DROP TABLE restriction")
