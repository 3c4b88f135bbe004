"""Why channels and callbacks are refused."""

from collections.abc import Sequence

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound, Unauthenticated, Violation


class ChannelNotFound(NotFound):
    """No open channel has this id."""

    reason = "CHANNEL_NOT_FOUND"

    def __init__(self, channel_id: str) -> None:
        super().__init__("no open channel has this id", channel_id=channel_id)


class ChannelInvalid(InvalidArgument):
    """The channel's fields do not fit together."""

    reason = "CHANNEL_INVALID"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(*violations[0])
        self.violations = list(violations)
        self.message = "; ".join(f"{field} {rule}" for field, rule in violations)


class ChannelSecretsOff(FailedPrecondition):
    """The deployment has no key to encrypt secrets with."""

    reason = "CHANNEL_SECRETS_OFF"

    def __init__(self) -> None:
        super().__init__("set BOWEN_SECRETS_KEY: channels' secrets are stored encrypted")


class SignatureInvalid(Unauthenticated):
    """The callback's signature is not the one that the channel's secret makes."""

    reason = "SIGNATURE_INVALID"

    def __init__(self) -> None:
        super().__init__("the signature does not fit the channel's secret")


class CallbackInvalid(InvalidArgument):
    """The callback has none of the platform's shapes."""

    reason = "CALLBACK_INVALID"
