"""`deadline=`: it bounds the whole call, stops as a cancel does, and says where it was and what was not ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    DeadlineExceededError,
    History,
    Install,
    InstallError,
    Uninstall,
    UninstallError,
    Upgrade,
)
from tests.integration.charts import SIMPLE, Chart, deployment, hook
from tests.integration.objects import Objects

WAITS = Chart({**SIMPLE.templates, "d.yaml": deployment(ready="never")}, SIMPLE.values)


async def described(config: Configuration) -> str:
    return (await History(config).run("shop"))[-1]["description"]


async def test_a_deadline_that_passes_while_it_waits(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with pytest.raises(DeadlineExceededError, match="in its phase waiting") as raised:
        await Upgrade(helm_config).run("shop", WAITS.archive(), timeout=60, deadline=3)
    error = raised.value
    assert isinstance(error, TimeoutError)
    assert (error.code, error.release, error.details["seconds"]) == ("deadline_exceeded", "shop", 3)
    assert error.details["phase"] == "waiting"
    [waited] = error.details["not_ready"]
    assert (waited["kind"], waited["name"], waited["namespace"]) == ("Deployment", "shop", objects.namespace)
    assert waited["message"]
    assert waited["message"] in str(error)
    assert objects.statuses("shop") == ["deployed", "failed"]
    assert await described(helm_config) == "Upgrade stopped: its deadline of 3 s passed"
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True)


async def test_a_deadline_that_passes_in_a_hook(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({**SIMPLE.templates, "h.yaml": hook("pre-delete", ready="never")}, SIMPLE.values)
    await Install(helm_config).run("shop", chart.archive())
    with pytest.raises(UninstallError) as raised:
        await Uninstall(helm_config).run("shop", timeout=60, deadline=timedelta(seconds=2))
    assert raised.value.code == "deadline_exceeded"
    assert raised.value.details["phase"] == "pre-delete"
    assert [one["kind"] for one in raised.value.details["not_ready"]] == ["Job"]
    assert objects.statuses("shop") == ["deployed"]
    assert await described(helm_config) == "Uninstall stopped: its deadline of 2 s passed; nothing was deleted"


async def test_the_clean_up_has_a_time_of_its_own(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(DeadlineExceededError) as raised:
        await Install(helm_config).run(
            "shop", WAITS.archive(), timeout=60, deadline=3, rollback_on_failure=True, cleanup_timeout=20
        )
    assert raised.value.details["phase"] == "waiting"
    assert objects.statuses("shop") == []
    assert objects.names("configmaps") + objects.names("deployments") == []


async def test_one_that_does_not_pass_is_not_noticed(helm_config: Configuration, objects: Objects) -> None:
    until = datetime.now(UTC) + timedelta(minutes=5)
    release = await Install(helm_config).run("shop", SIMPLE.archive(), deadline=until)
    assert release["info"]["status"] == "deployed"


async def test_one_that_has_passed_starts_nothing(helm_config: Configuration, objects: Objects) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    with pytest.raises(InstallError) as raised:
        await Install(helm_config).run("shop", SIMPLE.archive(), deadline=before)
    assert raised.value.code == "deadline_exceeded"
    assert raised.value.details["phase"] == "queued"
    assert before.isoformat() in str(raised.value)
    assert objects.names("configmaps") + objects.names("secrets") == []


@pytest.mark.parametrize("wrong", [0, -1, "30", True, datetime(2030, 1, 1)])
async def test_what_is_no_deadline(helm_config: Configuration, wrong: Any) -> None:
    with pytest.raises(InstallError, match="deadline") as raised:
        await Install(helm_config).run("shop", SIMPLE.archive(), deadline=wrong)
    assert raised.value.details == {"field": "deadline"}
