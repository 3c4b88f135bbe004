"""The chassis' tables, and all of tagging."""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    # A person as others told of them. Whoever judges a person holds this row.
    """
    CREATE TABLE subject (
        profile_id uuid NOT NULL CONSTRAINT subject_pkey PRIMARY KEY,
        merged_into uuid,
        attributes jsonb NOT NULL DEFAULT '{}',
        version bigint NOT NULL DEFAULT 0,
        judge_time timestamptz,
        due_time timestamptz,
        CONSTRAINT subject_apart_check CHECK (merged_into <> profile_id)
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX subject_due_idx ON subject (due_time) WHERE due_time IS NOT NULL",
    "CREATE INDEX subject_merged_idx ON subject (merged_into) WHERE merged_into IS NOT NULL",
    # What people did. `origin_id` is the profile it was told of; a merge moves only `profile_id`.
    """
    CREATE TABLE fact (
        event_id uuid NOT NULL CONSTRAINT fact_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        origin_id uuid NOT NULL,
        name text NOT NULL,
        fact_time timestamptz NOT NULL,
        properties jsonb NOT NULL
    )
    """,
    "CREATE INDEX fact_profile_idx ON fact (profile_id, name, fact_time)",
    """
    CREATE TABLE tag_group (
        group_id uuid NOT NULL CONSTRAINT tag_group_pkey PRIMARY KEY,
        name text NOT NULL,
        dimension text NOT NULL CONSTRAINT tag_group_dimension_check CHECK (dimension IN ('basic', 'source', 'interaction')),
        parent_group_id uuid CONSTRAINT tag_group_parent_fkey REFERENCES tag_group (group_id),
        exclusive boolean NOT NULL,
        create_time timestamptz NOT NULL,
        CONSTRAINT tag_group_name_key UNIQUE NULLS NOT DISTINCT (parent_group_id, name)
    )
    """,
    """
    CREATE TABLE tag (
        tag_id uuid NOT NULL CONSTRAINT tag_pkey PRIMARY KEY,
        group_id uuid NOT NULL CONSTRAINT tag_group_fkey REFERENCES tag_group (group_id),
        key text NOT NULL CONSTRAINT tag_key_key UNIQUE,
        name text NOT NULL,
        create_time timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE rule (
        rule_id uuid NOT NULL CONSTRAINT rule_pkey PRIMARY KEY,
        tag_id uuid NOT NULL CONSTRAINT rule_tag_fkey REFERENCES tag (tag_id),
        "when" text NOT NULL,
        state text NOT NULL CONSTRAINT rule_state_check CHECK (state IN ('backfilling', 'active', 'stopped')),
        create_time timestamptz NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX rule_live_tag_key ON rule (tag_id) WHERE state <> 'stopped'",
    # A tag by hand and the same tag by rule are two rows. A displaced row is one whose rule still holds, but whose tag gave
    # way to another of its exclusive group.
    """
    CREATE TABLE profile_tag (
        profile_id uuid NOT NULL,
        tag_id uuid NOT NULL CONSTRAINT profile_tag_tag_fkey REFERENCES tag (tag_id),
        rule_id uuid,
        operator text NOT NULL DEFAULT '',
        displaced boolean NOT NULL DEFAULT false,
        add_time timestamptz NOT NULL,
        expire_time timestamptz,
        CONSTRAINT profile_tag_key UNIQUE NULLS NOT DISTINCT (profile_id, tag_id, rule_id)
    )
    """,
    """
    CREATE TABLE segment (
        segment_id uuid NOT NULL CONSTRAINT segment_pkey PRIMARY KEY,
        name text NOT NULL CONSTRAINT segment_name_key UNIQUE,
        expression text NOT NULL,
        create_time timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE segment_member (
        segment_id uuid NOT NULL CONSTRAINT segment_member_segment_fkey REFERENCES segment (segment_id),
        profile_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        enter_time timestamptz NOT NULL,
        CONSTRAINT segment_member_pkey PRIMARY KEY (segment_id, profile_id)
    )
    """,
    "CREATE INDEX segment_member_profile_idx ON segment_member (profile_id)",
    # New rules and segments on their way through everybody who was known before.
    """
    CREATE TABLE backfill (
        definition_id uuid NOT NULL CONSTRAINT backfill_pkey PRIMARY KEY,
        rule_id uuid,
        cursor uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
    )
    """,
)


def upgrade() -> None:
    for statement in (*schema.V1, *TABLES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE backfill, segment_member, segment, profile_tag, rule, tag, tag_group, fact, subject")
    for statement in schema.DOWN_V1:
        op.execute(statement)
