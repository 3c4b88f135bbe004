"""Every statement that forgets people, or tells what is held of them. It knows the tables of all capabilities: what
is held of a person is seen in one place."""

HELD = (
    (
        "order",
        "SELECT order_id, source, order_number, currency_code, net_minor, refunded_minor, place_time, pay_time,"
        " deliver_time, (SELECT jsonb_agg(to_jsonb(line) - 'order_id' ORDER BY line_no) FROM order_line AS line"
        " WHERE line.order_id = orders.order_id) AS lines"
        " FROM orders WHERE profile_id = ANY($1) ORDER BY place_time, order_id",
    ),
    (
        "share_link",
        "SELECT token, target_url, content_id, create_time FROM share_link WHERE sharer_profile_id = ANY($1)"
        " ORDER BY create_time",
    ),
    (
        "touch",
        "SELECT DISTINCT touch.touch_id, touch.token, touch.touch_time FROM touch LEFT JOIN visitor USING (visitor_id)"
        " WHERE touch.profile_id = ANY($1) OR visitor.profile_id = ANY($1) ORDER BY touch_time",
    ),
    (
        "rejection",
        "SELECT source, order_number, name, reason, detail, event_time FROM order_rejection"
        " WHERE EXISTS (SELECT FROM unnest($1::uuid[]) AS id"
        " WHERE position(convert_to(id::text, 'UTF8') IN payload) > 0)",
    ),
    ("restriction", "SELECT profile_id, version, is_restricted FROM restriction WHERE profile_id = ANY($1)"),
    ("partner", "SELECT partner_id, role, name, external_code, state FROM partner WHERE profile_id = ANY($1)"),
)
"""What is held of a person, by kind. `$1` are all ids of the person."""

FORGET = (
    (
        "touches",
        "UPDATE touch SET profile_id = NULL, visitor_id = 'erased:' || touch_id WHERE profile_id = ANY($1)"
        " OR visitor_id IN (SELECT visitor_id FROM visitor WHERE profile_id = ANY($1))",
    ),
    ("visitors", "DELETE FROM visitor WHERE profile_id = ANY($1)"),
    ("restrictions", "DELETE FROM restriction WHERE profile_id = ANY($1)"),
    (
        "rejections",
        "DELETE FROM order_rejection USING unnest($1::uuid[]) AS erased (id)"
        " WHERE position(convert_to(erased.id::text, 'UTF8') IN payload) > 0",
    ),
    ("partners_detached", "UPDATE partner SET profile_id = NULL WHERE profile_id = ANY($1)"),
    ("links_kept", "UPDATE share_link SET sharer_profile_id = $2 WHERE sharer_profile_id = ANY($1)"),
    ("credits_kept", "UPDATE orders SET sharer_profile_id = $2 WHERE sharer_profile_id = ANY($1)"),
    (
        "orders_kept",
        "UPDATE orders SET profile_id = $2, named_profile_id = NULL, identifier_key = NULL WHERE profile_id = ANY($1)",
    ),
    ("merges", "DELETE FROM merge WHERE loser_id = ANY($1) OR survivor_id = ANY($1)"),
    ("redirects", "DELETE FROM redirect WHERE loser_id = ANY($1) OR survivor_id = ANY($1)"),
)
"""What is done, in this order, by what its count is called. `$1` are all ids of the person, `$2` is their token."""
