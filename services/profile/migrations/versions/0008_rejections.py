"""Events that were not stored.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    # `raw` is sealed. `digest` stands for the very same event of the same source, `names` for the identifiers it names:
    # keyed hashes, by which the events of an erased person are found.
    """
    CREATE TABLE rejection (
        rejection_id uuid NOT NULL CONSTRAINT rejection_pkey PRIMARY KEY,
        source_id text NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        message_id text NOT NULL,
        raw text NOT NULL,
        raw_size bigint NOT NULL CONSTRAINT rejection_raw_size_check CHECK (raw_size >= 0),
        digest uuid NOT NULL CONSTRAINT rejection_digest_key UNIQUE,
        names uuid[] NOT NULL,
        seen_count bigint NOT NULL CONSTRAINT rejection_seen_count_check CHECK (seen_count > 0),
        create_time timestamptz NOT NULL,
        last_seen_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX rejection_source_id_idx ON rejection (source_id, rejection_id)",
    "CREATE INDEX rejection_last_seen_time_idx ON rejection (last_seen_time)",
    "CREATE INDEX rejection_names_idx ON rejection USING gin (names)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
