"""Keyed hashes of parts of names and phone numbers, by which a clerk finds people without the database knowing them.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENTS = (
    # `named_version`: the version of which the hashes are; another one means that they are old.
    """
    ALTER TABLE attribute_set
        ADD COLUMN name_tokens bigint[] NOT NULL DEFAULT '{}',
        ADD COLUMN named_version bigint NOT NULL DEFAULT 0
    """,
    "CREATE INDEX attribute_set_name_tokens_idx ON attribute_set USING gin (name_tokens) WHERE name_tokens <> '{}'",
    # Of phones only, and there until somebody writes them: on rows of before.
    "ALTER TABLE identifier ADD COLUMN phone_tokens bigint[]",
    "CREATE INDEX identifier_phone_tokens_idx ON identifier USING gin (phone_tokens) WHERE phone_tokens IS NOT NULL",
    "CREATE INDEX identifier_unindexed_idx ON identifier (key) WHERE type = 'phone' AND phone_tokens IS NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
