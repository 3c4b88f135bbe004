"""What the gateway is told when it starts."""

from dataclasses import dataclass, field
from datetime import datetime

from chassis.clock import Clock, SandboxClock, SystemClock

ROOT_KEY_LENGTH_MIN = 20
SECRETS_KEY_LENGTH_MIN = 32


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """Addresses, secrets and limits. Times are in seconds, rates per second and replica.

    Without `nats_url` the gateway hears of no webhooks to post. `webhooks_anywhere`, for development: they may also be
    posted by plain HTTP and inside the network.
    """

    database_url: str = field(repr=False)
    listen: str = "127.0.0.1:8080"
    profile_target: str = "127.0.0.1:7101"
    tagging_target: str = "127.0.0.1:7102"
    incentive_target: str = "127.0.0.1:7103"
    distribution_target: str = "127.0.0.1:7104"
    public_url: str = ""

    root_key: str = field(default="", repr=False)
    secrets_key: str = field(default="", repr=False)
    nats_url: str = field(default="", repr=False)
    webhooks_anywhere: bool = False
    jwks: str = field(default="", repr=False)
    jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_profile_claim: str = "sub"
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: str = "127.0.0.1"
    link_hosts: tuple[str, ...] = ()

    sandbox: bool = False
    sandbox_start: datetime | None = None
    log_level: str = "info"
    access_log: bool = True

    database_pool_max: int = 5
    concurrency_max: int = 1000
    body_bytes_max: int = 1 << 20
    timeout_s: float = 5.0
    bulk_timeout_s: float = 30.0
    view_part_s: float = 0.4
    drain_s: float = 0.0
    grace_s: float = 25.0
    touches_max: int = 10_000

    key_rate: float = 1000.0
    key_burst: int = 2000
    write_key_rate: float = 1000.0
    write_key_burst: int = 2000
    address_rate: float = 20.0
    address_burst: int = 100
    link_rate: float = 100.0
    link_burst: int = 1000

    def __post_init__(self) -> None:
        if self.sandbox and self.sandbox_start is None:
            raise ValueError("BOWEN_SANDBOX_START is required when BOWEN_SANDBOX is true")
        if self.log_level.lower() not in ("debug", "info", "warning", "error"):
            raise ValueError("BOWEN_LOG_LEVEL must be debug, info, warning or error")
        _check_length("BOWEN_ROOT_KEY", self.root_key, ROOT_KEY_LENGTH_MIN)
        _check_length("BOWEN_SECRETS_KEY", self.secrets_key, SECRETS_KEY_LENGTH_MIN)
        if self.jwks and self.jwks_url:
            raise ValueError("BOWEN_JWKS and BOWEN_JWKS_URL are both set")
        if (self.jwks or self.jwks_url) and not (self.jwt_issuer and self.jwt_audience):
            raise ValueError("BOWEN_JWT_ISSUER and BOWEN_JWT_AUDIENCE are required with a key set")
        if min(self.key_rate, self.write_key_rate, self.address_rate, self.link_rate) <= 0:
            raise ValueError("rates must be above 0")
        if min(self.key_burst, self.write_key_burst, self.address_burst, self.link_burst) < 1:
            raise ValueError("bursts must be at least 1")

    @property
    def host(self) -> str:
        """The address to listen on."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port to listen on; 0 for any."""
        return int(self.listen.rpartition(":")[2])

    def targets(self) -> dict[str, str]:
        """Where each component is reached."""
        return {
            "profile": self.profile_target,
            "tagging": self.tagging_target,
            "incentive": self.incentive_target,
            "distribution": self.distribution_target,
        }

    def clock(self) -> Clock:
        """The clock that the settings ask for."""
        return SandboxClock(self.sandbox_start) if self.sandbox and self.sandbox_start else SystemClock()


def _check_length(name: str, secret: str, length_min: int) -> None:
    if secret and len(secret) < length_min:
        raise ValueError(f"{name} must have at least {length_min} characters")
