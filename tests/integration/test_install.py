"""Install: what each option changes in the cluster, in the record and in the result."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
import secrets
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from helm_sdkpy import (
    AdmissionError,
    Configuration,
    History,
    Install,
    InstallError,
    InvalidObjectError,
    ManifestError,
    NamespaceNotFoundError,
    OwnershipError,
    ReleaseExistsError,
    RenderError,
    Status,
    Uninstall,
    Upgrade,
    UpgradeError,
    ValidationError,
    ValuesSchemaError,
    WaitTimeoutError,
)
from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError
from tests.integration.charts import NAME, SIMPLE, STUCK, Chart, configmap, definition, deployment, hook, job, manifest
from tests.integration.objects import Objects, until

SECRET = manifest("v1", "Secret", stringData={"password": "hunter2"})


async def test_the_result_is_the_release(helm_config: Configuration, helm_namespace: str) -> None:
    chart = dataclasses.replace(
        SIMPLE, metadata={"appVersion": "7", "description": "d"}, files={"templates/NOTES.txt": "Hi"}
    )
    release = await Install(helm_config).run("shop", chart.archive(), {"value": "given"})
    assert (release["name"], release["namespace"], release["version"]) == ("shop", helm_namespace, 1)
    assert release["info"]["status"] == "deployed"
    assert release["info"].get("description") == "Install complete"
    assert release["info"].get("notes") == "Hi"
    assert release["chart"]["metadata"].get("appVersion") == "7"
    assert release["config"] == {"value": "given"}
    assert '"data": {"value": "given"}' in release["manifest"]
    assert release["hooks"] == []
    assert release["labels"] == {}
    assert set(release["chart"]) == {"metadata"}


async def test_objects_carry_the_marks_of_helm(
    helm_config: Configuration, helm_namespace: str, objects: Objects
) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    metadata = objects.get("configmaps", "shop")["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert metadata["annotations"] == {
        "meta.helm.sh/release-name": "shop",
        "meta.helm.sh/release-namespace": helm_namespace,
    }


# Names.


async def test_generate_name_makes_one_of_the_charts(
    helm_config: Configuration, tmp_path: Path, objects: Objects
) -> None:
    release = await Install(helm_config).run(None, SIMPLE.write(tmp_path), generate_name=True)
    assert re.fullmatch(r"web-\d{10}", release["name"])
    assert objects.names("configmaps") == [release["name"]]


async def test_name_template(helm_config: Configuration) -> None:
    release = await Install(helm_config).run(
        None, SIMPLE.archive(), name_template='shop-{{ "X" | lower }}', dry_run=True
    )
    assert release["name"] == "shop-x"


@pytest.mark.parametrize("template", ["{{ nothing }}", "UPPER", "{{"])
async def test_a_name_template_that_makes_no_name(helm_config: Configuration, template: str) -> None:
    with pytest.raises(ValidationError):
        await Install(helm_config).run(None, SIMPLE.archive(), name_template=template)


@pytest.mark.parametrize("name", ["Shop", "shop_1", "-shop", "a" * 54, "shop/1"])
async def test_a_wrong_name_is_refused_before_anything_is_done(
    helm_config: Configuration, objects: Objects, name: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        await Install(helm_config).run(name, SIMPLE.archive())
    assert raised.value.code == "invalid_release_name"
    assert isinstance(raised.value, InstallError)
    assert objects.names("configmaps") == []


async def test_a_name_in_use(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    with pytest.raises(ReleaseExistsError, match="upgrade it, uninstall it") as raised:
        await Install(helm_config).run("shop", SIMPLE.archive())
    assert raised.value.release == "shop"
    assert objects.statuses("shop") == ["deployed"]


async def test_replace_takes_the_name_of_an_uninstalled_release(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Uninstall(helm_config).run("shop", keep_history=True)
    with pytest.raises(ReleaseExistsError):
        await Install(helm_config).run("shop", SIMPLE.archive())
    release = await Install(helm_config).run("shop", SIMPLE.archive(), replace=True)
    assert release["version"] == 2
    assert objects.data("shop") == {"value": "chart"}


# The record.


async def test_labels_and_description_are_recorded(helm_config: Configuration, objects: Objects) -> None:
    release = await Install(helm_config).run(
        "shop", SIMPLE.archive(), labels={"team": "a", "tier": "web"}, description="for the tests"
    )
    assert release["labels"] == {"team": "a", "tier": "web"}
    assert release["info"].get("description") == "for the tests"
    labels = objects.get("secrets", "sh.helm.release.v1.shop.v1")["metadata"]["labels"]
    assert (labels["team"], labels["tier"], labels["owner"], labels["status"]) == ("a", "web", "helm", "deployed")


@pytest.mark.parametrize("labels", [{"owner": "me"}, {"team": "not a label!"}, {"-": "x"}])
async def test_labels_that_can_not_be_kept(
    helm_config: Configuration, objects: Objects, labels: dict[str, str]
) -> None:
    with pytest.raises(ValidationError, match="labels") as raised:
        await Install(helm_config).run("shop", SIMPLE.archive(), labels=labels)
    assert raised.value.details["field"] == "labels"
    assert objects.names("configmaps") == []


# Rendering without installing.


async def test_a_client_side_dry_run_asks_no_cluster() -> None:
    nowhere = {
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    with Configuration(kubeconfig=nowhere) as config:
        for dry_run in (True, "client"):
            release = await Install(config).run("shop", SIMPLE.archive(), dry_run=dry_run)
            assert '"value": "chart"' in release["manifest"]


async def test_a_client_side_dry_run_needs_no_cluster_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As with the command; `upgrade --install` looks for the release first, and needs one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    chart = Chart({
        "c.yaml": configmap(
            revision="{{ .Release.Revision }}", kind="{{ (lookup `v1` `Namespace` `` `default`).kind }}"
        ),
        "hook.yaml": hook("post-install"),
        "NOTES.txt": "to {{ .Release.Namespace }}",
    })  # fmt: skip
    options: dict[str, Any] = {"dry_run": "client", "labels": {"a": "b"}, "description": "d", "create_namespace": True}
    with Configuration(namespace="web") as config:
        release = await Install(config).run("shop", chart.archive(), **options)
        assert release["info"]["status"] == "pending-install"
        assert release["info"].get("notes") == "to web"
        assert release["namespace"] == "web"
        assert release["labels"] == {"a": "b"}
        assert '"data": {"revision": "1", "kind": ""}' in release["manifest"]
        assert len(release["hooks"]) == 1
        with pytest.raises(RenderError, match="no way") as raised:
            await Install(config).run("shop", Chart({"c.yaml": "{{ fail `no way` }}"}).archive(), dry_run="client")
        assert raised.value.release == "shop"
        with pytest.raises(InstallError, match="no Kubernetes cluster is configured"):
            await Install(config).run("shop", chart.archive(), dry_run="server")
        with pytest.raises(UpgradeError, match="no Kubernetes cluster is configured"):
            await Upgrade(config).run("shop", chart.archive(), install=True, dry_run="client")


@pytest.mark.parametrize("dry_run", ["client", "server"])
async def test_a_dry_run_leaves_nothing(
    helm_config: Configuration, objects: Objects, dry_run: Literal["client", "server"]
) -> None:
    chart = Chart({"c.yaml": configmap(), "h.yaml": hook("pre-install")})
    release = await Install(helm_config).run("shop", chart.archive(), dry_run=dry_run)
    assert release["info"]["status"] == "pending-install"
    assert [one.get("name") for one in release["hooks"]] == ["shop-hook"]
    assert objects.names("configmaps") + objects.names("secrets") + objects.names("jobs") == []


async def test_a_server_side_dry_run_looks_up(helm_config: Configuration) -> None:
    looks = "{{ with lookup `v1` `ServiceAccount` .Release.Namespace `default` }}{{ .metadata.name }}{{ end }}"
    chart = Chart({"c.yaml": configmap(found=looks)})
    release = await Install(helm_config).run("shop", chart.archive(), dry_run="server")
    assert '"found": "default"' in release["manifest"]
    release = await Install(helm_config).run("shop", chart.archive(), dry_run="client")
    assert '"found": "default"' not in release["manifest"]


@pytest.mark.parametrize("dry_run", ["client", "server"])
async def test_hide_secret(helm_config: Configuration, dry_run: Literal["client", "server"]) -> None:
    chart = Chart({"s.yaml": SECRET})
    shown = await Install(helm_config).run("shop", chart.archive(), dry_run=dry_run)
    assert "hunter2" in shown["manifest"]
    hidden = await Install(helm_config).run("shop", chart.archive(), dry_run=dry_run, hide_secret=True)
    assert "hunter2" not in hidden["manifest"]
    assert "HIDDEN" in hidden["manifest"]


async def test_hide_secret_needs_a_dry_run(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(ValidationError, match="dry_run"):
        await Install(helm_config).run("shop", Chart({"s.yaml": SECRET}).archive(), hide_secret=True)
    assert objects.names("secrets") == []


async def test_notes(helm_config: Configuration) -> None:
    sub = Chart(name="sub", files={"templates/NOTES.txt": "from below"})
    files = {"templates/NOTES.txt": "from {{ .Release.Name }}"}
    files |= {f"charts/sub/{path}": text for path, text in sub.contents().items()}
    chart = dataclasses.replace(SIMPLE, files=files)

    async def notes(**options: Any) -> str | None:
        release = await Install(helm_config).run("shop", chart.archive(), dry_run="client", **options)
        return release["info"].get("notes")

    assert await notes() == "from shop"
    assert not await notes(hide_notes=True)
    both = await notes(render_subchart_notes=True)
    assert both is not None
    assert {"from shop", "from below"} <= set(both.splitlines())


async def test_enable_dns(helm_config: Configuration) -> None:
    chart = Chart({"c.yaml": configmap(address="<{{ getHostByName `localhost` }}>")})
    off = await Install(helm_config).run("shop", chart.archive(), dry_run="client")
    assert "<>" in off["manifest"]
    on = await Install(helm_config).run("shop", chart.archive(), dry_run="client", enable_dns=True)
    assert "<127.0.0.1>" in on["manifest"] or "<::1>" in on["manifest"]


# Checks.


async def test_the_values_schema(helm_config: Configuration, objects: Objects) -> None:
    schema = '{"properties": {"replicas": {"type": "integer", "minimum": 1}}}'
    chart = dataclasses.replace(SIMPLE, files={"values.schema.json": schema})
    with pytest.raises(ValuesSchemaError, match="replicas") as raised:
        await Install(helm_config).run("shop", chart.archive(), {"replicas": 0})
    assert raised.value.code == "values_schema"
    assert objects.statuses("shop") == []
    await Install(helm_config).run("shop", chart.archive(), {"replicas": 0}, skip_schema_validation=True)
    assert objects.statuses("shop") == ["deployed"]


async def test_an_unknown_field(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"c.yaml": manifest("v1", "ConfigMap", dataa={"value": "x"})})
    with pytest.raises(ManifestError, match="dataa") as raised:
        await Install(helm_config).run("shop", chart.archive())
    assert raised.value.code == "manifest_invalid"
    assert objects.statuses("shop") == ["failed"]
    # As with the helm command, without server-side apply the server only warns.
    await Install(helm_config).run("other", chart.archive(), server_side_apply=False)
    assert "dataa" not in objects.get("configmaps", "other")


async def test_openapi_validation_can_be_switched_off(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive(), disable_openapi_validation=True)
    assert objects.data("shop") == {"value": "chart"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("kind: ConfigMap\nmetadata: {name: x}\n", ManifestError),
        ("apiVersion: v9\nkind: Nothing\nmetadata: {name: x}\n", ManifestError),
        ("a: [1\n", RenderError),
        ("{{ fail `on purpose` }}", RenderError),
        ("{{ .Values.no.such }}", RenderError),
        ("{{ include `nothing` . }}", RenderError),
        ("{{ nothing }}", RenderError),
        ("{{ required `the host is needed` .Values.host }}", RenderError),
    ],
)
async def test_what_can_not_be_rendered(
    helm_config: Configuration, objects: Objects, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        await Install(helm_config).run("shop", Chart({"named.yaml": text}).archive())
    assert isinstance(raised.value, InstallError)
    assert error is ManifestError or "named.yaml" in str(raised.value)
    assert objects.statuses("shop") == []


async def test_the_server_refuses_an_object(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"a.yaml": configmap(), "b.yaml": manifest("v1", "Service", spec={"ports": [{"port": 70000}]})})
    with pytest.raises(InvalidObjectError, match=r"spec\.ports") as raised:
        await Install(helm_config).run("shop", chart.archive())
    assert raised.value.details["kind"] == "Service"
    assert objects.statuses("shop") == ["failed"]


# Applying.


@pytest.mark.parametrize(
    ("server_side", "operation", "method"),
    [(None, "Apply", "ssa"), (True, "Apply", "ssa"), ("auto", "Apply", "ssa"), (False, "Update", "csa")],
)
async def test_server_side_apply(
    helm_config: Configuration, objects: Objects, server_side: Any, operation: str, method: str
) -> None:
    release = await Install(helm_config).run("shop", SIMPLE.archive(), server_side_apply=server_side)
    assert objects.managers("configmaps", "shop") == {"helm": operation}
    assert release["apply_method"] == method
    assert objects.record("shop")["apply_method"] == method


async def test_server_side_is_the_flags_name(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive(), server_side=False)
    assert objects.managers("configmaps", "shop") == {"helm": "Update"}


async def test_what_is_there_already_is_adopted_only_if_that_is_asked_for(
    helm_config: Configuration, objects: Objects
) -> None:
    objects.create("configmaps", {"metadata": {"name": "shop"}, "data": {"value": "before"}})
    with pytest.raises(OwnershipError, match="take_ownership=True") as raised:
        await Install(helm_config).run("shop", SIMPLE.archive())
    assert raised.value.code == "ownership"
    assert objects.data("shop") == {"value": "before"}
    assert objects.statuses("shop") == []
    await Install(helm_config).run("shop", SIMPLE.archive(), take_ownership=True, force_conflicts=True)
    assert objects.data("shop") == {"value": "chart"}
    assert objects.get("configmaps", "shop")["metadata"]["annotations"]["meta.helm.sh/release-name"] == "shop"


@contextlib.contextmanager
def a_group(cluster: TestCluster) -> Generator[str]:
    """A group of kinds of the test's own; its definition of Widget is deleted after the test."""
    group = f"g{secrets.token_hex(4)}.example.com"
    yield group
    with contextlib.suppress(ApiError):
        cluster.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")


async def test_crds_are_made_first_unless_they_are_skipped(
    helm_config: Configuration, helm_cluster: TestCluster, helm_namespace: str
) -> None:
    with a_group(helm_cluster) as group:
        widget = manifest(f"{group}/v1", "Widget", spec={"size": 1})
        # A definition in crds/ is no template.
        chart = Chart({"w.yaml": widget}, files={"crds/widgets.yaml": definition(group, "Widget")})
        with pytest.raises(ManifestError, match="Widget"):
            await Install(helm_config).run("shop", chart.archive(), skip_crds=True)
        await Install(helm_config).run("shop", chart.archive())
        widgets = f"/apis/{group}/v1/namespaces/{helm_namespace}/widgets"
        assert [item["spec"] for item in helm_cluster.get(widgets)["items"]] == [{"size": 1}]
        await Uninstall(helm_config).run("shop")
        assert helm_cluster.get(widgets)["items"] == []
        # As with helm, the definition stays.
        helm_cluster.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{group}")


async def test_a_kind_that_a_hook_defines_is_known_to_the_next_hook(
    helm_config: Configuration, helm_cluster: TestCluster, helm_namespace: str
) -> None:
    """What was known of the server's kinds before is not what counts then (helm/helm#11930)."""
    await Install(helm_config).run("before", SIMPLE.archive())
    with a_group(helm_cluster) as group:
        marks = {"annotations": {"helm.sh/hook": "post-install"}}
        widget = manifest(f"{group}/v1", "Widget", metadata=marks, spec={"size": 1})
        define = definition(group, "Widget").replace(
            f'"name": "widgets.{group}"',
            f'"name": "widgets.{group}", "annotations": {{"helm.sh/hook": "pre-install"}}',
        )
        chart = Chart({"crd.yaml": define, "widget.yaml": widget})
        await Install(helm_config).run("shop", chart.archive(), timeout=60)
        widgets = f"/apis/{group}/v1/namespaces/{helm_namespace}/widgets"
        assert [item["spec"] for item in helm_cluster.get(widgets)["items"]] == [{"size": 1}]


async def test_create_namespace(helm_cluster: TestCluster, helm_namespace: str) -> None:
    name = f"{helm_namespace[:50]}-new"
    with Configuration(name, helm_cluster.kubeconfig) as config:
        with pytest.raises(NamespaceNotFoundError, match="create_namespace=True") as raised:
            await Install(config).run("shop", SIMPLE.archive())
        assert raised.value.code == "namespace_not_found"
        try:
            await Install(config).run("shop", SIMPLE.archive(), create_namespace=True)
            labels = helm_cluster.get(f"/api/v1/namespaces/{name}")["metadata"]["labels"]
            assert labels["name"] == name
            # It is no part of the release.
            await Uninstall(config).run("shop")
            helm_cluster.get(f"/api/v1/namespaces/{name}")
        finally:
            helm_cluster.request("DELETE", f"/api/v1/namespaces/{name}")


# Hooks.


async def test_hooks_run_around_the_chart_by_weight(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart(
        {
            "c.yaml": configmap(),
            "late.yaml": hook("pre-install", name=f"{NAME}-late", weight=5),
            "early.yaml": hook("pre-install", name=f"{NAME}-early", weight=-5),
            "post.yaml": hook("post-install", name=f"{NAME}-post"),
            "other.yaml": hook("pre-upgrade", name=f"{NAME}-other"),
        }
    )
    release = await Install(helm_config).run("shop", chart.archive())
    runs = {one.get("name", ""): one["last_run"] for one in release["hooks"]}
    order = ["shop-early", "shop-late", "shop-post"]
    assert [runs[name]["phase"] for name in order] == ["Succeeded"] * 3
    assert runs["shop-other"]["phase"] == ""
    assert sorted(order, key=lambda name: runs[name].get("started_at", "")) == order
    made = objects.get("configmaps", "shop")["metadata"]["creationTimestamp"]
    assert objects.get("jobs", "shop-late")["metadata"]["creationTimestamp"] <= made
    assert objects.find("jobs", "shop-other") is None


async def test_hook_delete_policies(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart(
        {
            "gone.yaml": hook("pre-install", name=f"{NAME}-gone", policy="hook-succeeded"),
            "kept.yaml": hook("pre-install", name=f"{NAME}-kept", policy="hook-failed"),
        }
    )
    await Install(helm_config).run("shop", chart.archive())
    assert objects.names("jobs") == ["shop-kept"]


async def test_no_hooks(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"c.yaml": configmap(), "h.yaml": hook("pre-install", "post-install")})
    release = await Install(helm_config).run("shop", chart.archive(), no_hooks=True)
    assert release["info"]["status"] == "deployed"
    assert objects.names("jobs") == []


# Waiting.

LATE = Chart({"d.yaml": deployment(ready_after="1s")})


@pytest.mark.parametrize("wait", [True, "watcher", "legacy"])
async def test_wait_until_ready(helm_config: Configuration, objects: Objects, wait: Any) -> None:
    await Install(helm_config).run("shop", LATE.archive(), wait=wait, timeout=60)
    assert objects.get("deployments", "shop")["status"]["readyReplicas"] == 1


@pytest.mark.parametrize("wait", [False, "hookOnly"])
async def test_do_not_wait(helm_config: Configuration, objects: Objects, wait: Any) -> None:
    release = await Install(helm_config).run("shop", STUCK.archive(), wait=wait)
    assert release["info"]["status"] == "deployed"
    assert "readyReplicas" not in objects.get("deployments", "shop").get("status", {})


async def test_wait_for_jobs(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"j.yaml": job(run_for="1s")})
    await Install(helm_config).run("without", chart.archive())
    assert "completionTime" not in objects.get("jobs", "without").get("status", {})
    await Install(helm_config).run("with", chart.archive(), wait_for_jobs=True, timeout=60)
    assert "completionTime" in objects.get("jobs", "with")["status"]


@pytest.mark.parametrize("wait", ["watcher", "legacy"])
@pytest.mark.parametrize("timeout", [0.5, timedelta(seconds=0.5)], ids=["seconds", "timedelta"])
async def test_a_timeout_says_what_was_not_ready(
    helm_config: Configuration, objects: Objects, helm_namespace: str, wait: Any, timeout: Any
) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(WaitTimeoutError) as raised:
        await Install(helm_config).run("shop", STUCK.archive(), wait=wait, timeout=timeout)
    assert asyncio.get_running_loop().time() - began < 10
    error = raised.value
    assert isinstance(error, InstallError)
    assert isinstance(error, TimeoutError)
    assert error.code == "wait_timeout"
    assert error.release == "shop"
    (stuck,) = error.details["not_ready"]
    assert (stuck["api_version"], stuck["kind"], stuck["namespace"], stuck["name"]) == (
        "apps/v1", "Deployment", helm_namespace, "shop",
    )  # fmt: skip
    assert stuck["status"] == "in_progress"
    assert stuck["message"]
    assert "shop" in str(error)
    assert objects.statuses("shop") == ["failed"]
    (revision,) = await History(helm_config).run("shop")
    assert len(revision["description"]) < 1200


# Failing.


async def test_rollback_on_failure_uninstalls(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(WaitTimeoutError, match="has been uninstalled due to rollback-on-failure"):
        await Install(helm_config).run(
            "shop", STUCK.archive(), timeout=0.5, cleanup_timeout=30, rollback_on_failure=True
        )
    assert objects.statuses("shop") == []
    assert objects.names("configmaps") + objects.names("deployments") == []


async def test_rollback_on_failure_waits_though_nobody_asked(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(WaitTimeoutError):
        await Install(helm_config).run(
            "shop", STUCK.archive(), wait=False, timeout=0.5, cleanup_timeout=30, rollback_on_failure=True
        )
    assert objects.statuses("shop") == []


async def test_a_failed_install_stays_to_be_looked_at(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(WaitTimeoutError):
        await Install(helm_config).run("shop", STUCK.archive(), timeout=0.3)
    assert objects.names("deployments") == ["shop"]
    assert (await Status(helm_config).run("shop"))["info"]["status"] == "failed"


async def test_an_admission_webhook_that_does_not_answer(
    helm_config: Configuration, helm_cluster: TestCluster, helm_namespace: str
) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    webhook = {
        "name": "deny.example.com",
        "rules": [rule],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": helm_namespace}},
        "clientConfig": {"url": "https://127.0.0.1:1/deny"},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    kind = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    helm_cluster.request("POST", kind, {"metadata": {"name": helm_namespace}, "webhooks": [webhook]})
    try:
        await until(lambda: refused(helm_cluster, helm_namespace), "the webhook is asked")
        with pytest.raises(AdmissionError, match=r"deny\.example\.com"):
            await Install(helm_config).run("shop", SIMPLE.archive())
    finally:
        helm_cluster.request("DELETE", f"{kind}/{helm_namespace}")


async def test_an_admission_policy_refuses(
    helm_config: Configuration, helm_cluster: TestCluster, helm_namespace: str
) -> None:
    base = "/apis/admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "not on my watch"}],
    }
    matching = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": helm_namespace}}}
    binding = {"policyName": helm_namespace, "validationActions": ["Deny"], "matchResources": matching}
    kinds = {"validatingadmissionpolicies": spec, "validatingadmissionpolicybindings": binding}
    for kind, body in kinds.items():
        helm_cluster.request("POST", f"{base}/{kind}", {"metadata": {"name": helm_namespace}, "spec": body})
    try:
        await until(lambda: refused(helm_cluster, helm_namespace), "the policy is obeyed")
        with pytest.raises(InstallError, match="not on my watch") as raised:
            await Install(helm_config).run("shop", SIMPLE.archive())
        assert isinstance(raised.value, AdmissionError)
    finally:
        for kind in kinds:
            helm_cluster.request("DELETE", f"{base}/{kind}/{helm_namespace}")


def refused(cluster: TestCluster, namespace: str) -> bool:
    """Whether the making of a ConfigMap is refused by now."""
    try:
        cluster.request(
            "POST", f"/api/v1/namespaces/{namespace}/configmaps?dryRun=All", {"metadata": {"name": "probe"}}
        )
    except ApiError:
        return True
    return False
