"""Puts what was measured into a table to read and a file to compute with."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .bench import Samples, Table
from .rows import Row, State

HERE, NATIVE, PLAIN, COMMAND, OLD = "here", "native", "plain", "helm", "old"
TITLES = {
    HERE: "this library",
    NATIVE: "native Go, same parts",
    PLAIN: "plain Helm SDK in Go",
    COMMAND: "helm command",
    OLD: "helm-sdkpy 0.1.32",
}
OLD_LIMIT = (
    "0.1.32 may send some 100 requests at once and then five a second: rows with 16 at once, and what follows them, "
    "can measure that limit instead of the work (benchmarks/README.md)."
)
NATIVE_TARGET = 1.10
"""As much longer than native Go on the same parts may this library take."""
PLAIN_TARGET = 1.05
"""As much longer than Helm's SDK in Go may it take to render."""


def summary(cell: Samples, reference: Samples) -> dict[str, Any]:
    """The figures of one cell, in milliseconds; the ratio is to the reference, of rounds that belong together."""
    if cell.failure is not None or not cell.seconds:
        return {"failure": cell.failure or "not measured"}
    first, median, third = _quartiles(cell.seconds)
    figures: dict[str, Any] = {
        "median_ms": _rounded(median * 1000),
        "quartiles_ms": [_rounded(first * 1000), _rounded(third * 1000)],
        "samples_ms": [_rounded(one * 1000) for one in cell.seconds],
    }
    if reference.failure is None and reference.seconds:
        ratios = [mine / other for mine, other in zip(cell.seconds, reference.seconds, strict=False)]
        low, middle, high = _quartiles(ratios)
        figures["ratio"] = _rounded(middle)
        figures["ratio_quartiles"] = [_rounded(low), _rounded(high)]
    return figures


def table_of(rows: Sequence[Row], table: Table) -> dict[str, Any]:
    """All figures of a run, by row and side."""
    return {
        row.name: {
            "title": row.title,
            "columns": {name: summary(cell, table[row.name][HERE]) for name, cell in table[row.name].items()},
        }
        for row in rows
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "processors": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load": load(),
    }


def load() -> list[float]:
    """How busy the machine was in the last 1, 5 and 15 minutes: others may work on it too."""
    return [round(one, 1) for one in os.getloadavg()]


def markdown(figures: Mapping[str, Any]) -> Iterator[str]:
    """The table, a line a row: median, quartiles, and how many times this library's."""
    columns: list[str] = list(next(iter(figures.values()))["columns"])
    lines = [["", *(TITLES[name] for name in columns)]]
    for row in figures.values():
        lines.append([row["title"], *(_cell(name, row["columns"][name]) for name in columns)])
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns) + 1)]
    for number, line in enumerate(lines):
        yield "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"


def targets(rows: Sequence[Row], figures: Mapping[str, Any]) -> Iterator[str]:
    """Which targets were reached: against native Go, and against 0.1.32, than which nothing may be slower."""
    for row in rows:
        cells = figures[row.name]["columns"]
        native = cells.get(NATIVE, {}).get("ratio")
        if native:
            yield _verdict(
                row, f"{1 / native:.2f} x native Go, at most {NATIVE_TARGET:.2f}", 1 / native <= NATIVE_TARGET
            )
        plain = cells.get(PLAIN, {}).get("ratio")
        if plain and row.state is State.LOCAL:
            yield _verdict(row, f"{1 / plain:.2f} x plain Go, at most {PLAIN_TARGET:.2f}", 1 / plain <= PLAIN_TARGET)
        command = cells.get(COMMAND, {}).get("ratio")
        if command and row.over_command:
            text = f"{command:.1f} x faster than the command, at least {row.over_command:g}"
            yield _verdict(row, text, command >= row.over_command)
        old = cells.get(OLD, {}).get("ratio")
        if old:
            least = row.target or 1
            yield _verdict(row, f"{old:.1f} x faster than 0.1.32, at least {least:g}", old >= least)


def _verdict(row: Row, text: str, reached: bool) -> str:
    return f"{'reached' if reached else 'MISSED '}  {row.title}: {text}"


def _cell(name: str, figures: Mapping[str, Any]) -> str:
    if "failure" in figures:
        return "failed"
    low, high = figures["quartiles_ms"]
    ratio = "" if name == HERE or "ratio" not in figures else f" **x{figures['ratio']:.2f}**"
    return f"{figures['median_ms']:g} ms ({low:g}-{high:g}){ratio}"


def _quartiles(samples: Sequence[float]) -> tuple[float, float, float]:
    if len(samples) < 2:
        return samples[0], samples[0], samples[0]
    first, median, third = statistics.quantiles(samples, n=4, method="inclusive")
    return first, median, third


def _rounded(value: float) -> float:
    """Three digits: more are noise."""
    return float(f"{value:.3g}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
