"""Pairs of people of whom somebody has to say whether they are one.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    # Whether a conflict was put into the queue, or needs not to be.
    "ALTER TABLE conflict ADD COLUMN queued boolean NOT NULL DEFAULT false",
    "CREATE INDEX conflict_unqueued_idx ON conflict (profile_id, key, rule) WHERE NOT queued",
    # A pair comes up once per source. `weights` is a JSON array of [field, weight].
    """
    CREATE TABLE review_item (
        review_item_id uuid NOT NULL CONSTRAINT review_item_pkey PRIMARY KEY,
        source smallint NOT NULL,
        state smallint NOT NULL,
        low_id uuid NOT NULL,
        high_id uuid NOT NULL,
        rule text NOT NULL,
        identifier_type text NOT NULL,
        event_id uuid,
        probability_bp integer NOT NULL CONSTRAINT review_item_probability_check CHECK (probability_bp BETWEEN 0 AND 10000),
        weights text NOT NULL,
        actor text NOT NULL,
        note text NOT NULL,
        merge_id uuid,
        create_time timestamptz NOT NULL,
        resolve_time timestamptz,
        CONSTRAINT review_item_pair_key UNIQUE (low_id, high_id, source),
        CONSTRAINT review_item_pair_check CHECK (low_id < high_id),
        CONSTRAINT review_item_state_check CHECK ((state = 1) = (resolve_time IS NULL))
    )
    """,
    "CREATE INDEX review_item_high_id_idx ON review_item (high_id)",
    "CREATE INDEX review_item_state_idx ON review_item (state, review_item_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
