"""An operator through its day: installed, an object made, changed, damaged, wrong, deleted."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from examples.cluster import CHARTS, Place
from examples.program import run
from helm_sdkpy import Configuration, Install, List, Status, Uninstall, Upgrade, Wait, WaitTimeoutError

from . import conditions
from .handlers import VERSION

CHART = Path(__file__).parent / "chart"


VALUES: dict[str, Any] = {"access": {"create": False}}
"""No rights are needed: here the operator has those of the kubeconfig."""


async def main(place: Place) -> None:
    """What the operator's users do is done with helm here, as it could be with kubectl."""
    async with place.configuration() as config:
        await Install(config).run("operator", CHART, VALUES)
        print("installed: the kind Release")
        async with operating(place):
            try:
                await day(config, place)
            finally:
                # The object is gone when its release is, which takes the operator.
                await Uninstall(config).run("operator", timeout=60)
        print("deleted:", len(await List(config).run()), "releases left")
        if place.real:
            print("helm never deletes kinds: kubectl delete crd releases.helm-sdkpy.example")


async def day(config: Configuration, place: Place) -> None:
    """What users do, and what the operator says to it in the object's status."""
    chart = str(CHARTS / "shop")

    await want(config, {"chart": chart, "values": {"replicas": 1, **place.values}})
    await show(config, "created")

    await want(config, {"chart": chart, "values": {"replicas": 2, **place.values}, "interval": 1})
    await show(config, "changed")

    if place.cluster is not None:
        # On your cluster that is: kubectl delete service shop
        place.cluster.request("DELETE", f"/api/v1/namespaces/{place.namespace}/services/shop")
        await Wait(config).run("shop", timeout=60)
        print("damaged: the service was deleted, and is back")

    try:
        await want(config, {"chart": chart, "values": {"replicas": -1}}, timeout=5)
    except WaitTimeoutError as error:
        print("not ready:", *(found["message"].splitlines()[0] for found in error.not_ready))
    await show(config, "wrong")


async def want(config: Configuration, spec: dict[str, Any], timeout: float = 60) -> None:
    """Make or change the object, and wait until its condition Ready is True, as helm does for every kind."""
    await Upgrade(config).run("operator", CHART, {**VALUES, "releases": {"shop": spec}}, timeout=timeout)


async def show(config: Configuration, what: str) -> None:
    """Print the condition Ready, and what helm knows of the release."""
    status = await Status(config).run("operator")
    [found] = status["info"].get("resources", {})[f"{VERSION}/Release"]
    ready = conditions.find(found["status"])
    print(f"{what}: Ready is {ready['status']} ({ready['reason']}): {ready['message'].splitlines()[0]}")


@asynccontextmanager
async def operating(place: Place) -> AsyncGenerator[None]:
    """Run the operator for one namespace, in a process of its own."""
    kopf = [sys.executable, "-m", "kopf", "run", "--quiet", "--standalone", "--namespace", place.namespace]
    with credentials(place) as environment:
        operator = await asyncio.create_subprocess_exec(
            *kopf, "--module", "examples.operator.handlers", env=environment, start_new_session=True
        )
        try:
            yield
        finally:
            operator.terminate()
            await operator.wait()


@contextmanager
def credentials(place: Place) -> Generator[dict[str, str]]:
    """Name the cluster by the environment: kopf and helm read the same variable, in the same way."""
    files = place.kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    with tempfile.TemporaryDirectory() as directory:
        if place.context is not None:
            # Of several files the first that names a context wins.
            chosen = Path(directory, "context")
            chosen.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": place.context}))
            files = f"{chosen}{os.pathsep}{files}"
        yield {**os.environ, "KUBECONFIG": files}


if __name__ == "__main__":
    run(main)
