"""What only interrupted revisions made is deleted by the next one that is applied, though Helm does not know of it."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from helm_sdkpy import Configuration, HelmError, Install, Rollback, Upgrade
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import Chart, configmap, deployment, hook, manifest
from tests.integration.objects import Objects, until
from tests.integration.test_errors import a_service_account
from tests.stress.proxy import Asked, Proxy

ONE: Final = configmap("one", value="{{ .Values.value }}")
KEPT: Final = configmap("kept", {"annotations": {"helm.sh/resource-policy": "keep"}})
FIRST: Final = Chart({"one.yaml": ONE}, {"value": "first"})
FAILS: Final = hook("post-upgrade", "post-rollback", name="fails", exit_code="1")


def beginning(*names: str) -> Chart:
    """A chart with these ConfigMaps that waits for ever once they are made."""
    templates = {"never": deployment("never", ready="never"), **{name: configmap(name) for name in names}}
    return Chart({**FIRST.templates, **templates, "kept": KEPT}, {"value": "b"})


async def interrupt(config: Configuration, objects: Objects, chart: Chart) -> None:
    """Begin an upgrade, and cancel it when its objects are made."""
    task = asyncio.create_task(Upgrade(config).run("shop", chart.archive(), timeout=60))
    await until(lambda: objects.find("deployments", "never") is not None, "it is applied")
    task.cancel()
    await asyncio.wait([task])
    assert objects.statuses("shop")[-1] == "failed"
    objects.delete("deployments", "never")


async def test_upgrade_over_cancelled_upgrades(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", FIRST.archive())
    await interrupt(helm_config, objects, beginning("left"))
    await interrupt(helm_config, objects, beginning("more"))
    assert {"kept", "more", "one"} <= set(objects.names("configmaps"))
    await Upgrade(helm_config).run("shop", FIRST.archive())
    assert objects.names("configmaps") == ["kept", "one"]
    assert objects.data("one") == {"value": "first"}
    assert objects.statuses("shop") == ["superseded", "failed", "failed", "deployed"]


async def test_nothing_of_others_is_deleted(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", FIRST.archive())
    await interrupt(helm_config, objects, beginning("left"))
    objects.delete("configmaps", "left")
    objects.create("configmaps", {"metadata": {"name": "left"}, "data": {"whose": "mine"}})
    await Upgrade(helm_config).run("shop", FIRST.archive())
    assert objects.data("left") == {"whose": "mine"}


async def test_what_the_next_one_has_too_stays(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", FIRST.archive())
    await interrupt(helm_config, objects, beginning("left"))
    before = objects.get("configmaps", "left")["metadata"]["uid"]
    await Upgrade(helm_config).run("shop", Chart({"left.yaml": configmap("left")}).archive())
    assert objects.names("configmaps") == ["kept", "left"]
    assert objects.get("configmaps", "left")["metadata"]["uid"] == before


@pytest.mark.parametrize("manner", ["500", "409", "cut"])
async def test_upgrade_over_one_that_the_cluster_did_not_answer(
    helm_cluster: TestCluster, helm_config: Configuration, objects: Objects, manner: str
) -> None:
    await Install(helm_config).run("shop", FIRST.archive())
    second = Chart({**FIRST.templates, "left": configmap("left"), "z": configmap("z")}, FIRST.values)
    proxy = Proxy(helm_cluster, {objects.namespace: "NS"})
    proxy.spoilt = Asked("PATCH", "/api/v1/namespaces/NS/configmaps/z", 1), manner
    async with proxy:
        with Configuration(objects.namespace, proxy.kubeconfig) as config, pytest.raises(HelmError):
            await Upgrade(config).run("shop", second.archive())
    assert objects.record("shop", 2)["info"]["description"].startswith('Interrupted: Upgrade "shop" failed: ')
    assert objects.names("configmaps") == ["left", "one"]
    await Upgrade(helm_config).run("shop", FIRST.archive())
    assert objects.names("configmaps") == ["one"]


async def test_upgrade_over_one_that_came_to_a_clear_end(helm_config: Configuration, objects: Objects) -> None:
    """As the helm command does: what a failed upgrade made is left, unless cleanup_on_fail was set."""
    await Install(helm_config).run("shop", FIRST.archive())
    failing = Chart({**FIRST.templates, "left": configmap("left"), "hook": FAILS}, FIRST.values)
    with pytest.raises(HelmError, match="post-upgrade hooks failed"):
        await Upgrade(helm_config).run("shop", failing.archive())
    await Upgrade(helm_config).run("shop", FIRST.archive())
    assert objects.names("configmaps") == ["left", "one"]


async def test_upgrade_over_a_failed_rollback(helm_config: Configuration, objects: Objects) -> None:
    """A rollback that fails after it was applied leaves the revision before it deployed."""
    templates = {"one.yaml": ONE, "old.yaml": configmap("old"), "hook.yaml": FAILS}
    old = Chart(templates, {"value": "old"})
    await Install(helm_config).run("shop", old.archive())
    await Upgrade(helm_config).run("shop", FIRST.archive())
    with pytest.raises(HelmError):
        await Rollback(helm_config).run("shop", 1)
    assert objects.names("configmaps") == ["old", "one"]
    await Upgrade(helm_config).run("shop", FIRST.archive())
    assert objects.names("configmaps") == ["one"]
    assert objects.statuses("shop")[-1] == "deployed"


async def test_upgrade_over_a_rollback_that_was_refused(helm_config: Configuration, objects: Objects) -> None:
    """Helm takes the revision before it for superseded then, and none is deployed: its objects are looked for too."""
    await Install(helm_config).run("shop", Chart({"old.yaml": configmap("old", value="old")}).archive())
    await Upgrade(helm_config).run("shop", Chart({"new.yaml": configmap("new")}).archive())
    mine = {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": objects.namespace}
    metadata = {"name": "old", "labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": mine}
    objects.create("configmaps", {"metadata": metadata, "data": {"value": "somebody's"}})
    with pytest.raises(HelmError, match="conflict"):
        await Rollback(helm_config).run("shop", 1)
    assert objects.statuses("shop") == ["superseded", "superseded", "failed"]
    assert objects.names("configmaps") == ["new", "old"]
    await Upgrade(helm_config).run("shop", FIRST.archive())
    assert objects.names("configmaps") == ["one"]


async def test_what_may_not_be_read_is_in_nobodys_way(
    helm_cluster: TestCluster, helm_config: Configuration, objects: Objects
) -> None:
    await Install(helm_config).run("shop", FIRST.archive())
    service = manifest("v1", "Service", "left", spec={"ports": [{"port": 80}]})
    templates = {**FIRST.templates, "s": service, "never": deployment("never", ready="never")}
    await interrupt(helm_config, objects, Chart(templates, FIRST.values))
    rules = [{"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["*"]}]
    async with (
        a_service_account(objects, *rules) as user,
        Configuration(objects.namespace, helm_cluster.kubeconfig, kube_as_user=user) as config,
    ):
        release = await Upgrade(config).run("shop", FIRST.archive(), {"value": "next"}, wait=False)
    assert release["info"]["status"] == "deployed"
    assert objects.data("one") == {"value": "next"}
    assert objects.names("services") == ["left"]
