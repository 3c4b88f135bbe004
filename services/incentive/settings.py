"""What incentive is told."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chassis.process import ProcessSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """`payout`: who pays cash packets out, `off`, `simulator` or `package.module:factory`, called with the clock.

    The simulator keeps its book in `payout_book`, in memory when that is empty, and draws by `payout_seed`.
    Days of the ledger are sealed by the clocks of `audit_time_zone`. `publish_transfers`: transfers are events too.
    `tagging_target`: who is asked who was in a segment.
    """

    listen: str = "127.0.0.1:7103"
    tagging_target: str = "127.0.0.1:7102"
    payout: str = "off"
    payout_book: str = ""
    payout_seed: int = 0
    audit_time_zone: str = "Asia/Shanghai"
    publish_transfers: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            ZoneInfo(self.audit_time_zone)
        except (OSError, ValueError) as error:
            raise ValueError(f"BOWEN_AUDIT_TIME_ZONE: {self.audit_time_zone} is no time zone") from error
