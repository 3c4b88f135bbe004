"""WeChat: official accounts and mini-programs.

Both push messages and events to one address. Plain pushes are signed in `signature` over token, timestamp and nonce,
encrypted ones in `msg_signature` over these and the ciphertext. The address is proved once by echoing `echostr`.
Messages carry a `MsgId`; events do not, the platform asks receivers to take sender, time and event for one.
A push is repeated up to three times when it is not answered within five seconds: by `success` or nothing.
A person's id is their `openid` under the account's app id. Pushes carry no `unionid`: what links both comes in over the
mall's own log-in.
"""

from collections.abc import Mapping
from typing import Any

from gateway.channels.adapters.reading import json_object, present, required, seconds
from gateway.channels.adapters.tencent import check_signature, decrypt, xml_fields
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Reply, Told
from gateway.channels.errors import CallbackInvalid

SUCCESS = Reply(b"success")

_OFFICIAL_EVENTS = {
    "subscribe": "Channel Followed",
    "unsubscribe": "Channel Unfollowed",
    "SCAN": "QR Code Scanned",
    "CLICK": "Menu Clicked",
    "VIEW": "Menu Clicked",
    "LOCATION": "Location Shared",
    "TEMPLATESENDJOBFINISH": "Message Delivered",
}
_MINI_EVENTS = {
    "user_enter_tempsession": "Conversation Started",
    "subscribe_msg_popup_event": "Message Subscription Answered",
    "subscribe_msg_change_event": "Message Subscription Changed",
    "subscribe_msg_sent_event": "Message Delivered",
}
_PROPERTIES = {
    "Content": "text",
    "Ticket": "ticket",
    "Latitude": "latitude",
    "Longitude": "longitude",
    "Precision": "precision",
    "Status": "status",
    "SessionFrom": "session_from",
}
_SCENE = "qrscene_"


def official_account(channel: Channel, callback: Callback) -> Told:
    """What an official account's push tells."""
    return _told(channel, callback, _OFFICIAL_EVENTS)


def mini_program(channel: Channel, callback: Callback) -> Told:
    """What a mini-program's push tells."""
    return _told(channel, callback, _MINI_EVENTS)


def _told(channel: Channel, callback: Callback, names: Mapping[str, str]) -> Told:
    query, secrets = callback.query, channel.secrets
    stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if callback.method == "GET":
        check_signature(query.get("signature", ""), secrets.secret, stamp, nonce)
        return Told((), Reply(query.get("echostr", "").encode()))
    fields = _fields(callback.body)
    if "Encrypt" in fields and secrets.aes_key:
        encrypted = required(fields, "Encrypt")
        check_signature(query.get("msg_signature", ""), secrets.secret, stamp, nonce, encrypted)
        fields = _fields(decrypt(encrypted, secrets.aes_key, channel.namespace))
    else:
        check_signature(query.get("signature", ""), secrets.secret, stamp, nonce)
        if "FromUserName" not in fields and "Encrypt" in fields:
            raise CallbackInvalid("Encrypt", "is encrypted: the channel has no aes_key")
    return Told(_heard(channel, fields, names), SUCCESS)


def _fields(body: bytes | str) -> Mapping[str, Any]:
    """The message, whichever of its two formats the account is set to."""
    start = body[:1] if isinstance(body, str) else body[:1].decode(errors="replace")
    return json_object(body) if start == "{" else xml_fields(body)


def _heard(channel: Channel, fields: Mapping[str, Any], names: Mapping[str, str]) -> list[Heard]:
    sender, created = required(fields, "FromUserName"), required(fields, "CreateTime")
    kind, event = required(fields, "MsgType"), str(fields.get("Event") or "")
    identifiers = [Identifier("wx.openid", channel.namespace, sender)]
    if union := fields.get("UnionID") or fields.get("UnionId"):
        identifiers.append(Identifier("wx.unionid", "", str(union)))
    name = names.get(event, f"WeChat {event}") if kind == "event" else "Message Received"
    key = str(fields.get("MsgId") or fields.get("MsgID") or f"{sender}:{created}:{event}:{fields.get('EventKey', '')}")
    properties = {**present(fields, _PROPERTIES), **_keys(event, str(fields.get("EventKey") or ""))}
    if kind != "event":
        properties["message_type"] = kind
    return [Heard(key, identifiers, name, seconds(created, "CreateTime"), properties)]


def _keys(event: str, key: str) -> dict[str, str]:
    """What a QR code or a menu stands for."""
    if not key:
        return {}
    if event in ("subscribe", "SCAN"):
        return {"scene": key.removeprefix(_SCENE)}
    return {"menu_key": key} if event in ("CLICK", "VIEW") else {"event_key": key}
