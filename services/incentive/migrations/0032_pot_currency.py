"""Of which currency orders score in pots by their net amount."""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE pot ADD COLUMN currency_code text NOT NULL DEFAULT ''")
    op.execute("UPDATE pot SET currency_code = 'CNY' WHERE metric = 'net'")


def downgrade() -> None:
    op.execute("ALTER TABLE pot DROP COLUMN currency_code")
