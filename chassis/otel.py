"""Spans and measures by OpenTelemetry. Only `telemetry` imports this module, and only if they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from chassis import telemetry

_KINDS: dict[str, SpanKind] = {kind.name.lower(): kind for kind in SpanKind}


class OpenTelemetry:
    """Makes spans and takes measures with the SDK. Sampling follows the parent, then `OTEL_TRACES_SAMPLER`."""

    def __init__(self, service: str, processor: SpanProcessor, readers: list[MetricReader]) -> None:
        resource = Resource.create({"service.name": f"bowen-{service}"})
        self._traces = TracerProvider(resource=resource)
        self._traces.add_span_processor(processor)
        self._metrics = MeterProvider(resource=resource, metric_readers=readers)
        self._tracer = self._traces.get_tracer("bowen")
        self._meter = self._metrics.get_meter("bowen")
        self._instruments: dict[str, Any] = {}

    @contextmanager
    def span(
        self, name: str, kind: telemetry.Kind, parent: str, attributes: dict[str, telemetry.Attribute]
    ) -> Iterator[Span | None]:
        """One span. A span that is not sampled yields None, and tells its children so by its traceparent."""
        span = self._tracer.start_span(name, _context(parent), _KINDS[kind], attributes)
        try:
            with telemetry.inside(_traceparent(span.get_span_context())):
                yield span if span.is_recording() else None
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            span.end()

    def record(
        self, instrument: telemetry.Instrument, value: float, attributes: dict[str, telemetry.Attribute]
    ) -> None:
        """Take one measure."""
        take = self._instruments.get(instrument.name)
        if take is None:
            take = self._instruments[instrument.name] = self._make(instrument)
        take(value, attributes)

    def _make(self, instrument: telemetry.Instrument) -> Any:
        text: dict[str, Any] = {"unit": instrument.unit, "description": instrument.description}
        match instrument.kind:
            case "counter":
                return self._meter.create_counter(instrument.name, **text).add
            case "histogram":
                return self._meter.create_histogram(instrument.name, **text).record
            case "gauge":
                return self._meter.create_gauge(instrument.name, **text).set

    def shutdown(self) -> None:
        """Send what is left and end the exporters' threads."""
        self._traces.shutdown()
        self._metrics.shutdown()


def exporting(service: str) -> OpenTelemetry:
    """Send spans and measures to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names."""
    return OpenTelemetry(
        service, BatchSpanProcessor(OTLPSpanExporter()), [PeriodicExportingMetricReader(OTLPMetricExporter())]
    )


def _context(traceparent: str) -> Any:
    """The context of a remote parent, always explicit: nothing ambient decides whose child a span is."""
    if not traceparent:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    parent = SpanContext(
        int(traceparent[3:35], 16), int(traceparent[36:52], 16), True, TraceFlags(int(traceparent[53:55], 16))
    )
    return trace.set_span_in_context(NonRecordingSpan(parent))


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
