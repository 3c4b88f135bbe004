"""What coupons are and what becomes of them: templates, claims, carts, orders, codes. Pure."""

from services.incentive.coupons.domain.claims import Claim, Issued
from services.incentive.coupons.domain.codes import ALPHABET, CODE_BITS, code_from_text, code_of
from services.incentive.coupons.domain.coupons import Coupon, Status, Traits
from services.incentive.coupons.domain.templates import Template, day_of, end_of

__all__ = [
    "ALPHABET",
    "CODE_BITS",
    "Claim",
    "Coupon",
    "Issued",
    "Status",
    "Template",
    "Traits",
    "code_from_text",
    "code_of",
    "day_of",
    "end_of",
]
