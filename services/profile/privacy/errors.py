"""Why requests are refused."""

from collections.abc import Sequence
from uuid import UUID

from chassis.errors import FailedPrecondition, NotFound


class PrivacyRequestNotFound(NotFound):
    """No privacy request has this id, or it has no such part."""

    reason = "PRIVACY_REQUEST_NOT_FOUND"

    def __init__(self, privacy_request_id: UUID) -> None:
        super().__init__("there is no such privacy request", privacy_request_id=str(privacy_request_id))


class SeveralPeople(FailedPrecondition):
    """Known people were merged into this one: undo the merge, or say that all of them are meant."""

    reason = "SEVERAL_PEOPLE"

    def __init__(self, merge_ids: Sequence[UUID]) -> None:
        super().__init__(
            "known people were merged into this one: undo the merge, or give the scope PERSON",
            merge_ids=",".join(str(each) for each in merge_ids[:10]),
        )


class BundleLinkNotFound(NotFound):
    """No bundle link has this token, or its bundle is no longer kept."""

    reason = "BUNDLE_LINK_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no bundle link has this token")


class BundleLinkGone(FailedPrecondition):
    """The link was used, expired, was tried too often, or gave way to a newer one or to another download."""

    reason = "BUNDLE_LINK_GONE"

    def __init__(self) -> None:
        super().__init__("the link was used, or its time is over; ask for a new one")


class BundleNotReady(FailedPrecondition):
    """The request has no bundle, not all services have answered yet, or its time is over."""

    reason = "BUNDLE_NOT_READY"

    def __init__(self, waiting_for: Sequence[str]) -> None:
        why = f"{', '.join(waiting_for)} did not answer yet" if waiting_for else "the request has no bundle"
        super().__init__(why, waiting_for=",".join(waiting_for))
