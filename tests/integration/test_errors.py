"""Errors made for real: the class on both axes, the code, the details, pickling, and what to do about it."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import pickle
import secrets
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from helm_sdkpy import (
    CertificateError,
    ClusterUnreachableError,
    Configuration,
    ConfigurationError,
    ForbiddenError,
    HelmError,
    HookError,
    Install,
    InstallError,
    KubeVersionError,
    List,
    ManifestError,
    NamespaceNotFoundError,
    NamespaceTerminatingError,
    QuotaError,
    ReleaseError,
    ReleaseTooLargeError,
    RenderError,
    Rollback,
    RollbackError,
    Status,
    UnauthorizedError,
    Uninstall,
    UninstallError,
    Upgrade,
    UpgradeError,
    ValidationError,
    WaitFailedError,
    WaitTimeoutError,
)
from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError
from scripts import versions
from tests.integration.charts import SIMPLE, Chart, configmap, hook, job, manifest
from tests.integration.objects import Objects, until


def check(raised: HelmError, code: str, says: str = "", release: str | None = "shop") -> None:
    """See what every error must have, and that pickling keeps all of it."""
    assert raised.code == code
    assert raised.release == release
    assert says in str(raised)
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is type(raised)
    assert (str(again), again.code, again.details, again.release) == (
        str(raised),
        raised.code,
        raised.details,
        raised.release,
    )


async def fails(config: Configuration, chart: Chart, **options: Any) -> HelmError:
    """The error of an install."""
    with pytest.raises(InstallError) as raised:
        await Install(config).run("shop", chart.archive(), **options)
    return raised.value


# The chart.


async def test_kube_version(helm_config: Configuration, objects: Objects) -> None:
    raised = await fails(helm_config, dataclasses.replace(SIMPLE, metadata={"kubeVersion": "<1.20"}))
    assert isinstance(raised, KubeVersionError)
    check(raised, "kube_version", "<1.20")
    assert versions.kubernetes() in str(raised)
    assert objects.statuses("shop") == []
    await Install(helm_config).run(
        "shop", dataclasses.replace(SIMPLE, metadata={"kubeVersion": f">={versions.kubernetes()}"}).archive()
    )


async def test_a_template_that_fails(helm_config: Configuration) -> None:
    raised = await fails(helm_config, Chart({"c.yaml": "\n{{ fail `set the host` }}"}))
    assert isinstance(raised, RenderError)
    check(raised, "render", "set the host")
    assert "web/templates/c.yaml:2" in str(raised)


async def test_a_kind_that_the_cluster_does_not_know(helm_config: Configuration) -> None:
    raised = await fails(helm_config, Chart({"c.yaml": manifest("example.com/v1", "Gadget")}))
    assert isinstance(raised, ManifestError)
    check(raised, "manifest_invalid", "Gadget")


async def test_a_chart_without_a_version(helm_config: Configuration) -> None:
    raised = await fails(helm_config, dataclasses.replace(SIMPLE, version=""))
    check(raised, "chart_invalid", "version")


# What runs.


async def test_a_hook_that_fails(helm_config: Configuration, objects: Objects) -> None:
    raised = await fails(helm_config, Chart({"h.yaml": hook("pre-install", exit_code="3"), **SIMPLE.templates}))
    assert isinstance(raised, HookError)
    check(raised, "hook_failed", "shop-hook")
    assert objects.statuses("shop") == ["failed"]
    assert objects.names("configmaps") == []


async def test_a_hook_that_takes_too_long(helm_config: Configuration) -> None:
    raised = await fails(helm_config, Chart({"h.yaml": hook("pre-install", ready="never")}), timeout=0.5)
    assert isinstance(raised, WaitTimeoutError)
    check(raised, "wait_timeout", "pre-install")
    assert raised.details["hook"] == "pre-install"
    assert raised.details["not_ready"][0]["name"] == "shop-hook"


async def test_a_job_that_fails_is_no_timeout(helm_config: Configuration) -> None:
    raised = await fails(helm_config, Chart({"j.yaml": job(exit_code="3")}), wait_for_jobs=True, timeout=20)
    assert isinstance(raised, WaitFailedError)
    check(raised, "wait_failed", "shop")
    (failed,) = raised.details["not_ready"]
    assert (failed["kind"], failed["name"], failed["status"]) == ("Job", "shop", "failed")


# What the server refuses.


def refuses(objects: Objects) -> bool:
    """Whether the server refuses another ConfigMap; it makes none."""
    try:
        objects.cluster.request("POST", f"{objects.path('configmaps')}?dryRun=All", {"metadata": {"name": "one-more"}})
    except ApiError as error:
        return error.status == 403
    return False


async def test_a_quota(helm_config: Configuration, objects: Objects) -> None:
    objects.create("resourcequotas", {"metadata": {"name": "few"}, "spec": {"hard": {"configmaps": "0"}}})
    # The server refuses by what it has seen of the quota, which is later than that its status is there.
    await until(lambda: refuses(objects), "the quota counts")
    raised = await fails(helm_config, SIMPLE)
    assert isinstance(raised, QuotaError)
    check(raised, "quota", "few")
    assert objects.statuses("shop") == ["failed"]


async def test_a_namespace_that_is_not_there(helm_cluster: TestCluster) -> None:
    with Configuration("no-such-namespace", helm_cluster.kubeconfig) as config:
        raised = await fails(config, SIMPLE)
        assert isinstance(raised, NamespaceNotFoundError)
        check(raised, "namespace_not_found", "create_namespace=True")
        assert await List(config).run() == []


async def test_a_namespace_that_is_being_deleted(helm_cluster: TestCluster) -> None:
    name = f"ending-{secrets.token_hex(4)}"
    body = {"metadata": {"name": name}}
    helm_cluster.request("POST", "/api/v1/namespaces", body)
    held = {"metadata": {"name": "held", "finalizers": ["example.com/held"]}}
    helm_cluster.request("POST", f"/api/v1/namespaces/{name}/configmaps", held)
    helm_cluster.request("DELETE", f"/api/v1/namespaces/{name}")
    try:
        with Configuration(name, helm_cluster.kubeconfig) as config:
            raised = await fails(config, SIMPLE)
        assert isinstance(raised, NamespaceTerminatingError)
        check(raised, "namespace_terminating", "wait until it is gone")
    finally:
        Objects(helm_cluster, name).patch("configmaps", "held", {"metadata": {"finalizers": None}})


async def test_a_record_that_is_too_large(helm_config: Configuration, objects: Objects) -> None:
    # Random, or it would be packed to nothing.
    chart = dataclasses.replace(SIMPLE, files={"large.txt": secrets.token_hex(2_000_000)})
    raised = await fails(helm_config, chart)
    assert isinstance(raised, ReleaseTooLargeError)
    check(raised, "release_too_large", ".helmignore")
    assert objects.statuses("shop") == []
    assert objects.names("configmaps") == []


# Who asks.


@contextlib.asynccontextmanager
async def a_service_account(objects: Objects, *rules: Mapping[str, Any]) -> AsyncGenerator[str]:
    """A service account that may do what the rules say; gives its user name."""
    objects.create("serviceaccounts", {"metadata": {"name": "robot"}})
    objects.create("roles", {"metadata": {"name": "robot"}, "rules": list(rules)})
    objects.create(
        "rolebindings",
        {
            "metadata": {"name": "robot"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "robot"},
            "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": objects.namespace}],
        },
    )
    user = f"system:serviceaccount:{objects.namespace}:robot"
    # The server grants by what it has seen of roles and bindings, which is later than that they are there.
    asked = [
        {"namespace": objects.namespace, "group": group, "resource": resource, "verb": verb}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    await until(lambda: all(allowed(objects.cluster, user, one) for one in asked), "the role is seen")
    yield user


def allowed(cluster: TestCluster, user: str, asked: Mapping[str, str]) -> bool:
    """Whether a user may do something."""
    spec = {"user": user, "resourceAttributes": dict(asked)}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return cluster.request("POST", path, review)["status"]["allowed"]


def token(objects: Objects) -> str:
    """A token of the service account."""
    path = f"{objects.path('serviceaccounts', 'robot')}/token"
    request: dict[str, Any] = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return objects.cluster.request("POST", path, request)["status"]["token"]


def kubeconfig(cluster: TestCluster, *, server: str = "", ca: str | None = None, **user: Any) -> dict[str, Any]:
    """A kubeconfig for the test cluster with another user."""
    authority = {"certificate-authority": cluster.ca_file if ca is None else ca} if ca != "" else {}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server or cluster.server, **authority}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
        "current-context": "test",
        "users": [{"name": "user", "user": user}],
    }


def administrator(cluster: TestCluster) -> dict[str, str]:
    """The user of the test cluster's own kubeconfig."""
    return yaml.safe_load(Path(cluster.kubeconfig).read_text())["users"][0]["user"]


ALL: Final = ["get", "list", "watch", "create", "update", "patch", "delete"]


@pytest.mark.parametrize("way", ["token", "kube_token", "impersonate"])
async def test_what_somebody_may_not_do(helm_cluster: TestCluster, objects: Objects, way: str) -> None:
    # Records may be written, but no ConfigMaps.
    rules: list[dict[str, Any]] = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ALL},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
    ]
    async with a_service_account(objects, *rules) as user:
        ways: dict[str, dict[str, Any]] = {
            "token": {"kubeconfig": kubeconfig(helm_cluster, token=token(objects))},
            "kube_token": {"kubeconfig": kubeconfig(helm_cluster), "kube_token": token(objects)},
            "impersonate": {"kubeconfig": helm_cluster.kubeconfig, "kube_as_user": user},
        }
        with Configuration(objects.namespace, **ways[way]) as config:
            assert await List(config).run() == []
            raised = await fails(config, SIMPLE)
            assert isinstance(raised, ForbiddenError)
            assert isinstance(raised, PermissionError)
            check(raised, "forbidden", user)
            assert raised.details["kind"] == "configmaps"
            assert objects.statuses("shop") == ["failed"]
            with pytest.raises(ForbiddenError) as listing:
                await List(config).run(all_namespaces=True)
            assert isinstance(listing.value, ReleaseError)


async def test_nobody_may_read_records(helm_cluster: TestCluster, objects: Objects) -> None:
    async with (
        a_service_account(objects) as user,
        Configuration(objects.namespace, helm_cluster.kubeconfig, kube_as_user=user) as config,
    ):
        for call in (
            List(config).run(),
            Status(config).run("shop"),
            Install(config).run("shop", SIMPLE.archive()),
            Upgrade(config).run("shop", SIMPLE.archive(), install=True),
            Rollback(config).run("shop"),
            Uninstall(config).run("shop"),
        ):
            with pytest.raises(ForbiddenError, match=user):
                await call


async def test_somebody_unknown(helm_cluster: TestCluster, helm_namespace: str) -> None:
    with Configuration(helm_namespace, kubeconfig(helm_cluster, token="not-a-token")) as config:
        raised = await fails(config, SIMPLE)
    assert isinstance(raised, UnauthorizedError)
    assert isinstance(raised, PermissionError)
    check(raised, "unauthorized", "check the credentials")
    assert "not-a-token" not in f"{raised}{raised.details}"


async def test_nobody_at_all(helm_cluster: TestCluster, helm_namespace: str) -> None:
    """The server knows no passwords: who comes with one is anonymous."""
    with Configuration(helm_namespace, kubeconfig(helm_cluster, username="a", password="hunter2")) as config:
        raised = await fails(config, SIMPLE)
    assert isinstance(raised, ForbiddenError)
    check(raised, "forbidden", "more rights")
    assert "hunter2" not in f"{raised}{raised.details}"


# The way there.


@pytest.mark.parametrize("server", ["https://127.0.0.1:1", "https://no-such-host.invalid"])
async def test_a_cluster_that_is_not_there(helm_cluster: TestCluster, server: str) -> None:
    with Configuration("default", kubeconfig(helm_cluster, server=server)) as config:
        calls = {
            InstallError: Install(config).run("shop", SIMPLE.archive()),
            UpgradeError: Upgrade(config).run("shop", SIMPLE.archive()),
            RollbackError: Rollback(config).run("shop"),
            UninstallError: Uninstall(config).run("shop"),
            ReleaseError: Status(config).run("shop"),
        }
        for action, call in calls.items():
            with pytest.raises(ClusterUnreachableError) as raised:
                await call
            assert isinstance(raised.value, action)
            assert isinstance(raised.value, ConnectionError)
            check(raised.value, "cluster_unreachable", "check the kubeconfig")


async def test_a_certificate_that_nobody_knows(helm_cluster: TestCluster) -> None:
    config = kubeconfig(helm_cluster, ca="", token="x")
    with Configuration("default", config) as unknown:
        raised = await fails(unknown, SIMPLE)
    assert isinstance(raised, CertificateError)
    assert isinstance(raised, ConnectionError)
    check(raised, "certificate", "kube_ca_file")


async def test_certificates_and_names_can_be_given(helm_cluster: TestCluster, helm_namespace: str) -> None:
    user = administrator(helm_cluster)
    with Configuration(
        helm_namespace, kubeconfig(helm_cluster, ca="", **user), kube_ca_file=helm_cluster.ca_file
    ) as one:
        assert await List(one).run() == []
    with Configuration(
        helm_namespace, kubeconfig(helm_cluster, ca="", **user), kube_insecure_skip_tls_verify=True
    ) as two:
        assert await List(two).run() == []
    nowhere = kubeconfig(helm_cluster, server="https://127.0.0.1:1", **user)
    with Configuration(helm_namespace, nowhere, kube_apiserver=helm_cluster.server) as three:
        assert await List(three).run() == []
    with (
        Configuration(helm_namespace, kubeconfig(helm_cluster, **user), kube_tls_server_name="not-the-name") as four,
        pytest.raises(CertificateError, match="not-the-name"),
    ):
        await List(four).run()


# Arguments.


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"values": {"a": float("nan")}}, "values"),
        ({"values": {"a": {"b": {1, 2}}}}, "values['a']['b']"),
        ({"values": [1]}, "values"),
        ({"timeout": "soon"}, "timeout"),
        ({"wait": 3}, "wait"),
        ({"values_files": "-"}, "values_files"),
        ({"set_file": "a=-"}, "set_file"),
        ({"labels": {"a": 1}}, "labels"),
        ({"on_event": 3}, "on_event"),
    ],
)
async def test_a_wrong_argument_is_named_before_anything_is_done(
    helm_config: Configuration, objects: Objects, options: dict[str, Any], field: str
) -> None:
    raised = await fails(helm_config, SIMPLE, **options)
    assert isinstance(raised, ValidationError)
    check(raised, "invalid_argument", field)
    assert raised.details["field"].partition("[")[0] == field.partition("[")[0]
    assert objects.names("configmaps") + objects.names("secrets") == []


async def test_an_unknown_option_is_a_type_error(helm_config: Configuration) -> None:
    unknown: dict[str, Any] = {"time_out": 3}
    with pytest.raises(TypeError, match="Did you mean 'timeout'"):
        await Install(helm_config).run("shop", SIMPLE.archive(), **unknown)


async def test_no_secret_in_an_error(helm_config: Configuration) -> None:
    hidden = base64.b64encode(b"hunter2").decode()
    broken = manifest("v1", "Secret", data={"password": hidden, "wrong": "not base64!"})
    raised = await fails(helm_config, Chart({"s.yaml": broken}))
    check(raised, raised.code)
    assert hidden not in f"{raised}{raised.details}"
    assert "hunter2" not in f"{raised}{raised.details}"


async def test_what_is_raised_is_caught_by_either_name(helm_config: Configuration) -> None:
    for kind in (HelmError, InstallError, NamespaceNotFoundError):
        with Configuration("no-such-namespace", helm_config_path(helm_config)) as config, pytest.raises(kind):
            await Install(config).run("shop", SIMPLE.archive())
    assert issubclass(ConfigurationError, HelmError)


def helm_config_path(config: Configuration) -> str:
    return repr(config).partition("kubeconfig='")[2].partition("'")[0]


async def test_values_of_a_secret_that_another_release_owns(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("other", Chart({"c.yaml": configmap("shared")}).archive())
    raised = await fails(helm_config, Chart({"c.yaml": configmap("shared")}))
    check(raised, "ownership", "other")
    assert objects.get("configmaps", "shared")["metadata"]["annotations"]["meta.helm.sh/release-name"] == "other"
