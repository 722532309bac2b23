"""What is measured: one action a row, what must be there before it, and what the issue asks it to reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypedDict


class State(Enum):
    """What a measured call finds."""

    ABSENT = "absent"
    """No release: the call makes it, and it is removed afterwards."""
    INSTALLED = "installed"
    """A release that was installed for this call, which removes it."""
    KEPT = "kept"
    """A release that each side has for itself through all rounds."""
    SHARED = "shared"
    """Releases that all sides read."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    title: str
    action: str
    state: State
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    release: str | None = None
    at_once: int = 1
    repeat: int = 1
    """Calls one after the other. The figure is their median, or, in a series, the whole divided by their number."""
    series: bool = False
    target: float | None = None
    """How many times faster than 0.1.32 it has to be."""


class Series(TypedDict):
    """What makes a row one of many calls one after the other: 0.1.32 allows itself five requests a second."""

    repeat: int
    series: bool


FIXTURES = 50
"""Releases in the namespace that is read."""
DEEP = "deep"
"""The one of them with this many revisions:"""
REVISIONS = 10

# The helm command's own defaults, said because 0.1.32 has others: both apply on the server and validate.
_AS_HELM = {"server_side_apply": True, "disable_openapi_validation": False}
_AS_OLD = {"server_side_apply": False, "disable_openapi_validation": True}

_SERIES: Series = {"repeat": 20, "series": True}

ROWS = (
    Row("install", "install, no wait", "install", State.ABSENT, {"wait": False, **_AS_HELM}, target=2),
    Row("install-wait", "install, wait", "install", State.ABSENT, {"wait": True, **_AS_HELM}),
    Row(
        "install-lean",
        "install, no wait, client-side, not validated",
        "install",
        State.ABSENT,
        {"wait": False, **_AS_OLD},
    ),
    Row("upgrade", "upgrade, no wait", "upgrade", State.KEPT, {"wait": False, "disable_openapi_validation": False}),
    Row("rollback", "rollback, no wait", "rollback", State.KEPT, {"wait": False}),
    Row("uninstall", "uninstall, no wait", "uninstall", State.INSTALLED, {"wait": False}),
    Row("uninstall-wait", "uninstall, wait", "uninstall", State.INSTALLED, {"wait": True}),
    Row("status", "status", "status", State.SHARED, release="shop-0", repeat=3, target=4),
    Row("list", f"list, {FIXTURES} releases", "list", State.SHARED, repeat=3, target=8),
    Row("values", f"get values, {REVISIONS} revisions", "get_values", State.SHARED, release=DEEP, repeat=3, target=8),
    Row("history", f"history, {REVISIONS} revisions", "history", State.SHARED, release=DEEP, repeat=3),
    Row("status-20", "status, each of 20 in a row", "status", State.SHARED, release="shop-0", **_SERIES, target=4),
    Row("list-20", "list, each of 20 in a row", "list", State.SHARED, **_SERIES, target=8),
    Row("values-20", "get values, each of 20 in a row", "get_values", State.SHARED, release=DEEP, **_SERIES, target=8),
    Row(
        "install-16",
        "16 installs at once, no wait",
        "install",
        State.ABSENT,
        {"wait": False, **_AS_HELM},
        at_once=16,
        target=4,
    ),
    Row(
        "install-wait-16",
        "16 installs at once, wait",
        "install",
        State.ABSENT,
        {"wait": True, **_AS_HELM},
        at_once=16,
        target=4,
    ),
    Row(
        "uninstall-16",
        "16 uninstalls at once, no wait",
        "uninstall",
        State.INSTALLED,
        {"wait": False},
        at_once=16,
        target=5,
    ),
    Row(
        "uninstall-wait-16",
        "16 uninstalls at once, wait",
        "uninstall",
        State.INSTALLED,
        {"wait": True},
        at_once=16,
        target=5,
    ),
)

QUICK = ("install", "upgrade", "rollback", "uninstall", "status", "list", "values", "history", "install-16")
"""What fits in a minute."""
