"""Secrets at rest: AES-256-GCM under a key made of the deployment's secret (HKDF, RFC 5869)."""

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.channels.domain import Secrets
from gateway.channels.errors import ChannelSecretsOff

NONCE_BYTES = 12


class Seal:
    """Encrypts and decrypts the secrets of channels. `about` binds a box to its row: it opens nowhere else."""

    def __init__(self, secrets_key: str) -> None:
        self._cipher = AESGCM(_derived(secrets_key)) if secrets_key else None

    def close(self, secrets: Secrets, about: bytes) -> bytes:
        """Encrypt. Raises `ChannelSecretsOff`."""
        if self._cipher is None:
            raise ChannelSecretsOff
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, msgspec.json.encode(secrets), about)

    def open(self, box: bytes, about: bytes) -> Secrets:
        """Decrypt. Raises `ChannelSecretsOff` also when the box was closed with another key."""
        if self._cipher is None:
            raise ChannelSecretsOff
        try:
            plain = self._cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], about)
        except InvalidTag:
            raise ChannelSecretsOff from None
        return msgspec.json.decode(plain, type=Secrets)


def _derived(secrets_key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"bowen/gateway/channels").derive(secrets_key.encode())
