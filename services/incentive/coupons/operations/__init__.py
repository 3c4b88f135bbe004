"""What changes coupons: lock, decide, save, tell.

Rows are held in one order everywhere: orders, coupons by id, templates by id.
"""

from services.incentive.coupons.operations.claims import issue_coupon, issue_coupons
from services.incentive.coupons.operations.coupons import find_kept, revoke_coupons, withdraw_coupons

__all__ = ["find_kept", "issue_coupon", "issue_coupons", "revoke_coupons", "withdraw_coupons"]
