"""Rollback: what each option changes, and what a failed one leaves."""

from __future__ import annotations

from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    ConflictError,
    History,
    HookError,
    ImmutableFieldError,
    Install,
    ReleaseError,
    ReleaseNotFoundError,
    Rollback,
    RollbackError,
    Uninstall,
    Upgrade,
    ValidationError,
    WaitTimeoutError,
)
from tests.integration.charts import SIMPLE, Chart, configmap, deployment, hook, manifest
from tests.integration.objects import Objects


async def deploy(config: Configuration, *values: str, chart: Chart = SIMPLE, **options: Any) -> None:
    """A revision for each value."""
    for value in values:
        await Upgrade(config).run("shop", chart.archive(), {"value": value}, install=True, **options)


async def test_to_the_revision_before(helm_config: Configuration, objects: Objects) -> None:
    await deploy(helm_config, "a", "b")
    release = await Rollback(helm_config).run("shop")
    assert (release["version"], release["info"]["status"]) == (3, "deployed")
    assert release["info"].get("description") == "Rollback to 1"
    assert release["config"] == {"value": "a"}
    assert objects.data("shop") == {"value": "a"}
    assert objects.statuses("shop") == ["superseded", "superseded", "deployed"]
    assert (await History(helm_config).run("shop"))[-1].get("rollback_revision") == 1


async def test_to_a_revision(helm_config: Configuration, objects: Objects) -> None:
    await deploy(helm_config, "a", "b", "c", "d")
    release = await Rollback(helm_config).run("shop", 2)
    assert release["version"] == 5
    assert objects.data("shop") == {"value": "b"}


async def test_what_the_older_revision_had_is_made_again(helm_config: Configuration, objects: Objects) -> None:
    both = Chart({"a.yaml": configmap("a"), "b.yaml": configmap("b")})
    await Install(helm_config).run("shop", both.archive())
    await Upgrade(helm_config).run("shop", Chart({"a.yaml": configmap("a"), "c.yaml": configmap("c")}).archive())
    assert objects.names("configmaps") == ["a", "c"]
    await Rollback(helm_config).run("shop")
    assert objects.names("configmaps") == ["a", "b"]


async def test_no_such_release_or_revision(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(ReleaseNotFoundError) as raised:
        await Rollback(helm_config).run("shop")
    assert isinstance(raised.value, RollbackError)
    assert raised.value.code == "release_not_found"
    await deploy(helm_config, "a")
    for revision in (0, 7):
        with pytest.raises(ReleaseNotFoundError):
            await Rollback(helm_config).run("shop", revision)
    assert objects.statuses("shop") == ["deployed"]


async def test_a_revision_below_zero_is_refused(helm_config: Configuration) -> None:
    with pytest.raises(ValidationError, match="revision"):
        await Rollback(helm_config).run("shop", -1)


async def test_an_uninstalled_release_comes_back(helm_config: Configuration, objects: Objects) -> None:
    await deploy(helm_config, "a", "b")
    await Uninstall(helm_config).run("shop", keep_history=True)
    release = await Rollback(helm_config).run("shop", 1)
    assert release["info"]["status"] == "deployed"
    assert objects.data("shop") == {"value": "a"}


async def test_a_failed_revision_is_left_behind(helm_config: Configuration, objects: Objects) -> None:
    await deploy(helm_config, "a")
    stuck = Chart({**SIMPLE.templates, "d.yaml": deployment(ready="never")}, {"value": "stuck"})
    with pytest.raises(WaitTimeoutError):
        await Upgrade(helm_config).run("shop", stuck.archive(), timeout=0.3)
    await Rollback(helm_config).run("shop", wait=True, timeout=30)
    assert objects.names("deployments") == []
    assert objects.data("shop") == {"value": "a"}


@pytest.mark.parametrize("dry_run", [True, "client", "server"])
async def test_a_dry_run_changes_nothing(helm_config: Configuration, objects: Objects, dry_run: Any) -> None:
    await deploy(helm_config, "a", "b")
    release = await Rollback(helm_config).run("shop", dry_run=dry_run)
    assert (release["version"], release["config"]) == (3, {"value": "a"})
    assert objects.data("shop") == {"value": "b"}
    assert objects.statuses("shop") == ["superseded", "deployed"]


async def test_description(helm_config: Configuration) -> None:
    await deploy(helm_config, "a", "b")
    release = await Rollback(helm_config).run("shop", description="b was bad")
    assert release["info"].get("description") == "b was bad"


@pytest.mark.parametrize("name", ["max_history", "history_max"])
async def test_max_history(helm_config: Configuration, objects: Objects, name: str) -> None:
    await deploy(helm_config, "a", "b", "c")
    options: dict[str, Any] = {name: 2}
    await Rollback(helm_config).run("shop", **options)
    assert [one["revision"] for one in await History(helm_config).run("shop")] == [3, 4]
    assert objects.data("shop") == {"value": "b"}


LATE = Chart({"d.yaml": deployment(replicas="<raw>{{ .Values.value }}</raw>", ready_after="1s")})


@pytest.mark.parametrize("wait", [True, False, "legacy"])
async def test_wait(helm_config: Configuration, objects: Objects, wait: Any) -> None:
    await deploy(helm_config, "2", "1", chart=LATE, wait=False)
    await Rollback(helm_config).run("shop", wait=wait, timeout=60)
    assert (objects.get("deployments", "shop")["status"].get("readyReplicas", 0) == 2) == bool(wait)


async def test_only_hooks_are_waited_for_by_default(helm_config: Configuration, objects: Objects) -> None:
    stuck = Chart({"d.yaml": deployment(replicas="<raw>{{ .Values.value }}</raw>", ready="never")})
    await deploy(helm_config, "2", "1", chart=stuck, wait=False)
    assert (await Rollback(helm_config).run("shop"))["info"]["status"] == "deployed"
    with pytest.raises(WaitTimeoutError) as raised:
        await Rollback(helm_config).run("shop", wait=True, timeout=0.3)
    assert raised.value.details["not_ready"][0]["name"] == "shop"
    assert objects.statuses("shop")[-1] == "failed"


async def test_hooks(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({**SIMPLE.templates, "h.yaml": hook("pre-rollback", "post-rollback")}, SIMPLE.values)
    await deploy(helm_config, "a", "b", chart=chart)
    await Rollback(helm_config).run("shop", no_hooks=True)
    assert objects.names("jobs") == []
    await Rollback(helm_config).run("shop")
    assert objects.names("jobs") == ["shop-hook"]


async def test_a_failing_hook_leaves_no_pending_revision(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({**SIMPLE.templates, "h.yaml": hook("pre-rollback", exit_code="3")}, SIMPLE.values)
    await deploy(helm_config, "a", "b", chart=chart)
    with pytest.raises(HookError, match="shop-hook") as raised:
        await Rollback(helm_config).run("shop")
    assert isinstance(raised.value, RollbackError)
    assert objects.statuses("shop") == ["superseded", "deployed", "failed"]
    await deploy(helm_config, "c")
    assert objects.data("shop") == {"value": "c"}


@pytest.mark.parametrize("server_side", [True, False, "auto"])
async def test_server_side_apply(helm_config: Configuration, objects: Objects, server_side: Any) -> None:
    await deploy(helm_config, "a", "b", server_side_apply=False)
    release = await Rollback(helm_config).run("shop", server_side=server_side)
    assert release["apply_method"] == ("ssa" if server_side is True else "csa")
    assert objects.data("shop") == {"value": "a"}


async def test_fields_of_another_manager(helm_config: Configuration, objects: Objects) -> None:
    await deploy(helm_config, "a", "b")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"value": "theirs"}}
    path = f"{objects.path('configmaps', 'shop')}?fieldManager=somebody&force=true"
    objects.cluster.request("PATCH", path, body, content_type="application/apply-patch+yaml")
    with pytest.raises(ConflictError, match="somebody"):
        await Rollback(helm_config).run("shop", 1)
    # As with helm: what it was before is superseded, since some of it may be changed already.
    assert objects.statuses("shop") == ["superseded", "superseded", "failed"]
    await Rollback(helm_config).run("shop", 1, force_conflicts=True)
    assert objects.data("shop") == {"value": "a"}


async def test_force_replace(helm_config: Configuration, objects: Objects) -> None:
    await deploy(helm_config, "a", "b", server_side_apply=False)
    objects.patch("configmaps", "shop", {"data": {"extra": "theirs"}})
    await Rollback(helm_config).run("shop", force_replace=True)
    assert objects.data("shop") == {"value": "a"}


async def test_cleanup_on_fail(helm_config: Configuration, objects: Objects) -> None:
    frozen = Chart(
        {
            "c.yaml": manifest("v1", "ConfigMap", data={"value": "{{ .Values.value }}"}),
            "extra.yaml": "{{ if eq .Values.value `a` }}" + configmap("extra") + "{{ end }}",
        }
    )
    await deploy(helm_config, "a", "b", chart=frozen)
    objects.patch("configmaps", "shop", {"immutable": True})
    with pytest.raises(ImmutableFieldError):
        await Rollback(helm_config).run("shop", cleanup_on_fail=True)
    assert objects.names("configmaps") == ["shop"]
    assert objects.statuses("shop")[-1] == "failed"


@pytest.mark.parametrize(
    "options",
    [
        {"force_replace": True, "force_conflicts": True},
        {"max_history": 1, "history_max": 2},
        {"description": "x" * 1000},
        {"wait": "sometimes"},
    ],
)
async def test_wrong_options(helm_config: Configuration, objects: Objects, options: dict[str, Any]) -> None:
    await deploy(helm_config, "a", "b")
    with pytest.raises(ValidationError) as raised:
        await Rollback(helm_config).run("shop", **options)
    assert not isinstance(raised.value, ReleaseError)
    assert objects.statuses("shop") == ["superseded", "deployed"]
