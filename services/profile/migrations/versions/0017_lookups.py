"""How often keys of stores look people up.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"

STATEMENTS = (
    # What a key spent on look-ups in the window that began last. One row per key.
    """
    CREATE TABLE lookup_window (
        principal text NOT NULL CONSTRAINT lookup_window_pkey PRIMARY KEY,
        start_time timestamptz NOT NULL,
        spent integer NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
