"""Flags in the contract's words."""

from collections.abc import Mapping
from uuid import UUID

from bowen.incentive.v1 import flag_pb2 as pb

from chassis.stamps import stamp
from services.incentive.campaigns.convert.grants import grant_to_proto
from services.incentive.campaigns.domain import Grant
from services.incentive.flags.domain import Flag, FlagKind, FlagState, Item

KINDS: Mapping[FlagKind, "pb.RewardFlag.Kind.ValueType"] = {
    FlagKind.DUPLICATE_GRANT: pb.RewardFlag.KIND_DUPLICATE_GRANT,
    FlagKind.OWN_SHARE: pb.RewardFlag.KIND_OWN_SHARE,
    FlagKind.REASSIGNED: pb.RewardFlag.KIND_REASSIGNED,
}
STATES: Mapping[FlagState, "pb.RewardFlag.State.ValueType"] = {
    FlagState.OPEN: pb.RewardFlag.STATE_OPEN,
    FlagState.KEPT: pb.RewardFlag.STATE_KEPT,
    FlagState.REVERSED: pb.RewardFlag.STATE_REVERSED,
    FlagState.CLEARED: pb.RewardFlag.STATE_CLEARED,
}


def kind_text(kind: int) -> str:
    """The kind that is asked for; empty for all."""
    return next((known.value for known, number in KINDS.items() if number == kind), "")


def state_text(state: int) -> str:
    """The state that is asked for; empty for all."""
    return next((known.value for known, number in STATES.items() if number == state), "")


def flag_to_proto(flag: Flag, grants: Mapping[UUID, Grant], survivors: Mapping[str, str]) -> pb.RewardFlag:
    """A flag with the grants that it is about."""
    message = pb.RewardFlag(
        flag_id=str(flag.flag_id),
        kind=KINDS[flag.kind],
        state=STATES[flag.state],
        profile_id=survivors.get(flag.profile_id, flag.profile_id),
        template_id=str(flag.template_id or ""),
        campaign_id=str(flag.campaign_id or ""),
        other_profile_id=flag.other_id,
        flag_time=stamp(flag.flag_time),
        clear_time=None if flag.clear_time is None else stamp(flag.clear_time),
        resolve_time=None if flag.resolve_time is None else stamp(flag.resolve_time),
        resolver=flag.resolver,
        reason=flag.reason,
    )
    if flag.item == Item.COUPON:
        message.coupon_id, message.first_coupon_id = str(flag.item_id), str(flag.first_id or "")
        return message
    for name, grant_id in (("grant", flag.item_id), ("first_grant", flag.first_id)):
        if grant_id is not None and grant_id in grants:
            grant = grants[grant_id]
            owner_id = survivors.get(grant.profile_id, grant.profile_id)
            getattr(message, name).CopyFrom(grant_to_proto(grant, owner_id))
    return message
