"""What a mission is, what counts for it, and how far somebody has come. Pure (spec value §2.6)."""

from services.incentive.missions.domain.facts import Deed, Line, Purchase, Push, Step, pushed, steps_of, withdrawals_of
from services.incentive.missions.domain.mission import (
    SCOPE,
    Activation,
    Measure,
    Metric,
    Mission,
    Recurrence,
    State,
)
from services.incentive.missions.domain.progress import (
    Completion,
    CompletionState,
    Gain,
    Loss,
    Occurrence,
    Standing,
    Verdict,
    changes,
    fold,
    standings,
)

__all__ = [
    "SCOPE",
    "Activation",
    "Completion",
    "CompletionState",
    "Deed",
    "Gain",
    "Line",
    "Loss",
    "Measure",
    "Metric",
    "Mission",
    "Occurrence",
    "Purchase",
    "Push",
    "Recurrence",
    "Standing",
    "State",
    "Step",
    "Verdict",
    "changes",
    "fold",
    "pushed",
    "standings",
    "steps_of",
    "withdrawals_of",
]
