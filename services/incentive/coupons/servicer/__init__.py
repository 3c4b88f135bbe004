"""The gRPC face of coupons."""

from services.incentive.coupons.servicer.batches import CouponBatchServicer
from services.incentive.coupons.servicer.coupons import CouponServicer
from services.incentive.coupons.servicer.orders import CouponOrderServicer

__all__ = ["CouponBatchServicer", "CouponOrderServicer", "CouponServicer"]
