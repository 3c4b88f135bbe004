"""The document's part on routes that no contract describes: the Segment wire, short links, and the gateway itself."""

from gateway.channels import shapes
from gateway.ingest.wire import BATCH_BYTES_MAX, EVENT_BYTES_MAX, EVENTS_MAX, TYPES
from gateway.schemas import Schema

_ANSWER: Schema = {
    "type": "object",
    "required": ["success"],
    "properties": {
        "success": {"type": "boolean"},
        "code": {"type": "string"},
        "message": {"type": "string"},
        "rejected": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "code", "message"],
                "properties": {
                    "index": {"type": "integer"},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

_EVENT: Schema = {
    "type": "object",
    "properties": {
        "writeKey": {"type": "string"},
        "messageId": {"type": "string", "maxLength": 100},
        "userId": {"type": ["string", "integer", "null"]},
        "anonymousId": {"type": ["string", "integer", "null"]},
        "event": {"type": "string"},
        "properties": {"type": "object"},
        "traits": {"type": "object"},
        "context": {"type": "object"},
        "timestamp": {"type": "string", "format": "date-time"},
        "sentAt": {"type": "string", "format": "date-time"},
    },
}

_EXAMPLES: dict[str, Schema] = {
    "track": {"userId": "cust-1", "event": "Product Viewed", "properties": {"sku": "tea-250"}, "messageId": "m-1"},
    "identify": {"userId": "cust-1", "traits": {"city": "Hangzhou"}, "messageId": "m-2"},
    "alias": {"previousId": "visitor-7", "userId": "cust-1", "messageId": "m-3"},
    "group": {"userId": "cust-1", "groupId": "household-7", "messageId": "m-4"},
    "page": {"anonymousId": "visitor-7", "name": "Teas", "messageId": "m-5"},
    "screen": {"anonymousId": "visitor-7", "name": "Teas", "messageId": "m-6"},
    "batch": {"batch": [{"type": "track", "userId": "cust-1", "event": "Product Shared", "messageId": "m-7"}]},
}


def paths() -> dict[str, Schema]:
    """Path items by path."""
    found: dict[str, Schema] = {"/v1/batch": {"post": _ingest("batch", _batch())}}
    for kind in TYPES:
        found[f"/v1/{kind}"] = {"post": _ingest(kind, {**_EVENT, "maxProperties": 1000})}
    found["/v1/projects/{write_key}/settings"] = {"get": _settings()}
    found["/v1/channels/{channel_id}/callback"] = {"get": _proves(), "post": _tells()}
    found["/s/{token}"] = {"get": _link()}
    found["/v1/privacy/bundles/{token}"] = {"get": _bundle()}
    found["/healthz"] = {"get": _plain("Whether the process is alive.", {"type": "object"}, "health")}
    found["/readyz"] = {"get": _plain("Whether it can answer.", {"type": "object"}, "readiness", more=("503",))}
    return found


def _ingest(kind: str, schema: Schema) -> Schema:
    return {
        "operationId": f"ingest_{kind}",
        "tags": ["Events"],
        "summary": f"Takes in {'a batch of events' if kind == 'batch' else f'one {kind} event'} on the Segment wire",
        "description": f"A 200 means that what was accepted is durable. At most {EVENTS_MAX} events and "
        f"{BATCH_BYTES_MAX} bytes, unpacked; {EVENT_BYTES_MAX} bytes an event. `/v1/{kind[0]}` is the same.",
        "security": [{"write_key": []}, {}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema, "example": _EXAMPLES[kind]},
                "text/plain": {"schema": schema},
            },
        },
        "responses": {
            status: _json(text, _ANSWER)
            for status, text in {
                "200": "Accepted; `rejected` lists events that are none.",
                "400": "Not JSON, or too large, or nobody is named. No retry makes it better.",
                "401": "The write key is not known.",
                "429": "Too many requests: wait `Retry-After` seconds.",
                "503": "Overloaded: wait `Retry-After` seconds.",
            }.items()
        },
    }


def _batch() -> Schema:
    item = {**_EVENT, "properties": {"type": {"type": "string", "enum": list(TYPES)}, **_EVENT["properties"]}}
    return {
        "type": "object",
        "required": ["batch"],
        "properties": {
            "batch": {"type": "array", "items": item},
            "writeKey": {"type": "string"},
            "context": {"type": "object"},
            "sentAt": {"type": "string", "format": "date-time"},
        },
    }


def _settings() -> Schema:
    operation = _plain(
        "What SDKs read before they send.", {"type": "object"}, "ingest_settings", more=("401", "429", "503")
    )
    return {**operation, "tags": ["Events"], "parameters": [_path_text("write_key", "The write key.")]}


def _proves() -> Schema:
    return _callback(
        "channel_proves",
        "Proves the address of a channel to its platform",
        "Called by platforms only, signed as each does it.",
        _text_answer("What the platform waits for."),
    )


def _tells() -> Schema:
    answer = _text_answer("What the platform waits for; of an export, how much of it was taken.")
    answer["content"]["application/json"] = {"schema": shapes.TAKEN}
    operation = _callback(
        "channel_tells",
        "Takes in a platform's callback or an export",
        "Called by platforms, and by systems that export: tills, call centres, jobs that fetch orders. A 200 means "
        "that what was told is durable. What is told again changes nothing.",
        answer,
    )
    return {**operation, "parameters": [*operation["parameters"], shapes.SIGNATURE], "requestBody": shapes.BODY}


def _callback(name: str, summary: str, description: str, answer: Schema) -> Schema:
    return {
        "operationId": name,
        "tags": ["Channel"],
        "summary": summary,
        "description": description,
        "security": [{}],
        "parameters": [_path_text("channel_id", "The channel.")],
        "responses": {"200": answer, **{status: _problem(text) for status, text in _CALLBACK_REFUSALS.items()}},
    }


_CALLBACK_REFUSALS = {
    "400": "None of the platform's shapes.",
    "401": "Not signed with the channel's secret.",
    "404": "No open channel has this id.",
    "413": "Larger than a callback may be.",
    "415": "Packed in a way that is not known.",
    "422": "The deployment cannot open the channel's secrets.",
    "429": "Too many requests.",
    "503": "Overloaded, or a component is away: call again.",
}


def _problem(description: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _text_answer(description: str) -> Schema:
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _link() -> Schema:
    page = {"content": {"text/html": {"schema": {"type": "string"}}}}
    return {
        "operationId": "follow_link",
        "tags": ["Ripple"],
        "summary": "Follows a share link",
        "description": "Counts the visit, sets the visitor's cookie, and adds `bowen_touch` and `bowen_visitor` to the "
        "target: name the touch as `parent_touch_id` in a share that follows from it.",
        "security": [{}],
        "parameters": [
            _path_text("token", "The link's token."),
            {
                "name": "v",
                "in": "query",
                "description": "The visitor, if no cookie says.",
                "schema": {"type": "string"},
            },
        ],
        "responses": {
            "302": {"description": "On to the target.", "headers": {"Location": {"schema": {"type": "string"}}}},
            "404": {"description": "No link has this token.", **page},
            "429": {"description": "Too many requests.", **page},
            "503": {"description": "The link is not known here and cannot be looked up now.", **page},
        },
    }


def _bundle() -> Schema:
    binary = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
    return {
        "operationId": "download_bundle",
        "tags": ["Privacy"],
        "summary": "Downloads a person's bundle by a one-time link",
        "description": "A zip file: JSON lines per service, `manifest.json` with hashes, `index.html` to read. A "
        "complete download uses the link; one that broke off may begin anew, up to five in all, the latest only.",
        "security": [{}],
        "parameters": [_path_text("token", "The link's token, from `CreateBundleLink`.")],
        "responses": {
            "200": {"description": "The bundle.", **binary},
            "404": _problem("No bundle link has this token, or the bundle is no longer kept."),
            "410": _problem("Used, expired, tried too often, or a newer link was made."),
            "429": _problem("Too many requests."),
            "503": _problem("A component is away: try again."),
        },
    }


def _path_text(name: str, description: str) -> Schema:
    schema = {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def _plain(summary: str, schema: Schema, name: str, *, more: tuple[str, ...] = ()) -> Schema:
    return {
        "operationId": name,
        "tags": ["Gateway"],
        "summary": summary,
        "security": [{}],
        "responses": {"200": _json("Yes.", schema), **{status: _json("No.", schema) for status in more}},
    }


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
