"""The command line: `./scripts/dev example fleet [--kubeconfig F] [--context C]…`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from examples.cluster import CHARTS, IMAGE, SERVE
from examples.program import parser, until_told
from helm_sdkpy import Configuration, ConfigurationError
from helm_sdkpy.testing import ClusterStartError, TestCluster

from .rollout import Outcome, Rollout

SHOP = str(CHARTS / "shop")

AWAY = "tokyo"
"""Of the test clusters the one that is gone before the rollout begins."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    arguments = parser()
    arguments.description = (
        "Makes a release the same in many clusters. Without arguments: in three test clusters that are gone "
        "afterwards, one of which can not be reached."
    )
    arguments.epilog = (
        "Exit codes: 0 all are as they should be (of the test clusters all but the one that is gone), 1 not all "
        "are, 130 ended by Ctrl-C."
    )
    arguments.add_argument("--kubeconfig", metavar="F", help="your own clusters: the file that has them")
    arguments.add_argument(
        "--context", metavar="C", action="append", default=[], help="one of them; as often as there are clusters"
    )
    arguments.add_argument("--namespace", metavar="N", help="where in each (that of the context)")
    arguments.add_argument("--name", default="fleet-shop", help="the release (%(default)s)")
    arguments.add_argument("--chart", default=SHOP, help="a directory, an archive, oci://… (examples/charts/shop)")
    arguments.add_argument("--set", metavar="K=V", action="append", default=[], help="a value, as helm's --set")
    arguments.add_argument(
        "--at-once", metavar="N", type=int, default=2, help="clusters at the same time (%(default)s)"
    )
    arguments.add_argument("--deadline", metavar="S", type=float, default=60, help="seconds for each (%(default)s)")
    arguments.add_argument("--uninstall", action="store_true", help="take the release away everywhere")
    options = arguments.parse_args()
    if options.kubeconfig and not options.context:
        arguments.error("name the clusters: a --context for each")
    return options


@asynccontextmanager
async def test_clusters() -> AsyncGenerator[dict[str, Configuration]]:
    """Three control planes of the example's own, of which one can not be reached."""
    async with AsyncExitStack() as stack:
        clusters = {name: TestCluster() for name in ("frankfurt", "oregon", AWAY)}
        print("starting", *clusters, "…")
        async with asyncio.TaskGroup() as group:
            for cluster in clusters.values():
                group.create_task(stack.enter_async_context(cluster))
        kubeconfigs = {name: text(cluster) for name, cluster in clusters.items()}
        await asyncio.to_thread(clusters[AWAY].stop)
        yield {
            name: await stack.enter_async_context(Configuration(kubeconfig=kubeconfig))
            for name, kubeconfig in kubeconfigs.items()
        }


def text(cluster: TestCluster) -> str:
    """Its kubeconfig as text, since the file goes with its cluster."""
    return Path(cluster.kubeconfig).read_text()


@asynccontextmanager
async def users_clusters(options: argparse.Namespace) -> AsyncGenerator[dict[str, Configuration]]:
    """The contexts that were named."""
    async with AsyncExitStack() as stack:
        yield {
            context: await stack.enter_async_context(Configuration(options.namespace, options.kubeconfig, context))
            for context in options.context
        }


def table(outcomes: Mapping[str, Outcome]) -> str:
    """What came of each cluster, in columns."""
    rows = [("cluster", "result", "revision", "seconds", "")]
    for cluster, found in outcomes.items():
        rows.append((cluster, found.result, str(found.revision or "-"), f"{found.seconds:.1f}", found.message))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


async def run(options: argparse.Namespace) -> int:
    """Roll out; gives the exit code."""
    theirs = bool(options.context)
    async with users_clusters(options) if theirs else test_clusters() as clusters:
        rollout = Rollout(clusters, at_once=options.at_once, deadline=options.deadline)
        values = {"image": IMAGE, "command": SERVE} if theirs and options.chart == SHOP else {}
        try:
            if options.uninstall:
                await rollout.uninstall(options.name)
            else:
                await rollout.ensure(options.name, options.chart, values, options.set)
        finally:
            print(table(rollout.outcomes), flush=True)
    good = sum(outcome.good for outcome in rollout.outcomes.values())
    print(f"{good} of {len(clusters)} clusters are as they should be")
    if theirs:
        return 0 if good == len(clusters) else 1
    print(f"{AWAY} was stopped beforehand, to show a cluster that can not be reached")
    failed = {cluster: outcome.result for cluster, outcome in rollout.outcomes.items() if not outcome.good}
    return 0 if failed == {AWAY: "cluster_unreachable"} else 1


def main() -> int:
    """Run the example from the command line."""
    options = parse()

    async def program() -> int:
        try:
            return await run(options)
        except* (ConfigurationError, ClusterStartError) as failed:
            print(*failed.exceptions, sep="\n", file=sys.stderr)
        return 1

    return until_told(program)


if __name__ == "__main__":
    sys.exit(main())
