"""Links, visits and chains in the contract's words."""

from collections.abc import Iterator
from urllib.parse import urlsplit
from uuid import UUID

from bowen.distribution.v1 import ripple_pb2, ripple_service_pb2

from chassis.errors import InvalidArgument, Violation
from chassis.stamps import moment, stamp
from services.distribution.partners.convert import text_of, uuid_or_none
from services.distribution.ripples.domain import Ring, Ripple, Share, ShareLink, Touch

VISITOR_ID_LENGTH_MAX = 200


def share_from_proto(request: ripple_service_pb2.CreateShareLinkRequest) -> Share:
    """A link that is to be made. Raises `InvalidArgument` unless exactly one sharer is named."""
    if bool(request.sharer_partner_id) == bool(request.sharer_profile_id):
        raise InvalidArgument("sharer_partner_id", "or sharer_profile_id must be set, and only one of them")
    if not _names_a_host(request.target_url):
        raise InvalidArgument("target_url", "must be an http or https address with a host")
    return Share(
        request.target_url,
        uuid_or_none(request.sharer_partner_id),
        uuid_or_none(request.sharer_profile_id),
        request.content_id,
        uuid_or_none(request.parent_touch_id),
        Ring(request.ring) if request.ring else None,
    )


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def link_to_proto(link: ShareLink, public_url: str) -> ripple_pb2.ShareLink:
    """A link with the address to pass on."""
    return ripple_pb2.ShareLink(
        token=link.token,
        url=f"{public_url.rstrip('/')}/s/{link.token}",
        target_url=link.target_url,
        sharer_partner_id=text_of(link.sharer_partner_id),
        sharer_profile_id=text_of(link.sharer_profile_id),
        content_id=link.content_id,
        parent_touch_id=text_of(link.parent_touch_id),
        chain_id=str(link.lineage.chain_id),
        depth=link.lineage.depth,
        ring=link.ring.value,  # type: ignore[arg-type] # the numbers are the contract's
        create_time=stamp(link.create_time),
    )


def touches_from_proto(request: ripple_service_pb2.RecordTouchesRequest) -> list[Touch]:
    """The visits of a request. Raises `InvalidArgument` with everything that is wrong with them."""
    broken = [fault for number, touch in enumerate(request.touches) for fault in _faults(number, touch)]
    if broken:
        raise InvalidArgument.of(broken)
    return [
        Touch(UUID(item.touch_id), item.token, item.visitor_id, uuid_or_none(item.profile_id), moment(item.touch_time))
        for item in request.touches
    ]


def _faults(number: int, touch: ripple_pb2.Touch) -> Iterator[Violation]:
    path = f"touches[{number}]"
    if not _is_uuid(touch.touch_id):
        yield f"{path}.touch_id", "must be a UUID"
    if touch.profile_id and not _is_uuid(touch.profile_id):
        yield f"{path}.profile_id", "must be a UUID"
    if not 1 <= len(touch.visitor_id) <= VISITOR_ID_LENGTH_MAX:
        yield f"{path}.visitor_id", f"must have 1 to {VISITOR_ID_LENGTH_MAX} characters"
    if not touch.HasField("touch_time"):
        yield f"{path}.touch_time", "is required"


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def touch_to_proto(touch: Touch) -> ripple_pb2.Touch:
    """A visit."""
    return ripple_pb2.Touch(
        touch_id=str(touch.touch_id),
        token=touch.token,
        visitor_id=touch.visitor_id,
        profile_id=text_of(touch.profile_id),
        touch_time=stamp(touch.touch_time),
    )


def ripple_to_proto(ripple: Ripple) -> ripple_pb2.Ripple:
    """A chain in numbers."""
    return ripple_pb2.Ripple(
        chain_id=str(ripple.chain_id),
        root_token=ripple.root_token,
        share_count=ripple.share_count,
        sharer_count=ripple.sharer_count,
        touch_count=ripple.touch_count,
        visitor_count=ripple.visitor_count,
        order_count=ripple.order_count,
        depth=ripple.depth,
        generation_sizes=ripple.generation_sizes,
        k_milli=ripple.k_milli,
    )
