"""Carries packets to the payment provider, again and again until it has told what became of each."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import structlog

from chassis.clock import Clock
from chassis.db import Database
from services.incentive.packets import operations
from services.incentive.packets.domain import OPEN, Packet, State
from services.incentive.packets.domain.payouts import Answer, Payout, Word
from services.incentive.packets.errors import PayoutOff

ASKED_AT_ONCE_MAX = 16
ANSWER_SECONDS_MAX = 20.0

log = structlog.get_logger(__name__)


class Sender:
    """Takes packets that are due, asks, and notes the answer: three steps, of which only the middle one is not a
    transaction. Whoever dies between them leaves packets that are taken up again, under the number they have.
    """

    def __init__(self, db: Database, clock: Clock, payout: Payout | None) -> None:
        self._db, self._clock, self._payout = db, clock, payout
        self._lanes = asyncio.Semaphore(ASKED_AT_ONCE_MAX)

    def check(self) -> Payout:
        """The provider. Raises `PayoutOff`."""
        if self._payout is None:
            raise PayoutOff
        return self._payout

    async def tend(self) -> None:
        """Ask about all packets that are due. Without a provider they wait."""
        while self._payout is not None:
            packets = await self._db.transact(lambda tx: operations.lease(tx, self._clock.now()))
            await self._ask(packets)
            if len(packets) < operations.LEASED_MAX:
                return

    async def refresh(self, packet: Packet) -> Packet:
        """A packet as the provider has it at this moment. Raises `PayoutOff`."""
        self.check()
        if packet.state not in OPEN:
            return packet
        (packet,) = await self._ask([packet])
        return packet

    async def _ask(self, packets: Sequence[Packet]) -> list[Packet]:
        payout = self.check()
        answers = dict(await asyncio.gather(*(self._answer(payout, packet) for packet in packets)))
        if not answers:
            return []
        return await self._db.transact(lambda tx: operations.note(tx, answers, self._clock.now()))

    async def _answer(self, payout: Payout, packet: Packet) -> tuple[UUID, Answer]:
        """The provider's answer. One that does not come, or not in time, or in no form that we know, says nothing: a
        provider's fault never decides that a packet was not sent."""
        try:
            async with self._lanes, asyncio.timeout(ANSWER_SECONDS_MAX):
                return packet.packet_id, await _asked(payout, packet)
        except Exception as error:
            log.warning("a payment provider did not answer", bill_no=packet.bill_no, error=repr(error))
            return packet.packet_id, Answer(Word.UNKNOWN, type(error).__name__)


async def _asked(payout: Payout, packet: Packet) -> Answer:
    """Look before sending again. A number that the provider does not know was never sent, and is sent now."""
    if packet.state == State.SENDING and not packet.attempts:
        return await payout.send(packet.bill)
    answer = await payout.query(packet.bill_no)
    if answer.word == Word.MISSING and packet.state == State.SENDING:
        return await payout.send(packet.bill)
    return answer
