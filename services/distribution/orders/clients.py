"""What orders ask others: who the buyer is."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from bowen.distribution.v1 import order_pb2
from bowen.profile.v1 import profile_pb2, profile_service_pb2
from bowen.profile.v1.profile_service_pb2_grpc import ProfileServiceStub

from chassis.client import Client
from chassis.errors import Refusal
from services.distribution.orders.domain.order import Buyer, Naming
from services.distribution.orders.errors import BuyerNotFound
from services.distribution.partners.convert import uuid_or_none

Outcome = profile_service_pb2.ResolveProfilesOutcome


class Buyers:
    """Finds buyers' profiles at the profile service. People whom nobody knows yet come into being there."""

    def __init__(self, profile: Client) -> None:
        self._stub = ProfileServiceStub(profile)

    async def resolve_one(self, buyer: order_pb2.Buyer, *, now: datetime) -> Buyer:
        """The buyer. Raises `BuyerNotFound`, and outages as they are."""
        (found,) = await self.resolve([buyer], now=now)
        if isinstance(found, Refusal):
            raise found
        return found

    async def resolve(self, buyers: Sequence[order_pb2.Buyer], *, now: datetime) -> list[Buyer | Refusal]:
        """Who each buyer is, or why there is none, in at most two calls. Outages are raised."""
        keys = [buyer.SerializeToString(deterministic=True) for buyer in buyers]
        distinct = dict(zip(keys, buyers, strict=True))
        found = await self._identified({key: buyer for key, buyer in distinct.items() if buyer.HasField("identifier")})
        found |= await self._known({key: buyer for key, buyer in distinct.items() if not buyer.HasField("identifier")})
        return [_buyer(found[key], distinct[key], now) for key in keys]

    async def _identified(self, buyers: dict[bytes, order_pb2.Buyer]) -> dict[bytes, Outcome]:
        if not buyers:
            return {}
        request = profile_service_pb2.ResolveProfilesRequest(
            sets=map(_identifier_set, buyers.values()), create_missing=True
        )
        response = await self._stub.ResolveProfiles(request)
        return dict(zip(buyers, response.outcomes, strict=True))

    async def _known(self, buyers: dict[bytes, order_pb2.Buyer]) -> dict[bytes, Outcome]:
        if not buyers:
            return {}
        request = profile_service_pb2.ResolveProfileIdsRequest(
            profile_ids=[each.profile_id for each in buyers.values()]
        )
        response = await self._stub.ResolveProfileIds(request)
        return dict(zip(buyers, response.outcomes, strict=True))


def _identifier_set(buyer: order_pb2.Buyer) -> profile_service_pb2.IdentifierSet:
    known = buyer.identifier
    identifier = profile_pb2.Identifier(
        type=known.type, namespace=known.namespace, value=known.value, verified=known.verified
    )
    return profile_service_pb2.IdentifierSet(identifiers=[identifier])


def _buyer(outcome: Outcome, asked: order_pb2.Buyer, now: datetime) -> Buyer | Refusal:
    if not outcome.profile_id:
        return BuyerNotFound(outcome.reason)
    naming = Naming(uuid_or_none(asked.profile_id), uuid_or_none(outcome.identifier_key), now)
    return Buyer(UUID(outcome.profile_id), naming)
