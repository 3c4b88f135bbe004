"""Identifiers that an event's context names, by the types of `spec people` §3.1."""

import re
from typing import Any

from bowen.profile.v1 import profile_pb2 as pb

VALUE_LENGTH_MAX = 500
NAMESPACE_LENGTH_MAX = 200
IDENTIFIERS_MAX = 20

_TYPE = re.compile(r"[a-z][a-z0-9_.]{0,63}").fullmatch
_ADVERTISING = {"ios": "idfa", "android": "android.oaid"}


def identifiers(context: dict[str, Any]) -> list[pb.Identifier]:
    """Usable identifiers of `context.externalIds` and `context.device`; what is none is left out."""
    found = [*_external(context.get("externalIds")), *_device(context)]
    return [identifier for identifier in found if identifier is not None][:IDENTIFIERS_MAX]


def _external(items: Any) -> list[pb.Identifier | None]:
    return [_one(item) for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _one(item: dict[str, Any]) -> pb.Identifier | None:
    """An external id. Where its type has a namespace it is `namespace`, or follows the type: `wx.openid@wx123`."""
    if item.get("collection", "users") != "users" or item.get("encoding", "none") != "none":
        return None
    kind, _, suffix = str(item.get("type", "")).partition("@")
    return _identifier(kind, item.get("namespace") or suffix, item.get("id"), verified=item.get("verified") is True)


def _device(context: dict[str, Any]) -> list[pb.Identifier | None]:
    """Ids of the device. Advertising ids count only where their owner allows tracking."""
    device, app = context.get("device"), context.get("app")
    if not isinstance(device, dict):
        return []
    system = str(device.get("type", "")).lower()
    namespace = app.get("namespace") if isinstance(app, dict) else ""
    found = [_identifier("push_token", namespace, device.get("token"))]
    if system == "android":
        found.append(_identifier("android.id", "", device.get("id")))
    if device.get("adTrackingEnabled") is True and system in _ADVERTISING:
        found.append(_identifier(_ADVERTISING[system], "", device.get("advertisingId")))
    return found


def _identifier(kind: str, namespace: Any, value: Any, *, verified: bool = False) -> pb.Identifier | None:
    space = namespace if isinstance(namespace, str) else ""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text or len(text) > VALUE_LENGTH_MAX or len(space) > NAMESPACE_LENGTH_MAX:
        return None
    if not _TYPE(kind) or "\0" in text or "\0" in space:
        return None
    return pb.Identifier(type=kind, namespace=space, value=text, verified=verified)
