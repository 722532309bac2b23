"""What the test cluster's node, its webhooks and its API server do."""

from __future__ import annotations

import contextlib
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy.testing import ApiError, TestCluster
from scripts import versions

LOG_TEXT = "first line\nsecond line"


def eventually(read: Callable[[], Any], *, within: float = 30) -> Any:
    """What `read` gives as soon as it is neither empty nor an error of a missing key."""
    deadline = time.monotonic() + within
    while True:
        value = None
        with contextlib.suppress(KeyError, IndexError):
            value = read()
        if value or time.monotonic() > deadline:
            assert value, f"not so within {within} s"
            return value
        time.sleep(0.02)


class Namespace:
    """Short ways to make and see objects in one namespace."""

    def __init__(self, cluster: TestCluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    def create(self, group: str, plural: str, body: dict[str, Any]) -> Any:
        return self.cluster.request("POST", f"{self._path(group, plural)}", body)

    def get(self, group: str, plural: str, name: str) -> Any:
        return self.cluster.get(f"{self._path(group, plural)}/{name}")

    def items(self, group: str, plural: str) -> list[Any]:
        return self.cluster.get(self._path(group, plural))["items"]

    def pod(self, name: str, annotations: dict[str, str] | None = None, **spec: Any) -> None:
        self.create(
            "v1", "pods", {"metadata": {"name": name, "annotations": annotations or {}}, "spec": pod_spec(**spec)}
        )

    def phase(self, name: str, *wanted: str, within: float = 30) -> Any:
        """The pod, as soon as it is in one of the phases."""

        def read() -> Any:
            pod = self.get("v1", "pods", name)
            return pod if pod["status"]["phase"] in wanted else None

        return eventually(read, within=within)

    def _path(self, group: str, plural: str) -> str:
        return f"{'/api/v1' if group == 'v1' else f'/apis/{group}'}/namespaces/{self.name}/{plural}"


def pod_spec(**more: Any) -> dict[str, Any]:
    return {"containers": [{"name": "main", "image": "example/app:1"}], **more}


def ready(pod: Any) -> str:
    return next(condition["status"] for condition in pod["status"]["conditions"] if condition["type"] == "Ready")


def exit_code(pod: Any) -> int:
    return pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"]


@pytest.fixture
def namespace(helm_cluster: TestCluster, helm_namespace: str) -> Namespace:
    return Namespace(helm_cluster, helm_namespace)


class TestNode:
    def test_pods_are_ready_at_once(self, namespace: Namespace) -> None:
        namespace.pod("plain")
        pod = namespace.phase("plain", "Running", within=5)
        assert ready(pod) == "True"
        assert pod["status"]["podIP"].startswith("10.244.")
        assert pod["spec"]["nodeName"] == "testcluster"

    def test_readiness_withheld(self, namespace: Namespace) -> None:
        namespace.pod("never", {"testcluster/ready": "never"})
        namespace.phase("never", "Running")
        time.sleep(1)
        pod = namespace.get("v1", "pods", "never")
        assert ready(pod) == "False"
        assert pod["status"]["phase"] == "Running"

    def test_readiness_delayed(self, namespace: Namespace) -> None:
        namespace.pod("late", {"testcluster/ready-after": "2s"})
        pod = namespace.phase("late", "Running")
        began = time.monotonic()
        assert ready(pod) == "False"
        eventually(lambda: ready(namespace.get("v1", "pods", "late")) == "True")
        assert 1 < time.monotonic() - began < 4

    def test_deployment_becomes_available_when_its_pods_are_late(self, namespace: Namespace) -> None:
        template = {
            "metadata": {"labels": {"app": "web"}, "annotations": {"testcluster/ready-after": "1s"}},
            "spec": pod_spec(),
        }
        spec = {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        namespace.create("apps/v1", "deployments", {"metadata": {"name": "web"}, "spec": spec})
        eventually(lambda: namespace.get("apps/v1", "deployments", "web")["status"]["availableReplicas"] == 2)

    @pytest.mark.parametrize("policy", ["Never", "OnFailure"])
    def test_bare_pods_run_to_an_end(self, namespace: Namespace, policy: str) -> None:
        namespace.pod("good", restartPolicy=policy)
        namespace.pod("bad", {"testcluster/exit-code": "3"}, restartPolicy=policy)
        assert exit_code(namespace.phase("good", "Succeeded", "Failed")) == 0
        bad = namespace.phase("bad", "Succeeded", "Failed")
        assert bad["status"]["phase"] == "Failed"
        assert exit_code(bad) == 3

    def test_pods_run_as_long_as_asked(self, namespace: Namespace) -> None:
        namespace.pod("long", {"testcluster/run-for": "2s"}, restartPolicy="Never")
        namespace.phase("long", "Running")
        began = time.monotonic()
        namespace.phase("long", "Succeeded")
        assert 1 < time.monotonic() - began < 4

    def test_pods_that_never_get_ready_never_end(self, namespace: Namespace) -> None:
        namespace.pod("stuck", {"testcluster/ready": "never"}, restartPolicy="Never")
        namespace.phase("stuck", "Running")
        time.sleep(1)
        assert namespace.get("v1", "pods", "stuck")["status"]["phase"] == "Running"

    def test_pods_that_crash(self, namespace: Namespace) -> None:
        namespace.pod("crash", {"testcluster/exit-code": "1"})

        def waiting() -> str:
            return namespace.get("v1", "pods", "crash")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]

        assert eventually(waiting) == "CrashLoopBackOff"
        pod = namespace.get("v1", "pods", "crash")
        assert pod["status"]["phase"] == "Running"
        assert ready(pod) == "False"

    def test_init_containers(self, namespace: Namespace) -> None:
        init = [{"name": "prepare", "image": "example/init:1"}]
        namespace.pod("good", initContainers=init)
        namespace.pod("bad", {"testcluster/init-exit-code": "4"}, initContainers=init, restartPolicy="Never")
        namespace.pod("again", {"testcluster/init-exit-code": "4"}, initContainers=init)
        good = namespace.phase("good", "Running")
        assert good["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
        bad = namespace.phase("bad", "Failed")
        assert bad["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 4

        def waiting() -> str:
            return namespace.get("v1", "pods", "again")["status"]["initContainerStatuses"][0]["state"]["waiting"][
                "reason"
            ]

        assert eventually(waiting) == "CrashLoopBackOff"

    def test_jobs_end(self, namespace: Namespace) -> None:
        for name, noted in (("good", {}), ("bad", {"testcluster/exit-code": "2"})):
            template = {"metadata": {"annotations": noted}, "spec": pod_spec(restartPolicy="Never")}
            job = {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template}}
            namespace.create("batch/v1", "jobs", job)
        eventually(lambda: namespace.get("batch/v1", "jobs", "good")["status"]["completionTime"])
        conditions = eventually(lambda: namespace.get("batch/v1", "jobs", "bad")["status"]["conditions"])
        eventually(lambda: namespace.get("batch/v1", "jobs", "bad")["status"].get("failed"))
        assert {condition["type"] for condition in conditions} & {"Failed", "FailureTarget"}

    def test_stateful_sets_with_claims(self, namespace: Namespace) -> None:
        claim = {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
        spec = {
            "replicas": 2,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod_spec()},
            "volumeClaimTemplates": [claim],
        }
        namespace.create("apps/v1", "statefulsets", {"metadata": {"name": "db"}, "spec": spec})
        eventually(lambda: namespace.get("apps/v1", "statefulsets", "db")["status"]["readyReplicas"] == 2)
        bound = namespace.get("v1", "persistentvolumeclaims", "data-db-1")
        assert bound["status"]["phase"] == "Bound"
        assert bound["status"]["capacity"] == {"storage": "1Gi"}

    def test_volumes_go_with_their_claims(self, namespace: Namespace, helm_cluster: TestCluster) -> None:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
        namespace.create("v1", "persistentvolumeclaims", {"metadata": {"name": "data"}, "spec": spec})
        volume = eventually(lambda: namespace.get("v1", "persistentvolumeclaims", "data")["spec"]["volumeName"])
        eventually(lambda: namespace.get("v1", "persistentvolumeclaims", "data")["status"]["phase"] == "Bound")
        claim = f"/api/v1/namespaces/{namespace.name}/persistentvolumeclaims/data"
        helm_cluster.request("DELETE", claim)
        eventually(lambda: missing(helm_cluster, claim))
        eventually(lambda: missing(helm_cluster, f"/api/v1/persistentvolumes/{volume}"))

    def test_daemon_sets(self, namespace: Namespace) -> None:
        template = {"metadata": {"labels": {"app": "agent"}}, "spec": pod_spec()}
        spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": template}
        namespace.create("apps/v1", "daemonsets", {"metadata": {"name": "agent"}, "spec": spec})
        eventually(lambda: namespace.get("apps/v1", "daemonsets", "agent")["status"]["numberReady"] == 1)

    def test_load_balancers_get_an_address(self, namespace: Namespace) -> None:
        for name, noted in (("open", {}), ("closed", {"testcluster/load-balancer": "never"})):
            spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "web"}}
            namespace.create("v1", "services", {"metadata": {"name": name, "annotations": noted}, "spec": spec})
        address = eventually(
            lambda: namespace.get("v1", "services", "open")["status"]["loadBalancer"]["ingress"][0]["ip"], within=5
        )
        assert address.startswith(("198.18.", "198.19."))
        assert namespace.get("v1", "services", "closed")["status"]["loadBalancer"] == {}

    def test_logs(self, namespace: Namespace, helm_cluster: TestCluster) -> None:
        namespace.pod("plain")
        namespace.pod("talks", {"testcluster/log": LOG_TEXT})
        for name in ("plain", "talks"):
            namespace.phase(name, "Running")
        path = f"/api/v1/namespaces/{namespace.name}/pods"
        assert helm_cluster.get(f"{path}/plain/log") == f"main of {namespace.name}/plain\n"
        assert helm_cluster.get(f"{path}/talks/log") == f"{LOG_TEXT}\n"
        assert helm_cluster.get(f"{path}/talks/log?tailLines=1") == "second line\n"

    def test_deletion(self, namespace: Namespace, helm_cluster: TestCluster) -> None:
        path = f"/api/v1/namespaces/{namespace.name}/pods"
        namespace.pod("quick")
        namespace.pod("slow", {"testcluster/delete-after": "2s"})
        for name in ("quick", "slow"):
            namespace.phase(name, "Running")
            helm_cluster.request("DELETE", f"{path}/{name}")
        began = time.monotonic()
        eventually(lambda: missing(helm_cluster, f"{path}/quick"))
        assert not missing(helm_cluster, f"{path}/slow")
        eventually(lambda: missing(helm_cluster, f"{path}/slow"))
        assert 1 < time.monotonic() - began < 4

    def test_what_charts_look_for(self, helm_cluster: TestCluster) -> None:
        labels = helm_cluster.get("/api/v1/nodes/testcluster")["metadata"]["labels"]
        assert labels["kubernetes.io/os"] == "linux"
        assert {"kubernetes.io/arch", "kubernetes.io/hostname"} <= labels.keys()
        assert helm_cluster.get("/apis/networking.k8s.io/v1/ingressclasses/testcluster")
        assert helm_cluster.get("/version")["gitVersion"] == versions.kubernetes()


class TestWebhooks:
    """Nothing real runs in the pods that a webhook points at; a stand-in answers for them."""

    @pytest.mark.parametrize("kind", ["validating", "mutating"])
    def test_admission_is_answered(self, namespace: Namespace, helm_cluster: TestCluster, kind: str) -> None:
        service = {"ports": [{"port": 443, "targetPort": 8443}], "selector": {"app": "hook"}}
        namespace.create("v1", "services", {"metadata": {"name": "hook"}, "spec": service})
        webhook = {
            "name": "hook.example.com",
            "clientConfig": {"service": {"name": "hook", "namespace": namespace.name, "path": "/check"}},
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name}},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
            ],
        }
        configurations = f"/apis/admissionregistration.k8s.io/v1/{kind}webhookconfigurations"
        helm_cluster.request("POST", configurations, {"metadata": {"name": namespace.name}, "webhooks": [webhook]})
        try:
            # The configuration takes a moment to act; in that time, too, nothing may be refused, as it would be by a
            # webhook that does not answer.
            for number in range(20):
                namespace.create("v1", "configmaps", {"metadata": {"name": f"map-{number}"}})
                time.sleep(0.05)
            log = metric(helm_cluster, "apiserver_admission_webhook_request_total", f'name="{webhook["name"]}"')
            assert 'code="200"' in log
        finally:
            helm_cluster.request("DELETE", f"{configurations}/{namespace.name}")


def metric(cluster: TestCluster, name: str, label: str) -> str:
    lines = str(cluster.get("/metrics")).splitlines()
    return "\n".join(line for line in lines if line.startswith(name) and label in line)


def missing(cluster: TestCluster, path: str) -> bool:
    try:
        cluster.get(path)
    except ApiError as error:
        if (error.status, error.reason) != (404, "NotFound"):
            raise
        return True
    return False


def test_every_listener_is_on_loopback(helm_cluster: TestCluster) -> None:
    sockets = {str(link.readlink()) for link in descriptors(helm_cluster.pid)}
    listening = "0A"
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == listening and f"socket:[{fields[9]}]" in sockets:
                assert fields[1].startswith("0100007F:"), f"listens on {fields[1]}"


def descriptors(pid: int) -> Iterator[Path]:
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            link.readlink()
            yield link


def test_api_errors(helm_cluster: TestCluster) -> None:
    with pytest.raises(ApiError, match="not found") as caught:
        helm_cluster.get("/api/v1/namespaces/no-such-namespace")
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")


def test_nobody_gets_in_without_a_certificate(helm_cluster: TestCluster) -> None:
    context = ssl.create_default_context(cafile=helm_cluster.ca_file)
    with pytest.raises(urllib.error.HTTPError, match=r"401|403") as refused:
        urllib.request.urlopen(f"{helm_cluster.server}/api/v1/namespaces", context=context)
    refused.value.close()
