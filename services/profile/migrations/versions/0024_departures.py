"""That identifiers left people, where whose they became was erased.

Revision ID: 0024
"""

from alembic import op

revision = "0024"
down_revision = "0023"

STATEMENTS = (
    # `key` is the keyed hash of the identifier. Nothing tells what it is, or whose it became.
    """
    CREATE TABLE identifier_departure (
        profile_id uuid NOT NULL,
        key uuid NOT NULL,
        move_time timestamptz NOT NULL,
        CONSTRAINT identifier_departure_pkey PRIMARY KEY (profile_id, key)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
