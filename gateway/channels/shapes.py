"""What is exported to channels in Bowen's own shapes, as JSON Schema for the document."""

from gateway.channels.adapters.reading import RECORDS_MAX
from gateway.channels.adapters.signing import HEADER
from gateway.schemas import Schema

_TEXT: Schema = {"type": "string", "minLength": 1}
_TIME: Schema = {"type": "string", "format": "date-time"}
_MONEY: Schema = {
    "type": ["string", "number"],
    "description": "In the currency's main unit, at most two places. Exact as text and as number.",
}

_LINE: Schema = {
    "type": "object",
    "required": ["sku"],
    "properties": {
        "sku": _TEXT,
        "name": {"type": "string"},
        "category": {"type": "string"},
        "quantity": {"type": ["string", "number"], "description": "What is no whole number was weighed. Default: 1."},
        "price": {**_MONEY, "description": "Per piece. Left out where the line has an `amount`."},
        "amount": {**_MONEY, "description": "Of all pieces of the line. Of a refund: what is given back for it."},
    },
}

_MEMBER: Schema = {
    "type": "object",
    "properties": {
        "member_no": _TEXT,
        "phone": {"type": "string"},
        "phone_verified": {"type": "boolean", "description": "Whether the phone was proven by a code. Default: false."},
    },
}

RECEIPT: Schema = {
    "title": "Receipt",
    "description": "To channels of the kind `POS`. Who is not a member is skipped.",
    "type": "object",
    "required": ["type", "receipt_no", "time"],
    "properties": {
        "type": {"type": "string", "enum": ["sale", "refund"]},
        "receipt_no": {**_TEXT, "description": "Unique in the channel. A receipt is taken once by it."},
        "original_receipt_no": {**_TEXT, "description": "Of a refund: its sale."},
        "time": _TIME,
        "store": {"type": "string"},
        "till": {"type": "string"},
        "cashier": {"type": "string"},
        "currency": {"type": "string", "description": "ISO 4217. Default: CNY."},
        "member": _MEMBER,
        "lines": {
            "type": "array",
            "maxItems": RECORDS_MAX,
            "items": _LINE,
            "description": "Of a refund: what comes back; without lines `total`, without that all that is left.",
        },
        "discount": _MONEY,
        "total": {**_MONEY, "description": "Of a sale: required, its lines less `discount`."},
    },
}

CALL: Schema = {
    "title": "Call",
    "description": "To channels of the kind `CALL_CENTRE`, when the call has ended. Withheld numbers are skipped.",
    "type": "object",
    "required": ["call_id", "direction", "start_time"],
    "properties": {
        "call_id": {**_TEXT, "description": "Unique in the channel. A call is taken once by it."},
        "direction": {"type": "string", "enum": ["inbound", "outbound"]},
        "number": {
            "type": ["string", "null"],
            "description": "The customer's; null when it is withheld. It proves nobody.",
        },
        "start_time": _TIME,
        "answered": {"type": "boolean", "description": "Default: true."},
        "duration_seconds": {"type": "number"},
        "wait_seconds": {"type": "number"},
        "agent": {"type": "string"},
        "queue": {"type": "string"},
        "line": {"type": "string"},
        "topic": {"type": "string"},
        "satisfaction": {"type": ["number", "string"]},
        "recording_url": {"type": "string"},
    },
}

ORDER: Schema = {
    "title": "Order",
    "description": "To channels of Douyin, Xiaohongshu, Taobao and JD: an order as the platform's own interface gives "
    "it, whenever it changes, or a finished refund of one with the buyer's ids as the platform's orders name them.",
    "type": "object",
    "anyOf": [{"required": ["order"]}, {"required": ["refund"]}],
    "properties": {
        "order": {"type": "object", "minProperties": 1},
        "refund": {
            "type": "object",
            "required": ["refund_id", "order_id", "time"],
            "properties": {
                "refund_id": _TEXT,
                "order_id": _TEXT,
                "amount": {**_MONEY, "description": "In yuan, without shipping. Left out: all that is left."},
                "time": _TIME,
                "sku": {"type": "string"},
            },
        },
    },
}

TAKEN: Schema = {
    "title": "Taken",
    "description": "How many records of an export named somebody, and how many were skipped because they name nobody. "
    "What was taken is durable; what profile then refuses is among the rejections.",
    "type": "object",
    "required": ["taken", "skipped"],
    "properties": {"taken": {"type": "integer"}, "skipped": {"type": "integer"}},
}

SIGNATURE: Schema = {
    "name": HEADER.title(),
    "in": "header",
    "description": "Of exports: `sha256=` and the hexadecimal HMAC-SHA256 of the body's bytes under the channel's "
    "secret. Platforms sign in their own headers and parameters.",
    "schema": {"type": "string", "pattern": "^sha256=[0-9a-fA-F]{64}$"},
}

_RECORD: Schema = {"anyOf": [RECEIPT, CALL, ORDER]}

BODY: Schema = {
    "description": "Of a platform: what it sends. Of an export: a record, an array of records, or one a line.",
    "content": {
        "application/json": {
            "schema": {"anyOf": [_RECORD, {"type": "array", "minItems": 1, "maxItems": RECORDS_MAX, "items": _RECORD}]}
        },
        "application/x-ndjson": {"schema": {"type": "string"}},
        "text/xml": {"schema": {"type": "string"}},
    },
}
