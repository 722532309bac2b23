"""Iterating over an action of a real cluster, and leaving it early."""

from __future__ import annotations

import pytest

from helm_sdkpy import Configuration, Install, List, Uninstall, Upgrade, WaitTimeoutError
from tests.integration.charts import SIMPLE, STUCK
from tests.integration.objects import Objects


async def test_an_install_is_iterated_over(helm_config: Configuration) -> None:
    async with Install(helm_config).stream("shop", SIMPLE.archive()) as run:
        phases = [event["phase"] async for event in run if event["type"] == "phase"]
        release = await run
    assert release["info"]["status"] == "deployed"
    assert [phase for phase in phases if phase in ("rendering", "applying")] == ["rendering", "applying"]
    async with List(helm_config).stream() as listing:
        assert [each["name"] for each in await listing] == ["shop"]
    async with Uninstall(helm_config).stream("shop") as removing:
        actions = [event.get("action") async for event in removing if event["type"] == "resource"]
    assert "deleted" in actions


async def test_leaving_early_leaves_a_release_that_an_upgrade_mends(
    helm_config: Configuration, objects: Objects
) -> None:
    async with Install(helm_config).stream("shop", STUCK.archive(), timeout=60) as run:
        async for event in run:
            if event["type"] == "resource" and event.get("status") == "in_progress":
                break
    assert objects.statuses("shop") == ["failed"]
    async with Upgrade(helm_config).stream("shop", SIMPLE.archive(), install=True) as run:
        assert (await run)["info"]["status"] == "deployed"


async def test_a_timeout_is_raised_by_the_await(helm_config: Configuration) -> None:
    async with Install(helm_config).stream("shop", STUCK.archive(), timeout=1) as run:
        told = [event async for event in run if event["type"] == "resource" and event.get("status") == "in_progress"]
        with pytest.raises(WaitTimeoutError):
            await run
    assert told
