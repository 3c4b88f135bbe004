"""Merges that can be undone, people who must stay apart, events that changed hands.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # Whether anybody is kept apart from this person: only then is `separation` looked at.
    "ALTER TABLE profile ADD COLUMN is_apart boolean NOT NULL DEFAULT false",
    # `sequence` is the order in which merges came to be, also between workers: it is given while both people are held.
    """
    ALTER TABLE merge
        ADD COLUMN sequence bigint GENERATED ALWAYS AS IDENTITY,
        ADD COLUMN actor text NOT NULL DEFAULT '',
        ADD COLUMN note text NOT NULL DEFAULT '',
        ADD COLUMN undo_time timestamptz,
        ADD COLUMN undo_actor text NOT NULL DEFAULT '',
        ADD COLUMN undo_note text NOT NULL DEFAULT '',
        ADD COLUMN undone_with uuid
    """,
    "CREATE INDEX merge_undone_with_idx ON merge (undone_with) WHERE undone_with IS NOT NULL",
    # Two profiles that are not one person, whatever links them.
    """
    CREATE TABLE separation (
        low_id uuid NOT NULL,
        high_id uuid NOT NULL,
        merge_id uuid,
        actor text NOT NULL,
        note text NOT NULL,
        create_time timestamptz NOT NULL,
        CONSTRAINT separation_pkey PRIMARY KEY (low_id, high_id),
        CONSTRAINT separation_check CHECK (low_id < high_id)
    )
    """,
    "CREATE INDEX separation_high_id_idx ON separation (high_id)",
    # Events that are another person's than their row says, because a merge was undone.
    """
    CREATE TABLE event_reassignment (
        event_id uuid NOT NULL CONSTRAINT event_reassignment_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        timestamp timestamptz NOT NULL,
        merge_id uuid NOT NULL,
        reassign_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX event_reassignment_profile_id_idx ON event_reassignment (profile_id, timestamp, event_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
