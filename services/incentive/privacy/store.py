"""Every statement that forgets people, or tells what is held of them. It knows the tables of all capabilities: what
is held of a person is seen in one place."""

_DELETED = (
    *("audience_member", "audience_snapshot_member", "claimant", "coupon_bond", "coupon_lookup", "exposure"),
    *("grant_refusal", "member_tier", "mission_completion", "mission_member", "mission_step", "share_touch"),
    *("fact_owner", "first_purchase", "restriction", "reward_flag", "team_captain", "tier_change", "tier_step"),
)
"""Tables of judgements: what is in them about a person is deleted."""

_KEPT = (
    *("coupon", "coupon_order", "hold", "lot", "order_refund", "packet", "pot_claim", "pot_point", "pot_share"),
    *("registration", "reward_grant", "team_member"),
)
"""Tables of value, and of what it may be taken back by: the id stays in them and leads nowhere (ADR 0014)."""

_ACCOUNTS = (
    "ARRAY(SELECT 'member/' || id || '/' || kind"
    " FROM unnest($1::uuid[]) AS id, unnest('{available,pending,held,debt}'::text[]) AS kind)"
)
"""By name, which has an index, and not by pattern, for which the whole ledger would be read."""


def _mine(table: str) -> str:
    """Whose rows are meant; most tables keep ids as such, one as text."""
    ids = "$1::uuid[]::text[]" if table == "coupon_order" else "$1::uuid[]"
    return f"profile_id = ANY({ids})"


_LEDGER = (
    ("account", f"SELECT account, asset, balance FROM account WHERE account = ANY({_ACCOUNTS}) ORDER BY account"),  # noqa: S608
    (
        "transfer",
        "SELECT transfer_id, debit_account, credit_account, asset, amount, memo, post_time FROM transfer"  # noqa: S608
        f" WHERE debit_account = ANY({_ACCOUNTS}) OR credit_account = ANY({_ACCOUNTS}) ORDER BY post_time",
    ),
)
HELD = (*_LEDGER, *((table, f"SELECT * FROM {table} WHERE {_mine(table)}") for table in (*_DELETED, *_KEPT)))  # noqa: S608
"""What is held of a person, by kind. `$1` are all ids of the person."""

_UNTRACED = {"coupon": f"UPDATE coupon SET device = '', phone = '', payment = '', address = '' WHERE {_mine('coupon')}"}  # noqa: S608
"""Rows that stay lose what could be guessed back to a person."""

FORGET = (
    *((table, f"DELETE FROM {table} WHERE {_mine(table)}") for table in _DELETED),  # noqa: S608
    *((f"{table}_kept", _UNTRACED.get(table, f"SELECT FROM {table} WHERE {_mine(table)}")) for table in _KEPT),
    ("account_kept", f"SELECT FROM account WHERE account = ANY({_ACCOUNTS})"),
)
"""What is done, in this order, by what its count is called. `$1` are all ids of the person."""
