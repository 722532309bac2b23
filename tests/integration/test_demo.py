"""The demo, run as a user runs it: what it shows, how it ends, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helm_sdkpy import Configuration, List
from helm_sdkpy.testing import TestCluster
from tests.integration.programs import ROOT, Program, gone, running

pytest.importorskip("rich")

CHARTS = ROOT / "examples" / "charts"


@contextmanager
def demo(*arguments: str | Path, directory: Path | None = None) -> Generator[Program]:
    environment = {"TMPDIR": str(directory)} if directory else {}
    with running("-m", "examples.demo", *arguments, environment=environment) as program:
        yield program


def test_all_steps_go_as_they_should_and_the_cluster_is_gone(directory: Path) -> None:
    with demo(directory=directory) as run:
        code = run.end()
    assert code == 0, run.output
    for line in (
        "Install 5 charts at once +5 deployed",
        "Upgrade one +revision 2",
        "An install that fails +its record says failed",
        r"Cancel one .* in \d+ ms; its record says failed",
        "The next upgrade of it works +deployed",
        "Roll back +revision 3 is as revision 1",
        "List +7 releases",
        "Uninstall all at once +7 gone, nothing left",
        r"raised +InstallError and HookError",
        r"\| the licence has expired",
    ):
        assert re.search(line, run.output), run.output
    assert "\x1b" not in run.output
    assert not list(directory.iterdir())


@pytest.mark.parametrize(
    "moment", ["== A Kubernetes control plane", r"migrate +pre-install", "== Cancel one", "== Uninstall all"]
)
def test_ctrl_c_ends_it_at_any_moment_and_the_cluster_is_gone(directory: Path, moment: str) -> None:
    with demo(directory=directory) as run:
        run.read_until(moment)
        took = run.interrupt()
    assert "all that was made is gone" in run.output
    assert "Traceback" not in run.output
    assert not list(directory.iterdir())
    assert took < 20


def test_a_users_cluster_is_left_as_it_was(helm_cluster: TestCluster) -> None:
    with demo("--kubeconfig", helm_cluster.kubeconfig, "--context", "testcluster") as run:
        namespace = run.read_until("namespace (helm-sdkpy-demo-[0-9a-f]+)")[1]
        assert run.end() == 0, run.output
    assert "7 gone, nothing left" in run.output
    assert gone(helm_cluster, namespace)


def test_ctrl_c_removes_what_was_made_in_a_users_cluster(helm_cluster: TestCluster) -> None:
    with demo("--kubeconfig", helm_cluster.kubeconfig) as run:
        namespace = run.read_until("namespace (helm-sdkpy-demo-[0-9a-f]+)")[1]
        run.read_until(r"migrate +pre-install")
        run.interrupt()
    assert gone(helm_cluster, namespace)


def test_keep_leaves_everything_until_ctrl_c(directory: Path) -> None:
    with demo(CHARTS / "shop", "--keep", directory=directory) as run:
        found = run.read_until(r"helm list --namespace (\S+) --kubeconfig (\S+)")
        with Configuration(namespace=found[1], kubeconfig=found[2]) as config:
            assert [release["name"] for release in asyncio.run(List(config).run())] == ["shop"]
        run.interrupt()
    assert not list(directory.iterdir())


def test_charts_of_the_user_are_deployed_at_once(helm_cluster: TestCluster) -> None:
    shop = CHARTS / "shop"
    with demo(shop, f"{shop}/", CHARTS / "store", "--kubeconfig", helm_cluster.kubeconfig) as run:
        assert run.end() == 0, run.output
    assert re.search("Install 3 charts at once +3 deployed", run.output)
    for name in ("shop", "shop-2", "store"):
        assert re.search(rf"{name} +1 +deployed", run.output), run.output


def test_a_chart_that_is_not_there_is_said_and_the_exit_code_tells(helm_cluster: TestCluster) -> None:
    with demo(CHARTS / "shop", "./no-such-chart", "--kubeconfig", helm_cluster.kubeconfig) as run:
        namespace = run.read_until("namespace (helm-sdkpy-demo-[0-9a-f]+)")[1]
        assert run.end() == 1, run.output
    assert re.search("raised +InstallError and ChartNotFoundError", run.output), run.output
    assert re.search(r"shop +done in", run.output)
    assert re.search("Install 2 charts at once +FAILED", run.output)
    assert gone(helm_cluster, namespace)


def test_a_cluster_that_can_not_be_reached_is_said(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],"
        " clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: a, user: {}}]}"
    )
    with demo("--kubeconfig", kubeconfig) as run:
        assert run.end() == 1
    assert re.search("raised +.*ClusterUnreachableError", run.output), run.output
    assert "Traceback" not in run.output
