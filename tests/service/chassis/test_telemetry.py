"""One trace through all components; nothing loaded and nothing lost when nobody collects."""

import json
import subprocess
import sys

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import errors, telemetry
from chassis.otel import OpenTelemetry
from tests.service.chassis.running import Servicer, talking
from tests.trial import Ask

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}"


@pytest.fixture
def collected():
    spans, measures = InMemorySpanExporter(), InMemoryMetricReader()
    stop = telemetry.start("trial", tracer=OpenTelemetry("trial", SimpleSpanProcessor(spans), [measures]))
    yield spans, measures
    stop()


async def through_two_components():
    """Call a component that calls another; the answer holds the trace id that the last one saw."""
    middle = Servicer()
    async with talking(Servicer()) as behind:
        middle.behind = behind
        async with talking(middle) as stub:
            return await stub.Say(Ask(word="behind"))


async def test_one_trace_id_runs_through_every_component(collected):
    spans, _ = collected

    answer = await through_two_components()

    finished = spans.get_finished_spans()
    kinds = {span.context.span_id: span.kind.name for span in finished}
    assert sorted(kinds.values()) == ["CLIENT", "CLIENT", "SERVER", "SERVER"]
    assert {f"{span.context.trace_id:032x}" for span in finished} == {answer.trace_id}
    assert [kinds[span.parent.span_id] for span in finished if span.parent] == ["CLIENT", "SERVER", "CLIENT"]


async def test_a_trace_that_came_along_is_carried_on(collected):
    with telemetry.extract(TRACEPARENT.format(flags="01")):
        answer = await through_two_components()

    assert answer.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert len(collected[0].get_finished_spans()) == 4


async def test_a_trace_that_is_not_sampled_makes_no_span_and_keeps_its_id(collected):
    with telemetry.extract(TRACEPARENT.format(flags="00")):
        answer = await through_two_components()

    assert answer.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert collected[0].get_finished_spans() == ()


async def test_a_failed_call_is_a_failed_span(collected):
    async with talking(Servicer()) as stub:
        with pytest.raises(errors.AlreadyExists):
            await stub.Say(Ask(word="taken"))

    server = next(span for span in collected[0].get_finished_spans() if span.kind.name == "SERVER")
    assert server.status.status_code.name == "ERROR"
    assert server.attributes["rpc.grpc.status"] == "ALREADY_EXISTS"


async def test_calls_are_measured(collected):
    async with talking(Servicer()) as stub:
        await stub.Say(Ask(word="hello"))
    telemetry.outbox_age_seconds.record(1.5)
    telemetry.outbox_published.record(3)

    [resource] = collected[1].get_metrics_data().resource_metrics
    names = {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
    assert names == {"rpc.server.duration", "rpc.client.duration", "bowen.outbox.age", "bowen.outbox.published"}


async def test_without_a_collector_there_is_a_trace_id_all_the_same():
    with telemetry.extract(""):
        answer = await through_two_components()
        assert answer.trace_id == telemetry.trace_id()

    assert len(answer.trace_id) == 32


@pytest.mark.parametrize(
    "text", ["", "nonsense", TRACEPARENT.format(flags="01") + "x", "00-" + "0" * 32 + "-" + "1" * 16 + "-01"]
)
def test_text_that_is_no_traceparent_starts_a_trace_of_its_own(text):
    with telemetry.extract(text) as traceparent:
        assert traceparent != text
        assert len(traceparent) == 55


def python(code, **environ):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""} | environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_without_a_collector_opentelemetry_is_not_even_loaded():
    loaded = python(
        "import sys; from chassis import telemetry, server, client, interceptors; telemetry.start('x');\n"
        "with telemetry.span('s') as span: assert span is None\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )

    assert loaded.strip() == "[]"


def test_a_log_line_is_one_json_object_with_service_and_trace():
    lines = python(
        "import logging, structlog; from chassis import telemetry\n"
        "telemetry.configure_logging('trial', 'info'); log = structlog.get_logger()\n"
        "with telemetry.extract('" + TRACEPARENT.format(flags="00") + "'):\n"
        "    log.info('hello', number=1); log.debug('unseen')\n"
        "    logging.getLogger('other').warning('from %s', 'elsewhere')\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: log.exception('failed')\n"
    ).splitlines()

    entries = [json.loads(line) for line in lines]
    assert [entry["event"] for entry in entries] == ["hello", "from elsewhere", "failed"]
    assert {(entry["service"], entry["trace_id"], entry["span_id"]) for entry in entries} == {
        ("trial", "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    }
    assert "ZeroDivisionError" in entries[2]["exception"]
