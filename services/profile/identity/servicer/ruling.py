"""Versions of the rules, between the contract and the domain."""

from bowen.profile.v1 import identity_service_pb2 as pb

from chassis.stamps import stamp
from services.profile.identity.domain import Numbers, Ruling


def ruling_to_proto(ruling: Ruling) -> pb.IdentityRules:
    """A version of the rules."""
    numbers = pb.IdentityNumbers(**ruling.numbers._asdict())
    rules = pb.IdentityRules(version=ruling.version, numbers=numbers, actor=ruling.actor, note=ruling.note)
    if ruling.create_time is not None:
        rules.create_time.CopyFrom(stamp(ruling.create_time))
    return rules


def numbers_from_proto(numbers: pb.IdentityNumbers) -> Numbers:
    """What somebody sets."""
    return Numbers(*(getattr(numbers, name) for name in Numbers._fields))
