"""Draws docs/performance.md's plots and writes its tables from what the benchmarks left in benchmarks/results.

Run by `./scripts/dev python scripts/performance_page.py`, after `./scripts/dev bench --output` into that directory. The
file whose name sorts last goes before the others where both have a row.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.report import COMMAND, HERE, NATIVE, OLD, PLAIN, TITLES  # noqa: E402

RESULTS: Final = ROOT / "benchmarks" / "results"
PAGE: Final = ROOT / "docs" / "performance.md"
HOME: Final = ROOT / "docs" / "index.md"
IMAGES: Final = ROOT / "docs" / "images"

OTHERS: Final = (NATIVE, PLAIN, COMMAND, OLD)
MARKERS: Final = {NATIVE: "o", PLAIN: "s", COMMAND: "D", OLD: "^"}
# Told apart by people who see no red or no green, on white and on the dark theme's ground (Okabe and Ito).
COLOURS: Final = {
    "light": {NATIVE: "#0072b2", PLAIN: "#007a5a", COMMAND: "#c24a00", OLD: "#a2487e"},
    "dark": {NATIVE: "#56b4e9", PLAIN: "#2fc79f", COMMAND: "#f59b42", OLD: "#e58fc0"},
}
TENS: Final = (0.1, 1, 10, 100, 1000)
TWOS: Final = (0.2, 0.5, 2, 5, 20, 50)
INK: Final = {"light": ("#333333", "#d0d0d0"), "dark": ("#d7d9e2", "#4a4e5c")}
"""The colours of text and of the grid."""


@dataclass(frozen=True)
class Group:
    """Rows that are drawn together."""

    name: str
    title: str
    rows: Sequence[str]


GROUPS: Final = (
    Group(
        "changes",
        "Actions that change the cluster",
        (
            "install", "install-wait", "install-lean", "upgrade", "rollback", "uninstall", "uninstall-wait",
            "install-16", "install-wait-16", "uninstall-16", "uninstall-wait-16",
        ),
    ),
    Group("reads", "Reads", ("status", "list", "values", "history", "status-20", "list-20", "values-20")),
    Group(
        "local",
        "Without a cluster",
        ("template", "template-traefik", "template-crds", "lint", "search", "search-all", "search-first"),
    ),
)  # fmt: skip


SHOWN_AT_HOME: Final = ("install", "install-wait", "list", "status", "install-16", "template", "search")


@dataclass(frozen=True)
class Results:
    """What the files have."""

    rows: dict[str, dict[str, Any]]
    """Each row's title, columns, and the run that it is of."""
    tables: list[dict[str, Any]]
    """The runs that are a table each."""


def results() -> Results:
    """Read the files."""
    found = Results({}, [])
    for path in sorted(RESULTS.glob("*.json")):
        run: dict[str, Any] = json.loads(path.read_text())
        if "table" in run:
            found.tables.append(run)
        # Where both were measured: off, every LIST reads etcd, so that no row waits for the cache.
        caches: list[dict[str, dict[str, Any]]] = list(run.get("watch_cache", {}).values())
        for name, row in caches[0].items() if caches else ():
            found.rows[name] = {**row, "run": run}
    return found


def texts(found: Results) -> dict[Path, str]:
    """The pages with what is between their marks made anew."""
    text = PAGE.read_text()
    for group in GROUPS:
        text = _between(text, group.name, _section(group, found))
    text = _between(text, "watching", (line for run in found.tables for line in _table(run)))
    return {PAGE: text, HOME: _between(HOME.read_text(), "figures", _home(found))}


def _home(found: Results) -> Iterator[str]:
    """A few rows, beside the command."""
    yield f"| call | {TITLES[HERE]} | {TITLES[COMMAND]} | |"
    yield "|---|---:|---:|---:|"
    for row in (found.rows[name] for name in SHOWN_AT_HOME if name in found.rows):
        here, command = row["columns"][HERE], row["columns"][COMMAND]
        times = f"{command['ratio']:g} times as long"
        yield f"| {row['title']} | {here['median_ms']:g} ms | {command['median_ms']:g} ms | {times} |"


def _between(text: str, mark: str, lines: Iterable[str]) -> str:
    inside = "\n".join(lines)
    pattern = rf"(<!-- {mark} -->\n).*?(<!-- end of {mark} -->)"
    fresh, count = re.subn(pattern, lambda found: f"{found[1]}{inside}\n{found[2]}", text, flags=re.S)
    assert count == 1, f"no mark {mark}"
    return fresh


def _section(group: Group, found: Results) -> Iterator[str]:
    rows = [found.rows[name] for name in group.rows if name in found.rows]
    sides = [HERE, *(side for side in OTHERS if any(side in row["columns"] for row in rows))]
    yield '<div class="plot" markdown>'
    for theme in COLOURS:
        yield f"![{group.title}: times as long as this library](images/{group.name}-{theme}.svg#only-{theme})"
    yield "</div>"
    yield ""
    yield "| | " + " | ".join(TITLES[side] for side in sides) + " |"
    yield "|---|" + "---:|" * len(sides)
    for row in rows:
        yield f"| {row['title']} | " + " | ".join(_cell(row["columns"].get(side)) for side in sides) + " |"
    yield ""
    runs = [row["run"] for row in rows]
    for run in {json.dumps(run["machine"]) + str(run["rounds"]): run for run in runs}.values():
        yield _said(run)


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    if "failure" in figures:
        return "failed"
    low, high = figures["quartiles_ms"]
    return f"{figures['median_ms']:g} ms<br><small>{low:g} to {high:g}</small>"


def _said(run: dict[str, Any]) -> str:
    machine = run["machine"]
    load = machine["load"] if isinstance(machine["load"], str) else machine["load"][0]
    note = f" {run['note']}" if "note" in run else ""
    return (
        f"{machine['date']}, {run['rounds']} rounds, {machine['system']}, {machine['processors']} cores of "
        f"{machine['processor']}, load {load}.{note}\n"
    )


def _table(run: dict[str, Any]) -> Iterator[str]:
    head, *lines = run["table"]
    yield "| " + " | ".join(head) + " |"
    yield "|---" * len(head) + "|"
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""
    yield _said(run)


def plot(group: Group, theme: str, found: Results) -> str:
    """A row a line; how many times as long as this library each other side took."""
    rows = [found.rows[name] for name in group.rows if name in found.rows]
    ink, grid = INK[theme]
    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": f"{group.name}-{theme}",
        "font.family": "sans-serif",
        "font.size": 10,
        "text.color": ink,
        "axes.labelcolor": ink,
        "axes.edgecolor": grid,
        "xtick.color": ink,
        "ytick.color": ink,
    }
    matplotlib: Any = mpl  # Half of what its types say is unknown.
    with matplotlib.rc_context(settings):
        figure: Any = Figure(figsize=(7.6, 1.5 + 0.32 * len(rows)), layout="constrained")
        axes: Any = figure.add_subplot()
        axes.set_xscale("log")
        axes.axvline(1, color=ink, linewidth=1.2)
        for side in OTHERS:
            points = [
                (row["columns"][side]["ratio"], len(rows) - number)
                for number, row in enumerate(rows)
                if "ratio" in row["columns"].get(side, {})
            ]
            if points:
                across, up = zip(*points, strict=True)
                axes.plot(
                    across,
                    up,
                    MARKERS[side],
                    color=COLOURS[theme][side],
                    markersize=7,
                    label=TITLES[side],
                    clip_on=False,
                )
        axes.set_yticks(range(len(rows), 0, -1), [row["title"] for row in rows])
        axes.set_ylim(0.4, len(rows) + 0.6)
        axes.grid(visible=True, color=grid, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        low, high = axes.get_xlim()
        ticks = [
            tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if low <= tick <= high
        ]
        axes.set_xticks(ticks[:: 2 if len(ticks) > 9 else 1])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}x")
        axes.set_xlabel("times as long as this library (right of the line: slower than it)")
        figure.legend(loc="outside upper center", ncols=4, frameon=False, handletextpad=0.2, columnspacing=1.2)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return written.getvalue()


def plots(found: Results) -> dict[Path, str]:
    """Every image of the page."""
    return {IMAGES / f"{group.name}-{theme}.svg": plot(group, theme, found) for group in GROUPS for theme in COLOURS}


def main() -> None:
    """Write page and images."""
    found = results()
    IMAGES.mkdir(exist_ok=True)
    for path, text in (plots(found) | texts(found)).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
