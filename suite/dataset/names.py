"""How things of the data are called with us; the data has bare numbers."""


def member_no(household_id: int) -> str:
    """The number on a household's card."""
    return f"CJ-{household_id}"


def store_id(number: int) -> str:
    """A store's id."""
    return f"CJ-S-{number}"


def campaign_id(number: int) -> str:
    """A mailing's id."""
    return f"CJ-C-{number}"


def coupon_id(campaign: int, upc: int) -> str:
    """The id of a coupon in its campaign."""
    return f"CJ-{campaign}-{upc}"
