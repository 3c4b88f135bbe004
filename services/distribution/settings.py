"""What distribution is told."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.process import ProcessSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """`public_url`: where the gateway is reached from outside; `attribution_window`: how long a click counts."""

    listen: str = "127.0.0.1:7104"
    profile_target: str = "127.0.0.1:7101"
    incentive_target: str = "127.0.0.1:7103"
    public_url: str = "http://127.0.0.1:8080"
    attribution_window: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        ProcessSettings.__post_init__(self)
        if not self.public_url.startswith(("http://", "https://")):
            raise ValueError("BOWEN_PUBLIC_URL must be an http or https address")
        if self.attribution_window <= timedelta(0):
            raise ValueError("BOWEN_ATTRIBUTION_WINDOW must be a positive number of seconds")
