"""Spans of an operation, its phases and hooks, kept by the real SDK; and that nothing is paid where nobody traces."""

from __future__ import annotations

import asyncio
import logging
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from helm_sdkpy import Configuration, Install, List, WaitTimeoutError
from helm_sdkpy.events import Event

from .conftest import Wire
from .test_operation import never, until

pytest.importorskip("opentelemetry.sdk")
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode

SHOP = {
    "name": "shop", "namespace": "web", "version": 3, "info": {"status": "deployed"},
    "chart": {"metadata": {"name": "store", "version": "1.2.0"}}, "config": {"password": "secret"},
}  # fmt: skip


class Spans:
    """What was recorded."""

    def __init__(self) -> None:
        self.provider = TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def all(self) -> Mapping[str, ReadableSpan]:
        found = self._exporter.get_finished_spans()
        named = {span.name: span for span in found}
        assert len(named) == len(found)
        return named

    def text(self) -> str:
        return "".join(span.to_json() for span in self._exporter.get_finished_spans())


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    """As after `trace.set_tracer_provider`, which can be called but once in a process."""
    made = Spans()
    monkeypatch.setattr(trace, "get_tracer", made.provider.get_tracer)
    return made


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def number(span: ReadableSpan) -> int:
    about = span.get_span_context()
    assert about is not None
    return about.span_id


def events(op: int, *given: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"op": op, "time": f"2126-11-24T05:12:3{at}.120Z", "release": "shop", "namespace": "web", **each}
        for at, each in enumerate(given)
    ]


JOB = {"api_version": "batch/v1", "kind": "Job", "namespace": "web", "name": "migrate"}
STARTED = {"type": "hook", "phase": "pre-install", "status": "started", "resource": JOB}


def an_install(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(
            *events(
                op,
                {"type": "phase", "phase": "rendering"},
                {"type": "phase", "phase": "pre-install"},
                STARTED,
                {"type": "hook", "phase": "pre-install", "message": "migrating", "resource": JOB},
                {"type": "hook", "phase": "pre-install", "status": "succeeded", "resource": JOB},
                {"type": "phase", "phase": "applying"},
                {"type": "warning", "message": "deprecated"},
            )
        )
        wire.library.done(op, {**SHOP, "name": request["arguments"]["release_name"]})

    wire.library.on_start = start


async def test_an_operation_its_phases_and_hooks(client: Wire, spans: Spans) -> None:
    an_install(client)
    with spans.provider.get_tracer("mine").start_as_current_span("deploy") as mine:
        async with Configuration(namespace="web") as config:
            await Install(config).run("shop", "./shop", {"password": "secret"})
        assert trace.get_current_span() is mine
    found = spans.all()
    assert set(found) == {"deploy", "helm install", "rendering", "pre-install", "hook pre-install", "applying"}
    whole = found["helm install"]
    assert parent(whole) == number(found["deploy"])
    for name in ("rendering", "pre-install", "applying"):
        assert parent(found[name]) == number(whole)
    assert parent(found["hook pre-install"]) == number(found["pre-install"])
    assert dict(whole.attributes or {}) == {
        "helm.action": "install",
        "helm.chart.name": "store",
        "helm.chart.version": "1.2.0",
        "helm.release.name": "shop",
        "helm.release.revision": 3,
        "helm.release.status": "deployed",
        "k8s.namespace.name": "web",
    }
    assert (found["hook pre-install"].attributes or {})["k8s.job.name"] == "migrate"
    assert [event.name for event in whole.events] == ["warning"]
    assert whole.status.status_code is StatusCode.UNSET
    # As long as the events say.
    hook, rendering = found["hook pre-install"], found["rendering"]
    assert hook.start_time is not None
    assert hook.end_time is not None
    assert rendering.end_time is not None
    assert hook.end_time - hook.start_time == 2_000_000_000
    assert rendering.end_time < hook.start_time
    assert '"secret"' not in spans.text()


async def test_the_request_carries_the_span(client: Wire, spans: Spans) -> None:
    an_install(client)
    async with Configuration(namespace="web") as config:
        await Install(config).run("shop", "./shop")
    about = spans.all()["helm install"].get_span_context()
    assert about is not None
    [(_, _, _, request)] = client.library.started
    assert request["traceparent"] == f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags:02x}"
    assert request["listen"] is True


async def test_an_error_marks_what_failed_with_its_code(client: Wire, spans: Spans) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        client.library.emit(*events(op, {"type": "phase", "phase": "pre-install"}, STARTED))
        client.library.done(op, error={"code": "wait_timeout", "message": "the secret is late"})

    client.library.on_start = start
    async with Configuration(namespace="web") as config:
        with pytest.raises(WaitTimeoutError):
            await Install(config).run("shop", "./shop")
    found = spans.all()
    assert len(found) == 3
    for span in found.values():
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "wait_timeout")
        assert (span.attributes or {})["error.type"] == "wait_timeout"
    assert "the secret" not in spans.text()


async def test_a_failed_hook(client: Wire, spans: Spans) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        client.library.emit(*events(op, STARTED, {**STARTED, "status": "failed"}))
        client.library.done(op, SHOP)

    client.library.on_start = start
    async with Configuration(namespace="web") as config:
        await Install(config).run("shop", "./shop")
    found = spans.all()
    assert found["hook pre-install"].status.description == "hook_failed"
    assert found["helm install"].status.status_code is StatusCode.UNSET


async def test_a_cancel_is_told(client: Wire, spans: Spans) -> None:
    client.library.on_start = never
    async with Configuration(namespace="web") as config:
        task = asyncio.create_task(Install(config).run("shop", "./shop"))
        await until(lambda: client.library.started)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert spans.all()["helm install"].status.description == "cancelled"


async def test_callbacks_and_log_records_are_within_the_span(client: Wire, spans: Spans) -> None:
    seen: list[tuple[str, int]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.getMessage(), trace.get_current_span().get_span_context().span_id))

    def on_event(event: Event) -> None:
        seen.append((event["type"], trace.get_current_span().get_span_context().span_id))
        if event["type"] == "phase":
            raise ZeroDivisionError

    def start(op: int, request: dict[str, Any]) -> None:
        client.library.emit(*events(op, {"type": "log", "level": "warning", "message": "from Go"}))
        client.library.emit(*events(op, {"type": "phase", "phase": "rendering"}))
        client.library.done(op, SHOP)

    client.library.on_start = start
    handler = Handler()
    logging.getLogger("helm_sdkpy").addHandler(handler)
    try:
        async with Configuration(namespace="web") as config:
            await Install(config).run("shop", "./shop", on_event=on_event)
    finally:
        logging.getLogger("helm_sdkpy").removeHandler(handler)
    whole = number(spans.all()["helm install"])
    assert {each[0] for each in seen} == {"from Go", "log", "phase", "on_event of install of shop in web failed"}
    assert {each[1] for each in seen} == {whole}


async def test_many_at_once_have_each_their_own(client: Wire, spans: Spans) -> None:
    an_install(client)
    async with Configuration(namespace="web") as config:
        await asyncio.gather(*(Install(config).run(f"shop-{each}", "./shop") for each in range(5)))
    found = spans._exporter.get_finished_spans()  # pyright: ignore[reportPrivateUsage]
    wholes = {number(span): span for span in found if span.name == "helm install"}
    assert len(wholes) == 5
    for span in found:
        if span.name == "rendering":
            whole = wholes.pop(parent(span) or 0)
            assert (whole.attributes or {})["helm.release.name"] == (span.attributes or {})["helm.release.name"]
    assert not wholes


async def test_what_is_not_sampled_costs_no_events(client: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace, "get_tracer", TracerProvider(sampler=ALWAYS_OFF).get_tracer)
    async with Configuration(namespace="web") as config:
        await List(config).run()
    [(_, _, _, request)] = client.library.started
    assert request["listen"] is False
    assert "traceparent" not in request


async def test_without_a_provider_nothing_listens(client: Wire) -> None:
    async with Configuration(namespace="web") as config:
        await List(config).run()
    [(_, _, _, request)] = client.library.started
    assert request["listen"] is False
    assert "traceparent" not in request


def test_the_api_is_never_imported_by_us() -> None:
    code = """
import asyncio, sys
from helm_sdkpy import Configuration, HelmError, List

async def main():
    try:
        await List(Configuration(kubeconfig="/nowhere")).run()
    except HelmError:
        pass

asyncio.run(main())
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[\]\n", done.stdout)
