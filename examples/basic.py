"""Install a chart, change it, look at it, uninstall it."""

from __future__ import annotations

from examples.cluster import CHARTS, Place
from examples.program import run
from helm_sdkpy import Configuration, Install, List, Status, Uninstall, Upgrade


async def main(place: Place) -> None:
    """From nothing to a release with two revisions, and back."""
    async with Configuration(place.namespace, place.kubeconfig, place.context) as config:
        # A chart is a directory, an archive, oci://…, a URL or repo/name. Install returns when the pods are ready.
        release = await Install(config).run("shop", CHARTS / "shop", {"replicas": 1, **place.values})
        print("installed:", release["name"], "revision", release["version"], release["info"]["status"])

        # reuse_values keeps the values of the last revision; those that are given go over them.
        release = await Upgrade(config).run("shop", CHARTS / "shop", {"replicas": 3}, reuse_values=True)
        print("upgraded: revision", release["version"], "with", release["config"]["replicas"], "replicas")

        for row in await List(config).run():
            chart = row["chart"]["metadata"]
            print("listed:", row["name"], row["revision"], row["status"], f"{chart['name']}-{chart['version']}")

        status = await Status(config).run("shop")
        for kind, objects in status["info"].get("resources", {}).items():
            # Pods come as lists, one for each object that they belong to.
            print("in the cluster:", kind, *(found["metadata"].get("name", "…") for found in objects))

        await Uninstall(config).run("shop")
        print("uninstalled:", len(await List(config).run()), "releases left")


if __name__ == "__main__":
    run(main)
