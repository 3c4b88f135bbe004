"""One-time links to bundles.

Revision ID: 0022
"""

from alembic import op

revision = "0022"
down_revision = "0021"

STATEMENTS = (
    # Of a token only its hash. `attempt`: which download is running, or ran last; 0 before the first.
    """
    CREATE TABLE bundle_link (
        token_hash bytea NOT NULL CONSTRAINT bundle_link_pkey PRIMARY KEY,
        privacy_request_id uuid NOT NULL,
        actor text NOT NULL,
        attempt smallint NOT NULL DEFAULT 0,
        create_time timestamptz NOT NULL,
        expire_time timestamptz NOT NULL,
        end_time timestamptz
    )
    """,
    "CREATE INDEX bundle_link_privacy_request_id_idx ON bundle_link (privacy_request_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
