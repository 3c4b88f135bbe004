"""What may not be known goes also of people of whom nothing is said any more.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"

STATEMENTS = (
    # Up to which version of the rules of attributes, and to which person, values were held against the gate; one row.
    # The first time, whether there are rules or not: values of children were kept before there was a gate.
    """
    CREATE TABLE attribute_sweep (
        name text NOT NULL
            CONSTRAINT attribute_sweep_pkey PRIMARY KEY CONSTRAINT attribute_sweep_name_check CHECK (name = 'gate'),
        version bigint NOT NULL,
        after uuid NOT NULL,
        is_done boolean NOT NULL
    )
    """,
    "INSERT INTO attribute_sweep VALUES ('gate', 0, '00000000-0000-0000-0000-000000000000', false)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
