"""The gRPC face of one-time links to bundles."""

from uuid import UUID

from bowen.profile.v1 import privacy_service_pb2 as pb
from bowen.profile.v1.privacy_service_pb2_grpc import PrivacyServiceServicer

from chassis.caller import current
from chassis.clock import Clock
from chassis.db import Database, Tx
from chassis.errors import PermissionDenied
from chassis.stamps import stamp
from services.profile.privacy import convert, operations
from services.profile.privacy.servicer.readiness import check_brand, ready
from services.profile.vault.domain import Vault


class BundleLinks(PrivacyServiceServicer):
    """The part of `bowen.profile.v1.PrivacyService` about links. Who opens one has its token, and no key."""

    _db: Database
    _clock: Clock
    _vault: Vault

    async def CreateBundleLink(
        self, request: pb.CreateBundleLinkRequest, context: object
    ) -> pb.CreateBundleLinkResponse:
        check_brand()
        actor, now = current().caller.principal, self._clock.now()

        async def work(tx: Tx) -> pb.CreateBundleLinkResponse:
            found = await ready(tx, UUID(request.privacy_request_id))
            token, link = await operations.create_link(tx, found, actor, request.hours, now=now)
            return pb.CreateBundleLinkResponse(
                token=token, path=f"/v1/privacy/bundles/{token}", expire_time=stamp(link.expire_time)
            )

        return await self._db.transact(work)

    async def OpenBundleLink(self, request: pb.OpenBundleLinkRequest, context: object) -> pb.OpenBundleLinkResponse:
        _check_component()

        async def work(tx: Tx) -> pb.OpenBundleLinkResponse:
            link, found, parts = await operations.open_link(tx, request.token, now=self._clock.now())
            return pb.OpenBundleLinkResponse(
                privacy_request_id=str(found.privacy_request_id),
                create_time=stamp(found.create_time),
                parts=[convert.part_to_proto(part) for part in parts],
                attempt=link.attempt,
            )

        return await self._db.transact(work)

    async def ReadBundleLink(self, request: pb.ReadBundleLinkRequest, context: object) -> pb.ReadBundleLinkResponse:
        _check_component()
        wanted = request.token, request.attempt, request.service, request.number
        lines = await self._db.transact(
            lambda tx: operations.read_link(tx, self._vault, *wanted, now=self._clock.now())
        )
        return pb.ReadBundleLinkResponse(lines=lines)

    async def EndBundleLink(self, request: pb.EndBundleLinkRequest, context: object) -> pb.EndBundleLinkResponse:
        _check_component()
        await self._db.transact(
            lambda tx: operations.end_link(tx, request.token, request.attempt, now=self._clock.now())
        )
        return pb.EndBundleLinkResponse()


def _check_component() -> None:
    if not current().caller.is_service:
        raise PermissionDenied("links are opened through the gateway")
