"""Weibo: the fan service of verified accounts.

Pushes are signed as WeChat's are, with the app's secret in the place of the token; the address is proved by
`echostr`. They have no message id: the platform advises to take sender and time for one. An empty answer is a taken
push; three repeats follow none within five seconds. A person is a Weibo uid, taken as unique in the app. Source:
"消息推送服务" and "接收事件推送" of the open platform (JSON, the platform's default; accounts that are set to the XML
of WeChat are refused).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.channels.adapters.reading import inner, json_object, present, required, text
from gateway.channels.adapters.tencent import check_signature
from gateway.channels.domain import Callback, Channel, Heard, Identifier, Reply, Told
from gateway.channels.errors import CallbackInvalid

_EVENTS = {
    "follow": "Channel Followed",
    "unfollow": "Channel Unfollowed",
    "subscribe": "Message Subscribed",
    "unsubscribe": "Message Unsubscribed",
    "scan": "QR Code Scanned",
    "scan_follow": "Channel Followed",
    "click": "Menu Clicked",
    "view": "Menu Clicked",
}
_MESSAGES = {
    "mention": "Account Mentioned",
    **dict.fromkeys(("text", "position", "voice", "image"), "Message Received"),
}
_TIME = "%a %b %d %H:%M:%S %z %Y"


def weibo(channel: Channel, callback: Callback) -> Told:
    """What a push of the fan service tells. Kinds that are not published tell nothing, as the platform asks."""
    query = callback.query
    signed = query.get("timestamp", ""), query.get("nonce", "")
    check_signature(query.get("signature", ""), channel.secrets.secret, *signed)
    if callback.method == "GET":
        return Told((), Reply(query.get("echostr", "").encode()))
    return Told(_heard(channel, json_object(callback.body)), Reply())


def _heard(channel: Channel, fields: Mapping[str, Any]) -> list[Heard]:
    sender, kind, created = (required(fields, name) for name in ("sender_id", "type", "created_at"))
    data = inner(fields, "data")
    subtype, key = text(data.get("subtype")), text(data.get("key"))
    name = _EVENTS.get(subtype.lower()) if kind == "event" else _MESSAGES.get(kind)
    if name is None:
        return []
    properties = present(data, {"key": "scene" if "scan" in subtype else "menu_key", "ticket": "ticket"})
    if kind != "event":
        properties |= {"message_type": kind, **present(fields, {"text": "text"})}
    person = Identifier("weibo.uid", channel.namespace, sender)
    return [Heard(f"{sender}:{created}:{kind}:{subtype}:{key}", [person], name, _time(created), properties)]


def _time(value: str) -> datetime:
    try:
        return datetime.strptime(value, _TIME).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CallbackInvalid("created_at", "must be like Mon Jul 16 18:09:20 +0800 2012") from None
