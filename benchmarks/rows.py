"""What is measured: one action a row, what must be there before it, and what the issue asks it to reach."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
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
    LOCAL = "local"
    """Files and nothing else: no cluster is asked."""
    UNREAD = "unread"
    """Files that were written since they were last read."""


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
    chart: str | None = None
    """The archive of a chart that people use, in `CHARTS`; None: the chart of `helm create`."""
    over_command: float | None = None
    """How many times faster than the helm command it has to be."""


class Series(TypedDict):
    """What makes a row one of many calls one after the other: 0.1.32 allows itself five requests a second."""

    repeat: int
    series: bool


CHARTS = Path(os.environ.get("HELM_SDKPY_CHARTS", Path(__file__).parents[2] / "shared" / "charts"))
"""Where charts are that are no part of the project; a row whose chart is missing says so."""

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
    Row("template", "template, small chart", "template", State.LOCAL, repeat=9, over_command=20),
    Row("template-traefik", "template, traefik", "template", State.LOCAL, chart="traefik-41.3.0.tgz", repeat=5),
    Row(
        "template-crds",
        "template, prometheus-operator-crds (4.5 MB)",
        "template",
        State.LOCAL,
        chart="prometheus-operator-crds-31.0.1.tgz",
    ),
    Row("lint", "lint, small chart", "lint", State.LOCAL, repeat=5),
    Row(
        "search", "search repo, 20,000 versions, a keyword", "search_repo", State.LOCAL, {"keyword": "queue"}, repeat=5
    ),
    Row("search-all", "search repo, 20,000 versions, all charts", "search_repo", State.LOCAL, repeat=5),
    Row("search-first", "search repo, the first after an update", "search_repo", State.UNREAD, {"keyword": "queue"}),
)

QUICK = ("install", "upgrade", "rollback", "uninstall", "status", "list", "values", "history", "install-16", "template")
"""What fits in a minute."""
