"""Whom packets ask: the payment provider, or a simulator of one."""

from services.incentive.packets.clients.choice import payout_of
from services.incentive.packets.clients.sender import Sender
from services.incentive.packets.clients.simulator import Fault, Habits, Simulator

__all__ = ["Fault", "Habits", "Sender", "Simulator", "payout_of"]
