"""Recover: what is stuck since when, and what becomes of it; the states are those of processes that were killed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from helm_sdkpy import (
    Configuration,
    Install,
    Recover,
    ReleaseNotFoundError,
    ReleasePendingError,
    Upgrade,
    ValidationError,
)
from tests.integration.charts import SIMPLE, Chart, configmap, deployment
from tests.integration.killing import Program
from tests.integration.objects import Objects

NEXT = Chart({"two.yaml": configmap("two"), "never.yaml": deployment("never", ready="never")})


async def stop(objects: Objects, action: str, status: str, *, name: str = "shop", **arguments: object) -> None:
    """Kill a process when its revision has the status."""
    program = Program(objects.cluster, objects.namespace, (action, {"release_name": name, "timeout": 600, **arguments}))

    def reached() -> bool:
        made = action == "Uninstall" or objects.find("deployments", "never") is not None
        return made and objects.statuses(name)[-1:] == [status]

    await program.kill(reached, f"{action} is {status}")


@pytest.fixture
def chart(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(NEXT.save(tmp_path_factory.mktemp("charts")))


async def test_one_release(helm_config: Configuration, objects: Objects, chart: str) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    assert await Recover(helm_config).run("shop") == []
    before = datetime.now(UTC)
    await stop(objects, "Upgrade", "pending-upgrade", chart_path=chart)
    [shown] = await Recover(helm_config).run("shop", dry_run=True)
    assert {**shown, "since": "", "touched": "", "age": 0} == {
        "name": "shop", "namespace": objects.namespace, "revision": 2, "status": "pending-upgrade", "since": "",
        "touched": "", "age": 0, "action": "none", "result": "pending-upgrade", "message": "",
    }  # fmt: skip
    assert datetime.fromisoformat(shown["since"]) >= before
    assert datetime.fromisoformat(shown["touched"]) >= datetime.fromisoformat(shown["since"])
    with pytest.raises(ReleasePendingError, match="pending_age=0"):
        await Recover(helm_config).run("shop")
    assert objects.statuses("shop") == ["deployed", "pending-upgrade"]
    [mended] = await Recover(helm_config).run("shop", pending_age=0)
    assert (mended["action"], mended["result"]) == ("failed", "failed")
    assert mended["message"].startswith("Taken over at 20")
    assert objects.statuses("shop") == ["deployed", "failed"]
    assert await Recover(helm_config).run("shop", pending_age=0) == []
    await Upgrade(helm_config).run("shop", SIMPLE.archive())
    assert objects.names("configmaps") == ["shop"], "what the killed one made is gone"


async def test_back_to_what_was_deployed(helm_config: Configuration, objects: Objects, chart: str) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await stop(objects, "Upgrade", "pending-upgrade", chart_path=chart)
    [mended] = await Recover(helm_config).run("shop", to="deployed", pending_age=0)
    assert (mended["action"], mended["result"]) == ("rolled_back", "deployed")
    assert "rolled back to revision 1, as revision 3" in mended["message"]
    assert objects.statuses("shop") == ["superseded", "failed", "deployed"]
    assert objects.names("configmaps") == ["shop"]
    assert objects.names("deployments") == []


async def test_an_uninstall_is_undone(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    objects.patch("configmaps", "shop", {"metadata": {"finalizers": ["example.com/late"]}})
    await stop(objects, "Uninstall", "uninstalling", wait=True)
    objects.patch("configmaps", "shop", {"metadata": {"finalizers": None}})
    [mended] = await Recover(helm_config).run("shop", to="deployed", pending_age=0)
    assert (mended["status"], mended["result"]) == ("uninstalling", "deployed")
    assert objects.statuses("shop")[-1] == "deployed"
    assert objects.data("shop") == {"value": "chart"}


async def test_a_whole_namespace(helm_config: Configuration, objects: Objects, chart: str) -> None:
    await Install(helm_config).run("fine", SIMPLE.archive())
    await stop(objects, "Install", "pending-install", name="fresh", chart_path=chart)
    shown = await Recover(helm_config).run(dry_run=True)
    assert [(one["name"], one["status"]) for one in shown] == [("fresh", "pending-install")]
    everywhere = await Recover(helm_config).run(dry_run=True, all_namespaces=True)
    assert (objects.namespace, "fresh") in [(one["namespace"], one["name"]) for one in everywhere]
    [young] = await Recover(helm_config).run()
    assert young["action"] == "none"
    assert "pending_age=0" in young["message"]
    [mended] = await Recover(helm_config).run(to="deployed", pending_age=0)
    assert (mended["action"], mended["result"]) == ("failed", "failed")
    assert "no revision was ever deployed" in mended["message"]
    assert objects.statuses("fresh") == ["failed"]
    assert objects.names("deployments") == ["never"], "nothing is uninstalled"
    assert objects.statuses("fine") == ["deployed"]


@pytest.mark.parametrize("storage", ["configmap", "memory"])
async def test_other_storages_have_nothing_that_is_stuck(
    helm_config: Configuration, objects: Objects, storage: str
) -> None:
    config = Configuration(objects.namespace, str(objects.cluster.kubeconfig), storage=storage)  # pyright: ignore[reportArgumentType]
    assert await Recover(config).run() == []
    await Install(config).run("shop", SIMPLE.archive())
    assert await Recover(config).run() == []
    assert await Recover(config).run("shop") == []


async def test_what_is_refused(helm_config: Configuration) -> None:
    with pytest.raises(ReleaseNotFoundError):
        await Recover(helm_config).run("nothing")
    with pytest.raises(ValidationError, match="all_namespaces"):
        await Recover(helm_config).run("shop", all_namespaces=True)
