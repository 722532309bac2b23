"""The whole life of a release: values, upgrade, diff, rollback, history, hooks, tests, errors, uninstall."""

from __future__ import annotations

from pathlib import Path

from examples.cluster import CHARTS, Place
from examples.program import run
from helm_sdkpy import (
    Configuration,
    Diff,
    GetValues,
    History,
    HookError,
    Install,
    InstallError,
    Lint,
    List,
    ReleaseNotFoundError,
    ReleaseTest,
    Rollback,
    Status,
    Template,
    Uninstall,
    UninstallError,
    Upgrade,
    ValuesSchemaError,
    WaitTimeoutError,
)
from helm_sdkpy.events import Event

SHOP = CHARTS / "shop"  # a Deployment, a Service, a ConfigMap, notes, a schema for the values, a test
MIGRATE = CHARTS / "migrate"  # a Deployment, hooks before it and one after it
PRODUCTION = Path(__file__).with_name("production.yaml")


async def main(place: Place) -> None:
    """Go through it, one step after the other."""
    async with Configuration(place.namespace, place.kubeconfig, place.context) as config:
        await look_first(config)
        await install(config, place)
        await upgrade(config)
        await roll_back(config)
        await test(config)
        await watch_hooks(config, place)
        await fail(config)
        await uninstall(config)


async def look_first(config: Configuration) -> None:
    """See what is in a chart before anything is in the cluster."""
    linted = await Lint(config).run(SHOP)
    print("lint:", "failed" if linted["failed"] else "nothing is wrong")
    manifest = await Template(config).run("shop", SHOP)
    print("template:", manifest.count("\nkind: "), "objects and tests")


async def install(config: Configuration, place: Place) -> None:
    """Values come from files, from a mapping and as --set has them; the later ones go over the former."""
    release = await Install(config).run(
        "shop",
        SHOP,
        {"greeting": "Hello", **place.values},
        values_files=PRODUCTION,
        set="resources.requests.cpu=5m",
        labels={"team": "web"},
    )
    print("installed:", release["info"]["status"], "with the labels", release["labels"])
    print("notes:", release["info"].get("notes", "").splitlines()[0])


async def upgrade(config: Configuration) -> None:
    """Ask what an upgrade would change, then do it."""
    change = {"greeting": "Good evening", "replicas": 3}
    diff = await Diff(config).run("shop", SHOP, change, reuse_values=True)
    for found in diff["objects"]:
        for changed in found["changes"]:
            print("would change:", found["kind"], found["name"], changed["path"])

    release = await Upgrade(config).run("shop", SHOP, change, reuse_values=True)
    values = await GetValues(config).run("shop")
    print("upgraded: revision", release["version"], "with", values["replicas"], "replicas;", values["greeting"])


async def roll_back(config: Configuration) -> None:
    """Take the release back to what it was."""
    await Rollback(config).run("shop", 1, wait=True)
    for past in await History(config).run("shop"):
        print("history:", past["revision"], past["status"], past["description"])


async def test(config: Configuration) -> None:
    """Run the tests that the chart brings, and read what they wrote."""
    tested = await ReleaseTest(config).run("shop", logs=True)
    for hook in tested["hooks"]:
        print("tested:", hook.get("name"), hook["last_run"]["phase"])
    for log in tested["logs"]:
        print("its log:", log["log"].strip())


async def watch_hooks(config: Configuration, place: Place) -> None:
    """See the hooks of a chart start and end."""

    def on_event(event: Event) -> None:
        if event["type"] == "hook" and "resource" in event and "status" in event:
            print("hook:", event.get("phase"), event["resource"]["kind"], event["resource"]["name"], event["status"])

    # The image is only a shell on real nodes: its hooks need something to do there.
    hooks = {"migration": {"command": ["true"]}, "seed": {"command": ["true"]}} if place.real else {}
    await Install(config).run("migrate", MIGRATE, {**place.values, **hooks}, on_event=on_event)
    status = await Status(config).run("migrate")
    print("deployed behind its hooks:", status["info"]["status"])


async def fail(config: Configuration) -> None:
    """Tell errors apart: by what failed (InstallError), by why (HookError), by .code and .details."""
    try:
        await Upgrade(config).run("shop", SHOP, {"replicas": -1})
    except ValuesSchemaError as error:
        print("refused:", error.code, "-", " ".join(str(error).split()))

    try:
        await Install(config).run("broken", CHARTS / "broken")
    except InstallError as error:
        print("failed:", error.code, "- is it a HookError?", isinstance(error, HookError))

    try:
        await Install(config).run("stuck", CHARTS / "stuck", timeout=3)
    except WaitTimeoutError as error:
        for found in error.not_ready:
            print("not ready in time:", found["kind"], found["name"], "-", found["message"])

    try:
        await Status(config).run("nowhere")
    except ReleaseNotFoundError as error:
        print("not there:", error.code, error.release)


async def uninstall(config: Configuration) -> None:
    """Uninstall all there is, whatever its state."""
    for row in await List(config).run():
        try:
            await Uninstall(config).run(row["name"])
        except UninstallError as error:
            print("could not uninstall", row["name"], error)
        else:
            print("uninstalled:", row["name"], "which was", row["status"])


if __name__ == "__main__":
    run(main)
