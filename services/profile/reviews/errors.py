"""Why a review item is not found, or not decided."""

from uuid import UUID

from chassis.errors import FailedPrecondition, NotFound


class ReviewItemNotFound(NotFound):
    """No review item has this id."""

    reason = "REVIEW_ITEM_NOT_FOUND"

    def __init__(self, review_item_id: UUID) -> None:
        super().__init__("there is no such review item", review_item_id=str(review_item_id))


class ReviewItemResolved(FailedPrecondition):
    """The item was decided before, in another way, or the two were merged or told apart elsewhere."""

    reason = "REVIEW_ITEM_RESOLVED"

    def __init__(self, review_item_id: UUID, state: str) -> None:
        super().__init__("the item was decided before", review_item_id=str(review_item_id), state=state)
