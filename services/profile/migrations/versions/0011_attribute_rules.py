"""Which value of an attribute holds.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    # A rule is never changed: the one of the highest version holds.
    """
    CREATE TABLE attribute_rule (
        version bigint NOT NULL GENERATED ALWAYS AS IDENTITY CONSTRAINT attribute_rule_pkey PRIMARY KEY,
        name text NOT NULL,
        kind smallint NOT NULL,
        sources text[] NOT NULL,
        actor text NOT NULL,
        note text NOT NULL,
        create_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX attribute_rule_name_idx ON attribute_rule (name, version DESC)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
