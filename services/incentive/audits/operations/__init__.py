"""What auditing does by itself and when it is asked: seal, prove, publish, note estimates.

What is read lies below the oldest open transaction and changes no more, so it is read in portions, each in a snapshot
of its own; what comes of them is kept, so that whoever goes on goes on from there.
"""

from services.incentive.audits.operations.proving import begin_full, find_proved, prove_going_on, prove_some
from services.incentive.audits.operations.publishing import estimate, publish_some
from services.incentive.audits.operations.sealing import read_ahead, read_part, read_span, seal_days, verify_days

__all__ = [
    "begin_full",
    "estimate",
    "find_proved",
    "prove_going_on",
    "prove_some",
    "publish_some",
    "read_ahead",
    "read_part",
    "read_span",
    "seal_days",
    "verify_days",
]
