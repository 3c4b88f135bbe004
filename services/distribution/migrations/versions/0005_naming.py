"""What an order's buyer was named by: an id, or an identifier, of which profile's keyed hash is kept."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE orders ADD COLUMN named_profile_id uuid, ADD COLUMN identifier_key uuid, ADD COLUMN name_time timestamptz
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN name_time, DROP COLUMN identifier_key, DROP COLUMN named_profile_id")
