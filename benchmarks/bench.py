"""Runs the rows: every side in turn, round after round, so that whatever else the machine does falls on all of them."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from helm_sdkpy.testing import TestCluster

from . import repository
from .columns import BenchmarkError, Column, GoWorker
from .rows import CHARTS, DEEP, FIXTURES, REVISIONS, Row, State

WRITES = "bench-writes"
READS = "bench-reads"


@dataclass
class Samples:
    """What was measured in one cell: one figure a round, the median of its repetitions."""

    seconds: list[float] = field(default_factory=list[float])
    failure: str | None = None


Table = dict[str, dict[str, Samples]]
"""By the row's name, then the side's."""
Tell = Callable[[str], None]


class Bench:
    """The rows on one cluster."""

    def __init__(self, cluster: TestCluster, columns: Mapping[str, Column], hands: Column, directory: Path) -> None:
        self._columns = columns
        self._hands = hands
        self._directory = directory
        self._chart = str(directory / "bench")
        self._quiet = Quiet(cluster.pid)
        self._counts: dict[str, int] = {}
        self._order = random.Random(0)
        self.interrupted = False

    def run(self, rows: Sequence[Row], rounds: int, tell: Tell) -> Table:
        """Measure all rows; one round more comes first, to warm up, and does not count."""
        tell("preparing releases")
        self._prepare(rows)
        table: Table = {row.name: {name: Samples() for name in self._columns} for row in rows}
        try:
            for number in range(rounds + 1):
                tell(f"round {number} of {rounds}" if number else "warming up")
                self._round(rows, number, table, tell)
        except KeyboardInterrupt:
            self.interrupted = True
            tell("interrupted: what follows is of the rounds until now")
        return table

    def _round(self, rows: Sequence[Row], number: int, table: Table, tell: Tell) -> None:
        for row in rows:
            for name in self._shuffled():
                cell = table[row.name][name]
                if cell.failure is not None:
                    continue
                try:
                    seconds = self._visit(row, name, number)
                except BenchmarkError as failed:
                    cell.failure = str(failed)
                    tell(f"{row.name}, {name}: failed: {failed}")
                    continue
                if number:
                    cell.seconds.append(seconds)

    def _shuffled(self) -> list[str]:
        """The sides in another order each time: else one would always follow the one that leaves most behind."""
        names = list(self._columns)
        self._order.shuffle(names)
        return names

    def _prepare(self, rows: Sequence[Row]) -> None:
        if any(row.state is State.SHARED for row in rows):
            names = [DEEP, *(f"shop-{number}" for number in range(FIXTURES - 1))]
            for start in range(0, len(names), 16):
                self._install(READS, names[start : start + 16])
            for revision in range(1, REVISIONS):
                chart = {"release_name": DEEP, "chart_path": self._chart}
                self._hands.call(READS, "upgrade", [{**chart, "wait": False, "values": _values(revision)}])
        for row in rows:
            if row.state is State.KEPT:
                # Each side makes its own: server-side apply keeps by whom a field was set.
                for name, column in self._columns.items():
                    release = f"{row.name}-{name}"
                    chart = {"release_name": release, "chart_path": self._chart}
                    column.call(WRITES, "install", [{**chart, "wait": True, "server_side_apply": True}])
                    column.call(WRITES, "upgrade", [{**chart, "wait": False, "values": _values(1)}])

    def _visit(self, row: Row, column: str, number: int) -> float:
        """Measure one cell once."""
        names = self._names(row, column, number)
        namespace = READS if row.state is State.SHARED else WRITES
        if row.state is State.INSTALLED:
            self._install(namespace, names)
        if row.state is State.UNREAD:
            repository.touch(self._directory)
        self._quiet.wait()
        try:
            calls = [self._arguments(row, name, number) for name in names]
            seconds, count = self._columns[column].call(namespace, row.action, calls, row.repeat)
        finally:
            if row.state in {State.ABSENT, State.INSTALLED}:
                self._remove(namespace, names)
        if self._counts.setdefault(row.name, count) != count:
            raise BenchmarkError(f"gave {count} of them where others gave {self._counts[row.name]}")
        return sum(seconds) / len(seconds) if row.series else sorted(seconds)[len(seconds) // 2]

    def _names(self, row: Row, column: str, number: int) -> Sequence[str | None]:
        if row.state is State.SHARED:
            return [row.release]
        if row.state in {State.LOCAL, State.UNREAD}:
            return ["shop" if row.action == "template" else None]
        if row.state is State.KEPT:
            return [f"{row.name}-{column}"]
        return [f"{row.name}-{column}-{number}-{one}" for one in range(row.at_once)]

    def _arguments(self, row: Row, name: str | None, number: int) -> dict[str, Any]:
        arguments: dict[str, Any] = {} if name is None else {"release_name": name}
        if row.action in {"install", "upgrade", "template", "lint"}:
            arguments["chart_path"] = self._chart if row.chart is None else str(CHARTS / row.chart)
        if row.action == "upgrade":
            arguments["values"] = _values(number + 2)
        return {**arguments, **row.arguments}

    def _install(self, namespace: str, names: Sequence[str | None]) -> None:
        calls = [{"release_name": name, "chart_path": self._chart, "wait": True} for name in names]
        self._hands.call(namespace, "install", calls)

    def _remove(self, namespace: str, names: Sequence[str | None]) -> None:
        """Remove what a measured call left, be it nothing."""
        calls = [{"release_name": name, "wait": True, "ignore_not_found": True} for name in names]
        self._hands.call(namespace, "uninstall", calls)


class Quiet:
    """Waits until the cluster has done what the last call left it to do: it shares its processors with us."""

    WINDOW = 0.04
    BUSY = 0.25
    LIMIT = 3.0

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def wait(self) -> None:
        """Return when the cluster used little of a processor for a moment, or after a few seconds all the same."""
        deadline = time.monotonic() + self.LIMIT
        used = self._used()
        while time.monotonic() < deadline:
            time.sleep(self.WINDOW)
            before, used = used, self._used()
            if used - before < self.BUSY * self.WINDOW:
                return

    def _used(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system


def _values(revision: int) -> dict[str, Any]:
    """Values of which no two revisions have the same; they change an account and start no pod anew."""
    return {"serviceAccount": {"annotations": {"revision": f"number-{revision}"}}}


@contextmanager
def prepared(
    cluster: TestCluster, native: Path, helm: Path, make: Callable[[str, Path], Mapping[str, Column]]
) -> Generator[Bench]:
    """A bench on a cluster, with namespaces and a chart as `helm create` makes it: a deployment, a service, an account.

    Args:
        cluster: Runs already.
        native: The program of go/cmd/native.
        helm: The helm command.
        make: Makes the sides, of a kubeconfig and a directory for what they write.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="helm-sdkpy-bench-")))
        subprocess.run([helm, "create", "bench"], cwd=directory, check=True, capture_output=True)
        repository.put(directory)
        hands = GoWorker([native, "-kubeconfig", cluster.kubeconfig], directory)
        stack.callback(hands.close)
        columns = make(cluster.kubeconfig, directory)
        for column in columns.values():
            stack.callback(column.close)
        for namespace in (WRITES, READS):
            cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        yield Bench(cluster, columns, hands, directory)
