"""Ensure: what it takes for a difference, what it does then, and that it does nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any, Final

import pytest

from helm_sdkpy import (
    Configuration,
    Ensure,
    GetHooks,
    History,
    Install,
    ReleasePendingError,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
    UpgradeError,
    ValuesSchemaError,
    WaitTimeoutError,
)
from helm_sdkpy.events import Event
from helm_sdkpy.results import EnsureResult
from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import Chart, configmap, definition, deployment, hook, manifest, raw
from tests.integration.killing import Program
from tests.integration.objects import Objects
from tests.integration.test_concurrency import forge

SHOP: Final = Chart(
    {
        "config.yaml": configmap(value="{{ .Values.value }}", other="{{ .Values.other }}"),
        "web.yaml": deployment(replicas=raw("{{ .Values.replicas }}")),
    },
    {"value": "chart", "other": "chart", "replicas": 1},
    name="shop",
)


async def ensure(config: Configuration, chart: Chart = SHOP, values: Any = None, **options: Any) -> EnsureResult:
    return await Ensure(config).run("shop", chart.archive(), values, **options)


def why(result: EnsureResult) -> list[str]:
    return [reason["type"] for reason in result["reasons"]]


def versions(objects: Objects) -> dict[str, str]:
    """The resourceVersion of all that the release has, records too: each write changes one."""
    return {
        # A Deployment's version changes with its status, too.
        f"{kind}/{item['metadata']['name']}": str(
            item["metadata"].get("generation") or item["metadata"]["resourceVersion"]
        )
        for kind in ("configmaps", "deployments", "secrets", "jobs", "serviceaccounts")
        for item in objects.cluster.get(objects.path(kind))["items"]
    }


async def unchanged(
    config: Configuration, objects: Objects, chart: Chart = SHOP, values: Any = None, **options: Any
) -> None:
    """Ensure the same again: nothing is written."""
    before = versions(objects)
    result = await ensure(config, chart, values, **options)
    assert (result["action"], result["changed"], result["reasons"]) == ("unchanged", False, [])
    assert versions(objects) == before


async def test_it_is_installed_once(helm_config: Configuration, objects: Objects) -> None:
    first = await ensure(helm_config, values={"replicas": 2})
    assert (first["action"], first["changed"], why(first)) == ("installed", True, ["not_found"])
    assert first["release"]["version"] == 1
    assert first["release"]["info"]["status"] == "deployed"
    await unchanged(helm_config, objects, values={"replicas": 2})
    await unchanged(helm_config, objects, values={"replicas": 2.0}, description="again", labels={"team": "a"})
    await unchanged(helm_config, objects, set="replicas=2")
    assert objects.statuses("shop") == ["deployed"]


async def test_what_is_unchanged_is_told_like_the_release(helm_config: Configuration) -> None:
    await ensure(helm_config)
    again = await ensure(helm_config)
    status = await Status(helm_config).run("shop")
    assert again["release"]["manifest"] == status["manifest"]
    assert again["release"]["chart"] == status["chart"]
    assert again["release"]["info"].get("description") == "Install complete"


async def test_other_values_upgrade(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config, values={"value": "a", "nested": {"a.b": 1, "c": [1]}})
    result = await ensure(helm_config, values={"value": "b", "nested": {"a.b": 2, "c": [1, 2]}, "other": "b"})
    assert (result["action"], why(result)) == ("upgraded", ["values"])
    [reason] = result["reasons"]
    assert reason.get("paths") == ["nested.a\\.b", "nested.c", "other", "value"]
    assert objects.data("shop") == {"value": "b", "other": "b"}
    # None given are none: helm's upgrade would go on with those of before.
    result = await ensure(helm_config)
    assert (result["action"], why(result)) == ("upgraded", ["values"])
    assert result["release"]["config"] == {}
    assert objects.data("shop") == {"value": "chart", "other": "chart"}
    await unchanged(helm_config, objects)


async def test_no_value_is_told_in_a_reason(helm_config: Configuration) -> None:
    await ensure(helm_config, values={"value": "hunter2"})
    result = await ensure(helm_config, values={"value": "hunter3"})
    assert "hunter" not in str(result["reasons"])


async def test_large_integers_are_told_apart(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config, values={"value": 9007199254740993})
    await unchanged(helm_config, objects, values={"value": 9007199254740993})
    result = await ensure(helm_config, values={"value": 9007199254740992})
    assert why(result) == ["values"]


async def test_another_version_upgrades(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    result = await ensure(helm_config, dataclasses.replace(SHOP, version="0.2.0"))
    assert (result["action"], why(result)) == ("upgraded", ["chart_version"])
    [reason] = result["reasons"]
    assert (reason.get("before"), reason.get("after")) == ("0.1.0", "0.2.0")
    assert reason["message"] == "the chart's version is 0.2.0, was 0.1.0"


async def test_another_chart_upgrades(helm_config: Configuration) -> None:
    await ensure(helm_config)
    result = await ensure(helm_config, dataclasses.replace(SHOP, name="store"))
    assert (result["action"], why(result)) == ("upgraded", ["chart_name"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"templates": {**SHOP.templates, "config.yaml": configmap(value="new")}}, "templates/config.yaml"),
        ({"templates": {"web.yaml": SHOP.templates["web.yaml"]}}, "templates/config.yaml"),
        ({"values": {**SHOP.values, "value": "new"}}, "values.yaml"),
        ({"files": {"README.md": "new"}}, "README.md"),
        ({"files": {"values.schema.json": "{}"}}, "values.schema.json"),
        ({"metadata": {"appVersion": "2"}}, "Chart.yaml"),
    ],
)
async def test_content_that_changed_without_a_new_version(
    helm_config: Configuration, objects: Objects, change: dict[str, Any], named: str
) -> None:
    await ensure(helm_config, wait=False)
    changed = dataclasses.replace(SHOP, **change)
    result = await ensure(helm_config, changed, wait=False)
    assert (result["action"], why(result)) == ("upgraded", ["chart_content"])
    assert result["reasons"][0].get("paths") == [named]
    await unchanged(helm_config, objects, changed, wait=False)


async def test_a_directory_whose_template_changed(helm_config: Configuration, tmp_path: Path) -> None:
    root = SHOP.write(tmp_path)
    await Ensure(helm_config).run("shop", root)
    (root / "templates" / "config.yaml").write_text(configmap(value="new"))
    result = await Ensure(helm_config).run("shop", root)
    assert (result["action"], why(result)) == ("upgraded", ["chart_content"])


PARENT: Final = Chart(
    {"config.yaml": configmap("parent")},
    {"child": {"enabled": True}},
    name="parent",
    metadata={
        "dependencies": [
            {
                "name": "child",
                "version": "0.1.0",
                "condition": "child.enabled",
                "import-values": [{"child": "own", "parent": "taken"}],
            },
            {"name": "child", "version": "0.1.0", "alias": "other", "condition": "other.enabled"},
        ]
    },
    files={
        "charts/child/Chart.yaml": "{apiVersion: v2, name: child, version: 0.1.0}",
        "charts/child/values.yaml": "own: {a: 1}",
        "charts/child/templates/config.yaml": configmap("{{ .Chart.Name }}", value="old"),
    },
)


async def test_a_subchart_that_changed(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config, PARENT)
    await unchanged(helm_config, objects, PARENT)
    files = {**PARENT.files, "charts/child/templates/config.yaml": configmap("{{ .Chart.Name }}", value="new")}
    changed = dataclasses.replace(PARENT, files=files)
    result = await ensure(helm_config, changed)
    assert (result["action"], why(result)) == ("upgraded", ["manifest"])
    assert [each["name"] for each in result["reasons"][0].get("objects", [])] == ["child", "other"]
    await unchanged(helm_config, objects, changed)
    without = await ensure(helm_config, changed, {"other": {"enabled": False}})
    assert why(without) == ["values"]
    await unchanged(helm_config, objects, changed, {"other": {"enabled": False}})


MOODY: Final = Chart(
    {
        "config.yaml": configmap(
            chance="{{ randAlphaNum 8 }}", time="{{ now | unixEpoch }}", revision="{{ .Release.Revision }}",
            install="{{ .Release.IsInstall }}", steady="{{ .Values.value }}",
            found='{{ (lookup `v1` `ConfigMap` .Release.Namespace .Release.Name).data | default `none` | len }}',
        ),
        "named.yaml": configmap("at-{{ .Release.Revision }}"),
        "once.yaml": "{{ if .Release.IsInstall }}" + configmap("once") + "{{ end }}",
        "hook.yaml": hook("pre-upgrade", name="migrate-{{ now | unixEpoch }}"),
    },
    {"value": "chart"},
)  # fmt: skip


async def test_chance_time_lookup_and_revision_do_not_count(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config, MOODY)
    await unchanged(helm_config, objects, MOODY)
    await asyncio.sleep(1)  # the clock's second is part of what is rendered
    await unchanged(helm_config, objects, MOODY)
    result = await ensure(helm_config, MOODY, {"value": "new"})
    assert (result["action"], why(result)) == ("upgraded", ["values"])
    await unchanged(helm_config, objects, MOODY, {"value": "new"})
    await Rollback(helm_config).run("shop", 1)
    await unchanged(helm_config, objects, MOODY)


async def test_another_post_renderer_upgrades(helm_config: Configuration, objects: Objects) -> None:
    def mark(text: str) -> str:
        return text.replace('"value": "chart"', '"value": "marked"').replace("value: chart", "value: marked")

    await ensure(helm_config)
    result = await ensure(helm_config, post_renderer=mark)
    assert (result["action"], why(result)) == ("upgraded", ["manifest"])
    assert objects.data("shop")["value"] == "marked"
    await unchanged(helm_config, objects, post_renderer=mark)
    result = await ensure(helm_config)
    assert (result["action"], why(result)) == ("upgraded", ["manifest"])
    assert objects.data("shop")["value"] == "chart"


async def test_a_failed_revision_is_followed_by_another(helm_config: Configuration, objects: Objects) -> None:
    broken = dataclasses.replace(SHOP, templates={**SHOP.templates, "hook.yaml": hook("pre-upgrade", exit_code="1")})
    await ensure(helm_config)
    with pytest.raises(UpgradeError):
        await ensure(helm_config, broken)
    result = await ensure(helm_config)
    assert result["action"] == "upgraded"
    assert why(result) == ["status", "chart_content"]
    assert result["reasons"][0].get("before") == "failed"
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    await unchanged(helm_config, objects)


async def test_a_failed_install_is_followed_by_an_upgrade(helm_config: Configuration, objects: Objects) -> None:
    broken = dataclasses.replace(SHOP, templates={**SHOP.templates, "hook.yaml": hook("post-install", exit_code="1")})
    with pytest.raises(UpgradeError):
        await ensure(helm_config, broken)
    result = await ensure(helm_config, broken)
    assert (result["action"], why(result)) == ("upgraded", ["status"])
    assert result["release"]["info"]["status"] == "deployed"


async def test_a_rollback_in_between(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config, values={"value": "a"})
    await ensure(helm_config, values={"value": "b"})
    await Rollback(helm_config).run("shop", 1)
    await unchanged(helm_config, objects, values={"value": "a"})
    result = await ensure(helm_config, values={"value": "b"})
    assert (result["action"], why(result), result["release"]["version"]) == ("upgraded", ["values"], 4)


async def test_an_upgrade_by_others_in_between(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    await Upgrade(helm_config).run("shop", SHOP.archive(), {"value": "others"})
    assert why(await ensure(helm_config)) == ["values"]
    await Upgrade(helm_config).run("shop", SHOP.archive())
    await unchanged(helm_config, objects)


async def test_what_was_uninstalled_is_installed(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    await Uninstall(helm_config).run("shop", keep_history=True)
    result = await ensure(helm_config)
    assert (result["action"], why(result)) == ("installed", ["uninstalled"])
    assert result["release"]["version"] == 2
    await unchanged(helm_config, objects)
    await Uninstall(helm_config).run("shop")
    assert (await ensure(helm_config))["action"] == "installed"


async def test_hooks_run_where_something_is_done(helm_config: Configuration, objects: Objects) -> None:
    chart = dataclasses.replace(SHOP, templates={**SHOP.templates, "hook.yaml": hook("post-install", "post-upgrade")})
    await ensure(helm_config, chart)
    ran = objects.get("jobs", "shop-hook")["metadata"]["uid"]
    await unchanged(helm_config, objects, chart)
    assert objects.get("jobs", "shop-hook")["metadata"]["uid"] == ran
    assert await GetHooks(helm_config).run("shop")


async def test_a_dry_run_says_what_would_be_done(helm_config: Configuration, objects: Objects) -> None:
    before = versions(objects)
    result = await ensure(helm_config, dry_run=True)
    assert (result["action"], result["changed"]) == ("installed", True)
    assert "kind" in result["release"]["manifest"]
    assert versions(objects) == before
    await ensure(helm_config)
    before = versions(objects)
    result = await ensure(helm_config, values={"value": "new"}, dry_run="server")
    assert (result["action"], why(result), result["release"]["version"]) == ("upgraded", ["values"], 2)
    assert (await ensure(helm_config, dry_run=True))["action"] == "unchanged"
    assert versions(objects) == before


async def test_a_dry_run_hides_secrets(helm_config: Configuration) -> None:
    secret = manifest("v1", "Secret", "hidden", stringData={"key": "hunter2"})
    chart = Chart({"a.yaml": configmap(), "b.yaml": secret, "c.yaml": configmap("last")})
    for action in ("installed", "unchanged"):
        result = await ensure(helm_config, chart, dry_run=True, hide_secret=True)
        assert result["action"] == action
        assert "hunter2" not in result["release"]["manifest"]
        assert result["release"]["manifest"].count("# Source: web/templates/") == 3
        await ensure(helm_config, chart)


async def test_another_namespace_is_another_release(helm_cluster: TestCluster, helm_config: Configuration) -> None:
    await ensure(helm_config)
    namespace = f"{helm_config.namespace}-other"
    other = Configuration(namespace=namespace, kubeconfig=helm_cluster.kubeconfig)
    try:
        result = await ensure(other, values={"value": "b"}, create_namespace=True)
        assert (result["action"], result["release"]["namespace"]) == ("installed", namespace)
    finally:
        helm_cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")


async def test_an_unchanged_release_is_waited_for(helm_config: Configuration, objects: Objects) -> None:
    stuck = dataclasses.replace(SHOP, templates={"web.yaml": deployment(ready="never")})
    await ensure(helm_config, stuck, wait=False)
    await unchanged(helm_config, objects, stuck, wait=False)
    with pytest.raises(WaitTimeoutError) as raised:
        await ensure(helm_config, stuck, timeout=1)
    assert isinstance(raised.value, UpgradeError)
    assert objects.statuses("shop") == ["deployed"]


async def test_two_at_once_are_told_apart(helm_config: Configuration) -> None:
    slow = dataclasses.replace(SHOP, templates={**SHOP.templates, "hook.yaml": hook("pre-install", run_for="2s")})
    outcomes = await asyncio.gather(ensure(helm_config, slow), ensure(helm_config, slow), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes if isinstance(one, BaseException)) != []
    [lost] = [one for one in outcomes if isinstance(one, BaseException)]
    assert isinstance(lost, ReleasePendingError)
    assert isinstance(lost, UpgradeError)


async def test_thirty_at_once(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"config.yaml": configmap(value="{{ .Values.value }}")}, {"value": "a"}).archive()

    async def all_of_them(value: str) -> set[str]:
        runs = (Ensure(helm_config).run(f"shop-{i}", chart, {"value": value}) for i in range(30))
        return {result["action"] for result in await asyncio.gather(*runs)}

    assert await all_of_them("a") == {"installed"}
    before = versions(objects)
    assert await all_of_them("a") == {"unchanged"}
    assert versions(objects) == before
    assert await all_of_them("b") == {"upgraded"}


async def test_bad_values_are_refused_and_nothing_is_written(helm_config: Configuration, objects: Objects) -> None:
    schema = '{"properties": {"replicas": {"type": "integer"}}}'
    chart = dataclasses.replace(SHOP, files={"values.schema.json": schema})
    await ensure(helm_config, chart)
    before = versions(objects)
    with pytest.raises(ValuesSchemaError):
        await ensure(helm_config, chart, {"replicas": "many"})
    assert versions(objects) == before


async def test_events_tell_what_is_done(helm_config: Configuration) -> None:
    seen: list[Event] = []
    await ensure(helm_config)
    await ensure(helm_config, on_event=seen.append)
    phases = [event["phase"] for event in seen if event["type"] == "phase"]
    assert phases == ["loading", "comparing", "rendering", "comparing", "waiting"]
    assert not [event for event in seen if event["type"] == "resource" and "action" in event]


async def test_a_tag_that_moved_is_seen(
    helm_cluster: TestCluster, helm_config: Configuration, objects: Objects
) -> None:
    oci.push(helm_cluster.registry, objects.namespace, SHOP)
    where = f"oci://{helm_cluster.registry}/{objects.namespace}/{SHOP.name}"
    run = lambda: Ensure(helm_config).run("shop", where, version="0.1.0", plain_http=True)  # noqa: E731
    assert (await run())["action"] == "installed"
    assert (await run())["action"] == "unchanged"
    oci.push(
        helm_cluster.registry, objects.namespace, dataclasses.replace(SHOP, values={**SHOP.values, "value": "new"})
    )
    moved = await run()
    assert (moved["action"], why(moved)) == ("upgraded", ["chart_content"])
    assert len(await History(helm_config).run("shop")) == 2


async def test_configmaps_hold_the_records_as_well(helm_cluster: TestCluster, objects: Objects) -> None:
    for storage in ("configmap", "memory"):
        config = Configuration(namespace=objects.namespace, kubeconfig=helm_cluster.kubeconfig, storage=storage)
        chart = Chart({"config.yaml": configmap(f"of-{storage}", value="{{ .Values.value }}")}, {"value": 1}).archive()
        run = Ensure(config).run
        assert (await run("shop", chart, {"value": 9007199254740993}))["action"] == "installed"
        assert (await run("shop", chart, {"value": 9007199254740993}))["action"] == "unchanged"
        assert (await run("shop", chart, {"value": 1.5}))["action"] == "upgraded"


# Drift


METHODS: Final = pytest.mark.parametrize("server_side", [True, False])


def spec(objects: Objects) -> dict[str, Any]:
    """What a Deployment and a ConfigMap hold that no controller writes."""
    return {"web": objects.get("deployments", "shop")["spec"], "config": objects.get("configmaps", "shop")["data"]}


@METHODS
async def test_what_was_edited_is_set_back(helm_config: Configuration, objects: Objects, server_side: bool) -> None:
    await ensure(helm_config, server_side=server_side)
    as_deployed = spec(objects)
    objects.patch("deployments", "shop", {"spec": {"replicas": 3}}, manager="kubectl-edit")
    objects.patch("configmaps", "shop", {"data": {"value": "hunter2", "other": None, "own": "stays"}})
    history = objects.statuses("shop")
    dry = await ensure(helm_config, dry_run=True)
    assert (dry["action"], why(dry)) == ("repaired", ["drift", "drift"])
    result = await ensure(helm_config)
    assert (result["action"], result["changed"], result["reasons"]) == ("repaired", True, dry["reasons"])
    told = {reason.get("objects", [])[0]["kind"]: reason.get("paths") for reason in result["reasons"]}
    assert told == {"Deployment": ["/spec/replicas"], "ConfigMap": ["/data/other", "/data/value"]}
    assert "hunter2" not in str(result["reasons"])
    # What others added and helm never set is theirs.
    assert spec(objects) == {**as_deployed, "config": {**as_deployed["config"], "own": "stays"}}
    assert objects.statuses("shop") == history == ["deployed"]
    await unchanged(helm_config, objects)
    # The next change of the chart goes over it as if nothing had been.
    await ensure(helm_config, values={"replicas": 2})
    assert objects.get("deployments", "shop")["spec"]["replicas"] == 2


@METHODS
async def test_a_field_that_was_repaired_goes_with_the_chart(
    helm_config: Configuration, objects: Objects, server_side: bool
) -> None:
    await ensure(helm_config, server_side=server_side)
    objects.patch("configmaps", "shop", {"data": {"other": "edited"}})
    assert (await ensure(helm_config))["action"] == "repaired"
    without = dataclasses.replace(SHOP, templates={**SHOP.templates, "config.yaml": configmap(value="chart")})
    assert (await ensure(helm_config, without))["action"] == "upgraded"
    assert objects.data("shop") == {"value": "chart"}


@METHODS
async def test_what_was_deleted_is_made_again(helm_config: Configuration, objects: Objects, server_side: bool) -> None:
    await ensure(helm_config, server_side=server_side)
    objects.delete("configmaps", "shop")
    result = await ensure(helm_config)
    assert (result["action"], why(result)) == ("repaired", ["drift"])
    assert result["reasons"][0]["message"] == "ConfigMap/shop is not there"
    made = objects.get("configmaps", "shop")
    assert made["data"] == {"value": "chart", "other": "chart"}
    assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert made["metadata"]["annotations"]["meta.helm.sh/release-name"] == "shop"
    await unchanged(helm_config, objects)
    # It is the release's own: an upgrade changes it, an uninstall deletes it.
    await ensure(helm_config, values={"value": "new"})
    await Uninstall(helm_config).run("shop")
    assert objects.names("configmaps") == []


async def test_metadata_is_set_back(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    objects.patch("configmaps", "shop", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me", "own": "a"}}})
    assert (await ensure(helm_config))["action"] == "repaired"
    labels = objects.get("configmaps", "shop")["metadata"]["labels"]
    assert labels == {"app.kubernetes.io/managed-by": "Helm", "own": "a"}


async def test_an_upgrade_sets_back_as_well(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    objects.patch("configmaps", "shop", {"data": {"other": "edited"}})
    result = await ensure(helm_config, values={"value": "new"}, force_conflicts=True)
    assert (result["action"], why(result)) == ("upgraded", ["values"])
    assert objects.data("shop") == {"value": "new", "other": "chart"}


async def test_drift_that_nobody_asked_for(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    objects.patch("configmaps", "shop", {"data": {"value": "edited"}})
    await unchanged(helm_config, objects, drift=False)
    with pytest.raises(UpgradeError, match="ignore"):
        await ensure(helm_config, drift=False, ignore="/data")


@METHODS
async def test_what_is_ignored_stays(helm_config: Configuration, objects: Objects, server_side: bool) -> None:
    await ensure(helm_config, server_side=server_side)
    objects.patch("deployments", "shop", {"spec": {"replicas": 3}}, manager="autoscaler")
    objects.patch("configmaps", "shop", {"data": {"value": "edited", "other": None}})
    every: dict[str, Any] = {"ignore": ["/data"], "ignore_managers": "autoscaler", "wait": False}
    await unchanged(helm_config, objects, **every)
    few: dict[str, Any] = {
        "ignore": {"paths": "/data/value", "kind": "ConfigMap"}, "ignore_managers": "autoscaler", "wait": False,
    }  # fmt: skip
    objects.patch("deployments", "shop", {"spec": {"revisionHistoryLimit": 3, "paused": True}})
    result = await ensure(helm_config, **few)
    assert [reason.get("paths") for reason in result["reasons"]] == [["/data/other"]]
    assert objects.data("shop") == {"value": "edited", "other": "chart"}
    assert objects.get("deployments", "shop")["spec"]["replicas"] == 3
    await unchanged(helm_config, objects, **few)


@METHODS
async def test_an_object_with_an_ignored_field_is_repaired_around_it(
    helm_config: Configuration, objects: Objects, server_side: bool
) -> None:
    await ensure(helm_config, server_side=server_side)
    objects.patch("deployments", "shop", {"spec": {"replicas": 3}}, manager="autoscaler")
    labels = {"template": {"metadata": {"annotations": {"own": "a"}, "labels": {"app": "shop", "own": "a"}}}}
    objects.patch("deployments", "shop", {"spec": labels})
    objects.patch("deployments", "shop", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}})
    result = await ensure(helm_config, ignore_managers="autoscaler")
    assert [reason.get("paths") for reason in result["reasons"]] == [["/metadata/labels/app.kubernetes.io~1managed-by"]]
    assert objects.get("deployments", "shop")["spec"]["replicas"] == 3
    again = await ensure(helm_config)
    assert [reason.get("paths") for reason in again["reasons"]] == [["/spec/replicas"]]
    assert objects.get("deployments", "shop")["spec"]["replicas"] == 1


async def test_a_repair_tells_what_it_did(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config)
    objects.patch("configmaps", "shop", {"data": {"value": "edited"}})
    seen: list[Event] = []
    await ensure(helm_config, on_event=seen.append)
    phases = [event["phase"] for event in seen if event["type"] == "phase"]
    assert "repairing" in phases
    did = [
        (event["resource"]["kind"], event["action"])
        for event in seen
        if event["type"] == "resource" and "action" in event
    ]
    assert did == [("ConfigMap", "configured")]


async def test_a_rollback_that_was_drifted_from(helm_config: Configuration, objects: Objects) -> None:
    await ensure(helm_config, values={"value": "a"})
    await ensure(helm_config, values={"value": "b"})
    await Rollback(helm_config).run("shop", 1)
    objects.patch("configmaps", "shop", {"data": {"value": "edited"}})
    assert (await ensure(helm_config, values={"value": "a"}))["action"] == "repaired"
    assert objects.data("shop")["value"] == "a"


@METHODS
async def test_a_custom_resource_is_set_back(
    helm_cluster: TestCluster, helm_config: Configuration, objects: Objects, server_side: bool
) -> None:
    group = f"{'server' if server_side else 'client'}.ensure.example"
    chart = Chart(
        {"gadget.yaml": manifest(f"{group}/v1", "Gadget", spec={"size": 1, "parts": ["a", "b"]})},
        files={"crds/gadget.yaml": definition(group, "Gadget").replace("{{ .Release.Name }}", "gadget")},
    )
    where = f"/apis/{group}/v1/namespaces/{objects.namespace}/gadgets/shop"
    try:
        await ensure(helm_config, chart, server_side=server_side)
        edit = {"spec": {"size": 2, "parts": ["c"], "own": True}}
        helm_cluster.request("PATCH", where, edit, content_type="application/merge-patch+json")
        result = await ensure(helm_config, chart)
        assert (result["action"], why(result)) == ("repaired", ["drift"])
        assert helm_cluster.get(where)["spec"] == {"size": 1, "parts": ["a", "b"], "own": True}
        assert (await ensure(helm_config, chart))["action"] == "unchanged"
    finally:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gadgets.{group}"
        helm_cluster.request("DELETE", path)


async def test_a_cancelled_wait_writes_nothing(helm_config: Configuration, objects: Objects) -> None:
    stuck = dataclasses.replace(SHOP, templates={"web.yaml": deployment(ready="never")})
    await ensure(helm_config, stuck, wait=False)
    waiting = asyncio.Event()

    def on_event(event: Event) -> None:
        if event["type"] == "phase" and event["phase"] == "waiting":
            waiting.set()

    run = asyncio.create_task(ensure(helm_config, stuck, on_event=on_event))
    await asyncio.wait_for(waiting.wait(), 60)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert objects.statuses("shop") == ["deployed"]
    await unchanged(helm_config, objects, stuck, wait=False)


# Other processes


async def test_a_predecessor_that_was_killed(
    helm_cluster: TestCluster, helm_config: Configuration, objects: Objects, tmp_path: Path
) -> None:
    slow = dataclasses.replace(SHOP, templates={**SHOP.templates, "hook.yaml": hook("pre-upgrade", run_for="60s")})
    await ensure(helm_config)
    given = {"release_name": "shop", "chart_path": str(slow.write(tmp_path))}
    killed = Program(helm_cluster, objects.namespace, ("Ensure", given))
    await killed.kill(lambda: objects.find("jobs", "shop-hook"), "the hook is running")
    with pytest.raises(ReleasePendingError) as raised:
        await ensure(helm_config)
    assert isinstance(raised.value, UpgradeError)
    result = await ensure(helm_config, pending_age=0)
    assert result["action"] == "upgraded"
    assert result["reasons"][0].get("before") == "pending-upgrade"
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    await unchanged(helm_config, objects)


async def test_a_pending_revision_of_another_process(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SHOP.archive())
    await Upgrade(helm_config).run("shop", SHOP.archive())
    forge(objects, "shop", 2, "pending-upgrade")
    with pytest.raises(ReleasePendingError):
        await ensure(helm_config)
