"""How long what is kept.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    CREATE TABLE retention (
        class text NOT NULL CONSTRAINT retention_pkey PRIMARY KEY,
        days integer NOT NULL CONSTRAINT retention_days_check CHECK (days >= 0),
        actor text NOT NULL,
        update_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX event_timestamp_idx ON event USING brin (timestamp) WITH (pages_per_range = 32)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
