"""JSON Schemas of messages, as OpenAPI 3.1 holds them: the rules of the contract as constraints."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from gateway.derive.contract import REQUEST_ID, rules_of
from gateway.derive.names import choices, short_names
from gateway.derive.readers import EXACT, TIMESTAMP
from gateway.derive.requests import INTEGER, RANGES, WIDE, pattern_of

Schema = dict[str, Any]


class Schemas:
    """Schemas by name, each described once. Requests take less than responses hold, so each has its own."""

    def __init__(self, comments: dict[str, str]) -> None:
        self._comments = comments
        self.components: dict[str, Schema] = {}

    def request(self, descriptor: Any, *, without: tuple[str, ...] = ()) -> Schema:
        """The schema of a body, without fields that stand elsewhere."""
        return self._object(descriptor, is_input=True, without=without)

    def response(self, descriptor: Any) -> Schema:
        """A reference to the schema of a response."""
        return self._reference(descriptor, is_input=False)

    def field(self, field: FieldDescriptor, *, is_input: bool) -> Schema:
        """The schema of a field, with its comment."""
        rules = rules_of(field)
        schema = self._value(field, is_input)
        if field.is_repeated:
            schema = {"type": "array", "items": schema}
            if is_input:
                _bounds(schema, "minItems", max(rules.min_items, int(rules.required)), "maxItems", rules.max_items)
        if comment := self._comments.get(field.full_name):
            schema = {**schema, "description": comment}
        return schema

    def _reference(self, descriptor: Any, *, is_input: bool) -> Schema:
        name = descriptor.full_name.removeprefix("bowen.").replace(".v1.", ".") + (".Input" if is_input else "")
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._object(descriptor, is_input=is_input, without=())
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, descriptor: Any, *, is_input: bool, without: tuple[str, ...]) -> Schema:
        fields = [field for field in descriptor.fields if field.name not in without]
        schema: Schema = {
            "type": "object",
            "properties": {field.name: self.field(field, is_input=is_input) for field in fields},
        }
        required = [field.name for field in fields if _is_required(field, is_input)]
        if required:
            schema["required"] = required
        if is_input:
            schema["additionalProperties"] = False
        if comment := self._comments.get(descriptor.full_name):
            schema["description"] = comment
        return schema

    def _value(self, field: FieldDescriptor, is_input: bool) -> Schema:
        inner: Any = field.message_type
        if inner is not None and inner.full_name == TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        if inner is not None:
            return self._reference(inner, is_input=is_input)
        if field.enum_type is not None:
            unset = [] if is_input and rules_of(field).required else [short_names(field.enum_type)[0]]
            return {"type": "string", "enum": [*choices(field.enum_type), *unset]}
        if field.type in RANGES:
            return _integer(field, is_input)
        return _plain(field, is_input)


def _is_required(field: FieldDescriptor, is_input: bool) -> bool:
    rules = rules_of(field)
    if is_input:
        return field.name != REQUEST_ID and (rules.required or rules.min_items > 0)
    return not field.has_presence


def _integer(field: FieldDescriptor, is_input: bool) -> Schema:
    low, high = RANGES[field.type]
    rules = rules_of(field)
    if is_input and rules.HasField("min") and (rules.required or rules.min <= 0):
        low = max(low, rules.min)
    if is_input and rules.HasField("max"):
        high = min(high, rules.max)
    number: Schema = {"type": "integer", "minimum": low, "maximum": high}
    if RANGES[field.type][1] < WIDE:
        return {**number, "format": "int32"}
    if high < EXACT and not field.is_repeated and is_input:
        return {**number, "format": "int64"}
    # Beyond 2^53 JSON's numbers are not exact: there they are text.
    return {"anyOf": [{**number, "format": "int64"}, {"type": "string", "pattern": f"^{INTEGER}$"}]}


def _plain(field: FieldDescriptor, is_input: bool) -> Schema:
    rules = rules_of(field)
    if rules.json_object:
        return {"type": "object"}
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(rules) if is_input else {"type": "string"}
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return {"type": "boolean"}
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return {"type": "number"}


def _text(rules: Any) -> Schema:
    schema: Schema = {"type": "string"}
    if rules.uuid:
        schema["format"] = "uuid"
    fewest = max(rules.min_len, int(rules.required))
    _bounds(schema, "minLength", fewest, "maxLength", rules.max_len)
    # An empty text counts as absent where the field is not required.
    if rules.one_of:
        schema["enum"] = [*([] if rules.required else [""]), *rules.one_of]
    elif pattern := pattern_of(rules):
        schema["pattern"] = f"^(?:{pattern})$" if rules.required else f"^(?:{pattern})?$"
    return schema


def _bounds(schema: Schema, low: str, least: int, high: str, most: int) -> None:
    if least:
        schema[low] = least
    if most:
        schema[high] = most
