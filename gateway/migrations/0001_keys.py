"""The chassis' tables, keys to the API and write keys of sources."""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Only hashes of keys are stored. Ids are of UUID version 7, so that their order is the order of making.
API_KEY = """
CREATE TABLE api_key (
    key_id uuid NOT NULL CONSTRAINT api_key_pkey PRIMARY KEY,
    hash bytea NOT NULL CONSTRAINT api_key_hash_key UNIQUE CONSTRAINT api_key_hash_check CHECK (octet_length(hash) = 32),
    name text NOT NULL,
    scopes text[] NOT NULL,
    store_id uuid,
    prefix text NOT NULL,
    create_time timestamptz NOT NULL,
    revoke_time timestamptz
)
"""

WRITE_KEY = """
CREATE TABLE write_key (
    source_id uuid NOT NULL CONSTRAINT write_key_pkey PRIMARY KEY,
    hash bytea NOT NULL CONSTRAINT write_key_hash_key UNIQUE
        CONSTRAINT write_key_hash_check CHECK (octet_length(hash) = 32),
    name text NOT NULL,
    trust smallint NOT NULL CONSTRAINT write_key_trust_check CHECK (trust IN (1, 2)),
    prefix text NOT NULL,
    create_time timestamptz NOT NULL,
    revoke_time timestamptz
)
"""


def upgrade() -> None:
    for statement in (
        *schema.V1,
        API_KEY,
        "CREATE INDEX api_key_store_idx ON api_key (store_id, key_id) WHERE store_id IS NOT NULL",
        WRITE_KEY,
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE write_key, api_key")
    for statement in schema.DOWN_V1:
        op.execute(statement)
