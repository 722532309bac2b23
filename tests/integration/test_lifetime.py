"""Configurations: made, used, closed and dropped, as often as one likes."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import textwrap
import weakref
from typing import Any, Final

import pytest

from helm_sdkpy import Configuration, ConfigurationError, Install, InstallError, List, ReleaseError, Upgrade
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, STUCK, Chart, configmap, deployment
from tests.integration.objects import Objects, until


async def test_use_after_close(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    helm_config.close()
    helm_config.close()
    assert helm_config.closed
    with pytest.raises(ConfigurationError, match="closed") as raised:
        await List(helm_config).run()
    assert isinstance(raised.value, ReleaseError)
    assert raised.value.code == "configuration_closed"
    with pytest.raises(InstallError, match="make a new one"):
        await Install(helm_config).run("other", SIMPLE.archive())
    assert objects.names("configmaps") == ["shop"]


def test_with_closes(helm_cluster: TestCluster, helm_namespace: str) -> None:
    with Configuration(helm_namespace, helm_cluster.kubeconfig) as config:
        assert asyncio.run(List(config).run()) == []
    assert config.closed


async def test_async_with_closes_and_waits(helm_cluster: TestCluster, objects: Objects) -> None:
    async with Configuration(objects.namespace, helm_cluster.kubeconfig) as config:
        task = asyncio.create_task(Install(config).run("shop", STUCK.archive(), timeout=60))
        await until(lambda: objects.find("deployments", "shop"), "it waits")
    assert config.closed
    # It has ended, and its record is true.
    assert objects.statuses("shop") == ["failed"]
    with pytest.raises(InstallError, match="closed while"):
        await task


async def test_closing_cancels_what_runs(
    helm_config: Configuration, helm_cluster: TestCluster, objects: Objects
) -> None:
    task = asyncio.create_task(Install(helm_config).run("shop", STUCK.archive(), timeout=60))
    await until(lambda: objects.find("deployments", "shop"), "it waits")
    helm_config.close()
    with pytest.raises(ConfigurationError) as raised:
        await asyncio.wait_for(task, 10)
    assert raised.value.code == "configuration_closed"
    assert isinstance(raised.value, InstallError)
    assert objects.statuses("shop") == ["failed"]
    assert objects.record("shop")["info"]["description"] == "Install stopped: its Configuration was closed"
    with Configuration(objects.namespace, helm_cluster.kubeconfig) as config:
        await Upgrade(config).run("shop", SIMPLE.archive(), install=True)


@pytest.mark.parametrize("way", ["close", "aclose"])
async def test_a_close_that_does_not_cancel_is_refused(helm_config: Configuration, objects: Objects, way: str) -> None:
    late = Chart({"c.yaml": configmap(), "d.yaml": deployment(ready_after="1s")})
    task = asyncio.create_task(Install(helm_config).run("shop", late.archive(), timeout=60))
    await until(lambda: objects.find("deployments", "shop"), "it waits")

    async def close() -> None:
        if way == "close":
            helm_config.close(cancel=False)
        else:
            await helm_config.aclose(cancel=False)

    with pytest.raises(ConfigurationError, match=f"install of shop in {objects.namespace}") as raised:
        await close()
    assert raised.value.code == "configuration_busy"
    running = [{"action": "install", "release": "shop", "namespace": objects.namespace}]
    assert raised.value.details == {"running": running}
    assert not helm_config.closed
    assert (await task)["info"]["status"] == "deployed"
    helm_config.close(cancel=False)
    assert helm_config.closed


async def test_closing_waits_for_the_clean_up(helm_config: Configuration, objects: Objects) -> None:
    """Longer than the second that an operation without one has."""
    charts = Chart({"c.yaml": configmap(), "d.yaml": deployment(ready="never")})
    install = Install(helm_config).run(
        "shop", charts.archive(), timeout=60, rollback_on_failure=True, cleanup_timeout=30
    )
    task = asyncio.create_task(install)
    await until(lambda: objects.find("deployments", "shop"), "it waits")
    await helm_config.aclose()
    assert objects.statuses("shop") == []
    with pytest.raises(InstallError, match="closed while"):
        await task


async def test_a_block_that_fails_cancels_and_lets_the_error_through(
    helm_cluster: TestCluster, objects: Objects
) -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def fail() -> None:
        async with Configuration(objects.namespace, helm_cluster.kubeconfig) as config:
            tasks.append(asyncio.create_task(Install(config).run("shop", STUCK.archive(), timeout=60)))
            await until(lambda: objects.find("deployments", "shop"), "it waits")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert objects.statuses("shop") == ["failed"]
    with pytest.raises(InstallError, match="closed while"):
        await tasks[0]


async def test_closing_one_leaves_another_alone(
    helm_config: Configuration, helm_cluster: TestCluster, objects: Objects
) -> None:
    late = Chart({"c.yaml": configmap(), "d.yaml": deployment(ready_after="1s")})
    other = Configuration(objects.namespace, helm_cluster.kubeconfig)
    assert await List(other).run() == []
    task = asyncio.create_task(Install(helm_config).run("shop", late.archive(), timeout=60))
    await until(lambda: objects.find("deployments", "shop"), "it waits")
    other.close()
    assert (await task)["info"]["status"] == "deployed"


async def test_dropping_it_closes_it(helm_cluster: TestCluster, helm_namespace: str) -> None:
    config = Configuration(helm_namespace, helm_cluster.kubeconfig)
    assert await List(config).run() == []
    connection = config.connection
    gone = weakref.ref(config)
    del config
    gc.collect()
    assert gone() is None
    assert connection.closed


async def test_an_operation_keeps_its_configuration(helm_cluster: TestCluster, objects: Objects) -> None:
    install = Install(Configuration(objects.namespace, helm_cluster.kubeconfig)).run("shop", SIMPLE.archive())
    gc.collect()
    assert (await install)["info"]["status"] == "deployed"


async def test_the_memory_storage_belongs_to_the_session(helm_cluster: TestCluster, objects: Objects) -> None:
    with Configuration(objects.namespace, helm_cluster.kubeconfig, storage="memory") as config:
        await Install(config).run("shop", SIMPLE.archive())
        assert [one["name"] for one in await List(config).run()] == ["shop"]
    assert objects.names("secrets") == []


USED: Final = textwrap.dedent("""
    import asyncio, gc, json, os, sys, time
    from pathlib import Path
    from helm_sdkpy import Configuration, Install, List, Uninstall

    kubeconfig, namespace, chart = sys.argv[1:]

    def usage():
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return {"threads": len(os.listdir("/proc/self/task")), "fds": len(os.listdir("/proc/self/fd")), "rss": resident}

    async def use(number):
        config = Configuration(namespace, kubeconfig)
        if number % 10 == 0:
            await Install(config).run(f"shop-{number}", chart)
            await Uninstall(config).run(f"shop-{number}")
        await asyncio.gather(List(config).run(), List(config).run())
        if number % 3 == 0:
            config.close()
        elif number % 3 == 1:
            async with config:
                pass

    async def many(count):
        for number in range(count):
            await use(number)
            if number % 50 == 0:
                # As many threads as there will ever be: a runtime that makes one keeps it.
                await asyncio.gather(*(use(1000 + other) for other in range(8)))

    asyncio.run(many(60))
    before = usage()
    asyncio.run(many(200))
    after = usage()
    print(json.dumps({"before": before, "after": after}))
""")


def test_200_configurations_leave_nothing(
    helm_cluster: TestCluster, helm_namespace: str, tmp_path: Any, record_property: Any
) -> None:
    chart = SIMPLE.save(tmp_path)
    command = [sys.executable, "-W", "error", "-c", USED, helm_cluster.kubeconfig, helm_namespace, str(chart)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    used = json.loads(answer.stdout)
    record_property("usage", used)
    before, after = used["before"], used["after"]
    # A thread more or less is the Go runtime's mood; 200 Configurations would be 200.
    assert after["threads"] <= before["threads"] + 5
    assert after["fds"] <= before["fds"] + 3
    # Go keeps a closed connection's health check, and with it some 100 KiB, for 30 s. Then it goes.
    assert after["rss"] <= before["rss"] + 48 * 2**20
