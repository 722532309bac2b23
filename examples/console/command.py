"""The console's command line: `./scripts/dev example console`, with `--help` for what else it can do."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Final

import uvicorn
import yaml

from helm_sdkpy import Configuration, HelmError, get_version
from helm_sdkpy.testing import ClusterStartError, TestCluster

from ..cluster import CHARTS
from ..demo import releases
from ..program import until_told
from .access import Access
from .app import About, Console
from .charts import Charts

HOST: Final = "127.0.0.1"

GRACE: Final = 2
"""Seconds that requests have to end when the console does."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="./scripts/dev example console",
        description="A web page to deploy charts and to watch them. Without arguments: the example charts, on a "
        "cluster of its own that is gone afterwards. It listens on this machine alone, and prints a link that lets one "
        "browser in.",
        epilog="Ctrl-C ends it. Operations that run then are cancelled; their releases are left such that the next "
        "upgrade works.",
    )
    parser.add_argument("--kubeconfig", metavar="F", help="use your own cluster")
    parser.add_argument("--context", metavar="C", help="the context of the kubeconfig")
    parser.add_argument("--namespace", metavar="N", help="the namespace; without: the context's, or default")
    parser.add_argument("--charts", metavar="DIR", type=Path, help="what can be installed; without: examples/charts")
    parser.add_argument("--port", metavar="P", type=int, default=0, help="the port; without: one that is free")
    return parser.parse_args(arguments)


@contextlib.asynccontextmanager
async def place(options: argparse.Namespace) -> AsyncGenerator[tuple[Configuration, str, bool]]:
    """Where the console works, what that is called, and whether it is the test cluster."""
    if options.kubeconfig is not None or options.context is not None:
        async with Configuration(
            namespace=options.namespace, kubeconfig=options.kubeconfig, kubecontext=options.context
        ) as config:
            yield config, str(options.context or Path(options.kubeconfig or "").name), False
    else:
        print("Starting a Kubernetes control plane …", flush=True)
        async with (
            TestCluster() as cluster,
            Configuration(namespace=options.namespace or "default", kubeconfig=cluster.kubeconfig) as config,
        ):
            yield config, "test cluster", True


def suggestions() -> dict[str, str]:
    """Values that make the example charts take their time on the test cluster, whose pods are ready at once."""
    return {
        Path(wanted.chart).name: yaml.safe_dump(wanted.values, sort_keys=False)
        for wanted in releases.examples(real=False)
    }


async def run(options: argparse.Namespace) -> int:
    """Serve until told to end."""
    if options.charts is not None and not options.charts.is_dir():
        raise NotADirectoryError(f"--charts: {options.charts} is no directory")
    async with place(options) as (config, cluster, played):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, options.port))
            listener.listen()  # before the link is told: who follows it at once waits and is not refused
            port = listener.getsockname()[1]

            said = itertools.chain(["Open"], itertools.repeat("For another browser"))

            def tell(token: str) -> None:
                print(f"{next(said)}: http://{HOST}:{port}/?token={token}", flush=True)

            access = Access(tell)
            charts = Charts(config, options.charts or CHARTS, suggestions() if played else None)
            about = About(namespace=config.namespace, cluster=cluster, version=await asyncio.to_thread(get_version))
            console = Console(config, charts, access, about)
            access.renew()
            try:
                await serve(console, listener)
            finally:
                for each in await console.close():
                    print(f"Cancelled: {each}", flush=True)
    return 0


class Server(uvicorn.Server):
    """A server that leaves signals to the program, which cancels its task: once, or clean-ups would be cut short."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


async def serve(console: Console, listener: socket.socket) -> None:
    """Serve the console on a socket until it is cancelled."""
    settings = uvicorn.Config(
        console.app, http="h11", ws="none", lifespan="off", log_level="warning", timeout_graceful_shutdown=GRACE
    )
    server = Server(settings)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        # A server that is cancelled itself leaves its connections open, and one that ends waits for its streams.
        server.should_exit = True
        console.feed.part()
        await asyncio.wait([serving])
        raise


def main(arguments: list[str] | None = None) -> int:
    """Run the console from the command line."""
    options = parse(arguments)
    try:
        return until_told(lambda: run(options))
    except (HelmError, ClusterStartError, OSError) as failed:
        print(f"{type(failed).__name__}: {failed}", file=sys.stderr)
        return 1
