"""Secrets of channels at rest."""

import msgspec

from gateway import sealing
from gateway.channels.domain import Secrets
from gateway.channels.errors import ChannelSecretsOff


class Seal:
    """Encrypts and decrypts what callbacks are signed and encrypted with. Raises `ChannelSecretsOff`."""

    def __init__(self, secrets_key: str) -> None:
        self._seal = sealing.Seal(secrets_key, "channels", ChannelSecretsOff)

    def close(self, secrets: Secrets, about: bytes) -> bytes:
        """Encrypt."""
        return self._seal.close(msgspec.json.encode(secrets), about)

    def open(self, box: bytes, about: bytes) -> Secrets:
        """Decrypt."""
        return msgspec.json.decode(self._seal.open(box, about), type=Secrets)
