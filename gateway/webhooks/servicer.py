"""The contract's face of webhooks, served by the gateway itself."""

import os
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from bowen.gateway.v1 import webhook_service_pb2 as pb
from google.protobuf.message import Message

from chassis import pagination
from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import InvalidArgument, PermissionDenied
from chassis.idempotency import once
from chassis.ids import new_id
from chassis.stamps import moment
from gateway.sealing import Seal
from gateway.webhooks import addresses, convert, queue, store
from gateway.webhooks.domain import OVERLAP, SECRET_BYTES, Endpoint, new_secret

R = TypeVar("R", bound=Message)

_LAST_ID = UUID(int=2**128 - 1)


class WebhookServicer:
    """Makes and changes endpoints, tells of deliveries, and posts them anew. Secrets are shown once, when made.

    `anywhere`: endpoints may also be of plain HTTP and inside the network, for development.
    """

    def __init__(self, db: Database, clock: Clock, seal: Seal, *, anywhere: bool = False) -> None:
        self._db, self._clock, self._seal, self._anywhere = db, clock, seal, anywhere

    async def CreateWebhookEndpoint(
        self, request: pb.CreateWebhookEndpointRequest, _context: Any = None
    ) -> pb.CreateWebhookEndpointResponse:
        """Make an endpoint."""
        _check_brand()
        await self._check_url(request.url)
        endpoint = Endpoint(new_id(), request.name, request.url, self._clock.now(), recipient=request.recipient)
        secret = new_secret(os.urandom(SECRET_BYTES))
        sealed = self._seal.close(secret.encode(), endpoint.endpoint_id.bytes)

        async def work(tx: Tx) -> pb.CreateWebhookEndpointResponse:
            await store.insert_endpoint(tx, endpoint, sealed)
            return pb.CreateWebhookEndpointResponse(endpoint=self._shown(endpoint))

        response = await once(self._db, request, work, pb.CreateWebhookEndpointResponse)
        if not current().replayed:
            response.secret = secret  # after the answer was noted: the note must not hold the secret
        return response

    async def GetWebhookEndpoint(
        self, request: pb.GetWebhookEndpointRequest, _context: Any = None
    ) -> pb.GetWebhookEndpointResponse:
        """Read an endpoint."""
        _check_brand()
        async with self._db.read() as tx:
            endpoint = await store.get_endpoint(tx, UUID(request.endpoint_id))
        return pb.GetWebhookEndpointResponse(endpoint=self._shown(endpoint))

    async def ListWebhookEndpoints(
        self, request: pb.ListWebhookEndpointsRequest, _context: Any = None
    ) -> pb.ListWebhookEndpointsResponse:
        """List endpoints, oldest first."""
        _check_brand()
        size = pagination.page_size(request.page_size)
        after = pagination.after(request, pagination.parse_id) or pagination.FIRST_ID
        async with self._db.read() as tx:
            endpoints = await store.list_endpoints(tx, after=after, limit=size + 1)
        page, token = pagination.cut(request, endpoints, size, lambda each: [str(each.endpoint_id)])
        return pb.ListWebhookEndpointsResponse(endpoints=[self._shown(each) for each in page], next_page_token=token)

    async def UpdateWebhookEndpoint(
        self, request: pb.UpdateWebhookEndpointRequest, _context: Any = None
    ) -> pb.UpdateWebhookEndpointResponse:
        """Give an endpoint another name or address."""
        _check_brand()
        if request.url:
            await self._check_url(request.url)

        async def change(tx: Tx, endpoint_id: UUID) -> Endpoint:
            return await store.change_endpoint(tx, endpoint_id, request.name, request.url)

        return await self._changed(request, pb.UpdateWebhookEndpointResponse, change)

    async def DisableWebhookEndpoint(
        self, request: pb.DisableWebhookEndpointRequest, _context: Any = None
    ) -> pb.DisableWebhookEndpointResponse:
        """Post nothing from now on."""

        async def change(tx: Tx, endpoint_id: UUID) -> Endpoint:
            return await store.disable_endpoint(tx, endpoint_id, self._clock.now())

        return await self._changed(request, pb.DisableWebhookEndpointResponse, change)

    async def EnableWebhookEndpoint(
        self, request: pb.EnableWebhookEndpointRequest, _context: Any = None
    ) -> pb.EnableWebhookEndpointResponse:
        """Post again."""
        return await self._changed(request, pb.EnableWebhookEndpointResponse, store.enable_endpoint)

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, _context: Any = None
    ) -> pb.RotateWebhookSecretResponse:
        """Sign with a new secret."""
        secret = new_secret(os.urandom(SECRET_BYTES))

        async def change(tx: Tx, endpoint_id: UUID) -> Endpoint:
            sealed = self._seal.close(secret.encode(), endpoint_id.bytes)
            return await store.rotate_secret(tx, endpoint_id, sealed, self._clock.now() + OVERLAP)

        response = await self._changed(request, pb.RotateWebhookSecretResponse, change)
        if not current().replayed:
            response.secret = secret
        return response

    async def SendTestWebhook(
        self, request: pb.SendTestWebhookRequest, _context: Any = None
    ) -> pb.SendTestWebhookResponse:
        """Post something that means nothing."""
        _check_brand()
        delivery = convert.test_of(UUID(request.endpoint_id), new_id(), self._clock.now())

        async def work(tx: Tx) -> pb.SendTestWebhookResponse:
            await store.get_endpoint(tx, delivery.endpoint_id)
            await queue.insert_deliveries(tx, [delivery])
            return pb.SendTestWebhookResponse(delivery=convert.delivery_to_proto(delivery))

        return await once(self._db, request, work, pb.SendTestWebhookResponse)

    async def ListWebhookDeliveries(
        self, request: pb.ListWebhookDeliveriesRequest, _context: Any = None
    ) -> pb.ListWebhookDeliveriesResponse:
        """List deliveries, newest first."""
        _check_brand()
        size = pagination.page_size(request.page_size)
        before = pagination.after(request, pagination.parse_id) or _LAST_ID
        endpoint_id = UUID(request.endpoint_id) if request.endpoint_id else None
        async with self._db.read() as tx:
            found = await queue.list_deliveries(tx, endpoint_id, int(request.status), before=before, limit=size + 1)
        page, token = pagination.cut(request, found, size, lambda each: [str(each.delivery_id)])
        return pb.ListWebhookDeliveriesResponse(
            deliveries=[convert.delivery_to_proto(each) for each in page], next_page_token=token
        )

    async def GetWebhookDelivery(
        self, request: pb.GetWebhookDeliveryRequest, _context: Any = None
    ) -> pb.GetWebhookDeliveryResponse:
        """Read a delivery with its attempts."""
        _check_brand()
        async with self._db.read() as tx:
            delivery = await queue.get_delivery(tx, UUID(request.delivery_id))
            attempts = await queue.list_attempts(tx, delivery.delivery_id)
        return pb.GetWebhookDeliveryResponse(
            delivery=convert.delivery_to_proto(delivery),
            attempts=[convert.attempt_to_proto(each) for each in attempts],
        )

    async def RedeliverWebhooks(
        self, request: pb.RedeliverWebhooksRequest, _context: Any = None
    ) -> pb.RedeliverWebhooksResponse:
        """Post what failed anew."""
        _check_brand()
        if bool(request.delivery_id) == bool(request.endpoint_id):
            raise InvalidArgument("delivery_id", "must be given, or endpoint_id, and not both")

        async def work(tx: Tx) -> pb.RedeliverWebhooksResponse:
            now = self._clock.now()
            if request.delivery_id:
                delivery = await queue.get_delivery(tx, UUID(request.delivery_id))
                return pb.RedeliverWebhooksResponse(delivery_count=await queue.redeliver(tx, delivery.delivery_id, now))
            endpoint = await store.get_endpoint(tx, UUID(request.endpoint_id))
            since = moment(request.since) if request.HasField("since") else None
            count = await queue.redeliver_failed(tx, endpoint.endpoint_id, since, now)
            return pb.RedeliverWebhooksResponse(delivery_count=count)

        return await once(self._db, request, work, pb.RedeliverWebhooksResponse)

    async def _changed(
        self, request: Any, response: Callable[..., R], change: Callable[[Tx, UUID], Awaitable[Endpoint]]
    ) -> R:
        _check_brand()

        async def work(tx: Tx) -> R:
            return response(endpoint=self._shown(await change(tx, UUID(request.endpoint_id))))

        return await once(self._db, request, work, response)  # type: ignore[arg-type]

    async def _check_url(self, url: str) -> None:
        addresses.check_url(url, anywhere=self._anywhere)
        await addresses.check_host(url, anywhere=self._anywhere)

    def _shown(self, endpoint: Endpoint) -> Any:
        return convert.endpoint_to_proto(endpoint, self._clock.now())


def _check_brand() -> None:
    if store_id := current().caller.store_id:
        raise PermissionDenied("webhooks are not a store's own", store_id=store_id)
