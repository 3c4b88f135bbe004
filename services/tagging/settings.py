"""What tagging is told."""

from dataclasses import dataclass

from chassis.process import ProcessSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """The settings of every service are all it needs."""

    listen: str = "127.0.0.1:7102"
