"""Which provider pays packets out: what the settings name."""

from importlib import import_module

from chassis.clock import Clock
from chassis.lifecycle import Unstartable
from services.incentive.packets.clients.simulator import Habits, Simulator
from services.incentive.packets.domain.payouts import Payout

OFF = "off"
SIMULATOR = "simulator"


def payout_of(name: str, *, clock: Clock, book: str, seed: int) -> Payout | None:
    """The provider: none for `off`, the simulator, or what `package.module:factory` makes when called with the clock.

    Raises `Unstartable` when there is no such factory.
    """
    if name == OFF:
        return None
    if name == SIMULATOR:
        return Simulator(book, clock, Habits(seed=seed, opened_bp=8_000, faulty_bp=500))
    module, _, factory = name.partition(":")
    try:
        payout: Payout = getattr(import_module(module), factory)(clock)
    except (ImportError, AttributeError, ValueError) as error:
        raise Unstartable(f"BOWEN_PAYOUT must be off, simulator or package.module:factory: {error}") from error
    return payout
