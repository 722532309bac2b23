"""What `on_event` receives while an operation runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class Resource(TypedDict):
    """The object of the cluster that an event is about."""

    api_version: str
    kind: str
    namespace: NotRequired[str]
    name: str


class _Common(TypedDict):
    time: str
    """When it happened: UTC with milliseconds, `2026-11-24T05:12:33.120Z`."""
    release: NotRequired[str]
    namespace: NotRequired[str]


class PhaseEvent(_Common):
    """The operation began another part of its work."""

    type: Literal["phase"]
    phase: str
    """`rendering`, `crds`, `pre-install`, `applying`, `waiting`, …"""
    message: NotRequired[str]


class ResourceEvent(_Common):
    """Something happened to an object (`action`), or its state changed (`status`)."""

    type: Literal["resource"]
    resource: Resource
    phase: NotRequired[str]
    action: NotRequired[Literal["created", "configured", "unchanged", "deleted"]]
    status: NotRequired[Literal["in_progress", "ready", "failed", "terminating", "not_found"]]
    message: NotRequired[str]


class HookEvent(_Common):
    """A hook of the chart started, ended or wrote a line."""

    type: Literal["hook"]
    resource: NotRequired[Resource]
    phase: NotRequired[str]
    action: NotRequired[str]
    status: NotRequired[str]
    message: NotRequired[str]
    """What the hook wrote, or why it failed."""
    fields: NotRequired[dict[str, Any]]
    """Of what it wrote: the `pod` and the `container`."""


class LogEvent(_Common):
    """A message of Helm's log, of a level that the logger `helm_sdkpy` lets through."""

    type: Literal["log"]
    level: Literal["debug", "info", "warning", "error"]
    message: str
    fields: NotRequired[dict[str, Any]]


class WarningEvent(_Common):
    """A warning of the API server: a deprecated kind, an unknown field."""

    type: Literal["warning"]
    resource: NotRequired[Resource]
    phase: NotRequired[str]
    message: str


Event: TypeAlias = PhaseEvent | ResourceEvent | HookEvent | LogEvent | WarningEvent
"""Told apart by `event["type"]`."""

OnEvent: TypeAlias = Callable[[Event], object]
"""Called in the caller's event loop, in order; what it returns is awaited where it can be."""
