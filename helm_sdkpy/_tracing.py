"""Spans of OpenTelemetry: of an operation, of its phases and of its hooks, where the caller traces at all.

The API is not imported here: a program that traces has done that. Where it has not, this costs a look into a dict.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys
import time
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, cast

from .events import Event, HookEvent, Resource
from .exceptions import HelmError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from ._operation import Call

logger: Final = logging.getLogger("helm_sdkpy")


def begin(call: Call) -> Trace | None:
    """Begin the span of an operation, as a child of the caller's own; None where nothing records it."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import trace  # noqa: PLC0415 - an optional extra, which the caller imported

    tracer = trace.get_tracer("helm_sdkpy")
    began = time.time_ns()
    span = tracer.start_span(f"helm {call.action}", kind=trace.SpanKind.CLIENT, start_time=began)
    if not span.is_recording():
        return None
    return Trace(tracer, span, began, call)


class Trace:
    """The spans of one operation. Entered for the call to make; told how it ended."""

    def __init__(self, tracer: Tracer, span: Span, began: int, call: Call) -> None:
        from opentelemetry import trace  # noqa: PLC0415

        self._tracer = tracer
        self._span = span
        self._began = began
        self._call = call
        self._within: Context = trace.set_span_in_context(span)
        self._phase: Span | None = None
        self._hooks: dict[str, Span] = {}
        span.set_attribute("helm.action", call.action)
        self._about(span)

    def __enter__(self) -> Call:
        on_event = self._call.on_event

        def tell(event: Event) -> object:
            try:
                self._take(event)
            except Exception:
                logger.debug("an event could not be traced", exc_info=True)
            return None if on_event is None else on_event(event)

        return dataclasses.replace(
            self._call, on_event=tell, within=self._make_current, traceparent=_traceparent(self._span)
        )

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is not None:
            code = _code(exc)
            for span in (*self._hooks.values(), self._phase, self._span):
                if span is not None:
                    _fail(span, code)
        for span in (*self._hooks.values(), self._phase, self._span):
            if span is not None:
                span.end()

    def result(self, result: Any) -> None:
        """Tell what it gave: of a release, its chart, revision and status."""
        if not isinstance(result, dict):
            return
        release = cast("dict[str, Any]", result)
        info: Any = release.get("info")
        if not isinstance(info, dict) or "version" not in release:
            return
        chart: dict[str, Any] = release.get("chart") or {}
        metadata: dict[str, Any] = chart.get("metadata") or {}
        for name, value in {
            "helm.release.name": release.get("name"),
            "helm.release.revision": release.get("version"),
            "helm.release.status": cast("dict[str, Any]", info).get("status"),
            "helm.chart.name": metadata.get("name"),
            "helm.chart.version": metadata.get("version"),
        }.items():
            if value is not None:
                self._span.set_attribute(name, value)

    def _make_current(self) -> None:
        from opentelemetry import context  # noqa: PLC0415

        # Never detached: the contexts in which this is called are copies, and end with the operation.
        context.attach(self._within)

    def _take(self, event: Event) -> None:
        match event["type"]:
            case "phase":
                when = self._time(event)
                if self._phase is not None:
                    self._phase.end(when)
                self._phase = self._start(event["phase"], self._within, when)
            case "hook":
                self._take_hook(event)
            case "warning":
                self._span.add_event("warning", {"message": event["message"]}, self._time(event))
            case _:
                pass

    def _take_hook(self, event: HookEvent) -> None:
        from opentelemetry import trace  # noqa: PLC0415

        if (resource := event.get("resource")) is None:
            return
        key = "/".join((resource["api_version"], resource["kind"], resource.get("namespace", ""), resource["name"]))
        match event.get("status"):
            case "started":
                within = self._within if self._phase is None else trace.set_span_in_context(self._phase)
                span = self._start(f"hook {event.get('phase', '')}".rstrip(), within, self._time(event))
                span.set_attributes(_resource(resource))
                self._hooks[key] = span
            case "succeeded" | "failed" as status if key in self._hooks:
                span = self._hooks.pop(key)
                if status == "failed":
                    _fail(span, "hook_failed")
                span.end(self._time(event))
            case _:
                pass

    def _start(self, name: str, within: Context, when: int) -> Span:
        span = self._tracer.start_span(name, context=within, start_time=when)
        self._about(span)
        return span

    def _about(self, span: Span) -> None:
        call = self._call
        for name, value in {"k8s.namespace.name": call.namespace, "helm.release.name": call.release}.items():
            if value is not None:
                span.set_attribute(name, value)

    def _time(self, event: Event) -> int:
        """When it happened, in nanoseconds. Events tell milliseconds: the first may seem to come before the start."""
        try:
            when = int(datetime.fromisoformat(event["time"]).timestamp() * 1000) * 1_000_000
        except (KeyError, ValueError):
            return time.time_ns()
        return max(when, self._began)


def _traceparent(span: Span) -> str:
    """The header of W3C's trace context."""
    about = span.get_span_context()
    return f"00-{about.trace_id:032x}-{about.span_id:016x}-{about.trace_flags:02x}"


def _resource(resource: Resource) -> dict[str, str]:
    """The attributes of an object; kinds of Kubernetes' own have one by semantic convention."""
    kind, name = resource["kind"], resource["name"]
    attributes = {"helm.hook.kind": kind, "helm.hook.name": name}
    if kind in _NAMED:
        attributes[f"k8s.{kind.lower()}.name"] = name
    return attributes


_NAMED: Final = frozenset({"Job", "Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob"})


def _code(exc: BaseException) -> str:
    if isinstance(exc, HelmError):
        return exc.code
    return "cancelled" if isinstance(exc, asyncio.CancelledError) else type(exc).__name__


def _fail(span: Span, code: str) -> None:
    """Mark as failed. The code alone: messages may be long, and the caller's own span records the exception."""
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    span.set_attribute("error.type", code)
    span.set_status(Status(StatusCode.ERROR, code))
