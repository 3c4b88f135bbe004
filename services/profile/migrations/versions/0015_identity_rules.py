"""Versions of the rules by which it is decided who is who.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"

# A version is written once. Version 2 is what holds while there is none.
STATEMENT = """
CREATE TABLE identity_rules (
    version integer NOT NULL CONSTRAINT identity_rules_pkey PRIMARY KEY,
    phone_proof_days integer NOT NULL,
    email_proof_days integer NOT NULL,
    seen_max integer NOT NULL,
    seen_hours integer NOT NULL,
    merges_max integer NOT NULL,
    identifiers_max integer NOT NULL,
    actor text NOT NULL,
    note text NOT NULL,
    create_time timestamptz NOT NULL,
    CONSTRAINT identity_rules_check CHECK (
        version > 2 AND phone_proof_days > 0 AND email_proof_days > 0 AND seen_max > 0 AND seen_hours > 0
        AND merges_max > 0 AND identifiers_max > 0
    )
)
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(STATEMENT)
