"""Configuration(lock="lease"): of two programs that change a release at once one does, the other is told who."""

from __future__ import annotations

import asyncio
import datetime
import os
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pytest

from helm_sdkpy import (
    Configuration,
    Ensure,
    ForbiddenError,
    Install,
    LeaseLostError,
    List,
    NamespaceNotFoundError,
    Recover,
    ReleaseError,
    ReleaseNotFoundError,
    ReleasePendingError,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
    UpgradeError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, Chart, configmap, deployment
from tests.integration.killing import Program
from tests.integration.objects import Objects, until
from tests.integration.test_errors import ALL, a_service_account

LEASED: Final = {"lock": "lease"}
NAME: Final = "helm-sdkpy.shop"

WAITING: Final = Chart({"one.yaml": configmap("one", value="new"), "never.yaml": deployment("never", ready="never")})
"""What is never ready."""


@pytest.fixture
def leased(helm_cluster: TestCluster, helm_namespace: str) -> Generator[Configuration]:
    """The test's namespace, with leases."""
    with Configuration(helm_namespace, helm_cluster.kubeconfig, lock="lease") as config:
        yield config


def holder(objects: Objects) -> str:
    """Who holds the lease; empty: nobody."""
    found = objects.find("leases", NAME)
    return "" if found is None else found["spec"].get("holderIdentity", "")


def edit(objects: Objects, **spec: object) -> None:
    """Change the lease as somebody else would."""
    objects.patch("leases", NAME, {"spec": spec})


def lapse(objects: Objects) -> None:
    """Let it be as if the lease had been held until now, and not been renewed for its whole duration."""
    edit(objects, renewTime=shown(datetime.timedelta(minutes=1)), leaseDurationSeconds=60)


def shown(ago: datetime.timedelta) -> str:
    """A moment as a Lease has it."""
    return (datetime.datetime.now(datetime.UTC) - ago).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def killed(objects: Objects, tmp_path: Path, action: str = "Upgrade") -> None:
    """Have a process that holds the lease killed while it waits."""
    call = {"release_name": "shop", "chart_path": str(WAITING.save(tmp_path)), "wait": True, "timeout": 600}
    program = Program(objects.cluster, objects.namespace, (action, call), configuration=LEASED)
    await program.kill(lambda: objects.find("deployments", "never") is not None, "it waits")


async def test_two_programs_at_once(leased: Configuration, objects: Objects, tmp_path: Path) -> None:
    call = {"release_name": "shop", "chart_path": str(SIMPLE.save(tmp_path)), "install": True}
    programs = [
        Program(objects.cluster, objects.namespace, *[("Upgrade", call)] * 4, configuration=LEASED) for _ in range(2)
    ]
    results = [result for program in programs for result in await asyncio.to_thread(program.results)]
    done = [result for result in results if "done" in result]
    refused = [result for result in results if "failed" in result]
    assert len(results) == 8
    assert done
    for result in refused:
        assert result["code"] == "release_pending"
        assert "is being changed by another process" in result["message"]
    assert objects.statuses("shop") == ["superseded"] * (len(done) - 1) + ["deployed"]
    assert holder(objects) == ""


async def test_who_holds_it_is_told(leased: Configuration, objects: Objects, tmp_path: Path) -> None:
    await Install(leased).run("shop", SIMPLE.archive())
    assert objects.get("leases", NAME)["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "helm-sdkpy"}
    assert holder(objects) == ""
    upgrade = asyncio.create_task(Upgrade(leased).run("shop", WAITING.archive(), wait=True, timeout=600))
    await until(lambda: objects.find("deployments", "never"), "it waits")
    holds = holder(objects)
    assert holds.startswith(f"{socket.gethostname()}_{os.getpid()}_")
    call = {"release_name": "shop", "chart_path": str(SIMPLE.save(tmp_path)), "force_pending": True, "pending_age": 0}
    other = Program(objects.cluster, objects.namespace, ("Upgrade", call), configuration=LEASED)
    (refused,) = await asyncio.to_thread(other.results)
    assert (refused["failed"], refused["code"]) == ("Upgrade", "release_pending")
    assert f'{holds} holds its lease "{NAME}" since 20' in refused["message"]
    assert "force_pending" not in refused["message"], "which does not help against one that works"
    upgrade.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upgrade
    await until(lambda: not holder(objects), "it is given back after a cancel")
    assert objects.statuses("shop") == ["deployed", "failed"]


async def test_what_holds_it_not(leased: Configuration, objects: Objects) -> None:
    """Reads and dry runs need no lease; what changes a release is refused, whatever it is."""
    await Install(leased).run("shop", SIMPLE.archive())
    edit(objects, holderIdentity="somebody", renewTime=shown(datetime.timedelta(0)), leaseDurationSeconds=600)
    assert (await Status(leased).run("shop"))["info"]["status"] == "deployed"
    assert len(await List(leased).run()) == 1
    await Upgrade(leased).run("shop", SIMPLE.archive(), dry_run="server")
    await Uninstall(leased).run("shop", dry_run=True)
    changes: list[Any] = [
        Install(leased).run("shop", SIMPLE.archive(), replace=True),
        Upgrade(leased).run("shop", SIMPLE.archive()),
        Ensure(leased).run("shop", SIMPLE.archive()),
        Rollback(leased).run("shop", 1),
        Uninstall(leased).run("shop"),
        Recover(leased).run("shop"),
    ]
    for change in changes:
        with pytest.raises(ReleasePendingError) as raised:
            await change
        assert raised.value.details["holder"] == "somebody"
        assert {"since", "expires"} <= raised.value.details.keys()
        assert raised.value.release == "shop"
    assert holder(objects) == "somebody"


async def test_without_it_no_lease_is_asked_for(helm_cluster: TestCluster, objects: Objects) -> None:
    """Somebody who may do nothing with leases does as before; with the lock, nothing is done."""
    rules: list[dict[str, Any]] = [{"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ALL}]
    async with a_service_account(objects, *rules) as user:
        with Configuration(objects.namespace, helm_cluster.kubeconfig, kube_as_user=user) as config:
            await Install(config).run("shop", SIMPLE.archive())
            await Uninstall(config).run("shop")
        assert objects.names("leases") == []
        leased = Configuration(objects.namespace, helm_cluster.kubeconfig, kube_as_user=user, lock="lease")
        with leased, pytest.raises(ForbiddenError, match="get, create and update leases") as raised:
            await Install(leased).run("shop", SIMPLE.archive())
        assert (raised.value.code, raised.value.release) == ("forbidden", "shop")
    assert objects.statuses("shop") == []
    assert objects.names("configmaps") == []


async def test_a_killed_holder(leased: Configuration, objects: Objects, tmp_path: Path) -> None:
    """Others wait until its lease has lapsed, and for nothing else then."""
    await Install(leased).run("shop", SIMPLE.archive())
    await killed(objects, tmp_path)
    dead = holder(objects)
    with pytest.raises(ReleasePendingError) as raised:
        await Upgrade(leased).run("shop", SIMPLE.archive(), force_pending=True)
    assert raised.value.details["holder"] == dead
    lapse(objects)
    with pytest.raises(ReleasePendingError, match="is pending-upgrade since") as raised:
        await Upgrade(leased).run("shop", SIMPLE.archive())
    assert "holder" not in raised.value.details
    release = await Upgrade(leased).run("shop", SIMPLE.archive(), force_pending=True)
    assert (release["version"], release["info"]["status"]) == (3, "deployed")
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.names("deployments") == []
    assert holder(objects) == ""


async def test_a_lapsed_lease_says_nothing_of_others(
    leased: Configuration, helm_config: Configuration, objects: Objects, tmp_path: Path
) -> None:
    """What was left by a program without leases is judged by its age."""
    await Install(leased).run("shop", SIMPLE.archive())
    past = "2026-01-01T00:00:00.000000Z"
    edit(objects, holderIdentity="somebody", acquireTime=past, renewTime=past, leaseDurationSeconds=15)
    call = {"release_name": "shop", "chart_path": str(WAITING.save(tmp_path)), "wait": True, "timeout": 600}
    program = Program(objects.cluster, objects.namespace, ("Upgrade", call))
    await program.kill(lambda: objects.find("deployments", "never") is not None, "it waits")
    with pytest.raises(ReleasePendingError, match="when nothing has touched it for"):
        await Upgrade(leased).run("shop", SIMPLE.archive(), force_pending=True)
    assert objects.statuses("shop") == ["deployed", "pending-upgrade"]


async def test_a_lost_lease_stops_the_operation(leased: Configuration, objects: Objects) -> None:
    await Install(leased).run("shop", SIMPLE.archive())
    upgrade = asyncio.create_task(
        Upgrade(leased).run("shop", WAITING.archive(), wait=True, timeout=600, rollback_on_failure=True)
    )
    await until(lambda: objects.find("deployments", "never"), "it waits")
    edit(objects, holderIdentity="somebody")
    with pytest.raises(LeaseLostError, match="somebody holds it now") as raised:
        await upgrade
    assert isinstance(raised.value, UpgradeError)
    assert isinstance(raised.value, ReleaseError)
    assert (raised.value.code, raised.value.release) == ("lease_lost", "shop")
    assert raised.value.details["phase"] == "waiting"
    assert objects.statuses("shop") == ["deployed", "failed"], "no rollback: somebody else works on it"
    description = objects.record("shop", 2)["info"]["description"]
    assert description == f'Upgrade stopped: its lease "{NAME}" was lost: somebody holds it now'
    assert holder(objects) == "somebody"


async def test_a_lost_lease_overwrites_nothing(
    leased: Configuration, helm_config: Configuration, objects: Objects
) -> None:
    """What another process has recorded of the release stands."""
    await Install(leased).run("shop", SIMPLE.archive())
    upgrade = asyncio.create_task(Upgrade(leased).run("shop", WAITING.archive(), wait=True, timeout=600))
    await until(lambda: objects.find("deployments", "never"), "it waits")
    with Configuration(
        objects.namespace, objects.cluster.kubeconfig, kube_as_user="admin", kube_as_group="system:masters"
    ) as other:
        await Upgrade(other).run("shop", SIMPLE.archive(), force_pending=True, pending_age=0)
    edit(objects, holderIdentity="somebody")
    with pytest.raises(LeaseLostError):
        await upgrade
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.record("shop", 2)["info"]["description"].startswith("Taken over at 20")


async def test_recover_over_a_killed_holder(leased: Configuration, objects: Objects, tmp_path: Path) -> None:
    await Install(leased).run("shop", SIMPLE.archive())
    await killed(objects, tmp_path)
    lapse(objects)
    (recovered,) = await Recover(leased).run("shop", to="deployed")
    assert (recovered["action"], recovered["result"]) == ("rolled_back", "deployed")
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]


async def test_an_uninstall_leaves_no_lease(leased: Configuration, objects: Objects) -> None:
    await Install(leased).run("shop", SIMPLE.archive())
    await Uninstall(leased).run("shop", keep_history=True)
    assert objects.names("leases") == [NAME]
    await Uninstall(leased).run("shop")
    assert objects.names("leases") == []


async def test_a_namespace_that_is_not_there(helm_cluster: TestCluster, helm_namespace: str) -> None:
    missing = f"{helm_namespace}-more"
    with Configuration(missing, helm_cluster.kubeconfig, lock="lease") as config:
        with pytest.raises(NamespaceNotFoundError, match="create_namespace=True"):
            await Install(config).run("shop", SIMPLE.archive())
        with pytest.raises(ReleaseNotFoundError):
            await Uninstall(config).run("shop")
        try:
            release = await Install(config).run("shop", SIMPLE.archive(), create_namespace=True)
            assert release["info"]["status"] == "deployed"
            made = helm_cluster.get(f"/api/v1/namespaces/{missing}")
            assert made["metadata"]["labels"]["name"] == missing
            assert holder(Objects(helm_cluster, missing)) == ""
        finally:
            helm_cluster.request("DELETE", f"/api/v1/namespaces/{missing}")
