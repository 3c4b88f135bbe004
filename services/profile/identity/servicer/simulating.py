"""Rules that are tried, between the contract and the domain."""

from bowen.profile.v1 import identity_service_pb2 as pb

from chassis.db import ReadTx
from chassis.errors import InvalidArgument
from services.profile.identity import store
from services.profile.identity.domain import (
    Change,
    ChangeKind,
    Group,
    Rules,
    Ruling,
    blocked_of,
    identifier_rules,
    kinds_of,
    rules_of,
)
from services.profile.identity.errors import IdentityRulesNotFound
from services.profile.identity.operations import Simulation
from services.profile.identity.servicer.ruling import numbers_from_proto, rules_from_proto
from services.profile.vault.domain import Vault

LIMIT_DEFAULT = 1_000
IDS_SHOWN_MAX = 50


async def wanted_rules(tx: ReadTx, vault: Vault, request: pb.SimulateIdentityRulesRequest) -> Rules:
    """The rules to try, with what is blocked. Raises `IdentifierRuleInvalid` or `IdentityRulesNotFound`."""
    blocked = blocked_of(store.open_blocked(vault, await store.list_blocked(tx)))
    if request.version:
        if request.HasField("numbers") or request.identifiers:
            raise InvalidArgument("version", "must not be set with numbers or identifiers")
        return rules_of(await _ruling(tx, request.version), blocked)
    if not request.HasField("numbers"):
        raise InvalidArgument("numbers", "is required without version")
    identifiers = identifier_rules(kinds_of(rules_from_proto(request.identifiers)))
    return rules_of(Ruling(0, numbers_from_proto(request.numbers), identifiers, "", "", None), blocked)


async def _ruling(tx: ReadTx, version: int) -> Ruling:
    found = [each for each in await store.list_rulings(tx) if each.version == version]
    if not found:
        raise IdentityRulesNotFound(version)
    return found[0]


def simulation_to_proto(found: Simulation, *, profile_count: int, token: str) -> pb.SimulateIdentityRulesResponse:
    """What rules would change."""
    return pb.SimulateIdentityRulesResponse(
        profile_count_before=found.before_count,
        profile_count_after=found.after_count,
        counts=[pb.IdentityChangeCount(kind=_kind(kind), count=found.counts[kind]) for kind in ChangeKind],
        examples=map(_change_to_proto, found.examples),
        largest_groups=map(_group_to_proto, found.groups),
        event_count=found.event_count,
        assumed_count=found.assumed_count,
        skipped_count=found.skipped_count,
        profile_count=profile_count,
        next_page_token=token,
    )


def _kind(kind: ChangeKind) -> "pb.IdentityChange.Kind.ValueType":
    return pb.IdentityChange.Kind.ValueType(kind)


def _change_to_proto(change: Change) -> pb.IdentityChange:
    return pb.IdentityChange(
        kind=_kind(change.kind),
        profile_ids=list(map(str, change.profile_ids[:IDS_SHOWN_MAX])),
        merge_id=str(change.merge_id or ""),
        type=change.type,
        namespace=change.namespace,
    )


def _group_to_proto(group: Group) -> pb.SimulatedGroup:
    shown = list(map(str, group.profile_ids[:IDS_SHOWN_MAX]))
    count = len(group.profile_ids)
    return pb.SimulatedGroup(profile_ids=shown, profile_count=count, identifier_count=group.identifier_count)
