"""Where releases are kept: every action on each storage, and what goes wrong with a database."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    ConfigurationError,
    GetAll,
    GetHooks,
    GetManifest,
    GetMetadata,
    GetNotes,
    GetValues,
    HelmError,
    History,
    HookError,
    Install,
    List,
    ReleaseError,
    ReleaseExistsError,
    ReleaseNotFoundError,
    ReleasePendingError,
    ReleaseTest,
    Rollback,
    Status,
    StorageError,
    Uninstall,
    Upgrade,
    WaitTimeoutError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, STUCK, Chart, hook
from tests.integration.objects import Objects, until
from tests.integration.postgresql import PostgreSQL

TESTED = Chart({**SIMPLE.templates, "t.yaml": hook("test"), "NOTES.txt": "noted"}, SIMPLE.values)


@pytest.fixture(params=["secret", "configmap", "memory", "sql"])
def storage(request: pytest.FixtureRequest) -> str:
    """The name of a storage."""
    return request.param


@pytest.fixture
def config(
    storage: Any, helm_cluster: TestCluster, helm_namespace: str, request: pytest.FixtureRequest
) -> Iterator[Configuration]:
    """A Configuration with that storage."""
    given = {"sql_connection": request.getfixturevalue("postgresql").connection} if storage == "sql" else {}
    with Configuration(helm_namespace, helm_cluster.kubeconfig, storage=storage, **given) as made:
        yield made


def kept(objects: Objects) -> dict[str, int]:
    """How many records are in the cluster, by kind."""
    kinds = ("secrets", "configmaps")
    return {kind: sum("sh.helm.release" in name for name in objects.names(kind)) for kind in kinds}


async def test_every_action(config: Configuration, storage: str, objects: Objects) -> None:
    await Install(config).run("shop", TESTED.archive(), {"value": "a"}, labels={"team": "x"})
    await Upgrade(config).run("shop", TESTED.archive(), {"value": "b"})
    await Install(config).run("other", SIMPLE.archive())
    assert [one["name"] for one in await List(config).run()] == ["other", "shop"]
    assert [one["name"] for one in await List(config).run(selector="team=x")] == ["shop"]
    assert [one["name"] for one in await List(config).run(filter="oth", max=1)] == ["other"]
    assert [one["name"] for one in await List(config).run(reverse=True, offset=1)] == ["other"]
    assert (await Status(config).run("shop"))["version"] == 2
    assert await GetValues(config).run("shop", revision=1) == {"value": "a"}
    assert await GetValues(config).run("shop", all=True) == {"value": "b"}
    assert "value" in await GetManifest(config).run("shop")
    assert "shop-hook" in await GetHooks(config).run("shop")
    assert await GetNotes(config).run("shop") == "noted"
    assert (await GetMetadata(config).run("shop"))["labels"] == {"team": "x"}
    assert (await GetAll(config).run("shop", revision=1))["config"] == {"value": "a"}
    tested = await ReleaseTest(config).run("shop")
    assert [one["last_run"]["phase"] for one in tested["hooks"]] == ["Succeeded"]
    assert (await Status(config).run("shop"))["hooks"] == tested["hooks"]
    await Rollback(config).run("shop")
    assert [one["status"] for one in await History(config).run("shop")] == ["superseded", "superseded", "deployed"]
    assert [one["revision"] for one in await History(config).run("shop", max=1)] == [3]
    assert kept(objects) == {
        "secrets": 4 if storage == "secret" else 0,
        "configmaps": 4 if storage == "configmap" else 0,
    }
    with pytest.raises(ReleaseExistsError):
        await Install(config).run("shop", SIMPLE.archive())
    await Uninstall(config).run("other", keep_history=True)
    assert [one["name"] for one in await List(config).run(uninstalled=True)] == ["other"]
    assert [one["name"] for one in await List(config).run(deployed=True)] == ["shop"]
    await Uninstall(config).run("other")
    await Uninstall(config).run("shop")
    assert await List(config).run() == []
    for action in (History, Status, GetMetadata, Rollback, Uninstall, ReleaseTest):
        with pytest.raises(ReleaseNotFoundError):
            await action(config).run("shop")
    assert kept(objects) == {"secrets": 0, "configmaps": 0}
    assert objects.names("configmaps") == []


async def test_old_revisions_go(config: Configuration) -> None:
    for value in "abcd":
        await Upgrade(config).run("shop", SIMPLE.archive(), {"value": value}, install=True, max_history=2)
    assert [one["revision"] for one in await History(config).run("shop")] == [3, 4]
    await Rollback(config).run("shop", 3, history_max=3)
    assert [one["revision"] for one in await History(config).run("shop")] == [3, 4, 5]


async def test_failures_and_cancels(config: Configuration) -> None:
    await Install(config).run("shop", SIMPLE.archive())
    with pytest.raises(WaitTimeoutError):
        await Upgrade(config).run("shop", STUCK.archive(), timeout=0.3)
    failing = Chart({**SIMPLE.templates, "h.yaml": hook("pre-upgrade", exit_code="1")}, SIMPLE.values)
    with pytest.raises(HookError):
        await Upgrade(config).run("shop", failing.archive(), rollback_on_failure=True)
    assert [one["status"] for one in await History(config).run("shop")] == [
        "superseded",
        "failed",
        "failed",
        "deployed",
    ]
    running = asyncio.create_task(Upgrade(config).run("shop", STUCK.archive()))

    async def pending() -> bool:
        return (await History(config).run("shop"))[-1]["status"] == "pending-upgrade"

    for _ in range(2000):
        if await pending():
            break
        await asyncio.sleep(0.01)
    with pytest.raises(ReleasePendingError):
        await Rollback(config).run("shop")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await History(config).run("shop"))[-1]["status"] == "failed"
    await Upgrade(config).run("shop", SIMPLE.archive())


async def test_namespaces_are_apart(
    config: Configuration, helm_cluster: TestCluster, storage: Any, request: pytest.FixtureRequest
) -> None:
    given = {"sql_connection": request.getfixturevalue("postgresql").connection} if storage == "sql" else {}
    await Install(config).run("shop", SIMPLE.archive(), {"value": "here"})
    with (
        helm_cluster.namespace() as name,
        Configuration(name, helm_cluster.kubeconfig, storage=storage, **given) as other,
    ):
        assert await List(other).run() == []
        await Install(other).run("shop", SIMPLE.archive(), {"value": "there"})
        assert await GetValues(other).run("shop") == {"value": "there"}
        everywhere = {one["namespace"] for one in await List(config).run(all_namespaces=True, filter="^shop$")}
        assert {config.namespace, name} <= everywhere
        await Uninstall(other).run("shop")
    assert await GetValues(config).run("shop") == {"value": "here"}


async def test_many_at_once(config: Configuration) -> None:
    await asyncio.gather(
        *(Install(config).run(f"shop-{number}", SIMPLE.archive(), wait=False) for number in range(8)),
        *(List(config).run() for _ in range(8)),
    )
    assert len(await List(config).run()) == 8
    await asyncio.gather(*(Uninstall(config).run(f"shop-{number}", wait=False) for number in range(8)))
    assert await List(config).run() == []


# What the environment says.


@pytest.mark.parametrize("name", ["configmap", "configmaps", "ConfigMap"])
async def test_the_environment_names_the_storage(
    helm_cluster: TestCluster, objects: Objects, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HELM_DRIVER", name)
    with Configuration(objects.namespace, helm_cluster.kubeconfig) as config:
        await Install(config).run("shop", SIMPLE.archive())
    assert objects.statuses("shop", "configmaps") == ["deployed"]
    with Configuration(objects.namespace, helm_cluster.kubeconfig, storage="secret") as config:
        assert await List(config).run() == []


async def test_the_environment_names_the_database(
    helm_cluster: TestCluster, objects: Objects, monkeypatch: pytest.MonkeyPatch, postgresql: PostgreSQL
) -> None:
    monkeypatch.setenv("HELM_DRIVER", "sql")
    monkeypatch.setenv("HELM_DRIVER_SQL_CONNECTION_STRING", postgresql.connection)
    with Configuration(objects.namespace, helm_cluster.kubeconfig) as config:
        await Install(config).run("shop", SIMPLE.archive())
    assert kept(objects) == {"secrets": 0, "configmaps": 0}
    # The records outlive the Configuration; what is given wins over the environment.
    monkeypatch.setenv("HELM_DRIVER_SQL_CONNECTION_STRING", postgresql.connect(database="no-such-database"))
    with Configuration(
        objects.namespace, helm_cluster.kubeconfig, storage="sql", sql_connection=postgresql.connection
    ) as config:
        assert [one["name"] for one in await List(config).run()] == ["shop"]
        await Uninstall(config).run("shop")
    with Configuration(objects.namespace, helm_cluster.kubeconfig) as config, pytest.raises(StorageError):
        await List(config).run()


async def test_an_unknown_storage(helm_cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown: Any = "floppy"
    with pytest.raises(ConfigurationError, match="floppy"):
        Configuration(kubeconfig=helm_cluster.kubeconfig, storage=unknown)
    monkeypatch.setenv("HELM_DRIVER", "floppy")
    with Configuration(kubeconfig=helm_cluster.kubeconfig) as config, pytest.raises(ConfigurationError, match="floppy"):
        await List(config).run()
    monkeypatch.setenv("HELM_DRIVER", "sql")
    with (
        Configuration(kubeconfig=helm_cluster.kubeconfig) as config,
        pytest.raises(ConfigurationError, match="HELM_DRIVER_SQL_CONNECTION_STRING"),
    ):
        await List(config).run()


# Memory.


async def test_memory_is_shared(helm_cluster: TestCluster, helm_namespace: str) -> None:
    """By Configurations of the same cluster and identity, as long as one of them is open."""

    def made(**options: Any) -> Configuration:
        return Configuration(helm_namespace, helm_cluster.kubeconfig, storage="memory", **options)

    with made() as one:
        await Install(one).run("shop", SIMPLE.archive())
        with made() as two:
            assert [found["name"] for found in await List(two).run()] == ["shop"]
            await Upgrade(two).run("shop", SIMPLE.archive(), {"value": "b"})
        assert await GetValues(one).run("shop") == {"value": "b"}
        with made(kube_as_user="admin", kube_as_group="system:masters") as somebody_else:
            assert await List(somebody_else).run() == []
        await Uninstall(one).run("shop")
        await Install(one).run("shop", SIMPLE.archive())
    with made() as later:
        assert await List(later).run() == []


# A database that can not be used.


def safe(raised: HelmError, *secrets: str) -> str:
    """Everything that an error shows, in which there is no secret."""
    again = pickle.loads(pickle.dumps(raised))
    assert (type(again), str(again), again.details) == (type(raised), str(raised), raised.details)
    shown = f"{raised} {raised!r} {raised.details} {raised.__cause__!r}"
    assert not [secret for secret in secrets if secret in shown]
    return shown


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ("postgres://me:hunter2@127.0.0.1:1/helm?sslmode=disable", "connection refused"),
        ("host=127.0.0.1 port=1 user=me password=hunter2 sslmode=disable", "connection refused"),
        ("host=/no/such/directory user=me password=hunter2", "/no/such/directory"),
        ("postgres://me:hunter2@no-such-host.invalid/helm", "no-such-host.invalid"),
    ],
)
async def test_a_database_that_is_not_there(
    helm_cluster: TestCluster, helm_namespace: str, connection: str, says: str
) -> None:
    with Configuration(helm_namespace, helm_cluster.kubeconfig, storage="sql", sql_connection=connection) as config:
        assert "hunter2" not in repr(config)
        for call in (
            List(config).run(),
            Install(config).run("shop", SIMPLE.archive()),
            Uninstall(config).run("shop"),
        ):
            with pytest.raises(StorageError, match="sql_connection") as raised:
                await call
            assert raised.value.code == "storage"
            assert isinstance(raised.value, ConnectionError)
            assert says in safe(raised.value, "hunter2")


@pytest.mark.parametrize(
    "connection",
    [
        "postgres://me:hunter2@127.0.0.1:port/helm",
        "postgres://me:hunter2/x@127.0.0.1/helm",
        "password=my hunter2 host=127.0.0.1",
        "hunter2",
    ],
)
async def test_a_connection_that_can_not_be_read(
    helm_cluster: TestCluster, helm_namespace: str, connection: str
) -> None:
    with (
        Configuration(helm_namespace, helm_cluster.kubeconfig, storage="sql", sql_connection=connection) as config,
        pytest.raises(ConfigurationError, match="postgresql://USER:PASSWORD@HOST") as raised,
    ):
        await List(config).run()
    assert isinstance(raised.value, ReleaseError)
    assert raised.value.details["field"] == "sql_connection"
    safe(raised.value, "hunter2")


async def test_a_wrong_password_and_database(
    helm_cluster: TestCluster, helm_namespace: str, postgresql: PostgreSQL
) -> None:
    for connection, says in (
        (postgresql.connect(password="hunter2"), "password authentication failed"),
        (postgresql.connect(database="no-such"), '"no-such" does not exist'),
    ):
        with Configuration(helm_namespace, helm_cluster.kubeconfig, storage="sql", sql_connection=connection) as config:
            with pytest.raises(StorageError) as raised:
                await Status(config).run("shop")
            assert says in safe(raised.value, "hunter2", postgresql.password)


async def test_a_database_that_goes_away_and_comes_back(
    helm_cluster: TestCluster, objects: Objects, postgresql: PostgreSQL
) -> None:
    """It is never mistaken for a release that is not there: an upgrade(install=True) would install it anew."""
    with Configuration(
        objects.namespace, helm_cluster.kubeconfig, storage="sql", sql_connection=postgresql.connection
    ) as config:
        await Install(config).run("shop", SIMPLE.archive())
        running = asyncio.create_task(Upgrade(config).run("shop", STUCK.archive(), timeout=3))
        await until(lambda: objects.find("deployments", "shop"), "the upgrade began")
        await asyncio.to_thread(postgresql.stop)
        try:
            for call in (
                List(config).run(),
                Status(config).run("shop"),
                GetValues(config).run("shop", revision=1),
                History(config).run("shop"),
                Install(config).run("new", SIMPLE.archive()),
                Upgrade(config).run("new", SIMPLE.archive(), install=True),
                Uninstall(config).run("new"),
            ):
                with pytest.raises(StorageError) as raised:
                    await call
                safe(raised.value, postgresql.password)
            with pytest.raises(HelmError):
                await running
        finally:
            await asyncio.to_thread(postgresql.start)
        assert objects.find("configmaps", "new") is None
        assert [one["name"] for one in await List(config).run()] == ["shop"]
        await Uninstall(config).run("shop")
