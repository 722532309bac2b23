"""Why something is not ready: what is told while it is waited for, and what a timeout's error holds."""

from __future__ import annotations

import asyncio
import base64
import pickle
import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from helm_sdkpy import (
    Configuration,
    History,
    HookError,
    Install,
    ReleaseTest,
    Uninstall,
    WaitFailedError,
    WaitTimeoutError,
)
from helm_sdkpy.events import Event
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import NAME, SIMPLE, Chart, definition, deployment, hook, job, manifest, pod_template
from tests.integration.objects import Objects, until


def workload(kind: str, *, volume: str = "", spec: Mapping[str, Any] | None = None, **annotations: str) -> str:
    """A Deployment or the like, with more in its pods' spec."""
    template = pod_template(**annotations)
    template["spec"].update(spec or {})
    if volume:
        template["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": volume}}]
    more: dict[str, Any] = {"serviceName": NAME} if kind == "StatefulSet" else {}
    selector = {"matchLabels": {"app": NAME}}
    return manifest("apps/v1", kind, spec={"selector": selector, "template": template, **more})


CLAIM: Final = manifest(
    "v1",
    "PersistentVolumeClaim",
    f"{NAME}-data",
    spec={
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "missing",
        "resources": {"requests": {"storage": "1Gi"}},
    },
)

WAITING: Final = {"waiting_reason": "ImagePullBackOff", "waiting_message": 'Back-off pulling image "x"'}
UNKNOWN_SECRET: Final = {"waiting_reason": "CreateContainerConfigError", "waiting_message": 'secret "db" not found'}
INIT: Final = {"initContainers": [{"name": "migrate", "image": "example/migrate:1"}]}


async def heard(config: Configuration, chart: Chart, kind: str, pattern: str, **options: Any) -> str:
    """Install until an event of an object of the kind says so, and stop."""
    found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    told: list[str] = []

    def on_event(event: Event) -> None:
        if event["type"] == "resource" and event["resource"]["kind"] == kind and "status" in event:
            told.append(f"{event['status']}: {event.get('message', '')}")
            if re.search(pattern, told[-1]) and not found.done():
                found.set_result(told[-1])

    installing = asyncio.ensure_future(
        Install(config).run("shop", chart.archive(), timeout=60, on_event=on_event, **options)
    )
    await asyncio.wait([installing, found], return_when=asyncio.FIRST_COMPLETED, timeout=50)
    installing.cancel()
    await asyncio.gather(installing, return_exceptions=True)
    assert found.done(), told
    return found.result()


@pytest.mark.parametrize(
    ("chart", "kind", "pattern"),
    [
        pytest.param(
            Chart({"d.yaml": deployment(replicas=2, **WAITING)}),
            "Deployment",
            r'^in_progress: Available: 0/2; pod shop-\S+ and 1 more ImagePullBackOff: Back-off pulling image "x"$',
            id="image",
        ),
        pytest.param(
            Chart({"d.yaml": deployment(**UNKNOWN_SECRET)}),
            "Deployment",
            r'^in_progress: .*; pod shop-\S+ CreateContainerConfigError: secret "db" not found$',
            id="secret",
        ),
        pytest.param(
            Chart({"d.yaml": deployment(exit_code="3").replace('"replicas"', '"minReadySeconds": 300, "replicas"')}),
            "Deployment",
            r"pod shop-\S+ CrashLoopBackOff: exit code 3 \(Error\), restarted once$",
            id="crash",
        ),
        pytest.param(
            Chart({"d.yaml": workload("DaemonSet", ready="never")}),
            "DaemonSet",
            r"^in_progress: .*; pod shop-\S+ running, not ready: Readiness probe failed: ",
            id="probe",
        ),
        pytest.param(
            Chart({"d.yaml": workload("Deployment", spec=INIT, init_exit_code="4")}),
            "Deployment",
            r"pod shop-\S+ init container migrate CrashLoopBackOff: exit code 4 \(Error\), restarted once$",
            id="init",
        ),
        pytest.param(
            Chart({"d.yaml": workload("Deployment", spec={"nodeSelector": {"disk": "fast"}})}),
            "Deployment",
            r"pod shop-\S+ unschedulable: 0/1 nodes are available: 1 node\(s\) didn't match Pod's node affinity",
            id="unschedulable",
        ),
        pytest.param(
            Chart({"c.yaml": CLAIM, "d.yaml": workload("StatefulSet", volume=f"{NAME}-data")}),
            "StatefulSet",
            r'pod shop-0 unschedulable: .*; claim shop-data is not bound: storageclass\S* "missing" not found',
            id="claim of a pod",
        ),
        pytest.param(
            Chart({"c.yaml": CLAIM}),
            "PersistentVolumeClaim",
            r'^in_progress: PVC is not Bound. phase: Pending; storageclass\S* "missing" not found$',
            id="claim",
        ),
        pytest.param(
            Chart({"d.yaml": manifest("v1", "Pod", spec={**pod_template()["spec"], "nodeName": "gone"})}),
            "Pod",
            r"^in_progress: .*Pod .*pending$",
            id="pod",
        ),
    ],
)
async def test_what_is_told_while_it_is_waited_for(
    helm_config: Configuration, chart: Chart, kind: str, pattern: str
) -> None:
    await heard(helm_config, chart, kind, pattern)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
async def test_a_quota_that_lets_no_pod_be_made(helm_config: Configuration, objects: Objects, kind: str) -> None:
    objects.create("resourcequotas", {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}})
    await until(lambda: "hard" in objects.get("resourcequotas", "none").get("status", {}), "the quota counts")
    await heard(helm_config, Chart({"d.yaml": workload(kind)}), kind, r"in_progress: .*; .*exceeded quota: none")


async def test_a_load_balancer_that_the_legacy_waiter_waits_for(helm_config: Configuration) -> None:
    never = {"annotations": {"testcluster/load-balancer": "never"}}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}], "selector": {"app": "shop"}}
    chart = Chart({"s.yaml": manifest("v1", "Service", metadata=never, spec=spec)})
    told = await heard(helm_config, chart, "Service", "address", wait="legacy")
    assert told == "in_progress: Load balancer has no address yet"


async def test_a_resource_of_somebodys_own(helm_config: Configuration, helm_namespace: str) -> None:
    group = f"{helm_namespace}.example.com"
    status = {"conditions": [{"type": "Ready", "status": "False", "reason": "Denied", "message": "no such account"}]}
    chart = Chart(
        {"b.yaml": manifest(f"{group}/v1", "Bucket", status=status)},
        files={"crds/bucket.yaml": definition(group, "Bucket")},
    )
    told = await heard(helm_config, chart, "Bucket", "account")
    assert told == "in_progress: Ready is False (Denied): no such account"


async def test_a_job_that_is_tried_again(helm_config: Configuration) -> None:
    text = job(exit_code="3").replace('"backoffLimit": 0', '"backoffLimit": 6')
    await heard(
        helm_config, Chart({"j.yaml": text}), "Job", r"failed, backoffLimit 6; pod shop-\S+", wait_for_jobs=True
    )


async def test_finalizers_that_keep_an_object(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    objects.patch("configmaps", "shop", {"metadata": {"finalizers": ["example.com/keep"]}})
    told: list[str] = []

    def on_event(event: Event) -> None:
        if event["type"] == "resource" and event.get("status") == "terminating":
            told.append(event.get("message", ""))

    try:
        with pytest.raises(WaitTimeoutError) as raised:
            await Uninstall(helm_config).run("shop", timeout=2, on_event=on_event)
    finally:
        objects.patch("configmaps", "shop", {"metadata": {"finalizers": None}})
    assert told == ["Resource scheduled for deletion; finalizers: example.com/keep"]
    assert raised.value.not_ready[0]["message"] == told[0]


CHATTY: Final = Chart(
    {
        "s.yaml": manifest("v1", "Secret", stringData={"password": "correct-horse"}),
        "d.yaml": deployment(ready="never", log="starting\nconnecting with correct-horse\nrefused"),
        "e.yaml": deployment(f"{NAME}-b", **WAITING).replace('{"app": "', '{"app": "b-'),
        "c.yaml": CLAIM,
    }
)


async def test_a_timeout_holds_what_there_is_to_know(helm_config: Configuration) -> None:
    with pytest.raises(WaitTimeoutError) as raised:
        await Install(helm_config).run("shop", CHATTY.archive(), timeout=3)
    error = raised.value
    left = {found["name"]: found for found in error.not_ready}
    assert set(left) == {"shop", "shop-b", "shop-data"}
    (pod,) = left["shop"].get("pods", [])
    assert (pod["phase"], pod["node"]) == ("Running", "testcluster")
    (container,) = pod["containers"]
    assert container == {
        "name": "main", "init": False, "ready": False, "state": "running", "reason": "", "message": "",
        "exit_code": None, "restarts": 0,
    }  # fmt: skip
    assert {one["reason"] for one in left["shop"].get("events", [])} == {"Unhealthy"}
    (log,) = left["shop"].get("logs", [])
    assert (log["container"], log["previous"]) == ("main", False)
    assert log["lines"] == ["starting", "connecting with [secret]", "refused"]
    assert "correct-horse" not in repr(error.details)
    (pod,) = left["shop-b"].get("pods", [])
    assert pod["containers"][0]["reason"] == "ImagePullBackOff"
    assert 'Back-off pulling image "x"' in pod["containers"][0]["message"]
    assert "logs" not in left["shop-b"]
    assert [one["reason"] for one in left["shop-data"].get("events", [])] == ["ProvisioningFailed"]
    assert {one["type"] for one in left["shop"].get("conditions", [])} >= {"Available", "Progressing"}
    # A line for each, with the reason.
    lines = str(error).splitlines()
    assert lines[0].endswith("timed out after 3s waiting for 3 of 4 objects to be ready:")
    assert sum("  Deployment" in line and "; pod shop-" in line for line in lines) == 2
    # The record keeps Helm's words.
    (revision,) = await History(helm_config).run("shop")
    assert "ImagePullBackOff" not in revision["description"]
    assert "\n" not in revision["description"]
    again = pickle.loads(pickle.dumps(error))
    assert again.not_ready == error.not_ready


@pytest.mark.parametrize("way", ["hook", "job"])
async def test_a_failure_holds_what_the_container_wrote(helm_config: Configuration, way: str) -> None:
    log = "\n".join(f"line {number}" for number in range(30))
    text = hook("pre-install", name=NAME, exit_code="3", log=log) if way == "hook" else job(exit_code="3", log=log)
    with pytest.raises((HookError, WaitFailedError)) as raised:
        await Install(helm_config).run("shop", Chart({"j.yaml": text}).archive(), timeout=60, wait_for_jobs=True)
    (failed,) = raised.value.not_ready
    assert "BackoffLimitExceeded" in failed["message"]
    (pod,) = failed.get("pods", [])
    assert pod["containers"][0]["exit_code"] == 3
    (told,) = failed.get("logs", [])
    assert told["lines"] == [f"line {number}" for number in range(10, 30)]
    assert "exit code 3 (Error)" in str(raised.value)


@pytest.mark.parametrize("action", [ReleaseTest, Uninstall])
async def test_secrets_of_a_release_that_is_there_are_not_told(helm_config: Configuration, action: Any) -> None:
    secret = manifest("v1", "Secret", data={"password": base64.b64encode(b"correct-horse").decode()})
    talks = hook("test", "pre-delete", exit_code="3", log="refused with correct-horse")
    await Install(helm_config).run("shop", Chart({"s.yaml": secret, "h.yaml": talks}).archive())
    with pytest.raises(HookError) as raised:
        await action(helm_config).run("shop", timeout=60)
    (told,) = raised.value.not_ready[0].get("logs", [])
    assert told["lines"] == ["refused with [secret]"]


async def test_what_may_not_be_read_is_missing(
    helm_cluster: TestCluster, objects: Objects, helm_namespace: str
) -> None:
    """Somebody who may install but not list pods or events is told less, and of the timeout all the same."""
    objects.create("serviceaccounts", {"metadata": {"name": "deployer"}})
    rules = [
        {"apiGroups": ["", "apps"], "resources": ["secrets", "configmaps", "deployments"], "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get", "list", "watch"]},
    ]
    objects.create("roles", {"metadata": {"name": "deployer"}, "rules": rules})
    objects.create(
        "rolebindings",
        {
            "metadata": {"name": "deployer"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
            "subjects": [{"kind": "ServiceAccount", "name": "deployer", "namespace": helm_namespace}],
        },
    )
    somebody = Configuration(
        kubeconfig=helm_cluster.kubeconfig,
        namespace=helm_namespace,
        kube_as_user=f"system:serviceaccount:{helm_namespace}:deployer",
    )
    with pytest.raises(WaitTimeoutError) as raised:
        await Install(somebody).run("shop", Chart({"d.yaml": deployment(ready="never")}).archive(), timeout=2)
    (stuck,) = raised.value.not_ready
    assert stuck["message"] == "Available: 0/1"
    assert not {"pods", "events", "logs"} & set(stuck)
