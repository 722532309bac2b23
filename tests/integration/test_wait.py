"""Wait: the objects of an existing release, by the rules of an install that waits, and nothing changed."""

from __future__ import annotations

import asyncio

import pytest

from helm_sdkpy import (
    Configuration,
    History,
    Install,
    ReleaseError,
    ReleaseNotFoundError,
    Uninstall,
    Upgrade,
    ValidationError,
    Wait,
    WaitFailedError,
    WaitTimeoutError,
)
from tests.integration.charts import SIMPLE, STUCK, Chart, configmap, deployment, hook, job
from tests.integration.objects import Objects, until
from tests.integration.test_events import Heard

SHOP = Chart({"c.yaml": configmap(), "d.yaml": deployment(), "hook.yaml": hook("pre-install")})


async def test_a_release_that_is_ready(helm_config: Configuration, helm_namespace: str) -> None:
    await Install(helm_config).run("shop", SHOP.archive(), timeout=60)
    ready = await Wait(helm_config).run("shop", timeout=60)
    assert (ready["name"], ready["namespace"], ready["version"]) == ("shop", helm_namespace, 1)
    assert ready["status"] == "deployed"
    assert ready["seconds"] > 0
    assert [(each["kind"], each["name"], each["status"]) for each in ready["resources"]] == [
        ("ConfigMap", "shop", "ready"),
        ("Deployment", "shop", "ready"),
    ]
    (deployed,) = [each for each in ready["resources"] if each["kind"] == "Deployment"]
    assert deployed["api_version"] == "apps/v1"
    assert deployed["namespace"] == helm_namespace
    assert "Replicas: 1" in deployed["message"]


@pytest.mark.parametrize("strategy", ["watcher", "legacy"])
async def test_it_ends_when_the_last_object_gets_ready(
    helm_config: Configuration, objects: Objects, strategy: str
) -> None:
    heard = Heard()
    await Install(helm_config).run("shop", STUCK.archive(), wait=False)
    waiting = asyncio.create_task(Wait(helm_config).run("shop", wait=strategy, on_event=heard))  # pyright: ignore[reportArgumentType]
    await until(lambda: any(event.get("status") == "in_progress" for event in heard), "its state is told")
    assert not waiting.done()
    assert heard.phases() == ["waiting"]
    template = {"metadata": {"annotations": {"testcluster/ready": None}}}
    await asyncio.to_thread(objects.patch, "deployments", "shop", {"spec": {"template": template}})
    ready = await asyncio.wait_for(waiting, 60)
    # helm's legacy waiter is content before the last of the old pods is gone (helm: pkg/kube/ready.go).
    content = {"ready"} if strategy == "watcher" else {"ready", "in_progress"}
    assert {each["status"] for each in ready["resources"]} <= content
    assert heard.of("resource")[-1]["status"] in content
    assert heard.actions() == []
    assert [revision["status"] for revision in await History(helm_config).run("shop")] == ["deployed"]


async def test_what_is_not_ready_in_time(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", STUCK.archive(), wait=False)
    with pytest.raises(WaitTimeoutError, match=r"Deployment .*/shop: ") as caught:
        await Wait(helm_config).run("shop", timeout=0.5)
    assert isinstance(caught.value, ReleaseError)
    assert caught.value.release == "shop"
    (left,) = caught.value.details["not_ready"]
    assert (left["kind"], left["name"], left["status"]) == ("Deployment", "shop", "in_progress")
    assert [revision["status"] for revision in await History(helm_config).run("shop")] == ["deployed"]


async def test_jobs_count_where_it_is_asked_for(helm_config: Configuration) -> None:
    chart = Chart({"job.yaml": job(run_for="1h")})
    await Install(helm_config).run("shop", chart.archive(), wait=False)
    running = await Wait(helm_config).run("shop", timeout=60)
    assert running["resources"][0]["status"] == "ready"
    with pytest.raises(WaitTimeoutError, match="Job"):
        await Wait(helm_config).run("shop", timeout=0.5, wait_for_jobs=True)


async def test_a_job_that_failed(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", Chart({"job.yaml": job(exit_code="1")}).archive(), wait=False)
    with pytest.raises(WaitFailedError, match=r"Job .*/shop: ") as caught:
        await Wait(helm_config).run("shop", timeout=60, wait_for_jobs=True)
    assert caught.value.details["not_ready"][0]["status"] == "failed"


async def test_an_earlier_revision(helm_config: Configuration) -> None:
    both = Chart({"a.yaml": configmap("a"), "b.yaml": configmap("b")})
    await Install(helm_config).run("shop", both.archive())
    await Upgrade(helm_config).run("shop", Chart({"a.yaml": configmap("a")}).archive())
    newest = await Wait(helm_config).run("shop")
    assert (newest["version"], [each["name"] for each in newest["resources"]]) == (2, ["a"])
    with pytest.raises(WaitTimeoutError, match=r"ConfigMap .*/b: Resource not found"):
        await Wait(helm_config).run("shop", revision=1, timeout=0.5)


async def test_no_such_release(helm_config: Configuration) -> None:
    with pytest.raises(ReleaseNotFoundError) as caught:
        await Wait(helm_config).run("shop")
    assert isinstance(caught.value, ReleaseError)


async def test_a_release_without_objects(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", Chart({"none.yaml": ""}).archive())
    assert (await Wait(helm_config).run("shop"))["resources"] == []


async def test_a_cancel_ends_it(helm_config: Configuration) -> None:
    heard = Heard()
    await Install(helm_config).run("shop", STUCK.archive(), wait=False)
    waiting = asyncio.create_task(Wait(helm_config).run("shop", on_event=heard))
    await until(lambda: heard.of("resource"), "a state is told")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, 10)
    await Uninstall(helm_config).run("shop")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"wait": False}, "wait"),
        ({"wait": "hookOnly"}, "wait"),
        ({"timeout": -1}, "timeout"),
        ({"revision": -1}, "revision"),
    ],
)
async def test_arguments_are_checked(helm_config: Configuration, options: dict[str, object], field: str) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with pytest.raises(ValidationError) as caught:
        await Wait(helm_config).run("shop", **options)  # pyright: ignore[reportArgumentType]
    assert caught.value.details["field"] == field
