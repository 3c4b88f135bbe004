"""Every statement that forgets people, or tells what is held of them. It knows the tables of all capabilities: what
is held of a person is seen in one place."""

HELD = (
    (
        "attributes",
        "SELECT profile_id, attributes, version FROM subject WHERE profile_id = ANY($1) AND merged_into IS NULL",
    ),
    (
        "tag",
        "SELECT tag.key, tag.name, profile_tag.rule_id, profile_tag.operator, profile_tag.add_time,"
        " profile_tag.expire_time FROM profile_tag JOIN tag USING (tag_id)"
        " WHERE profile_id = ANY($1) AND NOT displaced ORDER BY tag.key",
    ),
    (
        "segment",
        "SELECT segment.name, segment_member.enter_time FROM segment_member JOIN segment USING (segment_id)"
        " WHERE profile_id = ANY($1) ORDER BY segment.name",
    ),
    (
        "merged_tag",
        "SELECT tag.key, merged_tag.rule_id, merged_tag.operator, merged_tag.add_time, merged_tag.expire_time"
        " FROM merged_tag JOIN tag USING (tag_id) WHERE profile_id = ANY($1) ORDER BY merge_id, tag.key",
    ),
    (
        "merged_stay",
        "SELECT segment.name, merged_stay.enter_time FROM merged_stay JOIN segment USING (segment_id)"
        " WHERE profile_id = ANY($1) ORDER BY merge_id, segment.name",
    ),
    ("processing", "SELECT * FROM processing WHERE profile_id = ANY($1)"),
    ("fact", "SELECT name, fact_time, properties FROM fact WHERE profile_id = ANY($1) ORDER BY fact_time, event_id"),
)
"""What is held of a person, by kind. `$1` are all ids of the person."""

FORGET = (
    ("tags", "DELETE FROM profile_tag WHERE profile_id = ANY($1)"),
    ("segments", "DELETE FROM segment_member WHERE profile_id = ANY($1)"),
    ("facts", "DELETE FROM fact WHERE profile_id = ANY($1) OR origin_id = ANY($1)"),
    ("merged_tags", "DELETE FROM merged_tag WHERE profile_id = ANY($1)"),
    ("merged_stays", "DELETE FROM merged_stay WHERE profile_id = ANY($1)"),
    ("merges", "DELETE FROM merge WHERE loser_id = ANY($1) OR survivor_id = ANY($1)"),
    ("processing", "DELETE FROM processing WHERE profile_id = ANY($1)"),
    ("subjects", "DELETE FROM subject WHERE profile_id = ANY($1) OR merged_into = ANY($1)"),
)
"""What is done, by what its count is called, in this order. `$1` are all ids of the person."""
