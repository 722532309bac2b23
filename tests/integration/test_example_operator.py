"""The example operator, run by kopf in a process of its own: what becomes of objects, releases and killed operators."""

from __future__ import annotations

import json
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import Configuration, Install, Package, Push
from helm_sdkpy.testing import ApiError, TestCluster
from tests.integration.objects import Objects, until
from tests.integration.programs import ROOT, Program, gone, running

pytest.importorskip("kopf")

CHARTS = ROOT / "examples" / "charts"
CHART = ROOT / "examples" / "operator" / "chart"
READY = {"podAnnotations": {"testcluster/ready": "always"}}
"""Values with which the chart `stuck` is not."""
PATIENCE = 120
"""Seconds; much more than anything takes, but for a lease that must lapse."""


class Wanted:
    """The Release objects of a namespace."""

    def __init__(self, objects: Objects) -> None:
        self._cluster = objects.cluster
        self._path = f"/apis/helm-sdkpy.example/v1/namespaces/{objects.namespace}/releases"
        self._events = objects.path("events")

    def create(self, name: str, chart: str | Path, **spec: Any) -> None:
        body = {
            "apiVersion": "helm-sdkpy.example/v1",
            "kind": "Release",
            "metadata": {"name": name},
            "spec": {"chart": str(chart), **spec},
        }
        self._cluster.request("POST", self._path, body)

    def get(self, name: str) -> dict[str, Any] | None:
        try:
            return self._cluster.get(f"{self._path}/{name}")
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def change(self, name: str, **spec: Any) -> None:
        self._cluster.request(
            "PATCH", f"{self._path}/{name}", {"spec": spec}, content_type="application/merge-patch+json"
        )

    def delete(self, name: str) -> None:
        self._cluster.request("DELETE", f"{self._path}/{name}")

    def ready(self, name: str) -> tuple[str, str]:
        """Status and reason of the condition Ready, where it is about the object as it is now."""
        found = self.get(name)
        assert found is not None
        status = found["status"]
        if status["observedGeneration"] != found["metadata"]["generation"]:
            return "Unknown", "Unseen"
        [condition] = status["conditions"]
        return condition["status"], condition["reason"]

    def message(self, name: str) -> str:
        found = self.get(name)
        return found["status"]["conditions"][0]["message"] if found and "conditions" in found["status"] else ""

    def events(self, name: str) -> set[str]:
        """The reasons of the object's events."""
        items = self._cluster.get(self._events)["items"]
        return {item["reason"] for item in items if item["involvedObject"]["name"] == name}

    async def until_ready(self, name: str) -> None:
        await until(lambda: self.ready(name) == ("True", "Deployed"), f"{name} is ready", PATIENCE)


@pytest.fixture
def wanted(objects: Objects) -> Wanted:
    return Wanted(objects)


@pytest.fixture
async def credentials(helm_config: Configuration, objects: Objects, tmp_path: Path) -> Path:
    """A kubeconfig of the operator's service account: it has the rights of its chart, and no others."""
    await Install(helm_config).run("operator", CHART)
    path = f"{objects.path('serviceaccounts', 'operator')}/token"
    token = objects.cluster.request("POST", path, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    cluster = {"server": objects.cluster.server, "certificate-authority": objects.cluster.ca_file}
    file = tmp_path / "kubeconfig"
    file.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "operator",
                "clusters": [{"name": "operator", "cluster": cluster}],
                "users": [{"name": "operator", "user": {"token": token}}],
                "contexts": [{"name": "operator", "context": {"cluster": "operator", "user": "operator"}}],
            }
        )
    )
    return file


@contextmanager
def operator(kubeconfig: str | Path, *where: str) -> Generator[Program]:
    """An operator, run as a user runs it."""
    # At its end kopf's own client may leave a connection to the interpreter.
    warnings = ("-W", "ignore:unclosed transport:ResourceWarning")
    command = ("-m", "kopf", "run", "--quiet", "--standalone", "--module", "examples.operator.handlers")
    with running(*warnings, *command, *where, environment={"KUBECONFIG": str(kubeconfig)}) as program:
        yield program


def end(program: Program) -> None:
    """Stop it as Kubernetes stops a pod."""
    program.process.send_signal(signal.SIGTERM)
    assert program.end() == 0, program.output
    assert "Traceback" not in program.output
    assert "Error" not in program.output


async def test_a_release_follows_its_object(credentials: Path, objects: Objects, wanted: Wanted) -> None:
    with operator(credentials, "--namespace", objects.namespace) as program:
        wanted.create("shop", CHARTS / "shop", values={"replicas": 1}, interval=1)
        await wanted.until_ready("shop")
        assert objects.statuses("shop") == ["deployed"]
        found = wanted.get("shop")
        assert found is not None
        assert found["metadata"]["finalizers"] == ["helm-sdkpy.example/uninstall"]
        assert (found["status"]["chart"], found["status"]["revision"]) == ("shop-1.0.0", 1)

        wanted.change("shop", values={"replicas": 3})
        await until(lambda: objects.statuses("shop") == ["superseded", "deployed"], "it is upgraded", PATIENCE)
        await wanted.until_ready("shop")
        assert objects.get("deployments", "shop")["spec"]["replicas"] == 3

        objects.delete("services", "shop")
        await until(lambda: objects.find("services", "shop"), "the service is back", PATIENCE)
        await until(lambda: {"Installed", "Upgraded", "Repaired"} <= wanted.events("shop"), "it is told", PATIENCE)
        # A repair is no revision, and nothing is done where nothing differs.
        assert objects.statuses("shop") == ["superseded", "deployed"]

        wanted.delete("shop")
        await until(lambda: wanted.get("shop") is None, "the object is gone", PATIENCE)
        assert objects.statuses("shop") == []
        assert objects.names("deployments") == []
        end(program)


async def test_what_fails_says_why_and_is_tried_again(
    credentials: Path, objects: Objects, wanted: Wanted, helm_config: Configuration, tmp_path: Path
) -> None:
    registry = f"oci://{objects.cluster.registry}/{objects.namespace}"
    with operator(credentials, "--namespace", objects.namespace) as program:
        wanted.create("wrong", CHARTS / "shop", values={"replicas": -1})
        wanted.create("early", f"{registry}/shop", plainHTTP=True)
        await until(lambda: wanted.ready("wrong") == ("False", "values_schema"), "the values are refused", PATIENCE)
        await until(lambda: wanted.ready("early") == ("False", "chart_not_found"), "the chart is missed", PATIENCE)
        assert "replicas" in wanted.message("wrong")
        assert objects.statuses("wrong") == []
        await until(lambda: "Failed" in wanted.events("wrong"), "it is told", PATIENCE)

        wanted.change("wrong", values={"replicas": 1})
        archive = await Package(helm_config).run(CHARTS / "shop", tmp_path)
        await Push(helm_config).run(archive["path"], registry, plain_http=True)
        # One by its object, the other by itself.
        await wanted.until_ready("wrong")
        await wanted.until_ready("early")
        for name in ("wrong", "early"):
            wanted.delete(name)
        await until(lambda: not objects.names("deployments"), "all is gone", PATIENCE)
        end(program)


async def test_an_install_that_nobody_wants_any_more_is_cancelled(
    credentials: Path, objects: Objects, wanted: Wanted
) -> None:
    """By the deletion of its object, and by another spec."""
    with operator(credentials, "--namespace", objects.namespace) as program:
        for name in ("deleted", "changed"):
            wanted.create(name, CHARTS / "stuck", timeout=600)
        for name in ("deleted", "changed"):
            await until(lambda name=name: f"Deployment {name}" in wanted.message(name), "it is waited for", PATIENCE)
            assert wanted.ready(name) == ("Unknown", "Progressing")
            assert objects.statuses(name) == ["pending-install"]

        wanted.delete("deleted")
        await until(lambda: wanted.get("deleted") is None, "the object is gone", PATIENCE)
        assert objects.find("deployments", "deleted") is None
        assert objects.statuses("deleted") == []

        wanted.change("changed", values=READY)
        await wanted.until_ready("changed")
        assert objects.statuses("changed") == ["superseded", "deployed"]
        wanted.delete("changed")
        await until(lambda: wanted.get("changed") is None, "the object is gone", PATIENCE)
        end(program)


async def test_the_next_operator_goes_on_from_what_a_stopped_and_a_killed_one_left(
    credentials: Path, objects: Objects, wanted: Wanted
) -> None:
    wanted.create("web", CHARTS / "stuck", timeout=600)
    for by, left in (signal.SIGTERM, ["failed"]), (signal.SIGKILL, ["failed", "pending-upgrade"]):
        with operator(credentials, "--namespace", objects.namespace) as program:
            revision = "pending-upgrade" if by == signal.SIGKILL else "pending-install"
            await until(lambda revision=revision: revision in objects.statuses("web"), f"it is {revision}", PATIENCE)
            await until(lambda: wanted.ready("web") == ("Unknown", "Progressing"), "it is waited for", PATIENCE)
            program.process.send_signal(by)
            assert program.end() == (0 if by == signal.SIGTERM else -by), program.output
        assert objects.statuses("web") == left

    wanted.change("web", values=READY)
    with operator(credentials, "--namespace", objects.namespace) as program:
        # It has to wait until the killed one's lease has lapsed.
        await wanted.until_ready("web")
        assert objects.statuses("web") == ["failed", "superseded", "deployed"]
        wanted.delete("web")
        await until(lambda: wanted.get("web") is None, "the object is gone", PATIENCE)
        end(program)


async def test_objects_do_not_hold_up_the_end_of_their_namespace() -> None:
    """In a cluster of its own: only an operator for all namespaces hears of objects in one that ends."""
    async with TestCluster() as cluster, Configuration(kubeconfig=cluster.kubeconfig) as config:
        await Install(config).run("operator", CHART, {"access": {"create": False}})
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "leaves"}})
        wanted = Wanted(Objects(cluster, "leaves"))
        with operator(cluster.kubeconfig, "--all-namespaces") as program:
            wanted.create("shop", CHARTS / "shop", values={"replicas": 1})
            await wanted.until_ready("shop")
            cluster.request("DELETE", "/api/v1/namespaces/leaves")
            await until(lambda: gone(cluster, "leaves"), "the namespace is gone", PATIENCE)
            end(program)


def test_the_day_of_an_operator(directory: Path) -> None:
    with running("-m", "examples", "operator", environment={"TMPDIR": str(directory)}) as program:
        assert program.end() == 0, program.output
    said = program.output.splitlines()
    assert said[:4] == [
        "installed: the kind Release",
        "created: Ready is True (Deployed): shop-1.0.0 is deployed as revision 1",
        "changed: Ready is True (Deployed): shop-1.0.0 is deployed as revision 2",
        "damaged: the service was deleted, and is back",
    ]
    assert said[4].startswith("not ready: Ready is False")
    assert said[5].startswith("wrong: Ready is False (values_schema)")
    assert said[-1] == "deleted: 0 releases left"
    assert not list(directory.iterdir())
