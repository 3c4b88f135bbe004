"""Groups and memberships, between the contract and the domain."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from bowen.profile.v1 import group_pb2
from bowen.profile.v1 import group_service_pb2 as pb

from chassis.errors import InvalidArgument
from chassis.stamps import moment, stamp
from services.profile.attributes import domain as attributes
from services.profile.groups import domain
from services.profile.groups.domain import Group, GroupType, Joining, Member, Membership, Place
from services.profile.identity.domain import masks


class _Names(Protocol):
    """A request that names a group."""

    @property
    def type(self) -> group_pb2.GroupType.ValueType: ...
    @property
    def group_id(self) -> str: ...


def place_from_proto(request: _Names) -> Place:
    """The group that a request names."""
    return Place(GroupType(request.type), request.group_id)


def joining_from_proto(request: pb.JoinGroupRequest, actor: str, now: datetime) -> Joining:
    """What somebody says. Raises `MembershipInvalid`."""
    start = moment(request.start_time) if request.HasField("start_time") else now
    end = moment(request.end_time) if request.HasField("end_time") else None
    try:
        traits = attributes.values(request.traits)
    except ValueError as error:
        raise InvalidArgument("traits", str(error)) from None
    place, span = place_from_proto(request), domain.span_of(start, end)
    return Joining(UUID(request.profile_id), place, span, actor, traits, now)


def membership_to_proto(membership: Membership) -> group_pb2.Membership:
    """A membership."""
    message = group_pb2.Membership(
        membership_id=str(membership.membership_id),
        type=group_pb2.GroupType.ValueType(membership.type),
        group_id=membership.group_id,
        profile_id=str(membership.profile_id),
        start_time=stamp(membership.start_time),
        actor=membership.actor,
    )
    if membership.end_time is not None:
        message.end_time.CopyFrom(stamp(membership.end_time))
    return message


def member_to_proto(member: Member) -> group_pb2.GroupMember:
    """A person who belongs to a group."""
    message = group_pb2.GroupMember(profile_id=str(member.profile_id), start_time=stamp(member.start_time))
    if member.end_time is not None:
        message.end_time.CopyFrom(stamp(member.end_time))
    return message


def group_to_proto(group: Group) -> group_pb2.Group:
    """What is known of a group."""
    message = group_pb2.Group(
        type=group_pb2.GroupType.ValueType(group.place.type),
        group_id=group.place.group_id,
        traits=attributes.public(group.facts),
    )
    if group.update_time is not None:
        message.update_time.CopyFrom(stamp(group.update_time))
    return message


def masked_group(group: group_pb2.Group) -> group_pb2.Group:
    """A group as it is shown to those who have no reason to see it whole. What it is called is not a person's name."""
    group.traits = masks.json_object(group.traits, about_person=False)
    return group
