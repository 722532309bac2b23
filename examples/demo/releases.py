"""Which releases the demo makes: the project's example charts, or those that the user names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..cluster import CHARTS, IMAGE, SERVE


@dataclass(frozen=True)
class Wanted:
    """A release to be made."""

    name: str
    chart: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


def examples(*, real: bool) -> list[Wanted]:
    """One release of each example chart that installs, slow enough to be watched.

    Args:
        real: Whether the cluster's nodes run containers. The test cluster's only plays that it does.
    """

    def serves(after: str) -> dict[str, Any]:
        if real:
            return {"image": IMAGE, "command": SERVE}
        return {"podAnnotations": {"testcluster/ready-after": after}}

    def runs(seconds: float) -> dict[str, Any]:
        if real:
            return {"command": ["sh", "-c", f"sleep {seconds}"]}
        return {"podAnnotations": {"testcluster/run-for": f"{seconds}s"}}

    values: dict[str, dict[str, Any]] = {
        "shop": serves("1s"),
        "stack": {**serves("1s"), "api": serves("2s"), "worker": serves("3s")},
        "migrate": {**serves("1s"), "migration": runs(1.5), "seed": runs(1)},
        "widget": serves("1500ms"),
        "store": serves("800ms"),
    }
    return [Wanted(name, str(CHARTS / name), given) for name, given in values.items()]


def broken() -> Wanted:
    """One whose hook fails."""
    return Wanted("broken", str(CHARTS / "broken"))


def stuck() -> Wanted:
    """One whose pods are never ready."""
    return Wanted("stuck", str(CHARTS / "stuck"))


def unstuck(*, real: bool) -> Wanted:
    """The same with values that make its pods ready."""
    values: dict[str, Any] = {"podAnnotations": {"testcluster/ready": "always"}}
    if real:
        values |= {"image": IMAGE, "command": SERVE}
    return Wanted("stuck", str(CHARTS / "stuck"), values)


def of_charts(charts: Iterable[str]) -> list[Wanted]:
    """A release of each chart, named after it: `charts/traefik-41.3.0.tgz` is `traefik`, the next one `traefik-2`."""
    wanted: dict[str, Wanted] = {}
    for chart in charts:
        base = re.sub(r"(\.tgz|\.tar\.gz)$|:[^/]*$", "", chart.rstrip("/")).rsplit("/", 1)[-1]
        base = re.sub(r"-v?\d+\.\d.*$", "", base)
        base = re.sub(r"[^a-z0-9]+", "-", base.lower()).strip("-")[:48].rstrip("-") or "chart"
        name, number = base, 1
        while name in wanted:
            number += 1
            name = f"{base}-{number}"
        wanted[name] = Wanted(name, chart)
    return list(wanted.values())
