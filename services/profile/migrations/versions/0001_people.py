"""People, what names them, what is known of them, what they did.

Revision ID: 0001
"""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None

STATEMENTS = (
    *schema.V1,
    # A person. Merged ones stay, as redirects.
    """
    CREATE TABLE profile (
        profile_id uuid NOT NULL CONSTRAINT profile_pkey PRIMARY KEY,
        create_time timestamptz NOT NULL,
        merge_count integer NOT NULL DEFAULT 0 CONSTRAINT profile_merge_count_check CHECK (merge_count >= 0)
    ) WITH (fillfactor = 70)
    """,
    # Who an identifier names: one owner at a time. `key` is a hash of type, namespace and value.
    """
    CREATE TABLE identifier (
        key uuid NOT NULL CONSTRAINT identifier_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        type text NOT NULL,
        namespace text NOT NULL,
        value text NOT NULL,
        verified boolean NOT NULL,
        first_seen_time timestamptz NOT NULL,
        last_seen_time timestamptz NOT NULL,
        last_verified_time timestamptz,
        source_id text NOT NULL,
        event_id uuid,
        trust smallint NOT NULL
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX identifier_profile_id_idx ON identifier (profile_id)",
    # Where the id of a merged person leads: always straight to the one that lives on.
    """
    CREATE TABLE redirect (
        loser_id uuid NOT NULL CONSTRAINT redirect_pkey PRIMARY KEY,
        survivor_id uuid NOT NULL,
        CONSTRAINT redirect_check CHECK (loser_id <> survivor_id)
    )
    """,
    "CREATE INDEX redirect_survivor_id_idx ON redirect (survivor_id)",
    # What a merge was made of, and how both sides stood before it.
    """
    CREATE TABLE merge (
        merge_id uuid NOT NULL CONSTRAINT merge_pkey PRIMARY KEY,
        survivor_id uuid NOT NULL,
        loser_id uuid NOT NULL,
        event_id uuid,
        source_id text NOT NULL,
        trust smallint NOT NULL,
        reason text NOT NULL,
        rule_version integer NOT NULL,
        identifiers text NOT NULL,
        before text NOT NULL,
        merge_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX merge_survivor_id_idx ON merge (survivor_id, merge_id)",
    "CREATE INDEX merge_loser_id_idx ON merge (loser_id)",
    # Claims that were not believed, how often, and the rule they would have broken.
    """
    CREATE TABLE conflict (
        profile_id uuid NOT NULL,
        key uuid NOT NULL,
        rule text NOT NULL,
        type text NOT NULL,
        namespace text NOT NULL,
        value text NOT NULL,
        owner_id uuid,
        event_id uuid,
        source_id text NOT NULL,
        count bigint NOT NULL,
        first_time timestamptz NOT NULL,
        last_time timestamptz NOT NULL,
        CONSTRAINT conflict_pkey PRIMARY KEY (profile_id, key, rule)
    )
    """,
    # Rows of imports that have had their effect. `key` is a hash of source and row id.
    """
    CREATE TABLE import_row (
        key uuid NOT NULL CONSTRAINT import_row_pkey PRIMARY KEY,
        fingerprint uuid NOT NULL,
        profile_id uuid NOT NULL,
        import_time timestamptz NOT NULL
    )
    """,
    # What is known of a person: a JSON object of name to [time in microseconds, source, value].
    """
    CREATE TABLE attribute_set (
        profile_id uuid NOT NULL CONSTRAINT attribute_set_pkey PRIMARY KEY,
        facts text NOT NULL,
        version bigint NOT NULL CONSTRAINT attribute_set_version_check CHECK (version > 0),
        update_time timestamptz NOT NULL
    ) WITH (fillfactor = 80)
    """,
    # What happened. Rows are never changed: `profile_id` and `identifiers` (keys, 16 bytes
    # each) say how it was resolved when it came.
    """
    CREATE TABLE event (
        event_id uuid NOT NULL CONSTRAINT event_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        message_id text NOT NULL,
        type smallint NOT NULL,
        name text NOT NULL,
        source_id text NOT NULL,
        trust smallint NOT NULL,
        user_id text NOT NULL,
        anonymous_id text NOT NULL,
        previous_id text NOT NULL,
        group_id text NOT NULL,
        identifiers bytea NOT NULL,
        ignored text NOT NULL,
        properties text NOT NULL,
        context text NOT NULL,
        timestamp timestamptz NOT NULL,
        original_time timestamptz NOT NULL,
        sent_time timestamptz,
        receive_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX event_profile_id_timestamp_idx ON event (profile_id, timestamp, event_id)",
    # Message ids that were taken, so that repeats are dropped. `key` is a hash of the message id.
    """
    CREATE TABLE message (
        key uuid NOT NULL CONSTRAINT message_pkey PRIMARY KEY,
        event_id uuid NOT NULL,
        receive_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX message_receive_time_idx ON message USING brin (receive_time) WITH (pages_per_range = 32)",
    # Counts, spread over rows so that writers do not wait for each other.
    """
    CREATE TABLE counter (
        name text NOT NULL,
        shard smallint NOT NULL,
        value bigint NOT NULL,
        CONSTRAINT counter_pkey PRIMARY KEY (name, shard)
    ) WITH (fillfactor = 50)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
