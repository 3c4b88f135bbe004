"""What privacy does about the answers of other services."""

from collections.abc import Sequence
from uuid import UUID

from bowen.distribution.v1 import events_pb2 as distribution
from bowen.incentive.v1 import events_pb2 as incentive
from bowen.tagging.v1 import events_pb2 as tagging

from chassis.consumer import Consumer, Delivery
from chassis.db import Tx
from chassis.stamps import moment
from services.profile.privacy import operations
from services.profile.vault.domain import Vault

Confirmed = distribution.ErasureConfirmed | incentive.ErasureConfirmed | tagging.ErasureConfirmed
Provided = distribution.PersonalDataProvided | incentive.PersonalDataProvided | tagging.PersonalDataProvided


class Answers:
    """Takes in what other services confirm and provide."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def listen(self, consumer: Consumer) -> None:
        """Have a consumer bring the answers of every service."""
        for service in (distribution, incentive, tagging):
            consumer.on(service.ErasureConfirmed, self.on_erasure_confirmed)
            consumer.on(service.PersonalDataProvided, self.on_personal_data_provided)

    async def on_erasure_confirmed(self, tx: Tx, batch: Sequence[Delivery[Confirmed]]) -> None:
        """A service has forgotten a person."""
        for delivery in batch:
            erasure = delivery.event.erasure
            done = moment(erasure.confirm_time) if erasure.HasField("confirm_time") else delivery.now
            counts = {each.kind: each.count for each in erasure.counts}
            request_id = UUID(delivery.event.request_id)
            await operations.confirm(
                tx, request_id, erasure.service, counts, erasure.proof_hash, done=done, now=delivery.now
            )

    async def on_personal_data_provided(self, tx: Tx, batch: Sequence[Delivery[Provided]]) -> None:
        """A service told a part of what it holds."""
        for delivery in batch:
            part, request_id = delivery.event.part, UUID(delivery.event.request_id)
            await operations.provide(
                tx, self._vault, request_id, part.service, part.number, part.total, part.lines, now=delivery.now
            )
