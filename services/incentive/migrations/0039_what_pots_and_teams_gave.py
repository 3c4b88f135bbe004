"""What of rewards of pots and teams is above the bounds of the asset's programme."""

from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

COLUMNS = (
    ("pot_share", "ungiven_amount"),
    ("pot_claim", "ungiven_amount"),
    ("team_member", "ungiven_amount"),
    ("team", "captain_ungiven"),
)


def upgrade() -> None:
    for table, column in COLUMNS:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    for table, column in reversed(COLUMNS):
        op.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
