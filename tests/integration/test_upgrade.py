"""Upgrade: what each option changes, and what a failed one leaves."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    ConflictError,
    GetValues,
    History,
    ImmutableFieldError,
    Install,
    InvalidObjectError,
    OwnershipError,
    ReleaseNotDeployedError,
    ReleaseNotFoundError,
    Uninstall,
    Upgrade,
    UpgradeError,
    ValidationError,
    WaitTimeoutError,
)
from tests.integration.charts import SIMPLE, STUCK, Chart, configmap, deployment, hook, manifest
from tests.integration.objects import Objects

TWO = Chart({"a.yaml": configmap("a", value="{{ .Values.value }}"), "b.yaml": configmap("b")}, {"value": "chart"})
ONE = Chart({"a.yaml": configmap("a", value="{{ .Values.value }}")}, {"value": "chart"})


async def test_what_changed_is_changed_and_what_is_left_out_is_deleted(
    helm_config: Configuration, objects: Objects
) -> None:
    await Install(helm_config).run("shop", TWO.archive())
    unchanged = objects.get("configmaps", "b")["metadata"]["resourceVersion"]
    release = await Upgrade(helm_config).run("shop", TWO.archive(), {"value": "new"})
    assert release["version"] == 2
    assert release["info"]["status"] == "deployed"
    assert release["info"].get("description") == "Upgrade complete"
    assert objects.data("a") == {"value": "new"}
    assert objects.get("configmaps", "b")["metadata"]["resourceVersion"] == unchanged
    await Upgrade(helm_config).run("shop", ONE.archive())
    assert objects.names("configmaps") == ["a"]
    assert objects.statuses("shop") == ["superseded", "superseded", "deployed"]


async def test_what_is_to_be_kept_stays(helm_config: Configuration, objects: Objects) -> None:
    kept = configmap("b", {"annotations": {"helm.sh/resource-policy": "keep"}})
    await Install(helm_config).run(
        "shop", dataclasses.replace(TWO, templates={**TWO.templates, "b.yaml": kept}).archive()
    )
    await Upgrade(helm_config).run("shop", ONE.archive())
    assert objects.names("configmaps") == ["a", "b"]


async def test_a_change_of_nothing_makes_a_revision(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    before = objects.get("configmaps", "shop")["metadata"]["resourceVersion"]
    assert (await Upgrade(helm_config).run("shop", SIMPLE.archive()))["version"] == 2
    assert objects.get("configmaps", "shop")["metadata"]["resourceVersion"] == before


async def test_no_such_release(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(ReleaseNotFoundError, match="install=True") as raised:
        await Upgrade(helm_config).run("shop", SIMPLE.archive())
    assert isinstance(raised.value, UpgradeError)
    assert raised.value.code == "release_not_found"
    assert raised.value.release == "shop"
    assert objects.names("configmaps") == []


# install=True


async def test_install_where_there_is_none(helm_config: Configuration, objects: Objects) -> None:
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True, labels={"team": "a"})
    assert (release["version"], release["info"].get("description")) == (1, "Install complete")
    assert release["labels"] == {"team": "a"}
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "new"}, install=True)
    assert release["version"] == 2
    assert objects.data("shop") == {"value": "new"}


async def test_install_after_an_uninstall_that_kept_the_history(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Uninstall(helm_config).run("shop", keep_history=True)
    with pytest.raises(ReleaseNotDeployedError, match="install=True"):
        await Upgrade(helm_config).run("shop", SIMPLE.archive())
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True)
    assert release["version"] == 2
    assert objects.data("shop") == {"value": "chart"}


async def test_install_after_an_install_that_failed(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(WaitTimeoutError):
        await Install(helm_config).run("shop", STUCK.archive(), timeout=0.3)
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True)
    assert release["version"] == 2
    # Helm takes the failed revision for the one that is replaced.
    assert objects.statuses("shop") == ["superseded", "deployed"]
    assert objects.names("deployments") == []


async def test_create_namespace_is_for_installs(helm_config: Configuration, objects: Objects) -> None:
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True, create_namespace=True)
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True, create_namespace=True)
    assert objects.statuses("shop") == ["superseded", "deployed"]


# Values of before.

VALUES = Chart(
    {"a.yaml": configmap(all="{{ .Values.a }} {{ .Values.b }} {{ .Values.c }}")},
    {"a": "chart", "b": "chart", "c": "chart"},
)
NEWER = dataclasses.replace(VALUES, values={"a": "newer", "b": "newer", "c": "newer"})


REUSE: list[tuple[dict[str, Any], Any, tuple[str, Any]]] = [
    # Nothing given: the last revision's values stay.
    ({}, None, ("first newer newer", {"a": "first"})),
    ({}, {"b": "second"}, ("newer second newer", {"b": "second"})),
    ({"reset_values": True}, None, ("newer newer newer", {})),
    ({"reset_values": True}, {"b": "second"}, ("newer second newer", {"b": "second"})),
    ({"reuse_values": True}, {"b": "second"}, ("first second chart", {"a": "first", "b": "second"})),
    ({"reset_then_reuse_values": True}, {"b": "second"}, ("first second newer", {"a": "first", "b": "second"})),
    # As with helm, a reset wins.
    ({"reset_values": True, "reuse_values": True}, {"b": "second"}, ("newer second newer", {"b": "second"})),
]


@pytest.mark.parametrize(("options", "given", "expected"), REUSE)
async def test_values_of_the_revision_before(
    helm_config: Configuration, objects: Objects, options: dict[str, Any], given: Any, expected: tuple[str, Any]
) -> None:
    shown, recorded = expected
    await Install(helm_config).run("shop", VALUES.archive(), {"a": "first"})
    await Upgrade(helm_config).run("shop", NEWER.archive(), given, **options)
    assert objects.data("shop") == {"all": shown}
    values = await GetValues(helm_config).run("shop")
    # Helm records the values that a chart had, too, where it reuses them.
    assert {key: values.get(key) for key in recorded} == recorded


# The record.


async def test_max_history(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    for value in ("b", "c", "d"):
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": value}, max_history=2)
    assert [one["revision"] for one in await History(helm_config).run("shop")] == [3, 4]
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), history_max=0)
    assert len(objects.statuses("shop")) == 3


async def test_the_history_is_ten_long_unless_said_otherwise(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    for _ in range(11):
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), wait=False)
    assert objects.statuses("shop") == ["superseded"] * 9 + ["deployed"]


async def test_labels_are_merged_and_unset(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive(), labels={"team": "a", "tier": "web"})
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), labels={"tier": None, "zone": "b"})
    assert release["labels"] == {"team": "a", "zone": "b"}
    assert (await Upgrade(helm_config).run("shop", SIMPLE.archive()))["labels"] == {"team": "a", "zone": "b"}


async def test_description(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), description="because")
    assert [one["description"] for one in await History(helm_config).run("shop")] == ["Install complete", "because"]


@pytest.mark.parametrize("dry_run", ["client", "server"])
async def test_a_dry_run_changes_nothing(helm_config: Configuration, objects: Objects, dry_run: Any) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "new"}, dry_run=dry_run)
    assert '"value": "new"' in release["manifest"]
    assert release["info"]["status"] == "pending-upgrade"
    assert objects.data("shop") == {"value": "chart"}
    assert objects.statuses("shop") == ["deployed"]


# Applying.


@pytest.mark.parametrize(
    ("installed", "upgraded", "method"),
    [(True, "auto", "ssa"), (False, "auto", "csa"), (True, False, "csa"), (False, True, "ssa"), (False, None, "csa")],
)
async def test_server_side_apply(
    helm_config: Configuration, objects: Objects, installed: bool, upgraded: Any, method: str
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive(), server_side_apply=installed)
    release = await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "new"}, server_side_apply=upgraded)
    assert release["apply_method"] == method
    assert objects.data("shop") == {"value": "new"}
    assert ("Apply" in objects.managers("configmaps", "shop").values()) == (method == "ssa")


async def test_fields_of_another_manager(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop"}, "data": {"value": "theirs"}}
    path = f"{objects.path('configmaps', 'shop')}?fieldManager=somebody&force=true"
    objects.cluster.request("PATCH", path, body, content_type="application/apply-patch+yaml")
    with pytest.raises(ConflictError, match="force_conflicts=True") as raised:
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "ours"})
    assert isinstance(raised.value, UpgradeError)
    assert raised.value.code == "conflict"
    assert "somebody" in str(raised.value)
    assert objects.data("shop") == {"value": "theirs"}
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "ours"}, force_conflicts=True)
    assert objects.data("shop") == {"value": "ours"}


async def test_force_replace_drops_what_others_added(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive(), server_side_apply=False)
    objects.patch("configmaps", "shop", {"data": {"extra": "theirs"}})
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "b"})
    assert objects.data("shop") == {"value": "b", "extra": "theirs"}
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "c"}, force_replace=True)
    assert objects.data("shop") == {"value": "c"}


@pytest.mark.parametrize(
    "options",
    [
        {"force_replace": True, "force_conflicts": True},
        {"force_replace": True, "server_side_apply": True},
        {"force_conflicts": True, "server_side_apply": False},
        {"max_history": -1},
        {"max_history": 3, "history_max": 4},
        {"server_side": True, "server_side_apply": False},
        {"wait": "sometimes"},
        {"timeout": -1},
        {"dry_run": "perhaps"},
    ],
)
async def test_options_that_exclude_each_other(
    helm_config: Configuration, objects: Objects, options: dict[str, Any]
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with pytest.raises(ValidationError) as raised:
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), **options)
    assert raised.value.details["field"] in str(raised.value)
    assert objects.statuses("shop") == ["deployed"]


async def test_take_ownership(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", ONE.archive())
    objects.create("configmaps", {"metadata": {"name": "b"}})
    with pytest.raises(OwnershipError, match="take_ownership=True"):
        await Upgrade(helm_config).run("shop", TWO.archive())
    await Upgrade(helm_config).run("shop", TWO.archive(), take_ownership=True)
    assert objects.get("configmaps", "b")["metadata"]["annotations"]["meta.helm.sh/release-name"] == "shop"


async def test_an_immutable_field(helm_config: Configuration, objects: Objects) -> None:
    frozen = Chart({"c.yaml": manifest("v1", "ConfigMap", immutable=True, data={"value": "{{ .Values.value }}"})})
    await Install(helm_config).run("shop", frozen.archive(), {"value": "a"})
    with pytest.raises(ImmutableFieldError) as raised:
        await Upgrade(helm_config).run("shop", frozen.archive(), {"value": "b"})
    assert raised.value.code == "immutable_field"
    assert raised.value.details["name"] == "shop"
    assert objects.statuses("shop") == ["deployed", "failed"]


async def test_hooks(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"c.yaml": configmap(), "h.yaml": hook("pre-upgrade", "post-upgrade")})
    await Install(helm_config).run("shop", chart.archive())
    assert objects.names("jobs") == []
    await Upgrade(helm_config).run("shop", chart.archive(), no_hooks=True)
    assert objects.names("jobs") == []
    await Upgrade(helm_config).run("shop", chart.archive())
    assert objects.names("jobs") == ["shop-hook"]


# Failing.

BAD = Chart(
    {"a.yaml": configmap("a", value="bad"), "z.yaml": manifest("v1", "Service", "z", spec={"ports": [{"port": 0}]})}
)


async def test_a_failed_upgrade_can_be_followed_by_another(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", ONE.archive())
    with pytest.raises(InvalidObjectError):
        await Upgrade(helm_config).run("shop", BAD.archive())
    assert objects.statuses("shop") == ["deployed", "failed"]
    await Upgrade(helm_config).run("shop", ONE.archive(), {"value": "good"})
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.data("a") == {"value": "good"}


async def test_rollback_on_failure_goes_back(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", ONE.archive())
    stuck = Chart({**ONE.templates, "d.yaml": deployment(ready="never")}, {"value": "stuck"})
    with pytest.raises(WaitTimeoutError, match="has been rolled back due to rollback-on-failure"):
        await Upgrade(helm_config).run(
            "shop", stuck.archive(), timeout=0.5, cleanup_timeout=30, rollback_on_failure=True
        )
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.data("a") == {"value": "chart"}
    assert objects.names("deployments") == []
    history = await History(helm_config).run("shop")
    assert history[-1]["description"] == "Rollback to 1"
    assert history[-1].get("rollback_revision") == 1


async def test_rollback_on_failure_of_a_first_install(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(WaitTimeoutError, match="has been uninstalled"):
        await Upgrade(helm_config).run(
            "shop", STUCK.archive(), install=True, timeout=0.5, cleanup_timeout=30, rollback_on_failure=True
        )
    assert objects.statuses("shop") == []
    assert objects.names("deployments") == []


@pytest.mark.parametrize("cleanup", [True, False])
async def test_cleanup_on_fail_deletes_what_was_made(
    helm_config: Configuration, objects: Objects, cleanup: bool
) -> None:
    await Install(helm_config).run("shop", ONE.archive())
    stuck = Chart({**TWO.templates, "d.yaml": deployment(ready="never")}, {"value": "stuck"})
    with pytest.raises(WaitTimeoutError):
        await Upgrade(helm_config).run(
            "shop", stuck.archive(), timeout=0.3, cleanup_on_fail=cleanup, cleanup_timeout=30
        )
    assert objects.names("configmaps") == (["a"] if cleanup else ["a", "b"])
    assert objects.names("deployments") == ([] if cleanup else ["shop"])
    assert objects.statuses("shop") == ["deployed", "failed"]
