"""Nine charts that people use, all at once on one Configuration: from install to uninstall, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import re
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from helm_sdkpy import Configuration, Diff, History, Install, List, Rollback, Status, Uninstall, Upgrade
from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError
from tests.integration.objects import until

CHARTS: Final = Path(os.environ.get("HELM_SDKPY_CHARTS", Path(__file__).parents[3] / "shared" / "charts"))
"""Where the charts are: they are not the project's."""


@dataclass(frozen=True)
class Case:
    """A chart, and a change of its values that shows in an object."""

    archive: str
    changed: dict[str, Any]
    shows: tuple[str, str, list[str]]
    """The address of an object, its name, and the path of the field that changes."""
    before: object
    after: object
    values: dict[str, Any] = field(default_factory=dict[str, Any])


APPS: Final = "/apis/apps/v1/namespaces/{namespace}"
CASES: Final = {
    "alertmanager": Case(
        "alertmanager-1.42.0.tgz", {"replicaCount": 2},
        (f"{APPS}/statefulsets", "alertmanager", ["spec", "replicas"]), 1, 2,
    ),
    "rollouts": Case(
        "argo-rollouts-2.41.0.tgz", {"controller": {"replicas": 3}},
        (f"{APPS}/deployments", "rollouts-argo-rollouts", ["spec", "replicas"]), 2, 3,
    ),
    "ingress": Case(
        "ingress-nginx-4.15.1.tgz", {"controller": {"replicaCount": 2}},
        (f"{APPS}/deployments", "ingress-ingress-nginx-controller", ["spec", "replicas"]), 1, 2,
    ),
    "state": Case(
        "kube-state-metrics-8.4.0.tgz", {"replicas": 2},
        (f"{APPS}/deployments", "state-kube-state-metrics", ["spec", "replicas"]), 1, 2,
    ),
    "metallb": Case(
        "metallb-0.0.0.tgz", {"controller": {"logLevel": "debug"}},
        (f"{APPS}/deployments", "metallb-controller",
         ["spec", "template", "spec", "containers", "0", "args", "2"]), "--log-level=info", "--log-level=debug",
    ),
    "blackbox": Case(
        "prometheus-blackbox-exporter-11.17.2.tgz", {"replicas": 2},
        (f"{APPS}/deployments", "blackbox-prometheus-blackbox-exporter", ["spec", "replicas"]), 1, 2,
    ),
    "node": Case(
        "prometheus-node-exporter-4.56.1.tgz", {"podAnnotations": {"changed": "yes"}},
        (f"{APPS}/daemonsets", "node-prometheus-node-exporter",
         ["spec", "template", "metadata", "annotations", "changed"]), None, "yes",
    ),
    "crds": Case(
        "prometheus-operator-crds-31.0.1.tgz", {"crds": {"annotations": {"changed": "yes"}}},
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "servicemonitors.monitoring.coreos.com",
         ["metadata", "annotations", "changed"]), None, "yes",
    ),
    "traefik": Case(
        "traefik-41.3.0.tgz", {"deployment": {"replicas": 2}},
        (f"{APPS}/deployments", "traefik", ["spec", "replicas"]), 1, 2,
    ),
}  # fmt: skip

OF_KUBERNETES: Final = {"configmaps/kube-root-ca.crt", "serviceaccounts/default"}
"""What Kubernetes puts into every namespace."""

PASSING: Final = {"events", "leases", "endpoints", "endpointslices", "replicasets", "controllerrevisions", "pods"}
"""What controllers make of what a chart has, and collect some time after."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[TestCluster]:
    """A cluster of their own: what is cluster-wide in these charts would meet other tests' objects."""
    if missing := [case.archive for case in CASES.values() if not (CHARTS / case.archive).is_file()]:
        pytest.skip(f"these charts are not part of the project, and not in {CHARTS}: {', '.join(missing)}")
    with TestCluster() as cluster:
        yield cluster


def everything(cluster: TestCluster, namespaces: list[str]) -> dict[str, set[str]]:
    """All objects of all kinds: by namespace, and under "" those of the cluster that belong to Helm."""
    versions = [
        "/api/v1",
        *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in cluster.get("/apis")["groups"]),
    ]
    addresses: list[tuple[str, str, str]] = []
    for version in versions:
        for kind in cluster.get(version)["resources"]:
            if "list" in kind["verbs"] and "/" not in kind["name"]:
                spaces = namespaces if kind["namespaced"] else [""]
                addresses += [(version, kind["name"], space) for space in spaces]

    def read(address: tuple[str, str, str]) -> tuple[str, set[str]]:
        version, kind, space = address
        path = f"{version}/namespaces/{space}/{kind}" if space else f"{version}/{kind}"
        try:
            items = cluster.get(path)["items"]
        except ApiError:
            return space, set()  # a kind that went meanwhile
        labels = ({} if space else {"app.kubernetes.io/managed-by": "Helm"}).items()
        return space, {
            f"{kind}/{item['metadata']['name']}"
            for item in items
            if labels <= item["metadata"].get("labels", {}).items()
        }

    found: dict[str, set[str]] = {space: set() for space in [*namespaces, ""]}
    with ThreadPoolExecutor(16) as pool:
        for space, names in pool.map(read, addresses):
            found[space] |= names
    return {space: names - OF_KUBERNETES for space, names in found.items()}


def lasting(names: set[str]) -> set[str]:
    """Without what passes by itself."""
    return {name for name in names if name.partition("/")[0] not in PASSING}


def definitions(cluster: TestCluster) -> dict[str, dict[str, Any]]:
    """All CustomResourceDefinitions' metadata by name."""
    items = cluster.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]
    return {item["metadata"]["name"]: item["metadata"] for item in items}


def in_crds_directories() -> set[str]:
    """The names of the definitions in the charts' `crds/`, which Helm installs and never deletes."""
    found: set[str] = set()
    for case in CASES.values():
        with tarfile.open(CHARTS / case.archive) as archive:
            for entry in archive:
                if "/crds/" in entry.name and (file := archive.extractfile(entry)) is not None:
                    found |= set(re.findall(r"^  name: ([a-z]+\.[a-z0-9.-]+)$", file.read().decode(), re.M))
    return found


def shown(cluster: TestCluster, case: Case, namespace: str) -> object:
    address, name, path = case.shows
    value: Any = cluster.get(f"{address.format(namespace=namespace)}/{name}")
    for step in path:
        value = value[int(step)] if step.isdigit() else value.get(step, {} if step != path[-1] else None)
    return value


async def unchanged(config: Configuration, name: str, *upgrade: Any) -> None:
    """Nothing has drifted, nor would an upgrade to that chart and values change anything."""
    drift = await Diff(config).run(name)
    assert (drift["text"], drift["changed"]) == ("", False)
    assert {found["action"] for found in drift["objects"]} == {"none"}
    if upgrade:
        diff = await Diff(config).run(name, *upgrade)
        assert (diff["text"], diff["changed"]) == ("", False)


async def through_its_life(config: Configuration, cluster: TestCluster, name: str) -> None:
    case, namespace = CASES[name], config.namespace
    chart = CHARTS / case.archive
    release = await Install(config).run(name, chart, case.values, wait=True, timeout=300)
    assert (release["version"], release["info"]["status"]) == (1, "deployed")
    assert await asyncio.to_thread(shown, cluster, case, namespace) == case.before
    await unchanged(config, name)
    release = await Upgrade(config).run(name, chart, {**case.values, **case.changed}, wait=True, timeout=300)
    assert (release["version"], release["info"]["status"]) == (2, "deployed")
    assert await asyncio.to_thread(shown, cluster, case, namespace) == case.after
    await unchanged(config, name, chart, {**case.values, **case.changed})
    release = await Rollback(config).run(name, wait=True, timeout=300)
    assert (release["version"], release["info"]["status"]) == (3, "deployed")
    assert await asyncio.to_thread(shown, cluster, case, namespace) == case.before
    await unchanged(config, name)
    history = await History(config).run(name)
    assert [(one["revision"], one["status"]) for one in history] == [
        (1, "superseded"),
        (2, "superseded"),
        (3, "deployed"),
    ]
    status = await Status(config).run(name)
    assert status["info"].get("resources")
    await Uninstall(config).run(name, wait=True, timeout=300)


async def test_nine_charts_at_once(cluster: TestCluster) -> None:
    with cluster.namespace("charts") as namespace, Configuration(namespace, cluster.kubeconfig) as config:
        before = await asyncio.to_thread(everything, cluster, [namespace])
        assert lasting(before[namespace]) == set()
        results = await asyncio.gather(
            *(through_its_life(config, cluster, name) for name in CASES), return_exceptions=True
        )
        failed = {name: result for name, result in zip(CASES, results, strict=True) if result is not None}
        assert failed == {}
        assert await List(config).run() == []
        # A StatefulSet's claims outlive it: that is Kubernetes' own rule, whoever deletes it.
        left = {f"persistentvolumeclaims/storage-alertmanager-{number}" for number in range(2)}
        await until(
            lambda: lasting(everything(cluster, [namespace])[namespace]) == left, "nothing is left but the claims", 60
        )
        for kind in ("pods", "apps/v1/replicasets", "apps/v1/controllerrevisions"):
            base = "/apis" if "/" in kind else "/api/v1"
            version, _, plural = kind.rpartition("/")
            address = f"{base}{version and '/'}{version}/namespaces/{namespace}/{plural}"
            await until(lambda address=address: not cluster.get(address)["items"], f"no {plural} are left", 60)
        after = (await asyncio.to_thread(everything, cluster, [namespace]))[""] - before[""]
        # Of what is cluster-wide only definitions stay: those of crds/, and those that a chart keeps by policy.
        stayed = definitions(cluster)
        assert after <= {f"customresourcedefinitions/{name}" for name in stayed}
        policy = {
            name for name, one in stayed.items() if one.get("annotations", {}).get("helm.sh/resource-policy") == "keep"
        }
        assert {name for name in policy if name.endswith("argoproj.io")} == policy != set()
        assert set(stayed) - policy <= in_crds_directories()
