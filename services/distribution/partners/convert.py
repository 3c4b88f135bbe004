"""Partners in the contract's words, and what every contract of distribution shares."""

from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from bowen.distribution.v1 import partner_pb2, partner_service_pb2

from chassis.stamps import stamp
from services.distribution.partners.domain import Partner, PartnerChange, PartnerState, Role

T = TypeVar("T")


def uuid_or_none(text: str) -> UUID | None:
    """The id, or None for the empty text that stands for no id."""
    return UUID(text) if text else None


def text_of(id_: UUID | None) -> str:
    """The id as text, empty for none."""
    return str(id_) if id_ else ""


def time_key(time: datetime, id_: UUID) -> list[str | int]:
    """The sort key of lists by time: microseconds and id."""
    return [round(time.timestamp() * 1_000_000), str(id_)]


def parse_time_key(key: list[str | int]) -> tuple[datetime, UUID]:
    """Back from `time_key`."""
    micros = int(key[0])
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000), UUID(str(key[1]))


def partner_to_proto(partner: Partner) -> partner_pb2.Partner:
    """A partner as everybody sees it."""
    return partner_pb2.Partner(
        partner_id=str(partner.partner_id),
        role=partner.role.value,  # type: ignore[arg-type] # the numbers are the contract's
        name=partner.name,
        external_code=partner.external_code,
        parent_partner_id=text_of(partner.parent_id),
        profile_id=text_of(partner.profile_id),
        state=partner.state.value,  # type: ignore[arg-type] # the numbers are the contract's
        create_time=stamp(partner.create_time),
        update_time=stamp(partner.update_time),
    )


def partner_from_proto(request: partner_service_pb2.CreatePartnerRequest, partner_id: UUID, now: datetime) -> Partner:
    """A partner that is to be."""
    return Partner(
        partner_id=partner_id,
        role=Role(request.role),
        name=request.name,
        external_code=request.external_code,
        parent_id=uuid_or_none(request.parent_partner_id),
        profile_id=uuid_or_none(request.profile_id),
        state=PartnerState.ACTIVE,
        inactive_time=None,
        create_time=now,
        update_time=now,
    )


def change_from_proto(request: partner_service_pb2.UpdatePartnerRequest) -> PartnerChange:
    """What a request wants to change."""
    parent = (uuid_or_none(request.parent_partner_id),) if request.HasField("parent_partner_id") else None
    profile = (uuid_or_none(request.profile_id),) if request.HasField("profile_id") else None
    return PartnerChange(
        name=request.name if request.HasField("name") else None,
        parent_id=parent,
        profile_id=profile,
        state=PartnerState(request.state) if request.state else None,
    )
