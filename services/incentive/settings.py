"""What incentive is told."""

from dataclasses import dataclass

from chassis.process import ProcessSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """`payout`: who pays cash packets out, `off`, `simulator` or `package.module:factory`, called with the clock.

    The simulator keeps its book in `payout_book`, in memory when that is empty, and draws by `payout_seed`.
    """

    listen: str = "127.0.0.1:7103"
    payout: str = "off"
    payout_book: str = ""
    payout_seed: int = 0
