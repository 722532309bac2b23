"""Many releases at once on one Configuration: TaskGroup, gather, a limit, live progress."""

from __future__ import annotations

import asyncio

from examples.cluster import CHARTS, Place
from examples.program import run
from helm_sdkpy import Configuration, HelmError, Install, List, Uninstall, Upgrade, progress

NAMES = ["front", "cart", "search", "account", "orders", "prices"]
AT_ONCE = 4
"""How many installs the cluster is asked for at the same time. The library itself has no limit."""


async def main(place: Place) -> None:
    """Install all, upgrade all though one fails, uninstall all."""
    async with Configuration(place.namespace, place.kubeconfig, place.context) as config:
        await install_all(config, place)
        await upgrade_all(config)
        await asyncio.gather(*(Uninstall(config).run(name) for name in NAMES))
        print("uninstalled:", len(await List(config).run()), "releases left")


async def install_all(config: Configuration, place: Place) -> None:
    """All or nothing: where one fails, the TaskGroup cancels the others, and they stop in the cluster."""
    limit = asyncio.Semaphore(AT_ONCE)
    values = {"podAnnotations": {"testcluster/ready-after": "1s"}, **place.values}

    # On a terminal a table that is drawn in place, elsewhere lines.
    with progress.display() as show:

        async def install(name: str) -> None:
            async with limit:
                with show(name) as line:
                    await Install(config).run(name, CHARTS / "shop", values, on_event=line)

        async with asyncio.TaskGroup() as group:
            for name in NAMES:
                group.create_task(install(name))

    print("installed:", *(row["name"] for row in await List(config).run()))


async def upgrade_all(config: Configuration) -> None:
    """Each for itself: gather waits for all, and tells of each what came of it."""
    replicas = {name: 1 for name in NAMES}
    replicas["prices"] = -1  # which the chart's schema refuses
    upgrades = (
        Upgrade(config).run(name, CHARTS / "shop", {"replicas": count}, reuse_values=True)
        for name, count in replicas.items()
    )
    for name, ended in zip(NAMES, await asyncio.gather(*upgrades, return_exceptions=True), strict=True):
        if isinstance(ended, HelmError):
            print("failed:", name, ended.code)
        elif isinstance(ended, BaseException):
            raise ended
        else:
            print("upgraded:", name, "revision", ended["version"])


if __name__ == "__main__":
    run(main)
