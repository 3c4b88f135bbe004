"""What profile is told."""

from dataclasses import dataclass, field

from chassis.process import ProcessSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """`vault_key`: what the keys to personal data are wrapped with; earlier ones may follow, until a start has wrapped
    all anew. Needed to serve, not to migrate. `vault_version`: raised by one, has a new key made for sealed text.
    `suggest_people_max`: with more people than that no duplicates are suggested, for they are compared in memory."""

    listen: str = "127.0.0.1:7101"
    vault_key: tuple[str, ...] = field(default=(), repr=False)
    vault_version: int = 1
    suggest_people_max: int = 500_000
