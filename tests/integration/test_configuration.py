"""Where the cluster is and where releases are kept: every form of a kubeconfig, and every storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    Configuration,
    ConfigurationError,
    HelmError,
    Install,
    List,
    get_version,
)
from helm_sdkpy.testing import TestCluster
from scripts import versions
from tests.integration.charts import SIMPLE


def text(cluster: TestCluster) -> str:
    return Path(cluster.kubeconfig).read_text()


def content(cluster: TestCluster) -> dict[str, Any]:
    return yaml.safe_load(text(cluster))


async def works(config: Configuration) -> None:
    with config:
        assert [one["name"] for one in await List(config).run()] == ["shop"]


@pytest.fixture
async def shop(helm_config: Configuration) -> str:
    """A release in the test's namespace, so that it is seen which namespace is looked into."""
    await Install(helm_config).run("shop", SIMPLE.archive())
    return helm_config.namespace


async def test_a_path(shop: str, helm_cluster: TestCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    await works(Configuration(shop, helm_cluster.kubeconfig))
    path = Path(helm_cluster.kubeconfig)
    await works(Configuration(shop, path))
    monkeypatch.chdir(path.parent)
    relative = Configuration(shop, path.name)
    monkeypatch.chdir("/")
    await works(relative)


async def test_several_paths(shop: str, helm_cluster: TestCluster, tmp_path: Path) -> None:
    """As kubectl merges them: the first that says something wins."""
    whole = content(helm_cluster)
    parts = [
        {"current-context": whole["current-context"], "contexts": whole["contexts"]},
        {"clusters": whole["clusters"]},
    ]
    parts.append({"users": whole["users"]})
    paths = [tmp_path / f"{number}.yaml" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        path.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **part}))
    await works(Configuration(shop, paths))


async def test_text_and_mapping(shop: str, helm_cluster: TestCluster) -> None:
    await works(Configuration(shop, text(helm_cluster)))
    await works(Configuration(shop, content(helm_cluster)))


async def test_the_environment(
    shop: str, helm_cluster: TestCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", helm_cluster.kubeconfig)
    made = Configuration(shop)
    # It is the environment of when it was made.
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    await works(made)
    monkeypatch.delenv("KUBECONFIG")
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(text(helm_cluster))
    monkeypatch.setenv("HOME", str(tmp_path))
    await works(Configuration(shop))


async def test_contexts(shop: str, helm_cluster: TestCluster) -> None:
    kubeconfig = content(helm_cluster)
    (context,) = kubeconfig["contexts"]
    kubeconfig["clusters"].append({"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}})
    kubeconfig["contexts"] = [
        {"name": "wrong", "context": {**context["context"], "cluster": "nowhere"}},
        {"name": "right", "context": {**context["context"], "namespace": shop}},
    ]
    kubeconfig["current-context"] = "wrong"
    await works(Configuration(shop, kubeconfig, kubecontext="right"))
    # Without a namespace of its own it takes the context's.
    await works(Configuration(None, kubeconfig, kubecontext="right"))
    with Configuration(shop, kubeconfig) as config, pytest.raises(ConnectionError):
        await List(config).run()
    with Configuration(shop, kubeconfig, kubecontext="nothing") as config:
        with pytest.raises(ConfigurationError, match="nothing") as raised:
            await List(config).run()
        assert raised.value.code == "configuration"


@pytest.mark.parametrize(
    ("kubeconfig", "says"),
    [
        ("/no/such/file", "/no/such/file"),
        (["/no/such/file"], "/no/such/file"),
        ([], "empty list"),
        ({"some": "thing"}, "kubeconfig"),
        (7, "kubeconfig"),
    ],
)
def test_what_is_no_kubeconfig(kubeconfig: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as raised:
        Configuration(kubeconfig=kubeconfig)
    assert raised.value.details == {"field": "kubeconfig"}


async def test_no_kubeconfig_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Configuration() as config, pytest.raises(HelmError) as raised:
        await List(config).run()
    assert raised.value.code in ("configuration", "cluster_unreachable")
    assert "kubeconfig" in str(raised.value)


async def test_a_service_account_outside_a_pod() -> None:
    with Configuration.from_service_account() as config, pytest.raises(ConfigurationError) as raised:
        await List(config).run()
    assert "pod" in str(raised.value)


async def test_requests_can_be_limited(shop: str, helm_cluster: TestCluster) -> None:
    await works(Configuration(shop, helm_cluster.kubeconfig, qps=50, burst_limit=5))


def test_the_version() -> None:
    assert f"helm {versions.helm()}, kubernetes {versions.client()}," in get_version()
