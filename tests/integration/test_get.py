"""The Get actions: what each shows of a release, of which revision, from each storage."""

from __future__ import annotations

from typing import Any, Final

import pytest
import yaml

from helm_sdkpy import (
    Configuration,
    GetAll,
    GetHooks,
    GetManifest,
    GetMetadata,
    GetNotes,
    GetValues,
    Install,
    ReleaseError,
    ReleaseNotFoundError,
    Upgrade,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import Chart, configmap, hook

CHART: Final = Chart(
    {
        "configmap.yaml": configmap(value="{{ .Values.value }}"),
        "hook.yaml": hook("post-delete"),
        "test.yaml": hook("test", name="{{ .Release.Name }}-test"),
        "NOTES.txt": "Hello {{ .Values.value }}.\n\n",
    },
    {"value": "chart", "nested": {"a": 1}},
    metadata={"appVersion": "7", "annotations": {"team": "web"}},
)
ACTIONS: Final[list[Any]] = [GetAll, GetHooks, GetManifest, GetMetadata, GetNotes]


@pytest.fixture(params=["secret", "configmap", "memory"])
async def config(request: pytest.FixtureRequest, helm_cluster: TestCluster, helm_namespace: str) -> Configuration:
    """A Configuration of each storage, with two revisions of a release."""
    made = Configuration(helm_namespace, helm_cluster.kubeconfig, storage=request.param)
    await Install(made).run("shop", CHART.archive(), labels={"own": "label"})
    await Upgrade(made).run("shop", CHART.archive(), {"value": "new"}, server_side_apply=False)
    return made


async def test_get_manifest(config: Configuration) -> None:
    manifest = await GetManifest(config).run("shop")
    (found,) = yaml.safe_load_all(manifest)
    assert (found["kind"], found["data"]) == ("ConfigMap", {"value": "new"})
    assert manifest.startswith("---\n# Source: web/templates/configmap.yaml\n")
    (found,) = yaml.safe_load_all(await GetManifest(config).run("shop", revision=1))
    assert found["data"] == {"value": "chart"}


async def test_get_hooks(config: Configuration) -> None:
    hooks = await GetHooks(config).run("shop")
    assert [found["metadata"]["name"] for found in yaml.safe_load_all(hooks)] == ["shop-hook", "shop-test"]
    assert hooks.startswith("---\n# Source: web/templates/hook.yaml\n")
    assert "\n---\n# Source: web/templates/test.yaml\n" in hooks
    await Upgrade(config).run("shop", Chart({"configmap.yaml": configmap()}).archive())
    assert await GetHooks(config).run("shop") == ""
    assert await GetHooks(config).run("shop", revision=2) == hooks


async def test_get_notes(config: Configuration) -> None:
    assert await GetNotes(config).run("shop") == "Hello new.\n\n"
    assert await GetNotes(config).run("shop", revision=1) == "Hello chart.\n\n"
    await Upgrade(config).run("shop", Chart({"configmap.yaml": configmap()}).archive())
    assert await GetNotes(config).run("shop") == ""


async def test_get_metadata(config: Configuration) -> None:
    metadata = await GetMetadata(config).run("shop")
    assert metadata["deployedAt"][:2] == "20"
    assert metadata == {
        "deployedAt": metadata["deployedAt"],
        "name": "shop",
        "namespace": config.namespace,
        "chart": "web",
        "version": "0.1.0",
        "appVersion": "7",
        "annotations": {"team": "web"},
        "labels": {"own": "label"},
        "dependencies": [],
        "revision": 2,
        "status": "deployed",
        "applyMethod": "csa",
    }
    before = await GetMetadata(config).run("shop", revision=1)
    assert (before["revision"], before["status"], before["applyMethod"]) == (1, "superseded", "ssa")


async def test_get_all(config: Configuration) -> None:
    whole = await GetAll(config).run("shop")
    assert (whole["version"], whole["info"]["status"], whole["labels"]) == (2, "deployed", {"own": "label"})
    assert whole["config"] == {"value": "new"}
    assert whole["computed_values"] == {"value": "new", "nested": {"a": 1}}
    assert whole["info"].get("notes") == await GetNotes(config).run("shop")
    assert whole["manifest"] == await GetManifest(config).run("shop")
    assert [found.get("name") for found in whole["hooks"]] == ["shop-hook", "shop-test"]
    assert whole["computed_values"] == await GetValues(config).run("shop", all=True)
    before = await GetAll(config).run("shop", revision=1)
    assert (before["config"], before["computed_values"]["value"]) == ({}, "chart")


async def test_dependencies_of_the_chart_are_metadata(helm_config: Configuration) -> None:
    dependencies: list[dict[str, Any]] = [{"name": "child", "version": "0.1.0", "repository": "", "alias": "one"}]
    chart = Chart(
        CHART.templates,
        CHART.values,
        metadata={"dependencies": dependencies},
        files={"charts/child/Chart.yaml": "{apiVersion: v2, name: child, version: 0.1.0}"},
    )
    await Install(helm_config).run("shop", chart.archive())
    # As in the record: Helm writes the alias over the name when it loads the chart.
    (found,) = (await GetMetadata(helm_config).run("shop"))["dependencies"]
    assert found == {**dependencies[0], "name": "one", "enabled": True}


@pytest.mark.parametrize("action", ACTIONS)
async def test_no_such_release_or_revision(helm_config: Configuration, action: Any) -> None:
    with pytest.raises(ReleaseNotFoundError) as raised:
        await action(helm_config).run("shop")
    assert (raised.value.code, raised.value.release) == ("release_not_found", "shop")
    await Install(helm_config).run("shop", CHART.archive())
    assert await action(helm_config).run("shop", revision=0) == await action(helm_config).run("shop", revision=1)
    with pytest.raises(ReleaseNotFoundError):
        await action(helm_config).run("shop", revision=2)
    for wrong in ({"revision": -1}, {"release_name": "Shop_1"}):
        with pytest.raises(ValidationError) as refused:
            await action(helm_config).run(**{"release_name": "shop", **wrong})
        assert isinstance(refused.value, ReleaseError)
