"""Secrets at rest: AES-256-GCM under a key made of the deployment's secret (HKDF, RFC 5869)."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chassis.errors import FailedPrecondition

NONCE_BYTES = 12


class Seal:
    """Encrypts and decrypts secrets of one `purpose`. `about` binds a box to its row: it opens nowhere else.

    Without a key, and for boxes that were closed with another one, it raises `refusal`.
    """

    def __init__(self, secrets_key: str, purpose: str, refusal: type[FailedPrecondition]) -> None:
        self._cipher = AESGCM(_derived(secrets_key, purpose)) if secrets_key else None
        self._refusal: type[Exception] = refusal

    def close(self, plain: bytes, about: bytes) -> bytes:
        """Encrypt."""
        if self._cipher is None:
            raise self._refusal
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about)

    def open(self, box: bytes, about: bytes) -> bytes:
        """Decrypt."""
        if self._cipher is None:
            raise self._refusal
        try:
            return self._cipher.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], about)
        except InvalidTag:
            raise self._refusal from None


def _derived(secrets_key: str, purpose: str) -> bytes:
    info = f"bowen/gateway/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secrets_key.encode())
