"""What experiments came to, in the contract's words: millionths and thousandths, no floats."""

from math import ceil, floor

from bowen.incentive.v1 import campaign_pb2 as pb

from services.incentive.campaigns.domain.experiments import ArmTotals, Readout

PPM = 1_000_000


def totals_to_proto(totals: ArmTotals) -> pb.ArmReadout:
    """What an arm came to."""
    return pb.ArmReadout(
        arm=totals.arm,
        people=totals.people,
        buyers=totals.buyers,
        net_minor=totals.net_minor,
        cost=totals.cost,
        first_buyers=totals.first_buyers,
        cost_per_first_purchase=round(totals.cost_per(totals.first_buyers) or 0),
    )


def readout_to_proto(readout: Readout) -> pb.ArmReadout:
    """An arm held against the holdout."""
    message = totals_to_proto(readout.totals)
    message.uplift_ppm = round(readout.uplift * PPM)
    message.uplift_low_ppm = floor(readout.uplift_low * PPM)
    message.uplift_high_ppm = ceil(readout.uplift_high * PPM)
    message.told_apart = readout.is_told_apart
    message.incremental_buyers_milli = round(readout.incremental_buyers * 1_000)
    message.cost_per_incremental_buyer = round(readout.cost_per(readout.uplift) or 0)
    message.cost_per_incremental_buyer_low = floor(readout.cost_per(readout.uplift_high) or 0)
    message.cost_per_incremental_buyer_high = ceil(readout.cost_per(readout.uplift_low) or 0)
    message.incremental_first_buyers_milli = round(readout.incremental_first_buyers * 1_000)
    message.cost_per_incremental_first_purchase = round(readout.cost_per(readout.first_uplift) or 0)
    return message
