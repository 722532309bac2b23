"""List, Status, History and GetValues: what they find, and what each option picks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    GetValues,
    History,
    Install,
    List,
    ReleaseError,
    ReleaseNotFoundError,
    Status,
    Uninstall,
    Upgrade,
    ValidationError,
    WaitTimeoutError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, STUCK, Chart, configmap, deployment
from tests.integration.objects import Objects, until


async def listed(config: Configuration, **options: Any) -> list[str]:
    return [release["name"] for release in await List(config).run(**options)]


async def deployed(config: Configuration, name: str) -> str:
    """When a release was deployed, to the second."""
    return (await History(config).run(name))[0]["info"].get("last_deployed", "")[:19]


async def test_list_gives_what_the_command_gives(helm_config: Configuration, helm_namespace: str) -> None:
    chart = Chart(SIMPLE.templates, SIMPLE.values, metadata={"appVersion": "7"})
    assert await List(helm_config).run() == []
    await Install(helm_config).run("shop", chart.archive(), labels={"team": "a"}, description="first")
    await Upgrade(helm_config).run("shop", chart.archive(), {"value": "new"})
    (release,) = await List(helm_config).run()
    assert (release["name"], release["namespace"], release["revision"]) == ("shop", helm_namespace, 2)
    assert (release["status"], release["app_version"]) == ("deployed", "7")
    assert release["chart"]["metadata"]["name"] == "web"
    assert release["info"]["status"] == "deployed"
    assert release["labels"] == {"team": "a"}
    assert release["updated"][:10] == release["info"].get("last_deployed", "")[:10]
    assert "manifest" not in release


async def test_list_by_state(helm_config: Configuration, helm_namespace: str, objects: Objects) -> None:
    await Install(helm_config).run("good", SIMPLE.archive())
    await Install(helm_config).run("gone", Chart({"c.yaml": configmap()}).archive())
    await Uninstall(helm_config).run("gone", keep_history=True)
    with pytest.raises(WaitTimeoutError):
        await Install(helm_config).run("bad", STUCK.archive(), timeout=0.3)
    assert await listed(helm_config) == ["bad", "gone", "good"]
    assert await listed(helm_config, all=True) == ["bad", "gone", "good"]
    assert await listed(helm_config, deployed=True) == ["good"]
    assert await listed(helm_config, failed=True) == ["bad"]
    assert await listed(helm_config, uninstalled=True) == ["gone"]
    assert await listed(helm_config, deployed=True, failed=True) == ["bad", "good"]
    for nothing in ("pending", "superseded", "uninstalling"):
        assert await listed(helm_config, **{nothing: True}) == []
    running = asyncio.create_task(Install(helm_config).run("busy", STUCK.archive()))
    await until(lambda: objects.statuses("busy") == ["pending-install"], "the install began")
    assert await listed(helm_config, pending=True) == ["busy"]
    running.cancel()
    await asyncio.wait([running])
    assert await listed(helm_config, pending=True) == []


async def test_list_pages_and_sorts(helm_config: Configuration) -> None:
    names = ["e", "d", "a", "b", "c"]
    for name in names:
        if name == "a":
            # Helm sorts by the second, and within one by name.
            began = time.time()
            await until(lambda began=began: int(time.time()) > int(began), "another second")
        await Install(helm_config).run(name, Chart({"c.yaml": configmap()}).archive(), wait=False)
    names = [name for _, name in sorted([(await deployed(helm_config, name), name) for name in names])]
    assert set(names[-3:]) == {"a", "b", "c"}
    ordered = sorted(names)
    assert await listed(helm_config) == ordered
    assert await listed(helm_config, reverse=True) == ordered[::-1]
    assert await listed(helm_config, date=True) == names
    assert await listed(helm_config, date=True, reverse=True) == names[::-1]
    assert await listed(helm_config, max=2) == ordered[:2]
    assert await listed(helm_config, max=2, offset=3) == ordered[3:]
    assert await listed(helm_config, offset=4) == ordered[4:]
    assert await listed(helm_config, offset=9) == []
    assert await listed(helm_config, date=True, max=2, offset=1) == names[1:3]
    assert await listed(helm_config, max=2, all=True) == ordered
    assert await listed(helm_config, max=0) == await listed(helm_config, max=None) == ordered


async def test_list_filters(helm_config: Configuration) -> None:
    for name, team in (("web-a", "red"), ("web-b", "blue"), ("db", "blue")):
        await Install(helm_config).run(
            name, Chart({"c.yaml": configmap()}).archive(), wait=False, labels={"team": team}
        )
    assert await listed(helm_config, filter="^web-") == ["web-a", "web-b"]
    assert await listed(helm_config, filter="b") == ["db", "web-a", "web-b"]
    assert await listed(helm_config, selector="team=blue") == ["db", "web-b"]
    assert await listed(helm_config, selector="team in (red),name!=db") == ["web-a"]
    assert await listed(helm_config, selector="team=blue", filter="^web") == ["web-b"]
    assert await listed(helm_config, selector="team=green") == []


@pytest.mark.parametrize("options", [{"filter": "["}, {"selector": "a=b=c"}, {"max": -1}, {"offset": -1}])
async def test_list_names_what_it_can_not_read(helm_config: Configuration, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        await List(helm_config).run(**options)
    assert isinstance(raised.value, ReleaseError) or raised.value.code == "invalid_argument"
    assert raised.value.details["field"] in options


async def test_list_looks_into_every_namespace_if_asked(helm_cluster: TestCluster, helm_config: Configuration) -> None:
    await Install(helm_config).run("here", SIMPLE.archive())
    with helm_cluster.namespace() as other, Configuration(other, helm_cluster.kubeconfig) as config:
        await Install(config).run("there", SIMPLE.archive())
        assert await listed(helm_config) == ["here"]
        found = await List(helm_config).run(all_namespaces=True)
        wanted = {(helm_config.namespace, "here"), (other, "there")}
        assert wanted <= {(release["namespace"], release["name"]) for release in found}


async def test_the_newest_of_a_release_that_was_superseded(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "b"})
    # As the command: where superseded ones are asked for, revisions that are not the newest count.
    assert await listed(helm_config, superseded=True) == ["shop"]
    assert [one["revision"] for one in await List(helm_config).run(deployed=True)] == [2]


async def test_list_shows_a_change_at_once(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    for revision in range(2, 6):
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": str(revision)}, wait=False)
        (release,) = await List(helm_config).run()
        assert (release["revision"], release["status"]) == (revision, "deployed")
        assert (await Status(helm_config).run("shop"))["version"] == revision
        assert await GetValues(helm_config).run("shop") == {"value": str(revision)}
        assert len(await History(helm_config).run("shop")) == revision


# Status.


async def test_status_shows_the_objects_of_the_cluster(helm_config: Configuration) -> None:
    chart = Chart({"c.yaml": configmap(), "d.yaml": deployment(replicas=2)})
    await Install(helm_config).run("shop", chart.archive(), timeout=60)
    release = await Status(helm_config).run("shop")
    assert (release["name"], release["info"]["status"]) == ("shop", "deployed")
    resources = release["info"].get("resources", {})
    assert {"v1/ConfigMap", "v1/Deployment"} <= set(resources)
    (found,) = resources["v1/Deployment"]
    assert found["status"]["readyReplicas"] == 2
    (pods,) = resources["v1/Pod(related)"]
    assert len(pods["items"]) == 2


async def test_status_of_a_revision(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "b"})
    release = await Status(helm_config).run("shop", revision=1)
    assert (release["version"], release["info"]["status"], release["config"]) == (1, "superseded", {})


async def test_status_where_an_object_is_gone(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", Chart({"a.yaml": configmap("a"), "b.yaml": configmap("b")}).archive())
    objects.delete("configmaps", "a")
    release = await Status(helm_config).run("shop")
    (found,) = release["info"].get("resources", {})["v1/ConfigMap"]
    assert found["metadata"]["name"] == "b"


# History.


async def test_history(helm_config: Configuration) -> None:
    for value in "abc":
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": value}, install=True, description=value)
    revisions = await History(helm_config).run("shop")
    assert [(one["revision"], one["status"], one["description"]) for one in revisions] == [
        (1, "superseded", "a"),
        (2, "superseded", "b"),
        (3, "deployed", "c"),
    ]
    assert all("manifest" not in one and one["chart"]["metadata"]["name"] == "web" for one in revisions)
    assert [one["revision"] for one in await History(helm_config).run("shop", max=2)] == [2, 3]
    assert [one["revision"] for one in await History(helm_config).run("shop", max=0)] == [1, 2, 3]


# Values.


async def test_get_values(helm_config: Configuration) -> None:
    chart = Chart(SIMPLE.templates, {"value": "chart", "nested": {"a": 1, "b": 2}})
    await Install(helm_config).run("shop", chart.archive(), {"nested": {"b": 3}})
    await Upgrade(helm_config).run("shop", chart.archive(), {"value": "new"})
    assert await GetValues(helm_config).run("shop") == {"value": "new"}
    assert await GetValues(helm_config).run("shop", revision=1) == {"nested": {"b": 3}}
    assert await GetValues(helm_config).run("shop", all=True) == {"value": "new", "nested": {"a": 1, "b": 2}}
    everything = await GetValues(helm_config).run("shop", all=True, revision=1)
    assert everything == {"value": "chart", "nested": {"a": 1, "b": 3}}


async def test_no_values_are_an_empty_mapping(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", Chart({"c.yaml": configmap()}).archive())
    assert await GetValues(helm_config).run("shop") == {}
    assert await GetValues(helm_config).run("shop", all=True) == {}


@pytest.mark.parametrize("action", [Status, History, GetValues])
async def test_no_such_release(helm_config: Configuration, action: Any) -> None:
    with pytest.raises(ReleaseNotFoundError) as raised:
        await action(helm_config).run("shop")
    assert (raised.value.code, raised.value.release) == ("release_not_found", "shop")
    assert isinstance(raised.value, ReleaseError)
    assert "shop" in str(raised.value) or "not found" in str(raised.value)


@pytest.mark.parametrize("action", [Status, GetValues])
async def test_no_such_revision(helm_config: Configuration, action: Any) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with pytest.raises(ReleaseNotFoundError):
        await action(helm_config).run("shop", revision=9)
    with pytest.raises(ValidationError, match="revision"):
        await action(helm_config).run("shop", revision=-1)


async def test_releases_of_one_name_in_two_namespaces(helm_cluster: TestCluster, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive(), {"value": "here"})
    with helm_cluster.namespace() as other, Configuration(other, helm_cluster.kubeconfig) as config:
        with pytest.raises(ReleaseNotFoundError):
            await GetValues(config).run("shop")
        await Install(config).run("shop", SIMPLE.archive(), {"value": "there"})
        assert await GetValues(config).run("shop") == {"value": "there"}
    assert await GetValues(helm_config).run("shop") == {"value": "here"}
