"""Reading what platforms send: required fields, times, exact amounts, JSON."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from gateway.channels.errors import CallbackInvalid

RECORDS_MAX = 1_000
MONEY_MAX = Decimal(10**9)
_QUANTITY_MAX = 1_000_000
_BEIJING = timezone(timedelta(hours=8))
_EXACT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_NOT_JSON = (msgspec.MsgspecError, RecursionError, ValueError, InvalidOperation)


def required(fields: Mapping[str, Any], name: str) -> str:
    """A field as text. Raises `CallbackInvalid` when it is missing or empty."""
    if not (value := text(fields.get(name))):
        raise CallbackInvalid(name, "is required")
    return value


def text(value: Any) -> str:
    """A text or a whole number as text; anything else is empty."""
    if isinstance(value, bool) or not isinstance(value, str | int) or (isinstance(value, int) and abs(value) >= 10**30):
        return ""
    return str(value).strip()


def seconds(value: Any, name: str) -> datetime:
    """An instant given in seconds of the epoch, as number or text. Raises `CallbackInvalid`."""
    return _since_epoch(value, name, 1)


def millis(value: Any, name: str) -> datetime:
    """An instant given in milliseconds of the epoch. Raises `CallbackInvalid`."""
    return _since_epoch(value, name, 1000)


def _since_epoch(value: Any, name: str, per_second: int) -> datetime:
    try:
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise TypeError
        return datetime.fromtimestamp(int(value) / per_second, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        unit = "seconds" if per_second == 1 else "milliseconds"
        raise CallbackInvalid(name, f"must be {unit} of the epoch") from None


def beijing(value: Any, name: str) -> datetime:
    """An instant given as `yyyy-MM-dd HH:mm:ss` by the clock of Beijing. Raises `CallbackInvalid`."""
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise CallbackInvalid(name, "must be yyyy-MM-dd HH:mm:ss") from None


def instant(value: Any, name: str) -> datetime:
    """An instant given by RFC 3339, with its offset. Raises `CallbackInvalid`."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError
        return moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise CallbackInvalid(name, "must be a time with its offset, by RFC 3339") from None


def money(value: Any, name: str, *, fen: bool = False, places: int = 2) -> Decimal:
    """An amount in the currency's main unit, exactly; `fen`: it is told in hundredths. Raises `CallbackInvalid`."""
    number = _decimal(value)
    if number is None or not 0 <= number <= MONEY_MAX:
        raise CallbackInvalid(name, "must be an amount of money")
    number = number.scaleb(-2) if fen else number
    if number.scaleb(places) != number.scaleb(places).to_integral_value():
        raise CallbackInvalid(name, f"must have at most {places} decimal places")
    return number


def quantity(value: Any, name: str) -> int:
    """How many pieces. Raises `CallbackInvalid`."""
    number = _decimal(value)
    if number is None or not 1 <= number <= _QUANTITY_MAX or number != number.to_integral_value():
        raise CallbackInvalid(name, "must be a whole number from 1")
    return int(number)


def pieces_of(value: Any, name: str) -> int:
    """How many pieces a measure is: what is no whole number was weighed, and is one. Raises `CallbackInvalid`."""
    number = _decimal(value)
    if number is None or not 0 < number <= _QUANTITY_MAX:
        raise CallbackInvalid(name, "must be positive")
    return int(number) if number == number.to_integral_value() else 1


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None


def json_object(body: bytes | str) -> dict[str, Any]:
    """A JSON object, its numbers exact. Raises `CallbackInvalid`."""
    decoded = _decoded(body)
    if not isinstance(decoded, dict):
        raise CallbackInvalid("body", "must be a JSON object")
    return decoded


def records(body: bytes) -> list[dict[str, Any]]:
    """JSON objects: one, an array of them, or one a line; their numbers are exact. Raises `CallbackInvalid`."""
    decoded = _decoded(body)
    if decoded is None:
        decoded = [_decoded(line) for line in body.splitlines() if line.strip()]
    found = [decoded] if isinstance(decoded, dict) else decoded
    if not isinstance(found, list) or not found or not all(isinstance(record, dict) for record in found):
        raise CallbackInvalid("body", "must be a JSON object, an array of objects, or one object a line")
    if len(found) > RECORDS_MAX:
        raise CallbackInvalid("body", f"must have at most {RECORDS_MAX} records")
    return found


def objects(fields: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list, each with its place for refusals; a list that is not there is empty.

    Raises `CallbackInvalid`.
    """
    found = fields.get(name) or []
    if not isinstance(found, list) or len(found) > RECORDS_MAX or not all(isinstance(each, dict) for each in found):
        raise CallbackInvalid(name, f"must be a list of at most {RECORDS_MAX} objects")
    return ((f"{name}[{index}]", each) for index, each in enumerate(found))


def inner(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object within an object, which some platforms send as text; empty when it is not there.

    Raises `CallbackInvalid`.
    """
    value = fields.get(name)
    if value in (None, "", {}):
        return {}
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        return json_object(value)
    raise CallbackInvalid(name, "must be an object")


def present(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Texts and numbers that are there and not empty, under our names."""
    return {ours: value for theirs, ours in names.items() if _plain(value := fields.get(theirs)) and value != ""}


def _plain(value: Any) -> bool:
    if isinstance(value, Decimal):
        return abs(value.adjusted()) < 20
    return isinstance(value, str | bool) or (isinstance(value, int) and abs(value) < 2**63)


def _decoded(body: bytes | str) -> Any:
    try:
        return _EXACT.decode(body)
    except _NOT_JSON:
        return None
