"""What a killed process left is taken over: install and upgrade with force_pending, after SIGKILL at chosen moments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from helm_sdkpy import (
    Configuration,
    Install,
    ReleaseExistsError,
    ReleasePendingError,
    Rollback,
    Uninstall,
    Upgrade,
)
from tests.integration.charts import SIMPLE, Chart, configmap, deployment, hook
from tests.integration.killing import Program
from tests.integration.objects import Objects, until

Kill = Callable[..., Any]

DEPLOYED: Final = Chart({"one.yaml": configmap("one", value="{{ .Values.value }}")}, {"value": "old"})
"""What is deployed before."""


def hanging(phase: str, *, names: tuple[str, ...] = ("one", "left")) -> Chart:
    """A chart with these ConfigMaps whose deployment stops in a phase for ever."""
    templates = {f"{name}.yaml": configmap(name, value="{{ .Values.value }}") for name in names}
    if phase == "wait":
        templates["never.yaml"] = deployment("never", ready="never")
    else:
        templates["hook.yaml"] = hook(phase, name="stops", run_for="10m")
    return Chart(templates, {"value": "killed"})


@pytest.fixture
def kill(objects: Objects, tmp_path: Path) -> Kill:
    """Run an action in a process of its own, and kill that when its revision has a status and an object is there."""

    async def run(
        action: str,
        chart: Chart | None,
        status: str,
        there: tuple[str, str] = ("", ""),
        gone: tuple[str, str] = ("", ""),
        **given: object,
    ) -> None:
        arguments: dict[str, object] = {"release_name": "shop", "timeout": 600, **given}
        if chart is not None:
            arguments["chart_path"] = str(chart.save(tmp_path))
        program = Program(objects.cluster, objects.namespace, (action, arguments))

        def reached() -> bool:
            return (
                objects.statuses("shop")[-1:] == [status]
                and (not all(there) or objects.find(*there) is not None)
                and (not all(gone) or objects.find(*gone) is None)
            )

        await program.kill(reached, f"{action} is {status}")
        assert objects.statuses("shop")[-1] == status

    return run


@pytest.mark.parametrize("phase", ["pre-install", "wait", "post-install"])
async def test_upgrade_install_over_a_killed_install(
    helm_config: Configuration, objects: Objects, kill: Kill, phase: str
) -> None:
    there = {"pre-install": ("jobs", "stops"), "wait": ("deployments", "never"), "post-install": ("jobs", "stops")}
    await kill("Install", hanging(phase), "pending-install", there[phase])
    with pytest.raises(ReleasePendingError, match="force_pending=True"):
        await Upgrade(helm_config).run("shop", DEPLOYED.archive(), install=True)
    release = await Upgrade(helm_config).run(
        "shop", DEPLOYED.archive(), install=True, force_pending=True, pending_age=0
    )
    assert (release["version"], release["info"]["status"]) == (2, "deployed")
    assert objects.statuses("shop") == ["superseded", "deployed"], "what Helm makes of a failed one"
    assert objects.names("configmaps") == ["one"]
    assert objects.names("deployments") == []
    description = objects.record("shop", 1)["info"]["description"]
    assert description.startswith("Taken over at 20")
    assert "was pending-install since 20" in description


async def test_install_over_a_killed_install(helm_config: Configuration, objects: Objects, kill: Kill) -> None:
    await kill("Install", hanging("wait"), "pending-install", ("deployments", "never"))
    with pytest.raises(ReleasePendingError, match="is pending-install since"):
        await Install(helm_config).run("shop", DEPLOYED.archive())
    assert objects.statuses("shop") == ["pending-install"]
    release = await Install(helm_config).run("shop", DEPLOYED.archive(), force_pending=True, pending_age=0)
    assert (release["version"], release["info"]["status"]) == (2, "deployed")
    assert objects.statuses("shop") == ["failed", "deployed"]
    assert objects.names("configmaps") == ["one"], "what only the killed one made is gone, what both have is its own"
    assert objects.names("deployments") == []


async def test_upgrade_over_a_killed_upgrade(helm_config: Configuration, objects: Objects, kill: Kill) -> None:
    """What only the killed revision made is deleted, though Helm compares with the deployed one."""
    await Install(helm_config).run("shop", DEPLOYED.archive())
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    assert objects.names("configmaps") == ["left", "one"]
    release = await Upgrade(helm_config).run(
        "shop", DEPLOYED.archive(), {"value": "new"}, force_pending=True, pending_age=0
    )
    assert (release["version"], release["info"]["status"]) == (3, "deployed")
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.names("configmaps") == ["one"]
    assert objects.names("deployments") == []
    assert objects.data("one") == {"value": "new"}


async def test_what_was_left_is_still_looked_for_when_the_next_one_fails(
    helm_config: Configuration, objects: Objects, kill: Kill
) -> None:
    await Install(helm_config).run("shop", DEPLOYED.archive())
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    broken = Chart({"one.yaml": configmap("one"), "hook.yaml": hook("pre-upgrade", name="fails", exit_code="1")})
    with pytest.raises(Exception, match="pre-upgrade hooks failed"):
        await Upgrade(helm_config).run("shop", broken.archive(), force_pending=True, pending_age=0)
    assert objects.names("configmaps") == ["left", "one"]
    await Upgrade(helm_config).run("shop", DEPLOYED.archive())
    assert objects.names("configmaps") == ["one"]
    assert objects.statuses("shop") == ["superseded", "failed", "failed", "deployed"]


async def test_nothing_of_anybody_elses_is_deleted(helm_config: Configuration, objects: Objects, kill: Kill) -> None:
    """Killed in its hook, it had not made the object; somebody else did since."""
    await Install(helm_config).run("shop", DEPLOYED.archive())
    await kill("Upgrade", hanging("pre-upgrade"), "pending-upgrade", ("jobs", "stops"))
    objects.create("configmaps", {"metadata": {"name": "left"}, "data": {"whose": "mine"}})
    await Upgrade(helm_config).run("shop", DEPLOYED.archive(), force_pending=True, pending_age=0)
    assert objects.data("left") == {"whose": "mine"}


async def test_never_what_was_touched_a_moment_ago(helm_config: Configuration, objects: Objects, kill: Kill) -> None:
    await Install(helm_config).run("shop", DEPLOYED.archive())
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    for options in ({}, {"pending_age": 3600}):
        before = objects.get("secrets", "sh.helm.release.v1.shop.v2")
        with pytest.raises(ReleasePendingError, match="pending_age=0") as raised:
            await Upgrade(helm_config).run("shop", DEPLOYED.archive(), force_pending=True, timeout=60, **options)  # pyright: ignore[reportArgumentType]
        details: Mapping[str, Any] = raised.value.details
        assert (details["revision"], details["status"]) == (2, "pending-upgrade")
        assert details["pending_age"] == (options.get("pending_age") or 300)
        assert 0 <= details["age"] < 300
        assert objects.get("secrets", "sh.helm.release.v1.shop.v2") == before
    with pytest.raises(ReleasePendingError) as raised:
        await Upgrade(helm_config).run("shop", DEPLOYED.archive(), force_pending=True, timeout=900)
    assert raised.value.details["pending_age"] == 900, "a phase may take as long as its timeout"


async def test_a_dry_run_takes_nothing_over(helm_config: Configuration, objects: Objects, kill: Kill) -> None:
    await Install(helm_config).run("shop", DEPLOYED.archive())
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    before = objects.get("secrets", "sh.helm.release.v1.shop.v2")
    release = await Upgrade(helm_config).run(
        "shop", DEPLOYED.archive(), {"value": "new"}, dry_run="server", force_pending=True, pending_age=0
    )
    assert release["version"] == 3
    assert "value: new" in release["manifest"] or '"new"' in release["manifest"]
    assert objects.get("secrets", "sh.helm.release.v1.shop.v2") == before
    assert objects.names("configmaps") == ["left", "one"]


async def test_over_a_killed_uninstall(helm_config: Configuration, objects: Objects, kill: Kill) -> None:
    """Its objects are partly gone, and one goes only now: what is deployed then is whole."""
    late = {"metadata": {"finalizers": ["example.com/late"]}}
    await Install(helm_config).run("shop", hanging("never", names=("one", "two")).archive())
    objects.patch("configmaps", "two", late)
    await kill("Uninstall", None, "uninstalling", gone=("configmaps", "one"), wait=True)
    assert objects.names("configmaps") == ["two"]
    with pytest.raises(ReleasePendingError, match="is uninstalling since"):
        await Upgrade(helm_config).run("shop", hanging("never", names=("one", "two")).archive(), install=True)

    def let_go(event: Any) -> None:
        if event["type"] == "resource" and event.get("status") == "terminating":
            objects.patch("configmaps", "two", {"metadata": {"finalizers": None}})

    release = await Upgrade(helm_config).run(
        "shop", hanging("never", names=("one", "two")).archive(), install=True,
        force_pending=True, pending_age=0, on_event=let_go,
    )  # fmt: skip
    assert release["info"]["status"] == "deployed"
    assert objects.names("configmaps") == ["one", "two"]
    assert "deletionTimestamp" not in objects.get("configmaps", "two")["metadata"]
    assert objects.statuses("shop") == ["superseded", "deployed"]


async def test_over_a_killed_rollback_with_two_pending(
    helm_config: Configuration, objects: Objects, kill: Kill
) -> None:
    await Install(helm_config).run("shop", hanging("pre-rollback", names=("one",)).archive())
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    await kill("Rollback", None, "pending-rollback", ("jobs", "stops"), revision=1)
    assert objects.statuses("shop") == ["deployed", "pending-upgrade", "pending-rollback"]
    await Upgrade(helm_config).run("shop", DEPLOYED.archive(), force_pending=True, pending_age=0)
    assert objects.statuses("shop") == ["superseded", "failed", "failed", "deployed"]
    assert objects.names("configmaps") == ["one"]
    assert objects.names("deployments") == []


async def test_rollback_and_uninstall_go_over_it_as_helm_does(
    helm_config: Configuration, objects: Objects, kill: Kill
) -> None:
    await Install(helm_config).run("shop", DEPLOYED.archive())
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    await kill("Rollback", None, "pending-rollback", revision=2)
    await Rollback(helm_config).run("shop", 1)
    assert objects.statuses("shop")[-1] == "deployed"
    assert objects.names("configmaps") == ["one"]
    assert objects.names("deployments") == []
    await kill("Upgrade", hanging("wait"), "pending-upgrade", ("deployments", "never"))
    await Uninstall(helm_config).run("shop")
    assert objects.names("configmaps") == []
    assert objects.statuses("shop") == []


@pytest.mark.parametrize("server_side", [True, False])
async def test_a_hook_that_its_process_would_have_deleted(
    helm_config: Configuration, objects: Objects, kill: Kill, server_side: bool
) -> None:
    """It is in the way of the next one, and runs on with nobody to wait for it."""

    def chart(run_for: str) -> Chart:
        migrates = hook("pre-upgrade", name="migrates", policy="hook-succeeded", run_for=run_for)
        return Chart({"one.yaml": configmap("one"), "hook.yaml": migrates})

    await Install(helm_config).run("shop", chart("1s").archive(), server_side=server_side)
    await kill("Upgrade", chart("10m"), "pending-upgrade", ("jobs", "migrates"))
    running = objects.get("jobs", "migrates")["metadata"]["uid"]
    await Upgrade(helm_config).run("shop", chart("1s").archive(), force_pending=True, pending_age=0)
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.find("jobs", "migrates") is None, f"{running} ran on"
    assert objects.record("shop", 2)["hooks"][0]["last_run"]["phase"] == "Failed"


async def test_a_release_that_is_deployed_is_left_alone(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with pytest.raises(ReleaseExistsError):
        await Install(helm_config).run("shop", SIMPLE.archive(), force_pending=True, pending_age=0)
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), force_pending=True, pending_age=0)
    assert objects.statuses("shop") == ["superseded", "deployed"]
    assert objects.names("configmaps") == ["shop"]


async def test_an_operation_of_this_process_is_never_taken_over(helm_config: Configuration, objects: Objects) -> None:
    installing = asyncio.create_task(Install(helm_config).run("shop", hanging("wait").archive(), timeout=60))
    await until(lambda: objects.statuses("shop") == ["pending-install"], "it installs")
    with pytest.raises(ReleasePendingError, match="by this process"):
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), force_pending=True, pending_age=0)
    installing.cancel()
    await asyncio.wait([installing])


async def test_pending_age_alone_is_refused(helm_config: Configuration) -> None:
    with pytest.raises(Exception, match="pending_age needs force_pending=True"):
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), pending_age=5)
