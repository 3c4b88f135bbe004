"""What is not taken in, what people asked for, and who looked at them.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    # Identifiers that are not taken in, by keyed hash.
    """
    CREATE TABLE suppression (
        hash uuid NOT NULL CONSTRAINT suppression_pkey PRIMARY KEY,
        type text NOT NULL,
        reason smallint NOT NULL,
        actor text NOT NULL,
        note text NOT NULL,
        create_time timestamptz NOT NULL
    )
    """,
    # What people asked for. `token` stands for an erased person elsewhere, and is gone once all have answered.
    """
    CREATE TABLE privacy_request (
        privacy_request_id uuid NOT NULL CONSTRAINT privacy_request_pkey PRIMARY KEY,
        type smallint NOT NULL,
        state smallint NOT NULL,
        profile_id uuid NOT NULL,
        token uuid,
        actor text NOT NULL,
        note text NOT NULL,
        create_time timestamptz NOT NULL,
        complete_time timestamptz
    )
    """,
    "CREATE INDEX privacy_request_profile_id_idx ON privacy_request (profile_id)",
    "CREATE INDEX privacy_request_open_idx ON privacy_request (privacy_request_id) WHERE state = 1",
    # Each service's part in it. `counts` is a JSON object.
    """
    CREATE TABLE privacy_step (
        privacy_request_id uuid NOT NULL CONSTRAINT privacy_step_request_fkey REFERENCES privacy_request,
        service text NOT NULL,
        counts text NOT NULL DEFAULT '{}',
        proof_hash text NOT NULL DEFAULT '',
        done_time timestamptz,
        CONSTRAINT privacy_step_pkey PRIMARY KEY (privacy_request_id, service)
    )
    """,
    # Parts of bundles. `lines` is sealed.
    """
    CREATE TABLE bundle_part (
        privacy_request_id uuid NOT NULL CONSTRAINT bundle_part_request_fkey REFERENCES privacy_request,
        service text NOT NULL,
        number integer NOT NULL,
        total integer NOT NULL,
        line_count bigint NOT NULL,
        sha256 text NOT NULL,
        lines text NOT NULL,
        CONSTRAINT bundle_part_pkey PRIMARY KEY (privacy_request_id, service, number)
    )
    """,
    # Looks at personal data as it is.
    """
    CREATE TABLE audit_entry (
        audit_id uuid NOT NULL CONSTRAINT audit_entry_pkey PRIMARY KEY,
        action text NOT NULL,
        profile_id uuid NOT NULL,
        actor text NOT NULL,
        store_id text NOT NULL,
        reason text NOT NULL,
        create_time timestamptz NOT NULL
    )
    """,
    "CREATE INDEX audit_entry_profile_id_idx ON audit_entry (profile_id, audit_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
