"""The tables that every component's database has: outbox, inbox, idempotency and dead letters."""

V1: tuple[str, ...] = (
    # Facts on their way out: one row per type and shard of a transaction, gone once JetStream has them. The row
    # numbers are the order of publishing; writers of one key hold that key's row when they append.
    """
    CREATE TABLE outbox (
        outbox_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT outbox_pkey PRIMARY KEY,
        message_id uuid NOT NULL,
        subject text NOT NULL,
        event_count integer NOT NULL,
        payload bytea NOT NULL,
        create_time timestamptz NOT NULL DEFAULT now()
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)
    """,
    # Facts that have had their effect, per consumer.
    """
    CREATE TABLE inbox (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        receive_time timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id)
    )
    """,
    "CREATE INDEX inbox_receive_time_idx ON inbox USING brin (receive_time) WITH (pages_per_range = 32)",
    # Answered requests. `key` is a hash of caller, method and request id; `code` is a gRPC status code, `response`
    # the response's bytes for 0, a google.rpc.Status otherwise. No `expire_time`: kept for ever (money).
    """
    CREATE TABLE idempotency (
        key bytea NOT NULL CONSTRAINT idempotency_pkey PRIMARY KEY,
        method text NOT NULL,
        fingerprint bytea NOT NULL,
        code smallint NOT NULL DEFAULT 0,
        response bytea,
        create_time timestamptz NOT NULL DEFAULT now(),
        expire_time timestamptz
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX idempotency_expire_time_idx ON idempotency USING brin (expire_time) WITH (pages_per_range = 32)",
    # Facts whose handler failed for good, kept for a person to look at and to replay.
    """
    CREATE TABLE dead_letter (
        consumer text NOT NULL,
        event_id uuid NOT NULL,
        source text NOT NULL,
        type text NOT NULL,
        payload bytea NOT NULL,
        event_time timestamptz NOT NULL,
        traceparent text NOT NULL,
        error text NOT NULL,
        attempts integer NOT NULL,
        create_time timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT dead_letter_pkey PRIMARY KEY (consumer, event_id)
    )
    """,
)

DOWN_V1: tuple[str, ...] = (
    "DROP TABLE dead_letter",
    "DROP TABLE idempotency",
    "DROP TABLE inbox",
    "DROP TABLE outbox",
)
