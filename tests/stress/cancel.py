"""The cancel table: an action, the phase that it is in, and a way to stop it, each row on a real control plane."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from helm_sdkpy import (
    Configuration,
    DeadlineExceededError,
    DependencyUpdate,
    HelmError,
    Install,
    List,
    Pull,
    Push,
    ReleaseTest,
    RepoUpdate,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
)
from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError
from tests.integration.charts import SIMPLE, Chart, configmap, definition, deployment, hook
from tests.integration.objects import Objects, until
from tests.stress.held import anything_held, holding

Call: TypeAlias = Coroutine[Any, Any, Any]
ROOT: Final = Path(__file__).parents[2]

IN_PROCESS: Final = ("task.cancel", "asyncio.timeout", "TaskGroup", "deadline", "close")
IN_CHILD: Final = ("Ctrl-C", "loop shutdown", "interpreter exit")
WAYS: Final = (*IN_PROCESS, *IN_CHILD)
DEADLINE: Final = 10.0
"""Seconds of the `deadline` rows: long enough to be in the phase by then, on a busy machine too."""
SLACK: Final = 4.0
"""Seconds that a stopped call may take on a busy machine; on an idle one it is milliseconds, which the table shows."""
MOMENT: Final = 0.5
"""How long is looked whether anything still happens in the cluster: that nothing does can not be waited for."""


@dataclass(frozen=True)
class Row:
    """An action in a phase."""

    action: str
    phase: str
    chart: Chart = SIMPLE
    there: tuple[str, str] | None = None
    """The object whose presence says that the phase was reached; else an event of the phase says it."""
    last: tuple[str, ...] = ("failed",)
    """What the newest revision may be afterwards; empty, or "" among others: there is no record."""
    installed: bool = False
    """Whether there is a release before."""
    cleans: bool = False
    """Whether a clean-up was asked for."""
    hangs: bool = False
    """Whether the clean-up never succeeds."""
    before: Chart | None = None
    """What is installed before, where it is not what the action implies."""
    server: bool = False
    """Whether it is a server that does not answer in which the call is stopped."""
    blocks: bool = False
    """Whether threads of Python's executor are taken, which nothing can stop: a process ends after them only."""

    @property
    def cleanup_timeout(self) -> int:
        """Seconds that the clean-up has."""
        return 2 if self.hangs else 20

    @property
    def name(self) -> str:
        """What the row is called."""
        return f"{self.action}, {self.phase}"


def _with(template: str) -> Chart:
    return Chart({**SIMPLE.templates, "x.yaml": template}, SIMPLE.values)


def _hooked(*events: str) -> Chart:
    return _with(hook(*events, ready="never"))


WAITS: Final = _with(deployment(ready="never"))
HELD: Final = _with(configmap("held", {"finalizers": ["example.com/held"]}))
MANY: Final = Chart({f"c{number}.yaml": configmap(f"c{number}") for number in range(60)})
# It ends some seconds after everybody has forgotten it.
RUNAWAY: Final = _with("{{ range until 100000 }}{{ range until 200 }}{{ end }}{{ end }}")
JOB: Final = ("jobs", "shop-hook")
DEPLOYMENT: Final = ("deployments", "shop")
HANGS: Final = Chart({**WAITS.templates, "h.yaml": hook("pre-delete", ready="never")}, SIMPLE.values)

ROWS: Final = (
    Row("install", "queued behind a full executor", last=(), blocks=True),
    Row("install", "downloading", last=(), server=True),
    Row("install", "crds", last=()),
    Row("install", "rendering", RUNAWAY, last=()),
    Row("install", "post-renderer", last=()),
    Row("install", "post-renderer that blocks", WAITS, last=("failed", "")),
    Row("install", "pre-install", _hooked("pre-install"), JOB),
    Row("install", "applying", MANY, last=("failed", "deployed")),
    Row("install", "waiting", WAITS, DEPLOYMENT),
    Row("install", "post-install", _hooked("post-install"), JOB),
    Row("install", "waiting, rollback_on_failure", WAITS, DEPLOYMENT, last=(), cleans=True),
    Row("install", "waiting, a clean-up that hangs, rollback_on_failure", HANGS, DEPLOYMENT, cleans=True, hangs=True),
    Row("upgrade", "pre-upgrade", _hooked("pre-upgrade"), JOB, installed=True),
    Row("upgrade", "waiting", WAITS, DEPLOYMENT, installed=True),
    Row("upgrade", "post-upgrade", _hooked("post-upgrade"), JOB, installed=True),
    Row("upgrade", "waiting, cleanup_on_fail", WAITS, DEPLOYMENT, installed=True, cleans=True),
    Row("upgrade", "waiting, a clean-up that hangs, rollback_on_failure", WAITS, DEPLOYMENT,
        installed=True, cleans=True, hangs=True, before=_hooked("pre-rollback")),
    Row("rollback", "pre-rollback", _hooked("pre-rollback"), JOB, installed=True),
    Row("rollback", "waiting", WAITS, DEPLOYMENT, installed=True),
    Row("rollback", "post-rollback", _hooked("post-rollback"), JOB, installed=True),
    Row("uninstall", "pre-delete", _hooked("pre-delete"), JOB, last=("deployed",), installed=True),
    Row("uninstall", "deleting", MANY, last=("failed", "deployed", ""), installed=True),
    Row("uninstall", "waiting", HELD, last=(), installed=True),
    Row("uninstall", "post-delete", _hooked("post-delete"), JOB, last=(), installed=True),
    Row("test", "test", _hooked("test"), JOB, last=("deployed",), installed=True),
    Row("list", "reading", last=("deployed",), installed=True, server=True),
    Row("status", "reading", last=("deployed",), installed=True, server=True),
    Row("pull", "downloading", last=(), server=True),
    Row("push", "pushing", last=(), server=True),
    Row("dependency update", "downloading", last=(), server=True),
    Row("repo update", "downloading", last=(), server=True),
)  # fmt: skip
READS: Final = ("test", "list", "status", "pull", "push", "dependency update", "repo update")
"""What writes no record, so that none says that it was stopped."""


@dataclass(frozen=True)
class Outcome:
    """How a row ended."""

    row: Row
    way: str
    seconds: float
    statuses: list[str]
    description: str


def everything() -> list[tuple[Row, str]]:
    """Each row by each way. What is over before its time no deadline can be set to hit, and no exit ends a thread."""
    return [
        (row, way)
        for row in ROWS
        for way in WAYS
        if (way != "deadline" or row.phase not in ("applying", "crds", "deleting", "rendering"))
        and (way not in IN_CHILD or not row.blocks)
    ]


def sample() -> list[tuple[Row, str]]:
    """Each row once, and each way at least once."""
    known = everything()
    pairs = [(row, WAYS[number % len(WAYS)]) for number, row in enumerate(ROWS)]
    return [pair if pair in known else (pair[0], WAYS[0]) for pair in pairs]


class Bench:
    """One row in a namespace of its own."""

    def __init__(self, row: Row, way: str, cluster: TestCluster, namespace: str) -> None:
        self.row, self.way = row, way
        self.cluster, self.namespace = cluster, namespace
        self.objects = Objects(cluster, namespace)
        self.at = asyncio.Event()
        self.over = threading.Event()
        self.server = ""
        """The address of a server that does not answer."""
        self.other: Configuration | None = None
        """What the call runs on, where that is not the row's own cluster."""

    async def run(self) -> Outcome:
        """Prepare, stop, and see what is left."""
        with holding() if self.row.server else contextlib.nullcontext("") as self.server:
            try:
                return await self._run()
            finally:
                self.over.set()
                if self.row.phase == "crds":
                    await self._forget_definition()

    async def _run(self) -> Outcome:
        async with Configuration(self.namespace, self.cluster.kubeconfig) as config:
            await self._prepare(config)
            moment = await (self._in_child() if self.way in IN_CHILD else self._in_process())
            took = time.monotonic() - moment
            limit = 1 + SLACK + (self.row.cleanup_timeout if self.row.cleans else 0)
            assert took < limit, f"it took {took:.1f} s"
            statuses = self.objects.statuses("shop")
            description = self._check(statuses)
            before = self._snapshot()
            await asyncio.sleep(MOMENT)
            assert self._snapshot() == before, "something still happens in the cluster"
            await self._go_on(config)
        return Outcome(self.row, self.way, took, statuses, description)

    async def _prepare(self, config: Configuration) -> None:
        if not self.row.installed:
            return
        before = self.row.before or (SIMPLE if self.row.action == "upgrade" else self.row.chart)
        await Install(config).run("shop", before.archive(), wait=False)
        if self.row.action == "rollback":
            await Upgrade(config).run("shop", SIMPLE.archive(), {"value": "b"}, wait=False)
            with contextlib.suppress(AssertionError):
                await until(lambda: self.objects.find(*DEPLOYMENT) is None, "the old one is gone", 10)

    def call(self, config: Configuration, deadline: float | None = None) -> Call:  # noqa: PLR0911
        """The row's action, on its way to the phase."""
        row, chart = self.row, self._chart().archive()
        bounds: dict[str, Any] = {"deadline": deadline}
        more: dict[str, Any] = {"on_event": self._see, "timeout": 60, **bounds}
        if row.cleans:
            more |= {"cleanup_timeout": row.cleanup_timeout, row.phase.rpartition(" ")[2]: True}
        if row.phase.startswith("post-renderer"):
            more["post_renderer"] = self._block if row.phase.endswith("blocks") else self._render
        match row.action:
            case "install":
                if row.server:
                    return Install(config).run("shop", "web", repo=self.server, **more)
                return Install(config).run("shop", chart, **more)
            case "upgrade":
                return Upgrade(config).run("shop", chart, **more)
            case "rollback":
                return Rollback(config).run("shop", wait=True, **more)
            case "uninstall":
                return Uninstall(config).run("shop", **more)
            case "test":
                return ReleaseTest(config).run("shop", **more)
            case "pull":
                return Pull(config).run("web", repo=self.server, **bounds)
            case "push":
                return Push(config).run(chart, self.server.replace("http", "oci"), plain_http=True, **bounds)
            case _:
                return self._beside(config, bounds)

    async def _beside(self, config: Configuration, bounds: dict[str, Any]) -> None:
        """What needs files, or another cluster than the row's."""
        if self.row.action in ("list", "status"):
            async with Configuration(self.namespace, _nowhere(self.server)) as other:
                self.other = other
                call = List(other).run(**bounds) if self.row.action == "list" else Status(other).run("shop", **bounds)
                await call
            return
        with tempfile.TemporaryDirectory() as directory:
            here = Path(directory)
            if self.row.action == "dependency update":
                needed = [{"name": "till", "version": "0.1.0", "repository": self.server}]
                chart = Chart(SIMPLE.templates, SIMPLE.values, metadata={"dependencies": needed})
                await DependencyUpdate(config).run(chart.write(here), **bounds)
                return
            known = here / "repositories.yaml"
            known.write_text(json.dumps({"apiVersion": "", "repositories": [{"name": "held", "url": self.server}]}))
            async with Configuration(repository_config=known, repository_cache=here / "cache") as other:
                self.other = other
                await RepoUpdate(other).run(**bounds)

    def _chart(self) -> Chart:
        if self.row.phase != "crds":
            return self.row.chart
        return Chart(SIMPLE.templates, SIMPLE.values, files={"crds/x.yaml": definition(self._group(), "Widget")})

    def _group(self) -> str:
        """Definitions are cluster-wide: each namespace has its own."""
        return f"{self.namespace}.example.com"

    async def _forget_definition(self) -> None:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{self._group()}"
        with contextlib.suppress(ApiError):
            await asyncio.to_thread(self.cluster.request, "DELETE", path)

    async def reached(self) -> None:
        """Until the call is in the row's phase."""
        there = self.row.there
        if self.row.server:
            await anything_held(self.server)
        elif there is not None:
            await until(lambda: self.objects.find(*there), f"{there} is there", 40)
        elif self.row.phase != "queued behind a full executor":
            await asyncio.wait_for(self.at.wait(), 40)
        if self.row.phase == "rendering" or self.row.phase.startswith("queued"):
            await asyncio.sleep(0.1)

    def _see(self, event: Any) -> None:
        middle = self.row.phase in ("applying", "deleting")
        if event["type"] == "resource" if middle else event.get("phase") == self.row.phase:
            self.at.set()

    async def _render(self, manifest: str) -> str:
        self.at.set()
        await asyncio.sleep(60)
        return manifest

    def _block(self, manifest: str) -> str:
        """It has the loop's thread, so that whoever stops the call gets to it afterwards."""
        self.at.set()
        time.sleep(0.3)
        return manifest

    async def _in_process(self) -> float:
        """Stop it; gives the moment at which that was done."""
        if self.row.blocks:
            loop = asyncio.get_running_loop()
            for _ in range(64):
                loop.run_in_executor(None, self.over.wait, 60)
        try:
            return await self._stop()
        finally:
            self.over.set()

    async def _stop(self) -> float:
        async with Configuration(self.namespace, self.cluster.kubeconfig) as config:
            began = time.monotonic()
            if self.way == "deadline":
                try:
                    await self.call(config, DEADLINE)
                except DeadlineExceededError:
                    return began + DEADLINE
                raise AssertionError("the deadline passed and nothing was raised")
            task = asyncio.create_task(self._stopped(config))
            return await task

    async def _stopped(self, config: Configuration) -> float:
        moment = 0.0

        async def then(do: Callable[[], object]) -> None:
            nonlocal moment
            await self.reached()
            moment = time.monotonic()
            do()

        if self.way == "asyncio.timeout":
            scope = asyncio.timeout(None)
            watching = asyncio.create_task(then(lambda: scope.reschedule(0)))
            with contextlib.suppress(TimeoutError):
                async with scope:
                    await self.call(config)
            await watching
        elif self.way == "TaskGroup":
            with contextlib.suppress(ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.call(config))
                    group.create_task(then(_fail))
        else:

            def close() -> None:
                (self.other or config).close()

            task = asyncio.create_task(self.call(config))
            await then(task.cancel if self.way == "task.cancel" else close)
            await asyncio.wait([task])
            assert task.cancelled() or isinstance(task.exception(), HelmError) or self.row.phase == "applying"
        return moment

    async def _in_child(self) -> float:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.stress.cancel", "--child", str(ROWS.index(self.row)), self.way,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            given = {"cluster": self.cluster.describe(), "namespace": self.namespace, "server": self.server}
            child.stdin.write(json.dumps(given).encode() + b"\n")
            while await asyncio.wait_for(child.stdout.readline(), 60) != b"reached\n":
                assert not child.stdout.at_eof(), f"the child ended: {(await child.communicate())[1].decode()}"
            moment = time.monotonic()
            if self.way == "Ctrl-C":
                child.send_signal(signal.SIGINT)
            await asyncio.wait_for(child.communicate(), 60)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        return moment

    def _check(self, statuses: list[str]) -> str:
        assert not [status for status in statuses if status.startswith("pending") or status == "uninstalling"], statuses
        if not self.row.last:
            assert statuses == [], statuses
        if not statuses:
            assert not self.row.last or "" in self.row.last, "there is no record"
            return ""
        assert statuses[-1] in self.row.last, statuses
        described: str = self.objects.record("shop", len(statuses))["info"]["description"]
        stopped = {"deadline": "stopped: its deadline of ", "close": "stopped: its Configuration was closed"}
        if self.row.action not in READS and not (self.row.phase == "applying" and statuses[-1] == "deployed"):
            wanted = f"{self.row.action.title()} {stopped.get(self.way, 'cancelled')}"
            assert described.startswith(wanted) or self.row.hangs, described
            if self.row.phase == "deleting" and "nothing was deleted" in described:
                left = len(self.objects.names("configmaps"))
                assert left == len(MANY.templates), f"{described}, but {left} are left"
            assert not self.row.hangs or "clean-up was not done within 2s" in described, described
        return described

    def _snapshot(self) -> dict[str, str]:
        """What of the namespace only a client changes: controllers write statuses all the time."""
        found: dict[str, str] = {}
        for kind in ("configmaps", "secrets", "deployments", "jobs"):
            for item in self.cluster.get(self.objects.path(kind))["items"]:
                metadata = item["metadata"]
                version = "generation" if kind in ("deployments", "jobs") else "resourceVersion"
                found[f"{kind}/{metadata['name']}"] = f"{metadata['uid']} {metadata.get(version)}"
        return found

    async def _go_on(self, config: Configuration) -> None:
        """The lock is free, and the next upgrade works."""
        if self.row.chart is HELD:
            self.objects.patch("configmaps", "held", {"metadata": {"finalizers": None}})
        release = await Upgrade(config).run("shop", SIMPLE.archive(), {"value": "after"}, install=True, timeout=60)
        assert release["info"]["status"] == "deployed"
        assert self.objects.data("shop") == {"value": "after"}
        assert self.objects.statuses("shop").count("deployed") == 1


def _nowhere(server: str) -> dict[str, Any]:
    """A kubeconfig for a cluster that is that server."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "held", "cluster": {"server": server}}],
        "contexts": [{"name": "held", "context": {"cluster": "held", "user": "nobody"}}],
        "current-context": "held",
        "users": [{"name": "nobody", "user": {}}],
    }


def _fail() -> None:
    raise ZeroDivisionError


def _child(number: int, way: str) -> None:
    """The victim of a way that ends a process: it learns from its standard input which cluster it is about."""
    # Where the table runs in the background of a shell, Ctrl-C is ignored, and its children would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    given = json.loads(sys.stdin.readline())
    bench = Bench(ROWS[number], way, TestCluster.attach(given["cluster"]), given["namespace"])
    bench.server = given["server"]
    config = Configuration(bench.namespace, bench.cluster.kubeconfig)

    async def victim() -> None:
        task = asyncio.create_task(bench.call(config))
        await bench.reached()
        print("reached", flush=True)
        if way == "Ctrl-C":
            await task

    if way == "interpreter exit":
        # Its loop is never closed: what runs is found at the exit alone.
        asyncio.new_event_loop().run_until_complete(victim())
        return
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(victim())


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table of Markdown."""
    lines = ["| action, phase | way | ms | revisions afterwards | description |", "|---|---|---|---|---|"]
    for one in outcomes:
        milliseconds = round(one.seconds * 1000)
        revisions = ", ".join(one.statuses) or "none"
        lines.append(f"| {one.row.name} | {one.way} | {milliseconds} | {revisions} | {one.description} |")
    return "\n".join(lines)


async def _campaign(pairs: Sequence[tuple[Row, str]], cluster: TestCluster) -> tuple[list[Outcome], list[str]]:
    outcomes: list[Outcome] = []
    failures: list[str] = []
    for row, way in pairs:
        with cluster.namespace("cancel") as namespace:
            try:
                outcomes.append(await Bench(row, way, cluster, namespace).run())
                print(f"{row.name} by {way}: {outcomes[-1].seconds * 1000:.0f} ms", file=sys.stderr, flush=True)
            except (AssertionError, HelmError, TimeoutError) as failed:
                failures.append(f"{row.name} by {way}: {type(failed).__name__}: {failed}")
    return outcomes, failures


def main(arguments: Sequence[str]) -> int:
    """Run every row by every way, and print the table."""
    parser = argparse.ArgumentParser(prog="stress cancel", description=__doc__)
    parser.add_argument("--rows", default="", help="only rows whose action, phase or way has this text")
    parser.add_argument("--sample", action="store_true", help="each row and each way once")
    parser.add_argument("--child", nargs=2, metavar=("ROW", "WAY"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        _child(int(asked.child[0]), asked.child[1])
        return 0
    pairs = sample() if asked.sample else everything()
    pairs = [(row, way) for row, way in pairs if asked.rows in f"{row.name} by {way}"]
    with TestCluster() as cluster:
        outcomes, failures = asyncio.run(_campaign(pairs, cluster))
    print(table(outcomes))
    print(f"\n{len(outcomes)} rows as they should be, {len(failures)} not", *failures, sep="\n")
    return 1 if failures or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
