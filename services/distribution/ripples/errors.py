"""Why sharing is refused."""

from uuid import UUID

from chassis.errors import FailedPrecondition, NotFound


class ShareLinkNotFound(NotFound):
    """No share link has this token."""

    reason = "SHARE_LINK_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no such share link")


class TouchNotFound(NotFound):
    """No touch has this id."""

    reason = "TOUCH_NOT_FOUND"

    def __init__(self, touch_id: UUID) -> None:
        super().__init__("no such touch", touch_id=str(touch_id))


class RippleNotFound(NotFound):
    """No chain has this id."""

    reason = "RIPPLE_NOT_FOUND"

    def __init__(self, chain_id: UUID) -> None:
        super().__init__("no such chain", chain_id=str(chain_id))


class ProcessingRestricted(FailedPrecondition):
    """The sharer is only stored: nothing new is begun with them."""

    reason = "PROCESSING_RESTRICTED"

    def __init__(self, profile_id: UUID) -> None:
        super().__init__("the person is only stored", profile_id=str(profile_id))
