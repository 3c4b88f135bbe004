"""Entries into segments in the order of their ids, and no notes of stays that are over.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Leaving ends what merged profiles had of a segment, too: earlier releases kept it for the undoing of the merge.
END = """
DELETE FROM merged_stay WHERE NOT EXISTS (
    SELECT FROM segment_member JOIN subject ON subject.profile_id = merged_stay.profile_id
    WHERE segment_member.segment_id = merged_stay.segment_id
      AND segment_member.profile_id = coalesce(subject.merged_into, subject.profile_id)
)
"""


def upgrade() -> None:
    op.execute(END)
    op.execute("CREATE INDEX segment_member_entry_idx ON segment_member (segment_id, entry_id)")
    op.execute("CREATE INDEX merged_stay_entry_idx ON merged_stay (segment_id, entry_id, merge_id)")


def downgrade() -> None:
    op.execute("DROP INDEX segment_member_entry_idx, merged_stay_entry_idx")
