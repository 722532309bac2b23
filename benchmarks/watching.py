"""What watching, knowing and waiting cost: the rows that are no comparison of one call on several sides.

`./scripts/dev python -m benchmarks.watching [ROUNDS [PART …]]`. The table goes to `.build/watching.json` too. Each line
says what is held against what; rounds take turns, and the ratio is the median of those within each. Beside the clock
stands the processor time of this process, Python's and Go's, in which the cluster has no part.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from helm_sdkpy import Configuration, Diff, Ensure, Install, List, Status, Uninstall
from helm_sdkpy.testing import TestCluster

from . import report

HELM: Final = Path(__file__).parents[1] / ".build" / "bin" / "helm"
OUTPUT: Final = Path(__file__).parents[1] / ".build" / "watching.json"
ROUNDS: Final = 15
OBJECTS: Final = 60

Measured = tuple[float, float]
"""Seconds on the clock, and of processor time."""


async def measured(work: Callable[[], Awaitable[object]]) -> Measured:
    """How long something takes."""
    began, used = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - began, time.process_time() - used


def middle(samples: list[float]) -> str:
    """The median and the quartiles, in milliseconds."""
    first, median, third = statistics.quantiles([one * 1000 for one in samples], n=4, method="inclusive")
    return f"{median:.1f} ms ({first:.1f}-{third:.1f})"


TABLE: Final[list[list[str]]] = []
"""What was told."""


def tell(title: str, *cells: str) -> None:
    """A line of the table."""
    TABLE.append([title, *cells])
    print("| " + " | ".join((title, *cells)) + " |", flush=True)


def compared(title: str, one: list[Measured], other: list[Measured]) -> None:
    """Say what is held against what, and how many times as long the other takes."""
    clock = statistics.median(b[0] / a[0] for a, b in zip(one, other, strict=True))
    used = [statistics.median(sample[1] for sample in side) * 1000 for side in (one, other)]
    processor = f"{used[0]:.1f} and {used[1]:.1f} ms, x{used[1] / used[0]:.2f}"
    tell(title, middle([a[0] for a in one]), middle([b[0] for b in other]), f"x{clock:.2f}", processor)


async def events(config: Configuration, chart: str, rounds: int) -> None:
    """An install with a callback, and without."""
    for wait in (False, True):
        without: list[Measured] = []
        told: list[Measured] = []
        for number in range(rounds + 1):
            pair: dict[bool, Measured] = {}
            # Which comes first changes: what one leaves behind falls on the other.
            for listens in (number % 2 == 0, number % 2 == 1):
                seen: list[Any] = []
                options: dict[str, Any] = {"on_event": seen.append} if listens else {}
                name = f"watched-{number}-{int(listens)}"
                options["wait"] = wait
                pair[listens] = await measured(functools.partial(Install(config).run, name, chart, **options))
                assert bool(seen) == listens
                await Uninstall(config).run(name)
            if number:  # the first warms up
                without.append(pair[False])
                told.append(pair[True])
        compared(f"install, {'wait' if wait else 'no wait'}: without, with on_event", without, told)


async def drift(config: Configuration, chart: Path, rounds: int) -> None:
    """Drift of a release of many objects, alone and four at once."""
    for number in range(4):
        await Install(config).run(f"many-{number}", chart, wait=False)
    alone: list[Measured] = []
    four: list[Measured] = []

    async def one(number: int = 0) -> None:
        assert not (await Diff(config).run(f"many-{number}"))["changed"]

    async def all_four() -> None:
        await asyncio.gather(*(one(number) for number in range(4)))

    for number in range(rounds + 1):
        pair = await measured(one), await measured(all_four)
        if number:
            alone.append(pair[0])
            four.append(pair[1])
    compared(f"drift of {OBJECTS} objects: one release, four at once", alone, four)
    each = statistics.median(a[0] for a in alone) * 1000 / OBJECTS
    at_once = statistics.median(b[0] for b in four) * 1000 / OBJECTS / 4
    tell(f"drift, an object of {OBJECTS}: one release, four at once", f"{each:.2f} ms", f"{at_once:.2f} ms", "", "")
    for number in range(4):
        await Uninstall(config).run(f"many-{number}", wait=False)


async def unchanged(config: Configuration, kubeconfig: str, chart: str, rounds: int) -> None:
    """Ensure where nothing is to be done, and what a script does instead."""
    await Ensure(config).run("same", chart)
    line = [str(HELM), "upgrade", "--install", "theirs", chart, "--wait", "--kubeconfig", kubeconfig]
    line += ["--namespace", config.namespace]
    await asyncio.to_thread(subprocess.run, line, check=True, capture_output=True)
    ours: list[Measured] = []
    blind: list[Measured] = []
    theirs: list[Measured] = []

    async def ensure(**options: Any) -> None:
        assert (await Ensure(config).run("same", chart, **options))["action"] == "unchanged"

    async def command() -> None:
        await asyncio.to_thread(subprocess.run, line, check=True, capture_output=True)

    for number in range(rounds + 1):
        three = (
            await measured(ensure),
            await measured(lambda: ensure(drift=False, wait=False)),
            await measured(command),
        )
        if number:
            ours.append(three[0])
            blind.append(three[1])
            theirs.append(three[2])
    compared("unchanged: Ensure, Ensure(drift=False, wait=False)", ours, blind)
    compared("unchanged: Ensure, `helm upgrade --install --wait`", ours, theirs)
    await Uninstall(config).run("same")
    await Uninstall(config).run("theirs")


class Ticker:
    """For how long an event loop did not get its turn: on the clock, whoever had the processor."""

    def __init__(self) -> None:
        self.held = 0.0

    async def __aenter__(self) -> Ticker:
        self._task = asyncio.create_task(self._tick())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _tick(self) -> None:
        wanted = 0.002
        while True:
            began = time.perf_counter()
            await asyncio.sleep(wanted)
            self.held = max(self.held, time.perf_counter() - began - wanted)


async def loading(kubeconfig: str) -> None:
    """The first call of a process, in which the library loads."""
    async with Ticker() as ticker:
        await asyncio.sleep(0.05)
        with Configuration("default", kubeconfig) as config:
            await List(config).run()
    print(json.dumps(ticker.held))


async def held_up(config: Configuration, kubeconfig: str, chart: str, rounds: int) -> None:
    """The longest time for which the loop had no turn."""
    first: list[float] = []
    for _ in range(rounds):
        line = [sys.executable, "-m", "benchmarks.watching", "loading", kubeconfig]
        run = functools.partial(
            subprocess.run, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
        )
        done = await asyncio.to_thread(run, line)
        first.append(json.loads(done.stdout))
    tell("the loop held up while the library loads: longest", middle(first), f"best {min(first) * 1000:.1f} ms", "", "")
    busy: list[float] = []
    for number in range(max(3, rounds // 3)):
        names = [f"held-{number}-{one}" for one in range(32)]
        async with Ticker() as ticker:
            await asyncio.gather(
                *(Install(config).run(name, chart, wait=False, on_event=lambda event: None) for name in names)
            )
            await asyncio.gather(*(Status(config).run(name) for name in names))
            await asyncio.gather(*(Uninstall(config).run(name, wait=False) for name in names))
        busy.append(ticker.held)
    tell("the loop held up while 32 operations run: longest", middle(busy), f"best {min(busy) * 1000:.1f} ms", "", "")


def many(directory: Path) -> Path:
    """A chart of many objects of a few kinds."""
    root = directory / "many"
    (root / "templates").mkdir(parents=True)
    (root / "Chart.yaml").write_text("apiVersion: v2\nname: many\nversion: 0.1.0\n")
    bodies = {
        "ConfigMap": "data: {key: value}",
        "Secret": "stringData: {key: value}",
        "ServiceAccount": "automountServiceAccountToken: false",
        "Service": "spec: {selector: {app: many}, ports: [{port: 80}]}",
    }
    for number in range(OBJECTS):
        kind = list(bodies)[number % len(bodies)]
        name = "{{ .Release.Name }}-" + str(number)
        text = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{bodies[kind]}\n"
        (root / "templates" / f"{number}.yaml").write_text(text)
    return root


PARTS: Final = ("events", "drift", "unchanged", "held_up")


async def main(cluster: TestCluster, directory: Path, rounds: int, parts: Sequence[str]) -> None:
    """Measure and print."""
    await asyncio.to_thread(subprocess.run, [HELM, "create", "bench"], cwd=directory, check=True, capture_output=True)
    chart = str(directory / "bench")
    namespace = "bench-watching"
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    machine = report.machine()
    print(f"{rounds} rounds, load {machine['load']}: median (quartiles), and the second over the first\n")
    tell("", "first", "second", "clock", "processor")
    print("|" + "---|" * 5)
    with Configuration(namespace, cluster.kubeconfig) as config:
        if "events" in parts:
            await events(config, chart, rounds)
        if "drift" in parts:
            await drift(config, many(directory), rounds)
        if "unchanged" in parts:
            await unchanged(config, str(cluster.kubeconfig), chart, rounds)
        if "held_up" in parts:
            await held_up(config, str(cluster.kubeconfig), chart, rounds)
    machine["load_after"] = report.load()
    print(f"\nload afterwards: {machine['load_after']}")
    OUTPUT.write_text(json.dumps({"machine": machine, "rounds": rounds, "table": TABLE}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["loading"]:
        asyncio.run(loading(sys.argv[2]))
    else:
        with TestCluster() as a_cluster, tempfile.TemporaryDirectory() as a_directory:
            for kind in ("cache", "config", "data"):
                os.environ[f"HELM_{kind.upper()}_HOME"] = str(Path(a_directory) / kind)
            given = int(sys.argv[1]) if sys.argv[1:] else ROUNDS
            asyncio.run(main(a_cluster, Path(a_directory), given, sys.argv[2:] or PARTS))
