"""Merges one by one, and what was whose before: what it takes to undo them.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Every merge as it was told; an undone one stays, so that it is ignored when it comes late. Of merges that were told before
# this release only the outcome is known (`subject.merged_into`).
MERGE = """
CREATE TABLE merge (
    merge_id uuid NOT NULL CONSTRAINT merge_pkey PRIMARY KEY,
    loser_id uuid NOT NULL,
    survivor_id uuid NOT NULL,
    undone boolean NOT NULL
)
"""

# What either side of a merge had. `kept`: whether the united person had the tag.
MERGED_TAG = """
CREATE TABLE merged_tag (
    merge_id uuid NOT NULL CONSTRAINT merged_tag_merge_fkey REFERENCES merge ON DELETE CASCADE,
    profile_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    rule_id uuid,
    operator text NOT NULL,
    displaced boolean NOT NULL,
    add_time timestamptz NOT NULL,
    expire_time timestamptz,
    kept boolean NOT NULL,
    CONSTRAINT merged_tag_key UNIQUE NULLS NOT DISTINCT (merge_id, profile_id, tag_id, rule_id)
)
"""

MERGED_STAY = """
CREATE TABLE merged_stay (
    merge_id uuid NOT NULL CONSTRAINT merged_stay_merge_fkey REFERENCES merge ON DELETE CASCADE,
    profile_id uuid NOT NULL,
    segment_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    enter_time timestamptz NOT NULL,
    CONSTRAINT merged_stay_pkey PRIMARY KEY (merge_id, profile_id, segment_id)
)
"""


def upgrade() -> None:
    for statement in (
        MERGE,
        "CREATE INDEX merge_loser_idx ON merge (loser_id)",
        "CREATE INDEX merge_survivor_idx ON merge (survivor_id)",
        MERGED_TAG,
        "CREATE INDEX merged_tag_profile_idx ON merged_tag (profile_id)",
        MERGED_STAY,
        "CREATE INDEX merged_stay_profile_idx ON merged_stay (profile_id)",
        "ALTER TABLE fact ADD COLUMN reassign_time timestamptz",
    ):
        op.execute(statement)


def downgrade() -> None:
    op.execute("ALTER TABLE fact DROP COLUMN reassign_time")
    op.execute("DROP TABLE merged_stay, merged_tag, merge")
