"""What names people is sealed, and found by keyed hash.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"

STATEMENTS = (
    # What an event calls people by, sealed together, in place of the four columns that held it.
    """
    ALTER TABLE event
        ADD COLUMN named text NOT NULL DEFAULT '',
        ALTER COLUMN user_id SET DEFAULT '',
        ALTER COLUMN anonymous_id SET DEFAULT '',
        ALTER COLUMN previous_id SET DEFAULT '',
        ALTER COLUMN group_id SET DEFAULT ''
    """,
    # How far each table is sealed with which version of the key. `after` is the last row that was looked at.
    """
    CREATE TABLE resealing (
        name text NOT NULL CONSTRAINT resealing_pkey PRIMARY KEY,
        version integer NOT NULL,
        after uuid NOT NULL,
        is_done boolean NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
