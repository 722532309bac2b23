"""The root flags of helm as arguments of a Configuration: setting each changes something that can be seen.

What is tested with its subject: kubeconfig and kubecontext in test_configuration.py; kube_token, kube_as_user,
kube_ca_file, kube_insecure_skip_tls_verify and kube_apiserver in test_errors.py; registry_config, repository_config and
repository_cache in test_chart_sources.py.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    CertificateError,
    Configuration,
    ConfigurationError,
    ForbiddenError,
    History,
    Install,
    List,
    Rollback,
    Upgrade,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, Chart
from tests.integration.objects import Objects, until


def content(cluster: TestCluster) -> dict[str, Any]:
    """The test cluster's kubeconfig."""
    return yaml.safe_load(Path(cluster.kubeconfig).read_text())


async def test_kube_as_group(helm_cluster: TestCluster, objects: Objects) -> None:
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    objects.create("roles", {"metadata": {"name": "reader"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    subject = {"kind": "Group", "name": "readers", "apiGroup": "rbac.authorization.k8s.io"}
    objects.create("rolebindings", {"metadata": {"name": "reader"}, "roleRef": role, "subjects": [subject]})

    def allowed() -> bool:
        attributes = {"namespace": objects.namespace, "verb": "list", "resource": "secrets"}
        review = helm_cluster.request(
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {"spec": {"user": "somebody", "groups": ["readers"], "resourceAttributes": attributes}},
        )
        return review["status"]["allowed"]

    await until(allowed, "the API server has seen the role and its binding")

    def somebody(*groups: str) -> Configuration:
        return Configuration(
            objects.namespace, helm_cluster.kubeconfig, kube_as_user="somebody", kube_as_group=groups or None
        )

    with somebody("readers") as one, somebody("others", "readers") as two:
        assert await List(one).run() == await List(two).run() == []
    for other in (somebody(), somebody("others")):
        with other, pytest.raises(ForbiddenError, match="somebody"):
            await List(other).run()
    with (
        Configuration(objects.namespace, helm_cluster.kubeconfig, kube_as_group="readers") as alone,
        pytest.raises(ConfigurationError, match="kube_as_user"),
    ):
        await List(alone).run()


async def test_kube_tls_server_name(helm_cluster: TestCluster, helm_namespace: str) -> None:
    """The certificate is for `kubernetes.default.svc` too, whatever the address in the kubeconfig is."""
    kubeconfig = content(helm_cluster)
    kubeconfig["clusters"][0]["cluster"]["tls-server-name"] = "not-the-name"
    with Configuration(helm_namespace, kubeconfig) as wrong, pytest.raises(CertificateError, match="not-the-name"):
        await List(wrong).run()
    with Configuration(helm_namespace, kubeconfig, kube_tls_server_name="kubernetes.default.svc") as right:
        assert await List(right).run() == []


async def test_qps_and_burst_limit(helm_cluster: TestCluster, helm_namespace: str) -> None:
    async def seconds(**limits: Any) -> float:
        with Configuration(helm_namespace, helm_cluster.kubeconfig, **limits) as config:
            await List(config).run()  # connects
            began = time.monotonic()
            for _ in range(6):
                await List(config).run()
            return time.monotonic() - began

    # Six requests after the first: all but the first of all wait for a fifth of a second.
    assert await seconds(qps=5, burst_limit=1) > 1
    # The best of some: the machine may be busy.
    assert min([await seconds(qps=5, burst_limit=50) for _ in range(5)]) < 1
    assert min([await seconds() for _ in range(5)]) < 1


async def test_content_cache(
    helm_cluster: TestCluster, helm_namespace: str, served_charts: Path, tmp_path: Path
) -> None:
    chart = Chart(SIMPLE.templates, SIMPLE.values, name=helm_namespace)
    archive = chart.save(served_charts)
    with Configuration(helm_namespace, helm_cluster.kubeconfig, content_cache=tmp_path / "content") as config:
        await Install(config).run("shop", f"{helm_cluster.repository}/{archive.name}")
    kept = [path for path in (tmp_path / "content").rglob("*.chart") if path.read_bytes() == archive.read_bytes()]
    assert len(kept) == 1


async def test_namespace(helm_cluster: TestCluster, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with helm_cluster.namespace() as other, Configuration(other, helm_cluster.kubeconfig) as config:
        assert await List(config).run() == []
    with Configuration(helm_config.namespace, helm_cluster.kubeconfig) as config:
        assert [one["name"] for one in await List(config).run()] == ["shop"]


# What the environment says where nothing is given.


async def test_the_environments_root_flags(
    helm_cluster: TestCluster, helm_config: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    kubeconfig = content(helm_cluster)
    cluster = kubeconfig["clusters"][0]["cluster"]
    cluster |= {"server": "https://127.0.0.1:1", "certificate-authority": "/nothing"}
    monkeypatch.setenv("HELM_KUBEAPISERVER", helm_cluster.server)
    monkeypatch.setenv("HELM_KUBECAFILE", helm_cluster.ca_file)
    monkeypatch.setenv("HELM_NAMESPACE", helm_config.namespace)
    with Configuration(None, kubeconfig) as config:
        assert [one["name"] for one in await List(config).run()] == ["shop"]
    monkeypatch.setenv("HELM_KUBEASUSER", "somebody")
    with Configuration(None, kubeconfig) as config, pytest.raises(ForbiddenError, match="somebody"):
        await List(config).run()
    # What is given wins.
    with Configuration(None, kubeconfig, kube_as_user="system:admin", kube_as_group="system:masters") as config:
        assert [one["name"] for one in await List(config).run()] == ["shop"]


async def test_the_environments_max_history(
    helm_cluster: TestCluster, helm_namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_MAX_HISTORY", "2")

    with Configuration(helm_namespace, helm_cluster.kubeconfig) as config:
        await Install(config).run("shop", SIMPLE.archive())

        async def revisions(**options: Any) -> list[int]:
            await Upgrade(config).run("shop", SIMPLE.archive(), **options)
            return [one["revision"] for one in await History(config).run("shop")]

        assert await revisions() == [1, 2]
        assert await revisions() == [2, 3]
        # The default of the signature says nothing, so it gives way; the flag's name says ten.
        assert await revisions(max_history=10) == [3, 4]
        assert await revisions(history_max=10) == [3, 4, 5]
        assert await revisions(max_history=4) == [3, 4, 5, 6]
        await Rollback(config).run("shop", max_history=10)
        assert len(await History(config).run("shop")) == 5
        await Rollback(config).run("shop")
        assert [one["revision"] for one in await History(config).run("shop")] == [7, 8]


def test_env(helm_cluster: TestCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HELM_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HELM_MAX_HISTORY", "3")
    with Configuration("web", helm_cluster.kubeconfig, qps=2.5, kube_as_user="a", kube_as_group=["b", "c"]) as config:
        env = config.env()
    assert list(env) == sorted(env)
    wanted = {
        "HELM_CACHE_HOME": str(tmp_path),
        "HELM_CONTENT_CACHE": str(tmp_path / "content"),
        "HELM_KUBEASGROUPS": "b,c",
        "HELM_KUBEASUSER": "a",
        "HELM_MAX_HISTORY": "3",
        "HELM_NAMESPACE": "web",
        "HELM_QPS": "2.50",
        "HELM_REPOSITORY_CACHE": str(tmp_path / "repository"),
        "KUBECONFIG": helm_cluster.kubeconfig,
    }
    assert wanted.items() <= env.items()
    assert all(isinstance(value, str) for value in env.values())
    with pytest.raises(ConfigurationError, match="closed"):
        config.env()


def test_env_takes_the_namespace_of_the_context(helm_cluster: TestCluster) -> None:
    kubeconfig = content(helm_cluster)
    kubeconfig["contexts"][0]["context"]["namespace"] = "of-the-context"
    with Configuration(None, kubeconfig) as config:
        assert config.env()["HELM_NAMESPACE"] == "of-the-context"
        assert "KUBECONFIG" not in config.env()
    with Configuration() as config:
        assert config.env()["HELM_NAMESPACE"] == "default"
