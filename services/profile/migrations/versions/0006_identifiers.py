"""Identifiers that were seen with too many, that were moved, and values that name nobody.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    # With whom an identifier was seen of late (16 bytes each: 12 of an id, 4 of a time in seconds), and since when it was
    # with too many: it names nobody then.
    """
    ALTER TABLE identifier
        ADD COLUMN touched bytea NOT NULL DEFAULT '',
        ADD COLUMN suspect_time timestamptz
    """,
    "CREATE INDEX identifier_suspect_time_idx ON identifier (suspect_time, key) WHERE suspect_time IS NOT NULL",
    # Identifiers that left a person without a merge. `source_id` and `event_id` tell which event did it, `actor` and
    # `note` who did it by hand and why.
    """
    CREATE TABLE identifier_move (
        move_id uuid NOT NULL CONSTRAINT identifier_move_pkey PRIMARY KEY,
        key uuid NOT NULL,
        type text NOT NULL,
        namespace text NOT NULL,
        value text NOT NULL,
        verified boolean NOT NULL,
        from_profile_id uuid NOT NULL,
        to_profile_id uuid,
        reason smallint NOT NULL,
        source_id text NOT NULL,
        event_id uuid,
        actor text NOT NULL,
        note text NOT NULL,
        move_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX identifier_move_from_idx ON identifier_move (from_profile_id, move_id)",
    "CREATE INDEX identifier_move_to_idx ON identifier_move (to_profile_id, move_id)",
    # Values that operators blocked: landlines of stores, phones of guides, what a careless integration sends. `type` is
    # empty where it holds for all.
    """
    CREATE TABLE blocked_value (
        blocked_value_id uuid NOT NULL CONSTRAINT blocked_value_pkey PRIMARY KEY,
        type text NOT NULL,
        value text NOT NULL,
        is_pattern boolean NOT NULL,
        actor text NOT NULL,
        note text NOT NULL,
        create_time timestamptz NOT NULL,
        CONSTRAINT blocked_value_key UNIQUE (type, value, is_pattern)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
