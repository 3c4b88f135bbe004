"""Trees of hashes of pots, so that a proof does not need all of the winners."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# Nodes above blocks of winners; what is below is told by the block itself. Pots that were frozen before have none.
NODE = """
CREATE TABLE pot_node (
    pot_id uuid NOT NULL,
    level smallint NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT pot_node_pkey PRIMARY KEY (pot_id, level, place)
)
"""


def upgrade() -> None:
    op.execute(NODE)


def downgrade() -> None:
    op.execute("DROP TABLE pot_node")
