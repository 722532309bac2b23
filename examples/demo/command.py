"""The demo's command line: `./scripts/dev demo [CHART…] [--kubeconfig F] [--context C] [--keep]`."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import time

from helm_sdkpy import HelmError, get_version
from helm_sdkpy.testing import ClusterStartError

from .. import cluster, program
from ..cluster import Place
from . import releases
from .display import Screen, screen
from .steps import Demo


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="./scripts/dev demo",
        description="Deploys charts at once on a real Kubernetes control plane and shows what each is doing; then "
        "upgrades, fails, cancels, rolls back, lists and uninstalls. Without arguments: the example charts, on a "
        "cluster of its own that is gone afterwards.",
        epilog="Exit codes: 0 all went as it should, 1 something did not, 130 ended by Ctrl-C, which cleans up at any "
        "moment.",
    )
    parser.add_argument(
        "charts", nargs="*", metavar="CHART", help="deploy these instead: directories, archives, oci://…"
    )
    program.add_cluster_options(parser)
    parser.add_argument("--keep", action="store_true", help="uninstall nothing and leave the cluster up until Ctrl-C")
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace, show: Screen) -> int:
    """Run the demo; gives the exit code."""
    began = time.perf_counter()
    theirs = options.kubeconfig is not None or options.context is not None
    show.heading("A namespace in your cluster" if theirs else "A Kubernetes control plane")
    try:
        async with (
            cluster.place(options.kubeconfig, options.context, "helm-sdkpy-demo") as place,
            place.configuration() as config,
        ):
            show.say(f"namespace {place.namespace}, ready in {time.perf_counter() - began:.1f} s")
            show.say(await asyncio.to_thread(get_version))
            demo = Demo(config, show, real=place.real)
            try:
                if options.charts:
                    await demo.charts(releases.of_charts(options.charts), keep=options.keep)
                else:
                    await demo.examples(keep=options.keep)
                demo.summary(time.perf_counter() - began)
                if options.keep:
                    await keep(place, show)
                if theirs:
                    show.say(f"removing the namespace {place.namespace} …")
            except asyncio.CancelledError:
                show.say("stopping …")
                raise
    except asyncio.CancelledError:
        show.say("stopped; all that was made is gone")
        raise
    except (HelmError, ClusterStartError) as failed:
        show.error(failed)
        return 1
    return 1 if demo.failed else 0


async def keep(place: Place, show: Screen) -> None:
    """Wait until Ctrl-C with everything as it is."""
    options = "".join(
        f" --{name} {shlex.quote(value)}"
        for name, value in (("kubeconfig", place.kubeconfig), ("kube-context", place.context))
        if value is not None
    )
    show.heading("The cluster is yours until Ctrl-C")
    show.say(f"./scripts/dev helm list --namespace {place.namespace}{options}")
    await asyncio.Event().wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the demo from the command line."""
    options = parse(arguments)

    return program.until_told(lambda: run(options, screen()))
