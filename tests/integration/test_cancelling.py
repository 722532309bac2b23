"""Cancelling: each action at each of its phases, and every way that asyncio has to cancel.

It returns soon, the record is what docs/architecture.md's table says, and the next upgrade(install=True) works.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import pytest

from helm_sdkpy import Configuration, History, Install, List, ReleasePendingError, Rollback, Status, Uninstall, Upgrade
from tests.integration.charts import NAME, SIMPLE, STUCK, Chart, configmap, deployment, hook
from tests.integration.objects import Objects, until

LIMIT: Final = 1.0
"""Seconds within which a cancelled call must return."""
SLACK: Final = 2.0
"""What is added for a machine that is busy with other tests; how long it took is in the test's properties."""

Report = Callable[[str, object], None]
Stop = Callable[[Coroutine[Any, Any, Any], Callable[[], Awaitable[None]]], Awaitable[None]]


async def by_cancel(call: Coroutine[Any, Any, Any], reached: Callable[[], Awaitable[None]]) -> None:
    """Cancel the task when a phase is reached."""
    task = asyncio.create_task(call)
    await reached()
    assert not task.done(), "it ended before it could be cancelled"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def by_timeout(call: Coroutine[Any, Any, Any], reached: Callable[[], Awaitable[None]]) -> None:
    """Let asyncio.timeout() run out when a phase is reached."""

    async def within() -> None:
        async with asyncio.timeout(None) as scope:
            watcher = asyncio.create_task(_then(reached, lambda: scope.reschedule(0)))
            try:
                await call
            finally:
                watcher.cancel()

    with pytest.raises(TimeoutError):
        await within()


async def by_group(call: Coroutine[Any, Any, Any], reached: Callable[[], Awaitable[None]]) -> None:
    """Let another task of the group fail when a phase is reached."""

    def fail() -> None:
        raise ZeroDivisionError

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(call)
            group.create_task(_then(reached, fail))

    with pytest.raises(ExceptionGroup) as raised:
        await together()
    assert raised.group_contains(ZeroDivisionError)
    assert len(raised.value.exceptions) == 1


async def _then(reached: Callable[[], Awaitable[None]], do: Callable[[], None]) -> None:
    await reached()
    do()


WAYS: Final[list[Stop]] = [by_cancel, by_timeout, by_group]


async def stopped(
    call: Coroutine[Any, Any, Any],
    reached: Callable[[], Awaitable[None]],
    record: Report,
    way: Stop = by_cancel,
    more: float = 0,
) -> None:
    """Cancel a call when something was reached, and see that it returns in time."""
    moment: list[float] = []

    async def reached_now() -> None:
        await reached()
        moment.append(time.monotonic())

    await way(call, reached_now)
    took = time.monotonic() - moment[0]
    record("seconds_to_cancel", round(took, 3))
    assert took < LIMIT + SLACK + more


async def afterwards(config: Configuration, objects: Objects) -> None:
    """What must be possible after every cancel."""
    release = await Upgrade(config).run("shop", SIMPLE.archive(), {"value": "after"}, install=True, timeout=60)
    assert release["info"]["status"] == "deployed"
    assert objects.data("shop") == {"value": "after"}
    assert objects.statuses("shop").count("deployed") == 1


def there(objects: Objects, kind: str, name: str) -> Callable[[], Awaitable[None]]:
    """Until an object is there."""
    return lambda: until(lambda: objects.find(kind, name), f"{kind} {name} is there")


def state(objects: Objects, *statuses: str) -> Callable[[], Awaitable[None]]:
    """Until the revisions of the release are so."""
    return lambda: until(lambda: objects.statuses("shop") == list(statuses), f"the release is {statuses}")


async def description(config: Configuration) -> str:
    return (await History(config).run("shop"))[-1]["description"]


PRE: Final = Chart({**SIMPLE.templates, "h.yaml": hook("pre-install", "pre-upgrade", ready="never")}, SIMPLE.values)
POST: Final = Chart({**SIMPLE.templates, "h.yaml": hook("post-install", ready="never")}, SIMPLE.values)
WAITS: Final = Chart({**SIMPLE.templates, "d.yaml": deployment(ready="never")}, SIMPLE.values)


# Before there is a record.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("slow", ["repository_slow", "repository_slow_index"])
async def test_a_download(
    helm_config: Configuration, objects: Objects, record_property: Report, slow: str, way: Stop
) -> None:  # fmt: skip
    name = f"slow-{helm_config.namespace.rpartition('-')[2]}"
    # Random, or it would be packed to nothing and arrive at once.
    padding = {"files/random.txt": "".join(f"{hash((name, number)):x}" for number in range(3000))}
    dataclasses.replace(SIMPLE, name=name, files=padding).save(objects.cluster.charts)
    loading = asyncio.Event()

    def on_event(event: Any) -> None:
        if event.get("phase") in ("loading", "downloading"):
            loading.set()

    async def reached() -> None:
        await loading.wait()
        await asyncio.sleep(0.1)

    repo = getattr(objects.cluster, slow)
    await stopped(Install(helm_config).run("shop", name, repo=repo, on_event=on_event), reached, record_property, way)
    assert objects.statuses("shop") == []
    await afterwards(helm_config, objects)


async def test_rendering_that_waits_for_python(
    helm_config: Configuration, objects: Objects, record_property: Report
) -> None:
    asked = asyncio.Event()
    dropped = asyncio.Event()

    async def renderer(manifest: str) -> str:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            dropped.set()
        return manifest

    async def reached() -> None:
        await asked.wait()

    await stopped(Install(helm_config).run("shop", SIMPLE.archive(), post_renderer=renderer), reached, record_property)
    await asyncio.wait_for(dropped.wait(), 5)
    assert objects.statuses("shop") == []
    await afterwards(helm_config, objects)


async def test_a_call_that_has_hardly_begun(helm_config: Configuration, objects: Objects) -> None:
    for turns in range(12):
        task = asyncio.create_task(Install(helm_config).run("shop", STUCK.archive()))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not {"pending-install", "uninstalling"} & set(objects.statuses("shop"))
        if objects.statuses("shop"):
            await Uninstall(helm_config).run("shop", wait=False)
    await afterwards(helm_config, objects)


# Install.


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("wait", [True, "legacy"])
async def test_an_install_that_waits(
    helm_config: Configuration, objects: Objects, record_property: Report, way: Stop, wait: Any
) -> None:  # fmt: skip
    install = Install(helm_config).run("shop", WAITS.archive(), wait=wait, timeout=60)
    await stopped(install, there(objects, "deployments", "shop"), record_property, way)
    assert objects.statuses("shop") == ["failed"]
    assert await description(helm_config) == "Install cancelled"
    await afterwards(helm_config, objects)


@pytest.mark.parametrize("chart", [PRE, POST], ids=["pre", "post"])
async def test_a_hook_of_an_install(
    helm_config: Configuration, objects: Objects, record_property: Report, chart: Chart
) -> None:
    install = Install(helm_config).run("shop", chart.archive(), timeout=60)
    await stopped(install, there(objects, "jobs", "shop-hook"), record_property)
    assert objects.statuses("shop") == ["failed"]
    assert (await Status(helm_config).run("shop"))["hooks"][0]["last_run"]["phase"] == "Failed"
    await afterwards(helm_config, objects)


async def test_a_cancelled_hook_is_deleted_where_it_wants_to_be(
    helm_config: Configuration, objects: Objects, record_property: Report
) -> None:
    chart = Chart({"h.yaml": hook("pre-install", policy="hook-failed", ready="never")})
    install = Install(helm_config).run("shop", chart.archive(), timeout=60)
    await stopped(install, there(objects, "jobs", "shop-hook"), record_property)
    await until(lambda: objects.find("jobs", "shop-hook") is None, "the hook is deleted")
    await afterwards(helm_config, objects)


async def test_applying(helm_config: Configuration, objects: Objects, record_property: Report) -> None:
    many = Chart({f"c{number}.yaml": configmap(f"c{number}") for number in range(100)})
    began = asyncio.Event()

    def on_event(event: Any) -> None:
        if event["type"] == "resource":
            began.set()

    async def reached() -> None:
        await began.wait()

    install = Install(helm_config).run("shop", many.archive(), on_event=on_event, timeout=60)
    await stopped(install, reached, record_property)
    assert objects.statuses("shop") in (["failed"], ["deployed"])
    assert len(await description(helm_config)) < 200
    await afterwards(helm_config, objects)


async def test_rollback_on_failure_after_a_cancel(
    helm_config: Configuration, objects: Objects, record_property: Report
) -> None:
    install = Install(helm_config).run(
        "shop", WAITS.archive(), timeout=60, rollback_on_failure=True, cleanup_timeout=20
    )
    await stopped(install, there(objects, "deployments", "shop"), record_property, more=20)
    assert objects.statuses("shop") == []
    assert objects.names("configmaps") + objects.names("deployments") == []
    await afterwards(helm_config, objects)


# Upgrade.


@pytest.mark.parametrize("way", WAYS)
async def test_an_upgrade_that_waits(
    helm_config: Configuration, objects: Objects, record_property: Report, way: Stop
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    upgrade = Upgrade(helm_config).run("shop", WAITS.archive(), timeout=60)
    await stopped(upgrade, there(objects, "deployments", "shop"), record_property, way)
    assert objects.statuses("shop") == ["deployed", "failed"]
    assert await description(helm_config) == "Upgrade cancelled"
    await afterwards(helm_config, objects)


async def test_a_hook_of_an_upgrade(helm_config: Configuration, objects: Objects, record_property: Report) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    upgrade = Upgrade(helm_config).run("shop", PRE.archive(), timeout=60)
    await stopped(upgrade, there(objects, "jobs", "shop-hook"), record_property)
    assert objects.statuses("shop") == ["deployed", "failed"]
    assert objects.data("shop") == {"value": "chart"}
    await afterwards(helm_config, objects)


async def test_an_upgrade_is_rolled_back_after_a_cancel(
    helm_config: Configuration, objects: Objects, record_property: Report
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    upgrade = Upgrade(helm_config).run(
        "shop", WAITS.archive(), {"value": "new"}, timeout=60, rollback_on_failure=True, cleanup_timeout=20
    )
    await stopped(upgrade, there(objects, "deployments", "shop"), record_property, more=20)
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.data("shop") == {"value": "chart"}
    assert objects.names("deployments") == []
    await afterwards(helm_config, objects)


async def test_what_an_upgrade_made_is_deleted_after_a_cancel(
    helm_config: Configuration, objects: Objects, record_property: Report
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    upgrade = Upgrade(helm_config).run("shop", WAITS.archive(), timeout=60, cleanup_on_fail=True, cleanup_timeout=20)
    await stopped(upgrade, there(objects, "deployments", "shop"), record_property, more=20)
    await until(lambda: objects.names("deployments") == [], "what was made is deleted")
    assert objects.statuses("shop") == ["deployed", "failed"]
    await afterwards(helm_config, objects)


# Rollback.


@pytest.mark.parametrize("way", WAYS)
async def test_a_rollback_that_waits(
    helm_config: Configuration, objects: Objects, record_property: Report, way: Stop
) -> None:
    await Install(helm_config).run("shop", WAITS.archive(), wait=False)
    await Upgrade(helm_config).run("shop", SIMPLE.archive())
    rollback = Rollback(helm_config).run("shop", wait=True, timeout=60)
    await stopped(rollback, there(objects, "deployments", "shop"), record_property, way)
    assert objects.statuses("shop")[-1] == "failed"
    assert await description(helm_config) == "Rollback cancelled"
    await afterwards(helm_config, objects)


async def test_a_hook_of_a_rollback(helm_config: Configuration, objects: Objects, record_property: Report) -> None:
    chart = Chart({**SIMPLE.templates, "h.yaml": hook("pre-rollback", ready="never")}, SIMPLE.values)
    await Install(helm_config).run("shop", chart.archive())
    await Upgrade(helm_config).run("shop", chart.archive(), {"value": "b"})
    rollback = Rollback(helm_config).run("shop", timeout=60)
    await stopped(rollback, there(objects, "jobs", "shop-hook"), record_property)
    assert objects.statuses("shop") == ["superseded", "deployed", "failed"]
    assert objects.data("shop") == {"value": "b"}
    await afterwards(helm_config, objects)


# Uninstall.


async def test_a_hook_of_an_uninstall_deletes_nothing(
    helm_config: Configuration, objects: Objects, record_property: Report
) -> None:
    chart = Chart({**SIMPLE.templates, "h.yaml": hook("pre-delete", ready="never")}, SIMPLE.values)
    await Install(helm_config).run("shop", chart.archive())
    uninstall = Uninstall(helm_config).run("shop", timeout=60)
    await stopped(uninstall, there(objects, "jobs", "shop-hook"), record_property)
    assert objects.names("configmaps") == ["shop"]
    assert objects.statuses("shop") == ["deployed"]
    assert "nothing was deleted" in await description(helm_config)
    await afterwards(helm_config, objects)


@pytest.mark.parametrize("way", WAYS)
async def test_an_uninstall_that_waits_for_a_finalizer(
    helm_config: Configuration, objects: Objects, record_property: Report, way: Stop
) -> None:
    held = configmap("held", {"finalizers": ["example.com/held"]})
    await Install(helm_config).run("shop", Chart({**SIMPLE.templates, "held.yaml": held}, SIMPLE.values).archive())

    async def reached() -> None:
        await until(
            lambda: "deletionTimestamp" in objects.get("configmaps", "held")["metadata"], "the object is being deleted"
        )
        await until(lambda: objects.find("configmaps", "shop") is None, "the other is gone")
        await asyncio.sleep(0.2)

    await stopped(Uninstall(helm_config).run("shop", timeout=60), reached, record_property, way)
    # Every deletion was accepted: purged, as the command does on a timeout.
    assert objects.statuses("shop") == []
    objects.patch("configmaps", "held", {"metadata": {"finalizers": None}})
    await afterwards(helm_config, objects)


# Reading, and everything else.


async def test_reading_can_be_cancelled(helm_config: Configuration) -> None:
    for _ in range(5):
        task = asyncio.create_task(List(helm_config).run(all_namespaces=True))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None
    assert await List(helm_config).run() == []


async def test_twice_cancelled_returns_at_once(helm_config: Configuration, objects: Objects) -> None:
    task = asyncio.create_task(
        Install(helm_config).run("shop", WAITS.archive(), rollback_on_failure=True, cleanup_timeout=30, timeout=60)
    )
    await there(objects, "deployments", "shop")()
    task.cancel()
    await asyncio.sleep(0)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    # It ends in the background, and until then the release is taken.
    deadline = time.monotonic() + 30
    while True:
        try:
            await afterwards(helm_config, objects)
        except ReleasePendingError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.02)
        else:
            break


async def test_many_at_once(helm_config: Configuration, objects: Objects, record_property: Report) -> None:
    count = 32
    tasks = [
        asyncio.create_task(Install(helm_config).run(f"shop-{number}", Chart(
            {"c.yaml": configmap(f"{NAME}-{number}"), "d.yaml": deployment(ready="never")}
        ).archive(), timeout=60))
        for number in range(count)
    ]  # fmt: skip
    await until(lambda: len(objects.names("deployments")) == count, "all wait", 60)
    began = time.monotonic()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    took = time.monotonic() - began
    record_property("seconds_to_cancel", round(took, 3))
    assert all(task.cancelled() for task in tasks)
    assert took < LIMIT + SLACK
    assert {one["status"] for one in await List(helm_config).run()} == {"failed"}


async def test_queued_behind_a_full_executor(helm_config: Configuration, objects: Objects) -> None:
    """What was not started yet ends at once, though the threads that start operations are all taken."""
    loop = asyncio.get_running_loop()
    gate = threading.Event()
    busy = [loop.run_in_executor(None, gate.wait, 30) for _ in range(64)]
    try:
        task = asyncio.create_task(Install(helm_config).run("shop", SIMPLE.archive()))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < LIMIT + SLACK
    finally:
        gate.set()
    await asyncio.gather(*busy)
    assert objects.statuses("shop") == []
    await afterwards(helm_config, objects)


async def test_the_connection_survives_a_cancel(helm_config: Configuration, objects: Objects) -> None:
    """Operations that run at the same time on the same Configuration notice nothing."""
    stuck = asyncio.create_task(Install(helm_config).run("stuck", STUCK.archive(), timeout=60))
    late = Chart({"d.yaml": deployment("late", ready_after="1s")})
    good = asyncio.create_task(Install(helm_config).run("good", late.archive(), timeout=60))
    await there(objects, "deployments", "stuck")()
    stuck.cancel()
    release = await good
    assert release["info"]["status"] == "deployed"
    await asyncio.wait([stuck])
    assert stuck.cancelled()
