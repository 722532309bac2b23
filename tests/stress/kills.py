"""Kills processes at random moments of an operation, and brings each release back with one call."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from helm_sdkpy import Configuration, HelmError, Uninstall, Upgrade
from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError
from tests.integration.objects import Objects
from tests.stress.actions import ACTIONS, TIMEOUT, first, second
from tests.stress.holding import wrong
from tests.stress.pool import run_all
from tests.stress.table import markdown
from tests.stress.workload import FIRST, SECOND

ROOT: Final = Path(__file__).resolve().parents[2]
BEYOND: Final = 1.1
"""Moments are drawn from a little more than an operation's usual length."""


@dataclass
class Outcome:
    """What came of one kill."""

    action: str
    moment: float
    """Part of the operation's usual length."""
    state: str = ""
    """How the record stood when the process was dead."""
    ended: str = ""
    defects: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        return f"{self.action} killed at {self.moment:.0%} ({self.state}): {self.ended}: {'; '.join(self.defects)}"


class Campaign:
    """Kills, and looks at what is left."""

    def __init__(self, cluster: TestCluster, namespace: str) -> None:
        self.cluster = cluster
        self.objects = Objects(cluster, namespace)
        self.direct = Configuration(namespace, cluster.kubeconfig)
        self.lengths: dict[str, float] = {}

    async def _victim(self, action: str, release: str) -> asyncio.subprocess.Process:
        for make in (first, second)[: ACTIONS[action].before]:
            await make(self.direct, release)
        given = {
            "namespace": self.objects.namespace,
            "kubeconfig": self.cluster.kubeconfig,
            "action": action,
            "release": release,
        }
        pipe = asyncio.subprocess.PIPE
        victim = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.stress.victim", json.dumps(given), cwd=ROOT, stdin=pipe, stdout=pipe
        )
        assert victim.stdin
        assert victim.stdout
        assert await victim.stdout.readline() == b"ready\n"
        victim.stdin.write(b"go\n")
        await victim.stdin.drain()
        return victim

    async def measure(self, action: str, release: str) -> None:
        """Let an operation run to its end, to know how long it takes."""
        victim = await self._victim(action, release)
        assert victim.stdout
        began = time.monotonic()
        assert await victim.stdout.readline() == b"done\n"
        took = time.monotonic() - began
        await victim.communicate()
        await self._clear(release)
        self.lengths[action] = min(took, self.lengths.get(action, took))

    async def kill(self, action: str, release: str, moment: float, last: int) -> Outcome:
        """Kill one process and mend its release with the first or the second chart."""
        outcome = Outcome(action, moment)
        victim = await self._victim(action, release)
        await asyncio.sleep(moment * self.lengths[action])
        with contextlib.suppress(ProcessLookupError):
            victim.kill()
        await victim.communicate()
        try:
            statuses = await asyncio.to_thread(self.objects.statuses, release)
            outcome.state = self._state(action, statuses)
            chart = (FIRST, SECOND)[last]
            await Upgrade(self.direct).run(
                release, chart.archive(), wait=True, timeout=TIMEOUT, install=True, force_pending=True, pending_age=0
            )
            outcome.ended = "deployed"
            outcome.defects += await asyncio.to_thread(wrong, self.objects, release)
        except HelmError as error:
            outcome.ended = error.code
            outcome.defects.append(str(error))
        await self._clear(release)
        return outcome

    @staticmethod
    def _state(action: str, statuses: Sequence[str]) -> str:
        before = ["superseded"] * (ACTIONS[action].before - 1) + ["deployed"] if ACTIONS[action].before else []
        if list(statuses) == before:
            return "before its record"
        newest = statuses[-1] if statuses else ""
        if newest in ("", "deployed") and statuses.count("deployed") == (1 if newest else 0):
            return "after its end"
        return newest if newest != "deployed" else "two deployed"

    async def _clear(self, release: str) -> None:
        with contextlib.suppress(HelmError):
            await Uninstall(self.direct).run(release, ignore_not_found=True, wait=False, no_hooks=True)
        for pod in ("before", "after", "test"):
            with contextlib.suppress(ApiError):
                await asyncio.to_thread(self.objects.delete, "pods", f"{release}-{pod}")


@dataclass(frozen=True)
class Plan:
    """What is killed."""

    rows: Sequence[str]
    count: int
    seed: int
    together: int
    rounds: int = 2
    """How often each action is measured before; the shortest counts."""


async def run(cluster: TestCluster, plan: Plan, say: Callable[[str], None]) -> list[Outcome]:
    """Measure each action, then kill."""
    rows, count = plan.rows, plan.count
    drawn = random.Random(plan.seed)
    outcomes: list[Outcome] = []
    with cluster.namespace("kills") as namespace:
        campaign = Campaign(cluster, namespace)
        for number in range(plan.rounds):
            for action in rows:
                await campaign.measure(action, f"m{number}-{action}")
        say("lengths: " + ", ".join(f"{action} {length:.2f} s" for action, length in campaign.lengths.items()))
        todo = [
            (rows[number % len(rows)], f"k{number}", drawn.uniform(0, BEYOND), drawn.randrange(2))
            for number in range(count)
        ]

        async def kill(one: tuple[str, str, float, int]) -> Outcome:
            return await campaign.kill(*one)

        await run_all(todo, at_once=plan.together, run=kill, outcomes=outcomes, say=say, every=50)
        await campaign.direct.aclose()
    return outcomes


def report(outcomes: Sequence[Outcome]) -> str:
    """The table: action by state at the kill."""
    states = sorted({one.state for one in outcomes})
    cells: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in outcomes:
        cells[one.action, one.state]["DEFECT" if one.defects else one.ended] += 1
    rows = [
        [action, *(", ".join(f"{count} {word}" for word, count in cells[action, state].items()) for state in states)]
        for action in ACTIONS
        if any(one.action == action for one in outcomes)
    ]
    return markdown(["killed in", *states], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(prog="./scripts/dev stress kills", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200, help="how many processes are killed")
    parser.add_argument("--rows", nargs="+", choices=list(ACTIONS), default=list(ACTIONS))
    parser.add_argument("--together", type=int, default=3, help="victims at once")
    asked = parser.parse_args(arguments)
    plan = Plan(asked.rows, asked.count, asked.seed, asked.together)
    # A shell that starts it in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    with TestCluster() as cluster:
        outcomes = asyncio.run(run(cluster, plan, lambda line: print(line, file=sys.stderr, flush=True)))
    bad = [one for one in outcomes if one.defects]
    print(report(outcomes))
    print(f"\nseed {asked.seed}: {len(outcomes)} kills, {len(bad)} defects, {time.monotonic() - began:.0f} s")
    for one in bad:
        print(f"- {one}")
    return 1 if bad else 0
