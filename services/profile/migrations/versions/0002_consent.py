"""Keys, and what people agree to.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # Keys, wrapped with one from outside.
    """
    CREATE TABLE vault_key (
        name text NOT NULL,
        version integer NOT NULL CONSTRAINT vault_key_version_check CHECK (version > 0),
        wrapping_id text NOT NULL,
        content bytea NOT NULL,
        CONSTRAINT vault_key_pkey PRIMARY KEY (name, version)
    )
    """,
    # What data is used for.
    """
    CREATE TABLE consent_purpose (
        purpose text NOT NULL CONSTRAINT consent_purpose_pkey PRIMARY KEY,
        kind smallint NOT NULL,
        description text NOT NULL,
        assessment text NOT NULL,
        update_time timestamptz NOT NULL
    )
    """,
    # The last entry of each profile's ledger: whoever appends holds it.
    """
    CREATE TABLE consent_chain (
        profile_id uuid NOT NULL CONSTRAINT consent_chain_pkey PRIMARY KEY,
        length bigint NOT NULL CONSTRAINT consent_chain_length_check CHECK (length >= 0),
        hash bytea NOT NULL
    )
    """,
    # What was said. Rows stay; only `ip` is emptied when a person is erased, which the hash allows for.
    """
    CREATE TABLE consent (
        consent_id uuid NOT NULL CONSTRAINT consent_pkey PRIMARY KEY,
        profile_id uuid NOT NULL,
        sequence bigint NOT NULL,
        purpose text NOT NULL,
        channel text NOT NULL,
        address_hash bytea NOT NULL,
        state smallint NOT NULL CONSTRAINT consent_state_check CHECK (state BETWEEN 1 AND 3),
        legal_basis smallint NOT NULL,
        notice_version text NOT NULL,
        text_hash text NOT NULL,
        source text NOT NULL,
        ip text NOT NULL,
        ip_hash bytea NOT NULL,
        actor text NOT NULL,
        consent_time timestamptz NOT NULL,
        record_time timestamptz NOT NULL,
        hash bytea NOT NULL,
        CONSTRAINT consent_profile_id_sequence_key UNIQUE (profile_id, sequence)
    )
    """,
    """
    CREATE FUNCTION consent_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NEW.ip = '' AND to_jsonb(NEW) - 'ip' = to_jsonb(OLD) - 'ip' THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION 'the consent ledger is append-only' USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    """
    CREATE TRIGGER consent_append_only BEFORE UPDATE OR DELETE ON consent
    FOR EACH ROW EXECUTE FUNCTION consent_is_append_only()
    """,
    # How a profile may be processed, as its own ledger says. A person is what any of the merged ids is.
    """
    CREATE TABLE processing (
        profile_id uuid NOT NULL CONSTRAINT processing_pkey PRIMARY KEY,
        version bigint NOT NULL,
        is_restricted boolean NOT NULL,
        is_personalization_off boolean NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
