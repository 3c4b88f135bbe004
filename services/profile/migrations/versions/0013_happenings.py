"""What other services tell of people.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"

STATEMENTS = (
    # `event_id` is the fact's own; `properties` is sealed.
    """
    CREATE TABLE happening (
        event_id uuid NOT NULL CONSTRAINT happening_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        service text NOT NULL,
        name text NOT NULL,
        properties text NOT NULL,
        timestamp timestamptz NOT NULL,
        receive_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX happening_profile_id_idx ON happening (profile_id, timestamp, event_id)",
    "CREATE INDEX happening_timestamp_idx ON happening USING brin (timestamp) WITH (pages_per_range = 32)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
