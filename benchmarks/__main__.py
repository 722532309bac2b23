"""Runs the benchmarks: `./scripts/dev bench [--rows R] [--rounds N] [--watch-cache W] [--quick]`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from helm_sdkpy.testing import ClusterStartError, TestCluster

from . import old, report
from .bench import prepared
from .columns import Column, Command, GoWorker, OldWorker, Worker
from .rows import QUICK, ROWS, Row

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".build" / "bin"
SCRIPT = Path(__file__).with_name("worker.py")
SIDES = tuple(report.TITLES)
QUICK_SIDES = (report.HERE, report.NATIVE, report.OLD)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="./scripts/dev bench",
        description="Measures this library beside the same work in Go, Helm's SDK as it comes, the helm command and "
        "helm-sdkpy 0.1.32, on a test cluster of its own. benchmarks/README.md says how to read the table.",
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--rows", nargs="+", choices=names, metavar="R", help=f"only these: {', '.join(names)}")
    parser.add_argument(
        "--columns",
        nargs="+",
        choices=SIDES,
        metavar="C",
        help=f"only these: {', '.join(SIDES)} (quick: {', '.join(QUICK_SIDES)})",
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each is measured (default: 7; quick: 2)")
    parser.add_argument(
        "--watch-cache",
        choices=("off", "on", "both"),
        help="whether the API server has one (default: both; quick: off)",
    )
    parser.add_argument("--quick", action="store_true", help="fewer rows and columns, in less than a minute")
    parser.add_argument(
        "--output", type=Path, default=ROOT / ".build" / "bench.json", metavar="F", help="the JSON file"
    )
    parser.add_argument(
        "--cpuprofile", type=Path, metavar="F", help="write a CPU profile of native Go there (go tool pprof)"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    asked = parse(arguments)
    # Whatever ends it, what was measured is printed; a shell that started it in the background has it ignore Ctrl-C.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    wanted: list[str] = asked.rows or (list(QUICK) if asked.quick else [row.name for row in ROWS])
    rows = [row for row in ROWS if row.name in wanted]
    rounds = max(1, asked.rounds or (2 if asked.quick else 7))
    caches = {"off": [False], "on": [True], "both": [False, True]}[
        asked.watch_cache or ("off" if asked.quick else "both")
    ]
    sides = _sides(asked.columns or list(QUICK_SIDES if asked.quick else SIDES))
    results: dict[str, Any] = {"machine": report.machine(), "rounds": rounds, "watch_cache": {}}
    for watch_cache in caches:
        word = "on" if watch_cache else "off"
        try:
            with TestCluster(watch_cache=watch_cache) as cluster:
                figures, whole = _measure(cluster, rows, rounds, sides, asked.cpuprofile)
        except ClusterStartError as failed:
            print(failed, file=sys.stderr)
            return 1
        results["watch_cache"][word] = figures
        results["machine"]["load_after"] = report.load()
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        asked.output.write_text(json.dumps(results, indent=2) + "\n")
        _print(rows, rounds, word, figures)
        if not whole:
            return 130
    _say(f"all samples are in {asked.output}")
    return 0


def _sides(wanted: list[str]) -> Mapping[str, Path]:
    """The interpreter or program of each side that can be measured here; this library is always one of them."""
    programs = {
        report.HERE: Path(sys.executable),
        report.NATIVE: BIN / "native",
        report.PLAIN: BIN / "native",
        report.COMMAND: BIN / "helm",
    }
    chosen = {name: path for name, path in programs.items() if name in wanted or name == report.HERE}
    if report.OLD in wanted:
        try:
            chosen[report.OLD] = old.interpreter(ROOT / ".build" / "bench-env")
        except old.Absent as absent:
            _say(f"{report.TITLES[report.OLD]} is left out: {absent}")
    return chosen


def _measure(
    cluster: TestCluster, rows: list[Row], rounds: int, sides: Mapping[str, Path], profile: Path | None
) -> tuple[dict[str, Any], bool]:
    """The figures, and whether all rounds were made."""

    def make(kubeconfig: str, directory: Path) -> Mapping[str, Column]:
        profiling = ["-cpuprofile", profile] if profile else []
        return {name: _column(name, path, kubeconfig, directory, profiling) for name, path in sides.items()}

    with prepared(cluster, BIN / "native", BIN / "helm", make) as bench:
        table = bench.run(rows, rounds, _say)
        return report.table_of(rows, table), not bench.interrupted


def _column(name: str, path: Path, kubeconfig: str, directory: Path, profiling: list[str | Path]) -> Column:
    match name:
        case report.NATIVE:
            return GoWorker([path, "-kubeconfig", kubeconfig, *profiling], directory)
        case report.PLAIN:
            return GoWorker([path, "-kubeconfig", kubeconfig, "-plain"], directory)
        case report.COMMAND:
            return Command(path, kubeconfig, directory)
        case report.OLD:
            return OldWorker([path, "-P", SCRIPT, kubeconfig], directory)
        case _:
            return Worker([path, "-P", SCRIPT, kubeconfig], directory)


def _print(rows: list[Row], rounds: int, word: str, figures: dict[str, Any]) -> None:
    print(f"\nWatch cache {word}, {rounds} rounds: median (quartiles) and how many times as long as this library\n")
    for line in report.markdown(figures):
        print(line)
    if any(report.OLD in row["columns"] for row in figures.values()):
        print(f"\n{report.OLD_LIMIT}")
    print()
    for line in report.targets(rows, figures):
        print(line)
    sys.stdout.flush()


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
