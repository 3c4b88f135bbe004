"""People who are only stored."""

from alembic import op

revision = "0006"
down_revision = "0005"

# An older state never replaces a newer one. No row: the person is not restricted.
RESTRICTION = """
CREATE TABLE restriction (
    profile_id uuid NOT NULL CONSTRAINT restriction_pkey PRIMARY KEY,
    version bigint NOT NULL,
    is_restricted boolean NOT NULL
)
"""

# Of all who ever said something, few are restricted, and it is asked with every visit.
RESTRICTED = "CREATE INDEX restriction_restricted_idx ON restriction (profile_id) WHERE is_restricted"


def upgrade() -> None:
    op.execute(RESTRICTION)
    op.execute(RESTRICTED)


def downgrade() -> None:
    op.execute("DROP TABLE restriction")
