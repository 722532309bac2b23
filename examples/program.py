"""How an example begins and ends: its command line, Ctrl-C, its exit code."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from helm_sdkpy import HelmError
from helm_sdkpy.testing import ClusterStartError

from . import cluster
from .cluster import Place


def run(main: Callable[[Place], Awaitable[object]]) -> None:
    """Run an example in the cluster that its command line names, and end the process."""
    arguments = parser()
    add_cluster_options(arguments)
    options = arguments.parse_args()

    async def example() -> int:
        try:
            async with cluster.place(options.kubeconfig, options.context) as place:
                if place.real:
                    print("in your cluster, in the namespace", place.namespace)
                await main(place)
        except (HelmError, ClusterStartError) as failed:
            print(f"{type(failed).__name__}: {failed}", file=sys.stderr)
            return 1
        return 0

    sys.exit(until_told(example))


def parser() -> argparse.ArgumentParser:
    """A command line of the program that runs, described by its first line."""
    program = sys.modules["__main__"]
    name = program.__spec__.name.split(".")[1] if program.__spec__ else ""
    description = (program.__doc__ or "").partition("\n")[0]
    return argparse.ArgumentParser(prog=f"./scripts/dev example {name}", description=description)


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Let a command line name a cluster."""
    parser.add_argument("--kubeconfig", metavar="F", help="use your own cluster: a fresh namespace, removed afterwards")
    parser.add_argument(
        "--context", metavar="C", help="the context of the kubeconfig (yours, unless --kubeconfig names one)"
    )


def until_told(main: Callable[[], Awaitable[int]]) -> int:
    """Run a program until it ends, or Ctrl-C or a SIGTERM cancels it; gives the exit code."""

    async def whole() -> int:
        task = asyncio.current_task()
        assert task is not None
        # As Ctrl-C, which asyncio.run makes a cancel of the task.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await main()

    try:
        return asyncio.run(whole())
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
