"""Shared pools that nobody got, and the pots that they were carried over to."""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

AMOUNTS = ("void_amount", "carried_amount", "received_amount")


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE pot ADD COLUMN carry_over_pot_id uuid
            CONSTRAINT pot_carry_over_fkey REFERENCES pot (pot_id)
        """
    )
    for column in AMOUNTS:
        op.execute(f"ALTER TABLE pot ADD COLUMN {column} bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    for column in ("carry_over_pot_id", *AMOUNTS):
        op.execute(f"ALTER TABLE pot DROP COLUMN {column}")
