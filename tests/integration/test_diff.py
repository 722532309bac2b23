"""Diff: what an upgrade would change, and what has drifted in the cluster since a release was deployed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

import pytest

from helm_sdkpy import (
    Configuration,
    Diff,
    ForbiddenError,
    HookError,
    Install,
    InvalidObjectError,
    ReleaseError,
    ReleaseNotDeployedError,
    ReleaseNotFoundError,
    RenderError,
    Rollback,
    Upgrade,
    ValidationError,
)
from helm_sdkpy.options import DriftOptions
from helm_sdkpy.results import DiffResult
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import NAME, SIMPLE, Chart, configmap, definition, deployment, hook, manifest, raw
from tests.integration.objects import Objects
from tests.integration.test_errors import a_service_account


def actions(diff: DiffResult) -> dict[str, str]:
    """What would become of each object that there is anything to say about."""
    return {f"{each['kind']}/{each['name']}": each["action"] for each in diff["objects"] if each["action"] != "none"}


def changes(diff: DiffResult) -> dict[str, tuple[Any, Any]]:
    """Before and after of each field that differs, by its path."""
    return {
        change["path"]: (change["before"], change["after"]) for each in diff["objects"] for change in each["changes"]
    }


PLAIN: Final = Chart(
    {"configmap.yaml": configmap(value="{{ .Values.value }}"), "deployment.yaml": deployment()}, {"value": "a"}
)

SERVICE: Final = manifest("v1", "Service", spec={"selector": {"app": NAME}, "ports": [{"port": 80}]})

OTHERWISE_WRITTEN: Final = Chart(
    {
        "service.yaml": SERVICE,
        "secret.yaml": manifest("v1", "Secret", stringData={"one": "1"}, data={"two": base64.b64encode(b"2").decode()}),
        "deployment.yaml": manifest(
            "apps/v1", "Deployment",
            metadata={"annotations": None, "labels": {}},
            spec={
                "replicas": None,
                "selector": {"matchLabels": {"app": NAME}},
                "template": {
                    "metadata": {"labels": {"app": NAME}, "creationTimestamp": None},
                    "spec": {
                        "initContainers": [],
                        "nodeSelector": {},
                        "containers": [{
                            "name": "main",
                            "image": "example/web:1",
                            "ports": [{"containerPort": 80}],
                            "env": [{"name": "EMPTY", "value": ""}],
                            "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}, "limits": {"cpu": "1.0"}},
                            "securityContext": {},
                        }],
                    },
                },
            },
            status={"replicas": 7},
        ),
        "budget.yaml": manifest(
            "policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": {"matchLabels": {"app": NAME}}}
        ),
        "random.yaml": configmap(f"{NAME}-random", value="{{ randAlphaNum 20 }}"),
        "key.yaml": manifest(
            "v1", "Secret", f"{NAME}-key", data={"tls.crt": "{{ (genSelfSignedCert `x` nil nil 1).Cert | b64enc }}"}
        ),
    }
)  # fmt: skip
"""What the server has in another form than the chart, and what is another each time."""


@pytest.mark.parametrize("server_side", [True, False])
async def test_no_drift_where_nothing_was_changed(helm_config: Configuration, server_side: bool) -> None:
    chart = OTHERWISE_WRITTEN.archive()
    await Install(helm_config).run("shop", chart, wait=False, server_side_apply=server_side)
    for step in range(3):
        drift = await Diff(helm_config).run("shop")
        assert (drift["text"], drift["changed"], actions(drift)) == ("", False, {})
        assert len(drift["objects"]) == len(OTHERWISE_WRITTEN.templates)
        if step == 0:
            await Upgrade(helm_config).run("shop", chart, wait=False)
            # What is random is another in an upgrade, and nothing else is.
            diff = await Diff(helm_config).run("shop", chart)
            assert actions(diff) == {"ConfigMap/shop-random": "change", "Secret/shop-key": "change"}
            assert changes(diff)["/data/tls.crt"] == ("*** (before)", "*** (after)")
        elif step == 1:
            await Rollback(helm_config).run("shop", 1)


async def test_a_port_whose_protocol_is_null(helm_config: Configuration) -> None:
    ports = [{"port": 80, "name": "a", "protocol": None}]
    chart = Chart(
        {"service.yaml": manifest("v1", "Service", spec={"selector": {"app": NAME}, "ports": ports})}
    ).archive()
    await Install(helm_config).run("shop", chart)
    drift = await Diff(helm_config).run("shop")
    assert (drift["text"], actions(drift)) == ("", {})
    # The server takes it for another port than the one that is there, and so an upgrade does fail.
    assert actions(await Diff(helm_config).run("shop", chart)) == {"Service/shop": "refused"}
    with pytest.raises(InvalidObjectError, match="Duplicate"):
        await Upgrade(helm_config).run("shop", chart)


async def test_a_webhook_whose_authority_is_put_in(
    helm_config: Configuration, helm_cluster: TestCluster, objects: Objects
) -> None:
    name = objects.namespace
    webhook = {
        "name": "a.example.com",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Ignore",
        "clientConfig": {"service": {"name": "hook", "namespace": name}},
        "rules": [
            {"apiGroups": ["nowhere.example"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["x"]}
        ],
    }
    chart = Chart(
        {
            "webhook.yaml": manifest(
                "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", name, webhooks=[webhook]
            )
        }
    ).archive()
    path = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{name}"
    await Install(helm_config).run("shop", chart)
    try:
        authority = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMQ==\n-----END CERTIFICATE-----\n").decode()
        patch = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": authority}]
        helm_cluster.request(
            "PATCH", f"{path}?fieldManager=cainjector", patch, content_type="application/json-patch+json"
        )
        for diff in (await Diff(helm_config).run("shop"), await Diff(helm_config).run("shop", chart)):
            assert (diff["text"], diff["changed"]) == ("", False)
    finally:
        helm_cluster.request("DELETE", path)


@pytest.mark.parametrize("server_side", [True, False])
async def test_diff_says_what_an_upgrade_then_does(
    helm_config: Configuration, objects: Objects, server_side: bool
) -> None:
    old = Chart({
        "configmap.yaml": configmap(value="{{ .Values.value }}", gone="yes"),
        "deployment.yaml": deployment(),
        "left.yaml": configmap("left"),
        "kept.yaml": configmap("kept", {"annotations": {"helm.sh/resource-policy": "keep"}}),
        "hook.yaml": hook("pre-upgrade", run_for="1ms"),
        "old-hook.yaml": hook("post-delete", name="old-hook"),
    }, {"value": "a"})  # fmt: skip
    new = Chart({
        "configmap.yaml": configmap(value="{{ .Values.value }}", more="yes"),
        "deployment.yaml": deployment(replicas=raw("{{ .Values.replicas }}")),
        "new.yaml": configmap("new"),
        "hook.yaml": hook("pre-upgrade", run_for="2ms"),
        "new-hook.yaml": hook("post-upgrade", name="new-hook", run_for="1ms"),
    }, {"replicas": 2, "value": "of the chart"})  # fmt: skip
    await Install(helm_config).run("shop", old.archive(), {"value": "b"}, wait=False, server_side_apply=server_side)
    objects.patch("deployments", "shop", {"spec": {"template": {"metadata": {"labels": {"theirs": "yes"}}}}})

    options: Mapping[str, Any] = {"set": "replicas=3", "reuse_values": True}
    diff = await Diff(helm_config).run("shop", new.archive(), **options)
    assert diff["changed"]
    assert actions(diff) == {
        "ConfigMap/shop": "change",
        "Deployment/shop": "change",
        "ConfigMap/new": "create",
        "ConfigMap/left": "delete",
        "ConfigMap/kept": "keep",
        "Job/shop-hook": "change",
        "Job/new-hook": "create",
        "Job/old-hook": "delete",
    }
    assert {each["name"] for each in diff["objects"] if each["hook"]} == {"shop-hook", "new-hook", "old-hook"}
    found = changes(diff)
    assert found["/spec/replicas"] == (1, 3)
    assert found["/data/gone"] == ("yes", None)
    assert found["/data/more"] == (None, "yes")
    assert "/data/value" not in found
    assert not actions(await Diff(helm_config).run("shop", new.archive(), no_hooks=True, **options)).keys() & {
        "Job/shop-hook", "Job/new-hook", "Job/old-hook"
    }  # fmt: skip

    await Upgrade(helm_config).run("shop", new.archive(), wait=False, **options)
    assert objects.get("deployments", "shop")["spec"]["replicas"] == 3
    assert objects.data("shop") == {"value": "b", "more": "yes"}
    assert objects.find("configmaps", "left") is None
    assert objects.find("configmaps", "kept") is not None
    after = await Diff(helm_config).run("shop", new.archive(), **options)
    assert (after["text"], actions(after)) == ("", {})


async def test_from_the_clients_apply_to_the_servers(helm_config: Configuration, objects: Objects) -> None:
    # Helm hands the fields over in a step of its own before, which a dry run can not be built on.
    old = Chart({"configmap.yaml": configmap(gone="x", stays="x"), "deployment.yaml": deployment()})
    new = Chart({"configmap.yaml": configmap(stays="y"), "deployment.yaml": deployment(replicas=2)})
    await Install(helm_config).run("shop", old.archive(), wait=False, server_side_apply=False)
    diff = await Diff(helm_config).run("shop", new.archive(), server_side=True)
    assert changes(diff) == {"/data/gone": ("x", None), "/data/stays": ("x", "y"), "/spec/replicas": (1, 2)}
    await Upgrade(helm_config).run("shop", new.archive(), wait=False, server_side=True)
    assert objects.data("shop") == {"stays": "y"}
    assert actions(await Diff(helm_config).run("shop", new.archive())) == {}


async def test_what_an_autoscaler_scaled(
    helm_config: Configuration, helm_cluster: TestCluster, objects: Objects
) -> None:
    scaler = manifest(
        "autoscaling/v2", "HorizontalPodAutoscaler",
        spec={
            "maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
            "metrics": [{
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }],
        },
    )  # fmt: skip
    chart = Chart({"deployment.yaml": deployment(replicas=1), "scaler.yaml": scaler}).archive()
    await Install(helm_config).run("shop", chart, wait=False)
    # As the autoscaler's controller does.
    helm_cluster.request(
        "PATCH", f"{objects.path('deployments', 'shop')}/scale?fieldManager=kube-controller-manager",
        {"spec": {"replicas": 4}}, content_type="application/merge-patch+json",
    )  # fmt: skip
    drift = await Diff(helm_config).run("shop")
    assert actions(drift) == {"Deployment/shop": "change"}
    [change] = [change for each in drift["objects"] for change in each["changes"]]
    assert change == {
        "op": "replace", "path": "/spec/replicas", "before": 4, "after": 1, "managers": ["kube-controller-manager"],
    }  # fmt: skip
    several: list[DriftOptions] = [
        {"ignore_managers": ["kube-controller-manager"]},
        {"ignore": "/spec/replicas"},
        {"ignore": [{"paths": ["/spec/replicas"], "kind": "Deploy*", "api_version": "apps/*", "name": "sho?"}]},
        {"ignore": {"paths": "", "namespace": objects.namespace}},
    ]
    for options in several:
        ignored = await Diff(helm_config).run("shop", None, **options)
        assert (ignored["text"], ignored["changed"]) == ("", False), options
    other = await Diff(helm_config).run("shop", ignore={"paths": "/spec/replicas", "kind": "StatefulSet"})
    assert other["changed"]


@pytest.mark.parametrize(
    "annotation", [("helm-sdkpy/drift", "ignore"), ("helm.toolkit.fluxcd.io/driftDetection", "disabled")]
)
async def test_an_object_that_may_drift(
    helm_config: Configuration, objects: Objects, annotation: tuple[str, str]
) -> None:
    chart = Chart({"configmap.yaml": configmap("shop", {"annotations": dict([annotation])}, value="a")}).archive()
    await Install(helm_config).run("shop", chart)
    objects.patch("configmaps", "shop", {"data": {"value": "b"}})
    drift = await Diff(helm_config).run("shop")
    assert (drift["changed"], actions(drift)) == (False, {"ConfigMap/shop": "skip"})
    # An upgrade takes no notice of it.
    assert changes(await Diff(helm_config).run("shop", chart, force_conflicts=True)) == {"/data/value": ("b", "a")}


async def test_secrets_are_hidden(helm_config: Configuration, objects: Objects) -> None:
    old, new = "swordfish", "opensesame"
    hidden = [text for word in (old, new) for text in (word, base64.b64encode(word.encode()).decode())]
    secret = manifest("v1", "Secret", stringData={"password": "{{ .Values.password }}", "same": "same-value"})
    of_hook = manifest(
        "v1", "Secret", f"{NAME}-hook", metadata={"annotations": {"helm.sh/hook": "pre-upgrade"}},
        stringData={"password": "{{ .Values.password }}"},
    )  # fmt: skip
    chart = Chart({"secret.yaml": secret, "hook.yaml": of_hook}).archive()
    await Install(helm_config).run("shop", chart, {"password": old})
    applied = {
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"data": old})}}
    }
    objects.patch("secrets", "shop", applied)
    objects.patch("secrets", "shop", {"stringData": {"password": new}})
    other = Chart({"secret.yaml": secret.replace(NAME, "of-other")}).archive()
    wrong = Chart({"secret.yaml": manifest("v1", "Secret", stringData={"password": [new]})}).archive()
    for diff in (
        await Diff(helm_config).run("shop"),
        await Diff(helm_config).run("shop", chart, {"password": new}, render="color"),
        await Diff(helm_config).run("shop", Chart().archive()),
        await Diff(helm_config).run("other", other, {"password": new}, install=True),
        # A value that the server refuses, and repeats.
        await Diff(helm_config).run("shop", chart, {"password": raw(new)}),
        await Diff(helm_config).run("shop", wrong),
    ):  # fmt: skip
        assert diff["changed"]
        assert not [text for text in [*hidden, "same-value"] if text in json.dumps(diff)]
    drift = await Diff(helm_config).run("shop")
    assert changes(drift) == {"/data/password": ("*** (before)", "*** (after)")}
    shown = await Diff(helm_config).run("shop", show_secrets=True)
    assert changes(shown)["/data/password"] == (hidden[3], hidden[1])


async def test_definitions(helm_config: Configuration, helm_cluster: TestCluster, objects: Objects) -> None:
    group = f"{objects.namespace}.example.com"
    widget = manifest(f"{group}/v1", "Widget", spec={"size": 1})
    chart = Chart({"widget.yaml": widget}, files={"crds/widget.yaml": definition(group, "Widget").replace(NAME, "x")})
    diff = await Diff(helm_config).run("shop", chart.archive(), install=True)
    named = f"CustomResourceDefinition/widgets.{group}"
    assert actions(diff) == {named: "create", "Widget/shop": "create"}
    assert [each["crd"] for each in diff["objects"]] == [True, False]
    await Install(helm_config).run("shop", SIMPLE.archive())
    # An upgrade does not make them, and then can not make what is of their kind.
    diff = await Diff(helm_config).run("shop", chart.archive())
    assert actions(diff) == {named: "skip", "ConfigMap/shop": "delete", "Widget/shop": "refused"}
    await Install(helm_config).run("other", chart.archive())
    try:
        changed = {
            name: text.replace('"widget"', '"widget", "shortNames": ["w"]') for name, text in chart.files.items()
        }
        diff = await Diff(helm_config).run("other", Chart(chart.templates, files=changed).archive())
        assert (diff["changed"], actions(diff)) == (False, {named: "skip"})
        assert list(changes(diff)) == ["/spec/names/shortNames"]
        assert "differs, and is left alone" in diff["text"]
        path = f"/apis/{group}/v1/namespaces/{objects.namespace}/widgets/other"
        helm_cluster.request("PATCH", path, {"spec": {"size": 2}}, content_type="application/merge-patch+json")
        assert changes(await Diff(helm_config).run("other")) == {"/spec/size": (2, 1)}
    finally:
        helm_cluster.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")


async def test_what_is_not_there_yet(helm_config: Configuration, helm_cluster: TestCluster, objects: Objects) -> None:
    chart = PLAIN.archive()
    with pytest.raises(ReleaseNotFoundError, match="install"):
        await Diff(helm_config).run("shop", chart)
    with pytest.raises(ReleaseNotFoundError):
        await Diff(helm_config).run("shop")
    diff = await Diff(helm_config).run("shop", chart, install=True)
    assert actions(diff) == {"ConfigMap/shop": "create", "Deployment/shop": "create"}
    assert "shop, Deployment (apps/v1) would be created:" in diff["text"]
    assert objects.names("configmaps") == []
    space = f"{objects.namespace}-new"
    with Configuration(space, helm_cluster.kubeconfig) as config:
        diff = await Diff(config).run("shop", chart, install=True, create_namespace=True)
        assert actions(diff) == {
            f"Namespace/{space}": "create",
            "ConfigMap/shop": "create",
            "Deployment/shop": "create",
        }
        diff = await Diff(config).run("shop", chart, install=True)
        assert set(actions(diff).values()) == {"refused"}
    inside = Chart({
        "space.yaml": manifest("v1", "Namespace", space),
        "configmap.yaml": configmap("inside", {"namespace": space}),
    })  # fmt: skip
    assert set(actions(await Diff(helm_config).run("shop", inside.archive(), install=True)).values()) == {"create"}


async def test_a_release_that_failed(helm_config: Configuration, objects: Objects) -> None:
    broken = Chart(
        {
            "bad.yaml": manifest("v1", "ConfigMap", data={"a": "b"}),
            "job.yaml": hook("pre-install,pre-upgrade", exit_code="1"),
        }
    )
    with pytest.raises(HookError):
        await Install(helm_config).run("shop", broken.archive(), timeout=20)
    with pytest.raises(ReleaseNotDeployedError):
        await Diff(helm_config).run("shop")
    await Install(helm_config).run("web", SIMPLE.archive())
    with pytest.raises(HookError):
        await Upgrade(helm_config).run("web", broken.archive(), timeout=20)
    # What is deployed is still the revision before.
    objects.patch("configmaps", "web", {"data": {"value": "changed"}})
    assert changes(await Diff(helm_config).run("web")) == {"/data/value": ("changed", "chart")}


async def test_text(helm_config: Configuration) -> None:
    lines = {f"line{number}": "x" for number in range(9)}
    chart = Chart(
        {"configmap.yaml": configmap(NAME, None, **lines, value="{{ .Values.value }}")}, {"value": "a"}
    ).archive()
    await Install(helm_config).run("shop", chart)
    diff = await Diff(helm_config).run("shop", chart, {"value": "b"}, context=1)
    assert diff["text"] == (
        f"{helm_config.namespace}, shop, ConfigMap (v1) would be changed:\n"
        "@@ -11,3 +11,3 @@\n   line8: x\n-  value: a\n+  value: b\n kind: ConfigMap\n"
    )
    assert "line7" in (await Diff(helm_config).run("shop", chart, {"value": "b"}))["text"]
    diff = await Diff(helm_config).run("shop", chart, {"value": "b"}, context=0, render="color")
    assert "\x1b[31m-  value: a\x1b[0m\n\x1b[32m+  value: b\x1b[0m\n" in diff["text"]


async def test_a_user_who_may_not_ask(helm_cluster: TestCluster, helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    rules = [{"apiGroups": [""], "resources": ["secrets", "configmaps"], "verbs": ["get", "list", "watch"]}]
    async with (
        a_service_account(objects, *rules) as user,
        Configuration(objects.namespace, helm_cluster.kubeconfig, kube_as_user=user) as config,
    ):
        for chart in (None, SIMPLE.archive()):
            with pytest.raises(ForbiddenError, match='cannot patch resource "configmaps"') as raised:
                await Diff(config).run("shop", chart)
            assert isinstance(raised.value, ReleaseError)


async def test_errors_of_the_chart_are_those_of_an_upgrade(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    broken = Chart({"configmap.yaml": '{{ fail "not so" }}'})
    with pytest.raises(RenderError, match="not so"):
        await Diff(helm_config).run("shop", broken.archive())


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"ignore": "spec/replicas"}, "ignore"),
        ({"ignore": {"kind": "Deployment"}}, "ignore"),
        ({"ignore": {"paths": ["/spec"], "kinds": "x"}}, "ignore"),
        ({"ignore": {"paths": ["/spec"], "name": "["}}, "ignore"),
        ({"ignore": 5}, "ignore"),
        ({"context": -1}, "context"),
        ({"render": "html"}, "render"),
        ({"values": {"a": 1}}, "values"),
        ({"install": True}, "install"),
    ],
)
async def test_arguments_that_are_wrong(helm_config: Configuration, options: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=rf"^{field}\b") as raised:
        await Diff(helm_config).run("shop", **options)
    assert raised.value.details["field"] == field
