"""Who belonged to which household, store or company, and when.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    # Under the id for which it was said; whose it is follows from the redirects. Intervals are half-open, and those of one
    # profile in one group do not overlap.
    """
    CREATE TABLE membership (
        membership_id uuid NOT NULL CONSTRAINT membership_pkey PRIMARY KEY,
        type smallint NOT NULL,
        group_id text NOT NULL,
        profile_id uuid NOT NULL,
        start_time timestamptz NOT NULL,
        end_time timestamptz,
        actor text NOT NULL,
        CONSTRAINT membership_start_key UNIQUE (profile_id, type, group_id, start_time),
        CONSTRAINT membership_check CHECK (end_time > start_time)
    )
    """,
    "CREATE INDEX membership_group_idx ON membership (type, group_id, profile_id)",
    # What is known of a group: sealed, as what is known of a person.
    """
    CREATE TABLE people_group (
        type smallint NOT NULL,
        group_id text NOT NULL,
        facts text NOT NULL,
        update_time timestamptz NOT NULL,
        CONSTRAINT people_group_pkey PRIMARY KEY (type, group_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
