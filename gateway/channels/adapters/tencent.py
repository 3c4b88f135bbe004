"""What WeChat and WeCom have in common: sorted SHA-1 signatures, AES messages, flat XML.

Source: the platforms' guides to receiving messages ("接收消息与事件", "消息加解密"). A message is encrypted with
AES-256-CBC under the decoded `EncodingAESKey`, its first 16 bytes being the vector: 16 random bytes, the length of the
text in network order, the text, the id of the receiver, and PKCS#7 padding to 32 bytes.
"""

import base64
import binascii
import hashlib
import hmac
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.channels.errors import CallbackInvalid, SignatureInvalid

BLOCK_BYTES = 32
_HEAD_BYTES = 20


def check_signature(signature: str, *parts: str) -> None:
    """Hold a signature against its parts. Raises `SignatureInvalid`."""
    expected = hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 (the platform's choice)
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise SignatureInvalid


def decrypt(encrypted: str, aes_key: str, receiver: str) -> str:
    """The text of an encrypted message that is for `receiver`. Raises `SignatureInvalid` for what it cannot be."""
    try:
        key = base64.b64decode(aes_key + "=", validate=True)
        cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = cipher.update(base64.b64decode(encrypted, validate=True)) + cipher.finalize()
        plain = padded[: -padded[-1]] if 1 <= padded[-1] <= BLOCK_BYTES else b""
        end = _HEAD_BYTES + int.from_bytes(plain[16:_HEAD_BYTES], "big")
        text, owner = plain[_HEAD_BYTES:end].decode(), plain[end:].decode()
    except (binascii.Error, ValueError, IndexError):
        raise SignatureInvalid from None
    if owner != receiver:
        raise SignatureInvalid
    return text


def encrypt(text: str, aes_key: str, receiver: str, noise: bytes) -> str:
    """A message encrypted as the platform does it; `noise` are 16 bytes."""
    key = base64.b64decode(aes_key + "=")
    content = text.encode()
    plain = noise + len(content).to_bytes(4, "big") + content + receiver.encode()
    pad = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    cipher = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(cipher.update(plain + bytes([pad]) * pad) + cipher.finalize()).decode()


def xml_fields(body: bytes | str) -> dict[str, str]:
    """The texts of a flat XML message; a nested element keeps the texts of its own as `Outer.Inner`.

    Raises `CallbackInvalid`. Documents that declare a type or entities are no messages.
    """
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise CallbackInvalid("body", "must be the platform's XML")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (no types, no entities: see above)
    except ElementTree.ParseError:
        raise CallbackInvalid("body", "must be the platform's XML") from None
    fields: dict[str, str] = {}
    for element in root:
        if len(element):
            fields |= {f"{element.tag}.{inner.tag}": (inner.text or "").strip() for inner in element}
        else:
            fields[element.tag] = (element.text or "").strip()
    return fields
