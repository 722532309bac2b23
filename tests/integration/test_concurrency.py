"""Many operations at once: each gets its own answer, and two that change one release do not spoil it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import itertools
import json
import threading
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from helm_sdkpy import (
    ChartNotFoundError,
    Configuration,
    GetValues,
    HelmError,
    History,
    Install,
    List,
    ReleaseNotFoundError,
    ReleasePendingError,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
    ValuesSchemaError,
)
from helm_sdkpy.events import OnEvent
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, Chart, configmap, deployment, hook
from tests.integration.objects import Objects

SCHEMA: Final = Chart(SIMPLE.templates, SIMPLE.values, files={"values.schema.json": '{"required": ["never"]}'})


EXPECTED: Final = {"schema": ValuesSchemaError, "chart": ChartNotFoundError, "none": ReleaseNotFoundError}


def check(kind: str, release: str, result: Any) -> None:
    """See that an operation among many gave what it gives alone."""
    if kind in EXPECTED:
        assert isinstance(result, EXPECTED[kind]), (kind, release, result)
        return
    assert not isinstance(result, BaseException), (kind, release, result)
    if kind in ("install", "upgrade", "rollback", "status"):
        assert (result["name"], result["info"]["status"]) == (release, "deployed")
    match kind:
        case "dry" | "server":
            assert f'"value": "{kind} {release}"' in result["manifest"]
        case "install":
            assert result["labels"] == {"is": release}
        case "history":
            assert [one["description"] for one in result] == ["Install complete", "Upgrade complete"]
        case "values":
            assert result == {"value": f"{release} b"}
        case "list":
            assert [one["name"] for one in result] == [release]
        case _:
            assert kind in ("upgrade", "rollback", "status", "uninstall")


async def test_64_mixed_operations_at_once(helm_config: Configuration, objects: Objects) -> None:
    config, chart = helm_config, SIMPLE.archive()
    old = [f"old-{number}" for number in range(16)]
    await asyncio.gather(*(Install(config).run(name, chart, {"value": f"{name} a"}) for name in old))
    await asyncio.gather(*(Upgrade(config).run(name, chart, {"value": f"{name} b"}) for name in old))
    upgraded, rolled_back, uninstalled, read = old[:4], old[4:8], old[8:12], old[12:]
    new = [f"new-{number}" for number in range(16)]
    mixed: dict[str, Awaitable[Any]] = {}
    for name in new:
        mixed[f"install {name}"] = Install(config).run(name, chart, {"value": name}, labels={"is": name})
    for name in upgraded:
        mixed[f"upgrade {name}"] = Upgrade(config).run(name, chart, {"value": f"{name} c"})
    for name in rolled_back:
        mixed[f"rollback {name}"] = Rollback(config).run(name)
    for name in uninstalled:
        mixed[f"uninstall {name}"] = Uninstall(config).run(name)
    for name in read:
        mixed[f"status {name}"] = Status(config).run(name)
        mixed[f"history {name}"] = History(config).run(name)
        mixed[f"values {name}"] = GetValues(config).run(name)
        mixed[f"list {name}"] = List(config).run(filter=f"^{name}$")
    for number in range(8):
        mixed[f"dry {number}"] = Install(config).run(
            f"dry-{number}", chart, {"value": f"dry {number}"}, dry_run="client"
        )
    for number in range(4):
        mixed[f"server {number}"] = Install(config).run(
            f"srv-{number}", chart, {"value": f"server {number}"}, dry_run="server"
        )
        mixed[f"schema {number}"] = Install(config).run(f"schema-{number}", SCHEMA.archive())
    for number in range(2):
        mixed[f"chart {number}"] = Install(config).run(f"chart-{number}", "/no/such/chart")
        mixed[f"none {number}"] = Status(config).run(f"none-{number}")
    assert len(mixed) == 64

    results = await asyncio.gather(*mixed.values(), return_exceptions=True)
    by_name = dict(zip(mixed, results, strict=True))
    for name, result in by_name.items():
        kind, _, release = name.partition(" ")
        check(kind, release, result)
    data = {name: objects.data(name)["value"] for name in objects.names("configmaps")}
    assert data == (
        {name: name for name in new}
        | {name: f"{name} c" for name in upgraded}
        | {name: f"{name} a" for name in rolled_back}
        | {name: f"{name} b" for name in read}
    )
    for name in [*new, *upgraded, *rolled_back, *read]:
        assert objects.statuses(name).count("deployed") == 1


async def test_a_dry_run_does_not_poison_the_configuration(helm_config: Configuration, objects: Objects) -> None:
    chart = SIMPLE.archive()
    await Install(helm_config).run("shop", chart, dry_run="client")
    await Install(helm_config).run("shop", chart)
    assert objects.data("shop") == {"value": "chart"}
    await asyncio.gather(
        *(Upgrade(helm_config).run("shop", chart, {"value": "dry"}, dry_run="client") for _ in range(8)),
        Upgrade(helm_config).run("shop", chart, {"value": "real"}),
        *(Rollback(helm_config).run("shop", 1, dry_run="client") for _ in range(4)),
        *(Uninstall(helm_config).run("shop", dry_run=True) for _ in range(4)),
    )
    assert objects.data("shop") == {"value": "real"}
    assert objects.statuses("shop") == ["superseded", "deployed"]


async def test_one_chart_object_for_many_installs(helm_config: Configuration, objects: Objects) -> None:
    """Helm changes the chart that it installs: values of one must not show in another."""
    values: dict[str, Any] = {"nested": {"list": [1, 2, 3]}}
    chart = Chart({"c.yaml": configmap(seen="{{ .Values.own | default `none` }}")}, {"nested": {"list": []}})
    await asyncio.gather(
        *(
            Install(helm_config).run(
                f"shop-{number}", chart.archive(), values | ({"own": str(number)} if number % 2 else {})
            )
            for number in range(16)
        )
    )
    for number in range(16):
        assert objects.data(f"shop-{number}") == {"seen": str(number) if number % 2 else "none"}
    assert values == {"nested": {"list": [1, 2, 3]}}


# The same release from two tasks.

SLOW: Final = Chart(
    {
        "c.yaml": configmap(value="{{ .Values.value }}"),
        "d.yaml": deployment(ready_after="700ms", value="{{ .Values.value }}"),
        "h.yaml": hook("pre-delete", policy="hook-succeeded", run_for="700ms"),
    },
    {"value": "chart"},
)
"""Every change of it takes most of a second."""


async def change(action: str, config: Configuration, on_event: OnEvent | None = None) -> Any:
    """Change the release, by any of the actions that do."""
    chart = SLOW.archive()
    match action:
        case "install":
            return await Install(config).run("shop", chart, timeout=60, on_event=on_event)
        case "upgrade":
            new = {"value": "c"}
            return await Upgrade(config).run("shop", chart, new, install=True, timeout=60, on_event=on_event)
        case "rollback":
            return await Rollback(config).run("shop", wait=True, timeout=60, on_event=on_event)
        case _:
            return await Uninstall(config).run("shop", timeout=60, on_event=on_event)


CHANGES: Final = ("install", "upgrade", "rollback", "uninstall")


async def prepare(config: Configuration, first: str) -> None:
    """What the action that is to win needs."""
    if first != "install":
        await Install(config).run("shop", SLOW.archive(), {"value": "a"}, wait=False)
        await Upgrade(config).run("shop", SLOW.archive(), {"value": "b"}, wait=False)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(CHANGES, CHANGES)))
async def test_two_tasks_change_one_release(
    helm_config: Configuration, helm_cluster: TestCluster, objects: Objects, first: str, second: str
) -> None:
    await prepare(helm_config, first)
    began = datetime.now(UTC)
    with Configuration(helm_config.namespace, helm_cluster.kubeconfig) as other:
        # The second through another Configuration: the lock is the cluster's, not the Configuration's.
        began_first = asyncio.Event()

        async def then() -> Any:
            await began_first.wait()
            return await change(second, other)

        results = await asyncio.gather(
            change(first, helm_config, lambda _: began_first.set()), then(), return_exceptions=True
        )
    won, lost = results
    assert not isinstance(won, BaseException), won
    assert isinstance(lost, ReleasePendingError), lost
    assert lost.code == "release_pending"
    assert (lost.release, lost.details["running"]) == ("shop", first)
    since = datetime.fromisoformat(lost.details["since"])
    assert began.timestamp() - 1 < since.timestamp() < datetime.now(UTC).timestamp()
    assert first in str(lost)
    assert lost.details["since"] in str(lost)
    statuses = objects.statuses("shop")
    assert statuses.count("deployed") == (0 if first == "uninstall" else 1)
    assert not [status for status in statuses if status.startswith("pending") or status == "uninstalling"]
    if first != "uninstall":
        assert statuses[-1] == "deployed"
        assert objects.data("shop")["value"] == {"install": "chart", "upgrade": "c", "rollback": "a"}[first]
    # The loser did nothing, and the release can be worked on.
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True)


@pytest.mark.parametrize("actions", [("upgrade", "upgrade"), ("upgrade", "rollback"), ("rollback", "uninstall")])
async def test_two_tasks_begin_at_the_very_same_moment(
    helm_config: Configuration, objects: Objects, actions: tuple[str, str]
) -> None:
    await prepare(helm_config, "upgrade")
    results = await asyncio.gather(*(change(name, helm_config) for name in actions), return_exceptions=True)
    lost = [result for result in results if isinstance(result, BaseException)]
    assert len(lost) == 1
    assert isinstance(lost[0], ReleasePendingError)
    assert objects.statuses("shop").count("deployed") <= 1


async def test_sixteen_installs_of_one_name(helm_config: Configuration, objects: Objects) -> None:
    results = await asyncio.gather(
        *(Install(helm_config).run("shop", SLOW.archive(), timeout=60) for _ in range(16)), return_exceptions=True
    )
    assert len([result for result in results if not isinstance(result, BaseException)]) == 1
    assert len([result for result in results if isinstance(result, ReleasePendingError)]) == 15
    assert objects.statuses("shop") == ["deployed"]


async def test_reading_is_never_refused(helm_config: Configuration) -> None:
    installing = asyncio.create_task(Install(helm_config).run("shop", SLOW.archive(), timeout=60))
    seen: list[str] = []
    while not installing.done():
        listed = await List(helm_config).run()
        seen += [one["status"] for one in listed]
        if listed:
            assert (await Status(helm_config).run("shop"))["name"] == "shop"
            assert len(await History(helm_config).run("shop")) == 1
    await installing
    assert "pending-install" in seen


async def test_a_release_that_another_process_left_pending(helm_config: Configuration, objects: Objects) -> None:
    """As Helm: install and upgrade refuse it, rollback and uninstall go over it."""
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "b"})
    forge(objects, "shop", 2, "pending-upgrade")
    with pytest.raises(ReleasePendingError, match="roll back or uninstall") as raised:
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True)
    assert raised.value.code == "release_pending"
    await Rollback(helm_config).run("shop", 1)
    assert objects.data("shop") == {"value": "chart"}
    forge(objects, "shop", 3, "pending-rollback")
    await Uninstall(helm_config).run("shop")
    assert objects.statuses("shop") == []


def forge(objects: Objects, release: str, revision: int, status: str) -> None:
    """Make a record what a process that was killed in the middle leaves."""
    record = objects.record(release, revision)
    record["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    name = f"sh.helm.release.v1.{release}.v{revision}"
    objects.patch("secrets", name, {"metadata": {"labels": {"status": status}}, "data": {"release": packed}})


# Threads and loops.


def test_two_event_loops_in_two_threads(helm_config: Configuration, objects: Objects) -> None:
    start = threading.Barrier(2)
    outcome: dict[str, Any] = {}

    async def work(name: str) -> None:
        loop = asyncio.get_running_loop()
        wrong: list[object] = []

        def on_event(event: Any) -> None:
            if asyncio.get_running_loop() is not loop or event["release"].partition("-")[0] != name:
                wrong.append(event)

        for round_ in range(2):
            await asyncio.gather(
                *(
                    Install(helm_config).run(
                        f"{name}-{round_}-{number}", SIMPLE.archive(), {"value": name}, on_event=on_event
                    )
                    for number in range(8)
                )
            )
        outcome[name] = wrong

    def thread(name: str) -> None:
        start.wait(30)
        try:
            asyncio.run(work(name))
        except BaseException as error:
            outcome[name] = error

    threads = [threading.Thread(target=thread, args=(name,)) for name in ("left", "right")]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert outcome == {"left": [], "right": []}
    assert len(objects.names("configmaps")) == 32
    assert objects.data("left-1-7") == {"value": "left"}


def test_asyncio_run_again_and_again(helm_config: Configuration) -> None:
    for number in range(20):
        assert asyncio.run(Install(helm_config).run(f"shop-{number}", SIMPLE.archive(), wait=False))["version"] == 1
    assert len(asyncio.run(List(helm_config).run())) == 20


async def test_an_error_of_one_is_no_error_of_another(helm_config: Configuration) -> None:
    async def attempt(number: int) -> str:
        chart = Chart({"c.yaml": f"{{{{ fail `number {number}` }}}}"})
        with pytest.raises(HelmError) as raised:
            await Install(helm_config).run(f"shop-{number}", chart.archive())
        assert raised.value.release == f"shop-{number}"
        return str(raised.value)

    messages = await asyncio.gather(*(attempt(number) for number in range(16)))
    for number, message in enumerate(messages):
        assert f"number {number}" in message
