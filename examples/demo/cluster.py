"""Where the demo deploys: a test cluster that is gone afterwards, or a namespace of its own in the user's cluster."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from helm_sdkpy import Configuration, Install, List, Uninstall
from helm_sdkpy.testing import TestCluster

from .releases import CHARTS


@dataclass(frozen=True)
class Place:
    """A namespace of a cluster."""

    namespace: str
    kubeconfig: str | None
    context: str | None
    real: bool
    """Whether nodes run containers."""

    def configuration(self) -> Configuration:
        """What the actions need."""
        return Configuration(namespace=self.namespace, kubeconfig=self.kubeconfig, kubecontext=self.context)


@asynccontextmanager
async def test_cluster() -> AsyncGenerator[Place]:
    """A control plane of the demo's own."""
    async with TestCluster() as cluster:
        yield Place("default", cluster.kubeconfig, None, real=False)


@asynccontextmanager
async def users_cluster(kubeconfig: str | None, context: str | None) -> AsyncGenerator[Place]:
    """A fresh namespace in the user's cluster, itself a release; it is removed with all that was deployed in it."""
    name = f"helm-sdkpy-demo-{secrets.token_hex(3)}"
    place = Place(name, kubeconfig, context, real=True)
    # The namespace's own release is recorded in the namespace that the user works in.
    async with Configuration(namespace=None, kubeconfig=kubeconfig, kubecontext=context) as outside:
        try:
            await Install(outside).run(name, CHARTS / "namespace")
            yield place
        finally:
            await _empty(place)
            await Uninstall(outside).run(name, ignore_not_found=True)


async def _empty(place: Place) -> None:
    """Uninstall what is left. What belongs to the namespace goes with it; what belongs to no namespace would not."""
    async with place.configuration() as config:
        left = [release["name"] for release in await List(config).run()]
        await asyncio.gather(*(Uninstall(config).run(name, wait=False) for name in left), return_exceptions=True)
