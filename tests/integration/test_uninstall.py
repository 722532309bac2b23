"""Uninstall: what each option changes, what is left, and what must never be lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    History,
    HookError,
    Install,
    List,
    ReleaseNotFoundError,
    Uninstall,
    UninstallError,
    Upgrade,
    WaitTimeoutError,
)
from tests.integration.charts import SIMPLE, Chart, configmap, deployment, hook
from tests.integration.objects import Objects, until

HELD = Chart({"c.yaml": configmap(), "held.yaml": configmap("held", {"finalizers": ["example.com/held"]})})
"""Has an object that is not gone until somebody lets it go."""


async def release_finalizer(objects: Objects) -> None:
    objects.patch("configmaps", "held", {"metadata": {"finalizers": None}})
    await until(lambda: objects.find("configmaps", "held") is None, "the object is gone")


async def test_everything_goes(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "new"})
    result = await Uninstall(helm_config).run("shop")
    assert result["release"] is not None
    assert (result["release"]["name"], result["release"]["version"]) == ("shop", 2)
    assert result["release"]["info"]["status"] == "uninstalled"
    assert objects.names("configmaps") + objects.names("secrets") == []
    assert await List(helm_config).run() == []


async def test_what_is_to_be_kept_is_named(helm_config: Configuration, objects: Objects) -> None:
    kept = configmap("kept", {"annotations": {"helm.sh/resource-policy": "keep"}})
    await Install(helm_config).run("shop", Chart({"c.yaml": configmap(), "kept.yaml": kept}).archive())
    result = await Uninstall(helm_config).run("shop")
    assert "[ConfigMap] kept" in result["info"]
    assert objects.names("configmaps") == ["kept"]


async def test_what_belongs_to_somebody_else_stays(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"c.yaml": configmap(), "other.yaml": configmap("other")})
    await Install(helm_config).run("shop", chart.archive())
    objects.patch("configmaps", "other", {"metadata": {"annotations": {"meta.helm.sh/release-name": "else"}}})
    await Uninstall(helm_config).run("shop")
    assert objects.names("configmaps") == ["other"]
    assert objects.statuses("shop") == []


async def test_keep_history(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Uninstall(helm_config).run("shop", keep_history=True, description="no longer wanted")
    assert objects.names("configmaps") == []
    (revision,) = await History(helm_config).run("shop")
    assert (revision["status"], revision["description"]) == ("uninstalled", "no longer wanted")
    assert revision["info"].get("deleted")
    with pytest.raises(ReleaseNotFoundError, match="already deleted"):
        await Uninstall(helm_config).run("shop", keep_history=True)
    await Uninstall(helm_config).run("shop")
    assert objects.statuses("shop") == []


async def test_no_such_release(helm_config: Configuration) -> None:
    with pytest.raises(ReleaseNotFoundError) as raised:
        await Uninstall(helm_config).run("shop")
    assert isinstance(raised.value, UninstallError)
    assert (raised.value.code, raised.value.release) == ("release_not_found", "shop")
    result = await Uninstall(helm_config).run("shop", ignore_not_found=True)
    assert result["release"] is None


async def test_a_dry_run_changes_nothing(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    result = await Uninstall(helm_config).run("shop", dry_run=True)
    assert result["release"] is not None
    assert objects.names("configmaps") == ["shop"]
    assert objects.statuses("shop") == ["deployed"]


@pytest.mark.parametrize("cascade", ["background", "foreground", "orphan"])
async def test_cascade(helm_config: Configuration, objects: Objects, cascade: Any) -> None:
    await Install(helm_config).run("shop", Chart({"d.yaml": deployment()}).archive(), timeout=60)
    assert len(objects.names("pods")) == 1
    await Uninstall(helm_config).run("shop", cascade=cascade, timeout=60)
    assert objects.names("deployments") == []
    if cascade == "foreground":
        assert objects.names("pods") == []
    elif cascade == "background":
        await until(lambda: not objects.names("pods"), "the pods are gone")
    else:
        assert len(objects.names("pods")) == 1


async def test_hooks(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart(
        {
            "c.yaml": configmap(),
            "pre.yaml": hook("pre-delete", name="before"),
            "post.yaml": hook("post-delete", name="after", policy="before-hook-creation,hook-succeeded"),
        }
    )
    await Install(helm_config).run("shop", chart.archive())
    result = await Uninstall(helm_config).run("shop", timeout=60)
    assert result["release"] is not None
    runs = {one.get("name"): one["last_run"]["phase"] for one in result["release"]["hooks"]}
    assert runs == {"before": "Succeeded", "after": "Succeeded"}
    # As with helm, what a hook made is no part of the release.
    assert objects.names("jobs") == ["before"]


async def test_no_hooks(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"c.yaml": configmap(), "pre.yaml": hook("pre-delete", exit_code="1")})
    await Install(helm_config).run("shop", chart.archive())
    await Uninstall(helm_config).run("shop", no_hooks=True)
    assert objects.names("configmaps") + objects.names("jobs") == []


async def test_a_failing_hook_deletes_nothing(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"c.yaml": configmap(), "pre.yaml": hook("pre-delete", exit_code="1")})
    await Install(helm_config).run("shop", chart.archive())
    with pytest.raises(HookError, match="shop-hook") as raised:
        await Uninstall(helm_config).run("shop", timeout=60)
    assert isinstance(raised.value, UninstallError)
    assert objects.names("configmaps") == ["shop"]
    # Nothing was deleted: the release is what it was, and says what happened.
    assert objects.statuses("shop") == ["deployed"]
    (revision,) = await History(helm_config).run("shop")
    assert "nothing was deleted" in revision["description"]
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True)


@pytest.mark.parametrize("wait", [True, "legacy"])
async def test_wait_until_gone(helm_config: Configuration, objects: Objects, wait: Any) -> None:
    await Install(helm_config).run("shop", HELD.archive())
    uninstall = asyncio.create_task(Uninstall(helm_config).run("shop", wait=wait, timeout=60))
    await until(lambda: "deletionTimestamp" in objects.get("configmaps", "held")["metadata"], "it is being deleted")
    await asyncio.sleep(0.3)
    assert not uninstall.done()
    await release_finalizer(objects)
    await uninstall
    assert objects.statuses("shop") == []


async def test_do_not_wait_until_gone(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", HELD.archive())
    await Uninstall(helm_config).run("shop", wait=False)
    assert objects.names("configmaps") == ["held"]
    assert objects.statuses("shop") == []
    await release_finalizer(objects)


async def test_a_timeout_names_what_is_not_gone(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", HELD.archive())
    with pytest.raises(WaitTimeoutError) as raised:
        await Uninstall(helm_config).run("shop", timeout=0.5)
    assert isinstance(raised.value, UninstallError)
    assert [(one["kind"], one["name"], one["status"]) for one in raised.value.details["not_ready"]] == [
        ("ConfigMap", "held", "terminating")
    ]
    # Every deletion was accepted, so the record is gone, as with the command.
    assert objects.statuses("shop") == []
    await release_finalizer(objects)
