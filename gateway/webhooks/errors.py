"""Why webhooks are refused."""

from chassis.errors import FailedPrecondition, InvalidArgument, NotFound


class WebhookEndpointNotFound(NotFound):
    """No endpoint has this id."""

    reason = "WEBHOOK_ENDPOINT_NOT_FOUND"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__("no endpoint has this id", endpoint_id=endpoint_id)


class WebhookDeliveryNotFound(NotFound):
    """No delivery has this id, or it was forgotten."""

    reason = "WEBHOOK_DELIVERY_NOT_FOUND"

    def __init__(self, delivery_id: str) -> None:
        super().__init__("no delivery has this id", delivery_id=delivery_id)


class WebhookUrlRefused(InvalidArgument):
    """Not an address that may be posted to."""

    reason = "WEBHOOK_URL_REFUSED"

    def __init__(self, rule: str) -> None:
        super().__init__("url", rule)


class WebhookSecretsOff(FailedPrecondition):
    """The deployment has no key to encrypt secrets with."""

    reason = "WEBHOOK_SECRETS_OFF"

    def __init__(self) -> None:
        super().__init__("set BOWEN_SECRETS_KEY: secrets of webhooks are stored encrypted")
