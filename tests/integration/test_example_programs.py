"""The example programs, run as a user runs them: what they do in the cluster, what they say, and what is left."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy.testing import TestCluster
from tests.integration.objects import Objects
from tests.integration.programs import ROOT, Program, gone, running
from tests.integration.test_real_charts import CHARTS as DOWNLOADED

README = ROOT / "examples" / "README.md"


def says(program: Program, *patterns: str) -> None:
    """The output has a line for each pattern, in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(f"^{pattern}$", re.M).search(program.output, at)
        assert found is not None, f"{pattern!r} is not in what follows the first {at} characters of:\n{program.output}"
        at = found.end()


@contextmanager
def example(name: str, cluster: TestCluster, *arguments: str, **environment: str) -> Generator[tuple[Program, Objects]]:
    """An example that runs in the cluster of the tests, and the namespace that it made there, which it must remove."""
    command = ("-m", "examples", name, "--kubeconfig", cluster.kubeconfig, *arguments)
    with running(*command, environment=environment) as program:
        namespace = program.read_until("in your cluster, in the namespace (helm-sdkpy-example-[0-9a-f]+)")[1]
        yield program, Objects(cluster, namespace)
    assert "Traceback" not in program.output
    assert gone(cluster, namespace)


def test_all_are_listed_and_described() -> None:
    with running("-m", "examples") as program:
        assert program.end() == 0
    names = [line.split()[0] for line in program.output.splitlines()]
    known = "basic complete concurrent_installs console demo fleet operator operator_chart repository"
    assert {*known.split()} <= {*names}
    described = README.read_text()
    assert [name for name in names if f"./scripts/dev example {name}`" not in described] == []
    with running("-m", "examples", "nonsense") as program:
        assert program.end() == 2
    assert "there is no example nonsense" in program.output


def test_basic_in_a_cluster_of_its_own(directory: Path) -> None:
    with running("-m", "examples.basic", environment={"TMPDIR": str(directory)}) as program:
        assert program.end() == 0, program.output
    says(
        program,
        "installed: shop revision 1 deployed",
        "upgraded: revision 2 with 3 replicas",
        r"listed: shop 2 deployed shop-1\.0\.0",
        "in the cluster: v1/Service shop",
        "uninstalled: 0 releases left",
    )
    assert not list(directory.iterdir())


def test_complete(helm_cluster: TestCluster) -> None:
    with example("complete", helm_cluster) as (program, objects):
        program.read_until("^upgraded: revision 2")
        # The mapping went over the file, --set over the mapping; the image is one that real nodes have.
        deployment = objects.get("deployments", "shop")["spec"]
        [container] = deployment["template"]["spec"]["containers"]
        assert deployment["replicas"] == 3
        assert container["image"].startswith("busybox:")
        assert container["resources"]["requests"]["cpu"] == "5m"
        assert program.end() == 0, program.output
    says(
        program,
        "lint: nothing is wrong",
        "template: 4 objects and tests",
        "installed: deployed with the labels {'team': 'web'}",
        "notes: Hello! The shop runs with 2 replicas.",
        "would change: Deployment shop /spec/replicas",
        "upgraded: revision 2 with 3 replicas; Good evening",
        "history: 1 superseded Install complete",
        "history: 2 superseded Upgrade complete",
        "history: 3 deployed Rollback to 1",
        "tested: shop-answers Succeeded",
        "hook: pre-install Job migrate-migration started",
        "hook: pre-install Job migrate-migration succeeded",
        "hook: post-install Pod migrate-seed succeeded",
        "deployed behind its hooks: deployed",
        "refused: values_schema - .*replicas.*",
        "failed: hook_failed - is it a HookError[?] True",
        "not ready in time: Deployment stuck - .*",
        "not there: release_not_found nowhere",
        "uninstalled: broken which was failed",
        "uninstalled: stuck which was failed",
    )


def test_concurrent_installs(helm_cluster: TestCluster) -> None:
    with example("concurrent_installs", helm_cluster) as (program, _):
        assert program.end() == 0, program.output
    says(
        program,
        "installed: account cart front orders prices search",
        "upgraded: front revision 2",
        "failed: prices values_schema",
        "uninstalled: 0 releases left",
    )
    assert len(re.findall(r"  done in [0-9.]+ s", program.output)) == 6


def test_ctrl_c_stops_all_at_once_and_nothing_is_left(helm_cluster: TestCluster) -> None:
    with example("concurrent_installs", helm_cluster) as (program, _):
        program.read_until("waiting")
        program.interrupt()


def test_repository(helm_cluster: TestCluster, directory: Path) -> None:
    """Its repository and registry are a second cluster's, and the home directory is not touched."""
    home = directory / "home"
    with example("repository", helm_cluster, TMPDIR=str(directory), HOME=str(home)) as (program, _):
        assert program.end() == 0, program.output
    says(
        program,
        "added: shops with 1 charts",
        "found: shops/shop 1.1.0 - .*",
        "found: shops/shop 1.0.0 - .*",
        "pulled: shop-1.1.0.tgz sha256:[0-9a-f]{64}",
        r"installed: 1.0.0 from \['http://127.0.0.1:\d+/shops'\]",
        "removed: 0 repositories left",
        "refused: unauthorized",
        "logged in as .+",
        "pushed: shop 2.0.0 sha256:[0-9a-f]{64}",
        "shown: name: shop version: 2.0.0",
        "pulled: shop-2.0.0.tgz the same",
        "installed: 2.0.0 from the registry",
        "logged out: unauthorized",
    )
    assert not list(directory.iterdir())


def test_operator_chart_of_others(directory: Path) -> None:
    """In a cluster of its own: what is cluster-wide in the chart would meet other tests' objects."""
    if not (DOWNLOADED / "argo-rollouts-2.41.0.tgz").is_file():
        pytest.skip(f"the chart is not part of the project, and not in {DOWNLOADED}")
    with running("-m", "examples", "operator_chart", environment={"TMPDIR": str(directory)}) as program:
        assert program.end() == 0, program.output
    says(
        program,
        "chart: argo-rollouts-2.41.0.tgz",
        "kinds it needs: 10 from prometheus-operator-crds-31.0.1.tgz",
        ".*operator +done in .*",
        "in the cluster: v1/CustomResourceDefinition .*rollouts.argoproj.io.*",
        "would create Rollout web",
        "in the cluster: v1alpha1/Rollout web",
        r"upgraded: revision 3 with \d+ objects ready",
        "uninstalled: 0 releases left",
    )
    assert not list(directory.iterdir())


def test_operator_chart_of_the_project(helm_cluster: TestCluster, tmp_path: Path) -> None:
    with example("operator_chart", helm_cluster, HELM_SDKPY_CHARTS=str(tmp_path)) as (program, objects):
        program.read_until("^upgraded: ")
        path = f"/apis/helm-sdkpy.example/v1/namespaces/{objects.namespace}/widgets"
        assert {item["spec"]["size"] for item in helm_cluster.get(path)["items"]} == {3, 5, 9}
        assert program.end() == 0, program.output
    says(
        program,
        "chart: widget",
        "would create Widget operator-large",
        "in the cluster: v1/Widget operator-large operator-round operator-square",
        r"upgraded: revision 3 with \d+ objects ready",
        "uninstalled: 0 releases left",
    )


def kubeconfig_of(cluster: TestCluster, contexts: dict[str, str | None]) -> dict[str, Any]:
    """A kubeconfig with a context for each namespace of the cluster; None is a cluster that is not there."""
    identity: dict[str, Any] = {
        "client-certificate": cluster.client_certificate,
        "client-key": cluster.client_key,
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "there", "cluster": {"server": cluster.server, "certificate-authority": cluster.ca_file}},
            {"name": "away", "cluster": {"server": "https://127.0.0.1:1"}},
        ],
        "users": [{"name": "me", "user": identity}],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": "there" if namespace else "away", "user": "me", "namespace": namespace or ""},
            }
            for name, namespace in contexts.items()
        ],
    }


def test_fleet_in_three_clusters_of_its_own(directory: Path) -> None:
    with running("-m", "examples.fleet", environment={"TMPDIR": str(directory)}) as program:
        assert program.end() == 0, program.output
    says(
        program,
        "starting frankfurt oregon tokyo …",
        "cluster +result +revision +seconds",
        r"frankfurt +installed +1 +[0-9.]+",
        r"oregon +installed +1 +[0-9.]+",
        r"tokyo +cluster_unreachable +- +[0-9.]+ +.*connection refused.*",
        "2 of 3 clusters are as they should be",
    )
    assert "Traceback" not in program.output
    assert not list(directory.iterdir())


def test_fleet_on_the_users_clusters(helm_cluster: TestCluster, tmp_path: Path) -> None:
    """First install, then upgrade what differs, then nothing, then away with it; one is too slow for its deadline."""
    file = tmp_path / "kubeconfig"
    with helm_cluster.namespace("fleet") as east, helm_cluster.namespace("fleet") as west:
        file.write_text(json.dumps(kubeconfig_of(helm_cluster, {"east": east, "west": west, "gone": None})))

        def fleet(*arguments: str, contexts: tuple[str, ...] = ("east", "west")) -> tuple[int, str]:
            named = [part for context in contexts for part in ("--context", context)]
            with running(
                "-m", "examples.fleet", "--kubeconfig", file, *named, "--deadline", "150", *arguments
            ) as program:
                code = program.end()
            assert "Traceback" not in program.output
            return code, program.output

        code, said = fleet("--at-once", "1", contexts=("gone", "east"))
        assert code == 1
        assert re.search(r"^gone +cluster_unreachable .*\neast +installed +1 ", said, re.M), said

        code, said = fleet("--set", "replicas=1")
        assert code == 0, said
        assert re.search(r"^east +upgraded +2 .*\nwest +installed +1 ", said, re.M), said
        for namespace in (east, west):
            assert Objects(helm_cluster, namespace).get("deployments", "fleet-shop")["spec"]["replicas"] == 1

        code, said = fleet("--set", "replicas=1")
        assert code == 0, said
        assert re.search(r"^east +unchanged +2 .*\nwest +unchanged +1 ", said, re.M), said

        slow = str(ROOT / "examples" / "charts" / "stuck")
        code, said = fleet("--chart", slow, "--name", "slow", "--deadline", "15", contexts=("east",))
        assert code == 1
        assert re.search(r"^east +deadline_exceeded +- ", said, re.M), said
        assert Objects(helm_cluster, east).statuses("slow") == ["failed"]

        code, said = fleet("--uninstall")
        assert code == 0, said
        assert Objects(helm_cluster, west).names("deployments") == []


def test_ctrl_c_ends_a_fleet_and_says_how_far_it_was(helm_cluster: TestCluster, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    with helm_cluster.namespace("fleet") as east, helm_cluster.namespace("fleet") as west:
        file.write_text(json.dumps(kubeconfig_of(helm_cluster, {"east": east, "west": west})))
        options = ["--context", "east", "--context", "west", "--at-once", "1", "--chart"]
        stuck = str(ROOT / "examples" / "charts" / "stuck")
        with running("-m", "examples.fleet", "--kubeconfig", file, *options, stuck) as program:
            program.read_until("waiting")
            program.interrupt()
        assert re.search(r"^east +cancelled .*\nwest +not begun ", program.output, re.M), program.output
        assert "Traceback" not in program.output
        assert Objects(helm_cluster, east).statuses("fleet-shop") == ["failed"]
        assert Objects(helm_cluster, west).statuses("fleet-shop") == []
