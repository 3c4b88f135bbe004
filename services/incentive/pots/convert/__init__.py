"""Messages about pots, from and to what they mean."""

from services.incentive.pots.convert.asked import pot_from_proto
from services.incentive.pots.convert.facts import point_of_event, points_of_payment, points_of_refund
from services.incentive.pots.convert.told import claim_to_proto, pot_to_proto, share_to_proto, standing_to_proto

__all__ = [
    "claim_to_proto",
    "point_of_event",
    "points_of_payment",
    "points_of_refund",
    "pot_from_proto",
    "pot_to_proto",
    "share_to_proto",
    "standing_to_proto",
]
