"""Spoils each request of each operation once, in each manner, and looks at what is left in the cluster."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from helm_sdkpy import (
    Configuration,
    GetAll,
    HelmError,
    History,
    Install,
    List,
    ReleaseTest,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
)
from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError
from tests.integration.charts import Chart
from tests.integration.objects import Objects
from tests.stress.holding import UNFINISHED, manifest_of, settled, wrong
from tests.stress.pool import run_all
from tests.stress.proxy import MANNERS, Asked, Proxy
from tests.stress.table import markdown
from tests.stress.workload import FIRST, SECOND, with_crd

TIMEOUT: Final = 60
"""What each phase of an operation may take."""
DEADLINE: Final = 20.0
"""What a whole operation may take: a fault of one request must not cost a timeout."""
VAGUE: Final = ("helm", "internal", "panic", "unknown", "")
"""Codes that say nothing of a spoilt request."""

Call = Callable[[Configuration, str], Awaitable[Any]]


@dataclass(frozen=True)
class Operation:
    """What is done through the proxy, and what is made before it directly."""

    call: Call
    before: int = 0
    """How many revisions there are already."""
    gone: bool = False
    """Whether it leaves nothing where it went well."""
    reads: bool = False
    """Whether it changes nothing."""
    defines: bool = False
    """Whether it makes a CustomResourceDefinition."""


async def _first(config: Configuration, release: str) -> Any:
    return await Install(config).run(release, FIRST.archive(), wait=True, timeout=TIMEOUT)


async def _second(config: Configuration, release: str, chart: Chart = SECOND) -> Any:
    return await Upgrade(config).run(release, chart.archive(), wait=True, timeout=TIMEOUT, install=True)


OPERATIONS: Final[dict[str, Operation]] = {
    "install": Operation(_first),
    "install with CRD": Operation(
        lambda c, r: Install(c).run(r, with_crd(r).archive(), wait=True, timeout=TIMEOUT), defines=True
    ),
    "upgrade": Operation(lambda c, r: Upgrade(c).run(r, SECOND.archive(), wait=True, timeout=TIMEOUT), before=1),
    "upgrade --install": Operation(_second),
    "rollback": Operation(lambda c, r: Rollback(c).run(r, 1, wait=True, timeout=TIMEOUT), before=2),
    "uninstall": Operation(lambda c, r: Uninstall(c).run(r, wait=True, timeout=TIMEOUT), before=1, gone=True),
    "test": Operation(lambda c, r: ReleaseTest(c).run(r, timeout=TIMEOUT), before=1, reads=True),
    "list": Operation(lambda c, r: List(c).run(), before=1, reads=True),
    "status": Operation(lambda c, r: Status(c).run(r), before=1, reads=True),
    "history": Operation(lambda c, r: History(c).run(r), before=1, reads=True),
    "get all": Operation(lambda c, r: GetAll(c).run(r), before=1, reads=True),
}


@dataclass
class Outcome:
    """What came of one spoilt request."""

    operation: str
    asked: Asked | None
    manner: str
    ended: str = ""
    """`success`, an error's code, or what else ended it."""
    record: str = ""
    seconds: float = 0
    happened: bool = True
    defects: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        return f"{self.operation}: {self.asked} {self.manner}: {self.ended}: {'; '.join(self.defects)}"


class Campaign:
    """Runs operations through a proxy, each on a release of its own."""

    def __init__(self, cluster: TestCluster, namespace: str, seed: int) -> None:
        self.cluster = cluster
        self._seed = seed
        self.objects = Objects(cluster, namespace)
        self.direct = Configuration(namespace, cluster.kubeconfig)
        self._numbers = itertools.count()

    async def run(self, name: str, asked: Asked | None, manner: str) -> tuple[Outcome, list[Asked]]:
        """One operation with one request spoilt (or none)."""
        operation = OPERATIONS[name]
        shared = operation.reads and name != "test"
        release = "shared" if shared else f"r{next(self._numbers)}x"
        if not shared or not await asyncio.to_thread(self.objects.statuses, release):
            for make in (_first, _second)[: operation.before]:
                await make(self.direct, release)
        outcome = Outcome(name, asked, manner)
        names = {self.objects.namespace: "NS", release: "NAME"}
        proxy = Proxy(self.cluster, names)
        proxy.spoilt = (asked, manner) if asked else None
        try:
            async with proxy:
                async with Configuration(self.objects.namespace, proxy.kubeconfig) as config:
                    ok = await self._call(operation, config, release, outcome)
                outcome.happened = proxy.happened
                requests = list(proxy.asked)
            await self._judge(operation, release, ok, outcome)
        finally:
            if not shared:
                await self._clear(operation, release)
        return outcome, requests

    async def _call(self, operation: Operation, config: Configuration, release: str, outcome: Outcome) -> bool:
        began = time.monotonic()
        ok = False
        try:
            async with asyncio.timeout(DEADLINE):
                result = await operation.call(config, release)
            ok, outcome.ended = True, "success"
            if not operation.reads and not operation.gone and result["info"]["status"] != "deployed":
                outcome.defects.append(f"the result says {result['info']['status']}")
        except TimeoutError as error:
            if isinstance(error, HelmError):
                outcome.ended = error.code
                outcome.defects.append(f"a timeout for one fault: {error}")
            else:
                outcome.ended = "hung"
                outcome.defects.append(f"hung for {DEADLINE:g} s")
        except HelmError as error:
            outcome.ended = error.code
            if error.code in VAGUE or not str(error):
                outcome.defects.append(f"vague: {error.code} {error}")
        except Exception as error:
            outcome.ended = type(error).__name__
            outcome.defects.append(f"no HelmError: {error!r}")
        outcome.seconds = time.monotonic() - began
        return ok

    async def _judge(self, operation: Operation, release: str, ok: bool, outcome: Outcome) -> None:
        statuses = await asyncio.to_thread(self.objects.statuses, release)
        outcome.record = ", ".join(statuses) or "none"
        found = outcome.defects
        found += [f"left {status}" for status in statuses if status in UNFINISHED]
        if ok and operation.gone:
            if statuses:
                found.append(f"records are left: {statuses}")
            found += await asyncio.to_thread(settled, self.objects, release, "")
        elif ok or operation.reads:
            found += await asyncio.to_thread(wrong, self.objects, release)
            expected = operation.before + (0 if operation.reads else 1)
            if len(statuses) != expected:
                found.append(f"{len(statuses)} revisions, not {expected}")
        else:
            if len(statuses) > operation.before and statuses[-1] != "failed":
                found.append(f"an error, but the revision is {statuses[-1]}")
            if operation.gone:
                await self._again(release, statuses, found)
            else:
                # Of the older chart or the newer: what only the one that failed has must be gone.
                chart = random.Random(f"{self._seed} {outcome.operation} {outcome.asked} {outcome.manner}").choice(
                    (FIRST, SECOND)
                )
                await self._mend(release, chart, found)

    async def _again(self, release: str, statuses: Sequence[str], found: list[str]) -> None:
        """A second uninstall leaves nothing; what was purged left nothing already."""
        if not statuses:
            found += [f"purged, but {one}" for one in await asyncio.to_thread(settled, self.objects, release, "")]
            return
        if statuses == ["deployed"]:
            manifest, _ = await asyncio.to_thread(manifest_of, self.objects, release)
            left = await asyncio.to_thread(settled, self.objects, release, manifest)
            found += [f"deployed, but {one}" for one in left]
        try:
            await Uninstall(self.direct).run(release, wait=True, timeout=TIMEOUT)
        except HelmError as error:
            found.append(f"a second uninstall fails: {error.code} {error}")
        found += [
            f"after a second uninstall, {one}" for one in await asyncio.to_thread(settled, self.objects, release, "")
        ]
        if records := await asyncio.to_thread(self.objects.statuses, release):
            found.append(f"after a second uninstall, records {records}")

    async def _mend(self, release: str, chart: Chart, found: list[str]) -> None:
        try:
            await _second(self.direct, release, chart)
        except HelmError as error:
            found.append(f"the next upgrade, to {chart.version}, fails: {error.code} {error}")
            return
        found += [
            f"after the next upgrade, to {chart.version}, {one}"
            for one in await asyncio.to_thread(wrong, self.objects, release)
        ]

    async def _clear(self, operation: Operation, release: str) -> None:
        with contextlib.suppress(HelmError):
            await Uninstall(self.direct).run(release, ignore_not_found=True, wait=False, no_hooks=True)
        for pod in ("before", "after", "test"):
            with contextlib.suppress(ApiError):
                await asyncio.to_thread(self.objects.delete, "pods", f"{release}-{pod}")
        if operation.defines:
            path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gears.{release}.stress.test"
            with contextlib.suppress(ApiError):
                await asyncio.to_thread(self.cluster.request, "DELETE", path)


@dataclass(frozen=True)
class Plan:
    """What is to be spoilt."""

    rows: Sequence[str]
    manners: Sequence[str]
    seed: int
    count: int
    """At most so many spoilt requests; 0: all."""
    together: int


async def run(
    cluster: TestCluster, plan: Plan, say: Callable[[str], None], outcomes: list[Outcome] | None = None
) -> list[Outcome]:
    """Learn the requests of each operation, then spoil them; `outcomes` is filled as they come."""
    outcomes = [] if outcomes is None else outcomes
    with cluster.namespace("faults") as namespace:
        campaign = Campaign(cluster, namespace, plan.seed)
        todo: list[tuple[str, Asked, str]] = []
        for name in plan.rows:
            clean, requests = await campaign.run(name, None, "none")
            outcomes.append(clean)
            say(f"{name}: {len(requests)} requests in {clean.seconds:.2f} s {'; '.join(clean.defects)}")
            todo += [(name, asked, manner) for asked in sorted(set(requests)) for manner in plan.manners]
        chosen = random.Random(plan.seed)
        if plan.count and plan.count < len(todo):
            todo = chosen.sample(todo, plan.count)
        else:
            chosen.shuffle(todo)

        async def spoil(one: tuple[str, Asked, str]) -> Outcome:
            return (await campaign.run(*one))[0]

        await run_all(todo, at_once=plan.together, run=spoil, outcomes=outcomes, say=say, every=100)
        await campaign.direct.aclose()
    return outcomes


def report(outcomes: Sequence[Outcome]) -> str:
    """The tables: operation by manner, and the codes of the errors."""
    spoilt = [one for one in outcomes if one.asked]
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    requests: dict[str, set[Asked]] = defaultdict(set)
    codes: dict[str, Counter[str]] = defaultdict(Counter)
    for one in spoilt:
        assert one.asked
        requests[one.operation].add(one.asked)
        if not one.happened:
            cells[one.operation, one.manner]["not sent"] += 1
        elif one.defects:
            cells[one.operation, one.manner]["DEFECT"] += 1
        else:
            cells[one.operation, one.manner]["ok" if one.ended == "success" else "error"] += 1
        if one.ended != "success":
            codes[one.manner][one.ended] += 1
    manners = [manner for manner in MANNERS if any(one.manner == manner for one in spoilt)]

    def cell(name: str, manner: str) -> str:
        return ", ".join(f"{count} {word}" for word, count in sorted(cells[name, manner].items(), reverse=True))

    rows = [
        [name, str(len(requests[name])), *(cell(name, manner) for manner in manners)]
        for name in OPERATIONS
        if name in requests
    ]
    said = [
        [manner, MANNERS[manner], ", ".join(f"`{code}` {count}" for code, count in codes[manner].most_common())]
        for manner in manners
    ]
    return "\n\n".join(
        [
            markdown(["operation", "requests", *manners], rows),
            markdown(["manner", "what happens to the request", "codes of the errors"], said),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print its tables."""
    parser = argparse.ArgumentParser(prog="./scripts/dev stress faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=0, help="spoil so many requests only, drawn by the seed")
    parser.add_argument("--rows", nargs="+", choices=list(OPERATIONS), default=list(OPERATIONS))
    parser.add_argument("--manners", nargs="+", choices=list(MANNERS), default=list(MANNERS))
    parser.add_argument("--together", type=int, default=3, help="operations at once")
    asked = parser.parse_args(arguments)
    plan = Plan(asked.rows, asked.manners, asked.seed, asked.count, asked.together)
    # A shell that starts it in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    with TestCluster() as cluster, contextlib.suppress(KeyboardInterrupt):
        # Whatever interrupts it, what was found is printed.
        asyncio.run(run(cluster, plan, lambda line: print(line, file=sys.stderr, flush=True), outcomes))
    bad = [one for one in outcomes if one.defects]
    spoilt = sum(1 for one in outcomes if one.asked)
    print(report(outcomes))
    print(f"\nseed {plan.seed}: {spoilt} spoilt requests, {len(bad)} defects, {time.monotonic() - began:.0f} s")
    for one in bad:
        print(f"- {one}")
    return 1 if bad else 0
