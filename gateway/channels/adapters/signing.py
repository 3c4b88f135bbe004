"""Signatures: comparing them, and that of exports.

What a system of the brand or its vendor exports (tills, call centres, jobs that fetch orders of a platform) is signed
in the header `X-Bowen-Signature: sha256=<hex>`: HMAC-SHA256 (RFC 2104) of the body's bytes under the channel's
secret.
"""

import hashlib
import hmac

from gateway.channels.domain import Callback, Channel
from gateway.channels.errors import SignatureInvalid

HEADER = "x-bowen-signature"


def check(given: str, expected: str) -> None:
    """Hold a signature against the right one, whatever the case of its digits. Raises `SignatureInvalid`."""
    if not hmac.compare_digest(given.lower().encode(), expected.lower().encode()):
        raise SignatureInvalid


def sign(secret: str, body: bytes) -> str:
    """The signature of an export."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def is_export(callback: Callback) -> bool:
    """Whether a callback claims to be an export of the brand's own."""
    return HEADER in callback.headers


def check_export(channel: Channel, callback: Callback) -> None:
    """Hold an export's signature against its body. Raises `SignatureInvalid`."""
    check(callback.header(HEADER), sign(channel.secrets.secret, callback.body))


def digest(algorithm: str, *parts: bytes) -> str:
    """The hexadecimal digest of parts, one after another."""
    return hashlib.new(algorithm, b"".join(parts), usedforsecurity=False).hexdigest()
