"""Logs, spans and measures. Without `OTEL_EXPORTER_OTLP_ENDPOINT` spans and measures cost nothing and load nothing.

Every call has a trace id all the same: it stands in the logs and goes along with calls and events as `traceparent`.
"""

import logging
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Protocol

import structlog

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attribute = str | int | float | bool

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_parent: ContextVar[str] = ContextVar("bowen_traceparent", default="")


class Tracer(Protocol):
    """What makes spans once telemetry is on."""

    def span(self, name: str, kind: Kind, parent: str, attributes: dict[str, Attribute]) -> Any:
        """A context manager around one span; it keeps `traceparent` of what happens inside up to date."""

    def record(self, instrument: "Instrument", value: float, attributes: dict[str, Attribute]) -> None:
        """Take one measure."""

    def shutdown(self) -> None:
        """Send what is left."""


_tracer: Tracer | None = None


class Instrument:
    """One thing that is measured. `kind` is counter, histogram or gauge."""

    def __init__(self, name: str, kind: Literal["counter", "histogram", "gauge"], unit: str, description: str) -> None:
        self.name, self.kind, self.unit, self.description = name, kind, unit, description

    def record(self, value: float, **attributes: Attribute) -> None:
        """Take one measure: add to a counter, sample into a histogram, set a gauge."""
        if _tracer is not None:
            _tracer.record(self, value, attributes)


rpc_server_seconds = Instrument("rpc.server.duration", "histogram", "s", "Time to answer a call.")
rpc_client_seconds = Instrument("rpc.client.duration", "histogram", "s", "Time a call to another component took.")
outbox_age_seconds = Instrument("bowen.outbox.age", "gauge", "s", "Age of the oldest fact not yet published.")
outbox_published = Instrument("bowen.outbox.published", "counter", "{event}", "Facts published.")
consumer_lag = Instrument("bowen.consumer.lag", "gauge", "{message}", "Messages that a consumer has yet to see.")
batch_size = Instrument("bowen.batch.size", "histogram", "{item}", "Items that shared one batch.")


def start(service: str, *, tracer: Tracer | None = None) -> Callable[[], None]:
    """Switch spans and measures on if `OTEL_EXPORTER_OTLP_ENDPOINT` is set. Returns what switches them off again.

    The standard `OTEL_*` variables are OpenTelemetry's own. `tracer` takes the place of the exporting one.
    """
    global _tracer
    if tracer is None and os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        from chassis.otel import exporting  # loads the SDK, and only here

        tracer = exporting(service)
    _tracer = tracer
    return _stop


def _stop() -> None:
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.shutdown()


class _Nothing:
    """A span that is not there."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


_NOTHING = _Nothing()


def span(name: str, kind: Kind = "internal", **attributes: Attribute) -> Any:
    """A context manager around one step of the work; it yields the span, or None if nobody records it."""
    parent = _parent.get()
    if _tracer is None or parent.endswith("-00"):
        return _NOTHING
    return _tracer.span(name, kind, parent, attributes)


def inject() -> str:
    """The `traceparent` to send along; empty if this work is part of no trace."""
    return _parent.get()


@contextmanager
def extract(traceparent: str) -> Iterator[str]:
    """Do what follows as part of the trace that came along. Text that is no traceparent starts a trace of its own."""
    token = _parent.set(traceparent if _TRACEPARENT(traceparent) else _fresh())
    try:
        yield _parent.get()
    finally:
        _parent.reset(token)


@contextmanager
def inside(traceparent: str) -> Iterator[None]:
    """For tracers: what happens now has this span as its parent."""
    token = _parent.set(traceparent)
    try:
        yield
    finally:
        _parent.reset(token)


def _fresh() -> str:
    """The head of a new trace. While spans are recorded the tracer decides about it, so it is left to the tracer."""
    return "" if _tracer is not None else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


def trace_id() -> str:
    """The id of the trace that this work is part of; empty if there is none."""
    return _parent.get()[3:35]


def configure_logging(service: str, level: str = "info") -> None:
    """Log to standard output: one JSON object a line, or coloured text if it is a terminal."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if sys.stdout.isatty() else structlog.processors.JSONRenderer(default=str)
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mark(service),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def _mark(service: str) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    def mark(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        entry["service"] = service
        parent = _parent.get()
        if parent:
            entry["trace_id"], entry["span_id"] = parent[3:35], parent[36:52]
        return entry

    return mark
