"""Where an example deploys: a test cluster that is gone afterwards, or a namespace of its own in the user's cluster."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helm_sdkpy import Configuration, Install, List, Uninstall
from helm_sdkpy.testing import TestCluster

CHARTS = Path(__file__).resolve().parent / "charts"

# Where nodes are real, the charts' own images do not exist: any with a shell will do.
IMAGE = "busybox:1.37"
SERVE = [
    "sh",
    "-c",
    "trap 'exit 0' TERM; mkdir -p /tmp/www; echo Welcome > /tmp/www/index.html; httpd -p 8080 -h /tmp/www;"
    " sleep infinity & wait",
]


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster."""

    namespace: str
    kubeconfig: str | None
    context: str | None
    cluster: TestCluster | None = None
    """The test cluster, where it is one."""

    @property
    def real(self) -> bool:
        """Whether nodes run containers. A test cluster's only plays that it does."""
        return self.cluster is None

    @property
    def values(self) -> dict[str, Any]:
        """Values with which the charts of this directory run here."""
        return {"image": IMAGE, "command": SERVE} if self.real else {}

    def configuration(self) -> Configuration:
        """What the actions need."""
        return Configuration(namespace=self.namespace, kubeconfig=self.kubeconfig, kubecontext=self.context)


def place(
    kubeconfig: str | None, context: str | None, prefix: str = "helm-sdkpy-example"
) -> AbstractAsyncContextManager[Place]:
    """In the cluster that the user named, or in a test cluster where none was."""
    if kubeconfig is None and context is None:
        return test_cluster()
    return users_cluster(kubeconfig, context, prefix)


@asynccontextmanager
async def test_cluster() -> AsyncGenerator[Place]:
    """A control plane of the example's own."""
    async with TestCluster() as cluster:
        yield Place("default", cluster.kubeconfig, None, cluster)


@asynccontextmanager
async def users_cluster(kubeconfig: str | None, context: str | None, prefix: str) -> AsyncGenerator[Place]:
    """A fresh namespace in the user's cluster, itself a release; it is removed with all that was deployed in it."""
    name = f"{prefix}-{secrets.token_hex(3)}"
    place = Place(name, kubeconfig, context)
    # The namespace's own release is recorded in the namespace that the user works in.
    async with Configuration(namespace=None, kubeconfig=kubeconfig, kubecontext=context) as outside:
        try:
            await Install(outside).run(name, CHARTS / "namespace")
            yield place
        finally:
            await _empty(place)
            await Uninstall(outside).run(name, ignore_not_found=True)


@asynccontextmanager
async def chart_servers(place: Place) -> AsyncGenerator[TestCluster]:
    """A chart repository and a registry on this machine: the test cluster's, or one started for them alone."""
    if place.cluster is not None:
        yield place.cluster
    else:
        async with TestCluster() as cluster:
            yield cluster


async def _empty(place: Place) -> None:
    """Uninstall what is left. What belongs to the namespace goes with it; what belongs to no namespace would not."""
    async with place.configuration() as config:
        left = [release["name"] for release in await List(config).run()]
        await asyncio.gather(*(Uninstall(config).run(name, wait=False) for name in left), return_exceptions=True)
