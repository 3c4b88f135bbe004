"""Audiences that know everybody: segments that tagging tells again, and copies as of the instant of publishing."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# How far tagging has told a segment again. It is complete for good: what happens since is told as facts.
AUDIENCE_COPY = """
CREATE TABLE audience_copy (
    segment_id uuid NOT NULL CONSTRAINT audience_copy_pkey PRIMARY KEY,
    request_time timestamptz NOT NULL,
    after_entry_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    entries bigint NOT NULL DEFAULT 0,
    complete_time timestamptz
)
"""

# Campaigns of before have been judging by what they were told since they listened.
REQUEST = """
INSERT INTO audience_copy (segment_id, request_time)
SELECT DISTINCT (terms->'audience'->>'segment_id')::uuid, now() FROM campaign_version
WHERE terms->'audience'->>'segment_id' IS NOT NULL
"""


def upgrade() -> None:
    for statement in (
        AUDIENCE_COPY,
        "CREATE INDEX audience_copy_open_idx ON audience_copy (request_time) WHERE complete_time IS NULL",
        REQUEST,
        "CREATE INDEX audience_member_entry_idx ON audience_member (entry_id)",
        "CREATE INDEX audience_snapshot_segment_idx ON audience_snapshot (segment_id)",
        # By which entry somebody is in a copy, and when it ended if that was before the copy. Copies of before know neither.
        "ALTER TABLE audience_snapshot_member ADD COLUMN entry_id uuid, ADD COLUMN leave_time timestamptz",
        "CREATE INDEX audience_snapshot_member_entry_idx ON audience_snapshot_member (entry_id)",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP INDEX audience_snapshot_member_entry_idx, audience_snapshot_segment_idx, audience_member_entry_idx"
    )
    op.execute("ALTER TABLE audience_snapshot_member DROP COLUMN entry_id, DROP COLUMN leave_time")
    op.execute("DROP TABLE audience_copy")
