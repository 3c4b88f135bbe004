"""What it takes to decide again who is who, under other rules.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"

STATEMENTS = (
    # Which of an event's `identifiers` were proven: bit n is the n-th. An earlier release did not say.
    "ALTER TABLE event ADD COLUMN proven bigint",
    # What was said of who is who without an event: by imports and other services, where it changed something.
    """
    CREATE TABLE evidence (
        evidence_id uuid NOT NULL CONSTRAINT evidence_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        source_id text NOT NULL,
        trust smallint NOT NULL,
        identifiers bytea NOT NULL,
        proven bigint NOT NULL,
        time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX evidence_profile_id_idx ON evidence (profile_id)",
    # By which identifiers somebody was named that are not theirs (any more): all that ties people together who are not one.
    """
    CREATE TABLE encounter (
        key uuid NOT NULL,
        profile_id uuid NOT NULL,
        CONSTRAINT encounter_pkey PRIMARY KEY (key, profile_id)
    )
    """,
    "CREATE INDEX encounter_profile_id_idx ON encounter (profile_id)",
    # When somebody looked at a value in quarantine and let it name people again: an id, for its place among events.
    "ALTER TABLE identifier ADD COLUMN release_id uuid",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
