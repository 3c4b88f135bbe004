"""What profile is told."""

from dataclasses import dataclass

from chassis.process import ProcessSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """Nothing but what every service is told."""

    listen: str = "127.0.0.1:7101"
