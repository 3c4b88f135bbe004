"""Codes that are made together, some at a time: what is made is the cursor."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class BatchState(StrEnum):
    """Where a batch stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Batch:
    """So many codes of a template, of which some are made."""

    batch_id: UUID
    template_id: UUID
    code_count: int
    made_count: int
    state: BatchState
    create_time: datetime

    @property
    def left(self) -> int:
        """How many are still to be made."""
        return self.code_count - self.made_count if self.state == BatchState.RUNNING else 0


def advanced(batch: Batch, count: int) -> Batch:
    """The batch with so many more made."""
    made = batch.made_count + count
    state = BatchState.DONE if made == batch.code_count else batch.state
    return replace(batch, made_count=made, state=state)


def cancelled(batch: Batch) -> Batch:
    """The batch with no more to be made. One that is over stays as it is."""
    return replace(batch, state=BatchState.CANCELLED) if batch.state == BatchState.RUNNING else batch
