"""A project with no more than pip: the wheels, pytest, a chart and a test. `--durations=0` tells what each costs."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest

from helm_sdkpy import __version__
from tests.wheels.conftest import ROOT, Environment

EXTRA = f"helm-sdkpy[testing]=={__version__}"

CHART = {
    "charts/shop/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "charts/shop/templates/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "example/shop:1"}]}
""",
}
# What the README shows: a test, one more in the same file, a program without pytest, a cluster of one's own.
TEST, SECOND_TEST, PROGRAM, CONFTEST = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "testing" / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
ASYNC_TEST = """\
from helm_sdkpy import Install


async def test_shop_gets_ready(helm_config):
    release = await Install(helm_config).run("shop", "charts/shop", timeout=60)
    assert release["info"]["status"] == "deployed"
"""
FOUR_TESTS = """\
import pytest


@pytest.mark.parametrize("number", range(4))
def test_cluster(helm_cluster, helm_namespace, number):
    assert helm_cluster.get(f"/api/v1/namespaces/{helm_namespace}")
    print("cluster", helm_cluster.pid)
"""


@pytest.fixture(scope="module")
def environment(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with what the README says to install, and no more."""
    environment = Environment(python, tmp_path_factory.mktemp("plain") / "venv")
    environment.install(EXTRA, "pytest")
    return environment


@pytest.fixture(scope="module")
def furnished(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the plugins of pytest that the README speaks of, too."""
    environment = Environment(python, tmp_path_factory.mktemp("furnished") / "venv")
    environment.install(EXTRA, "pytest", "pytest-asyncio", "pytest-xdist")
    return environment


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three files: a chart, and a test."""
    for name, content in [*CHART.items(), ("test_shop.py", TEST)]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_tests_run(environment: Environment, project: Path) -> None:
    assert "1 passed" in environment.run("-m", "pytest", "-q", directory=project)


def test_the_cluster_runs_by_hand(environment: Environment) -> None:
    command = environment.command("-m", "helm_sdkpy.testing")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment.surroundings(), cwd="/"
    ) as process:
        assert process.stdout is not None
        kubeconfig = Path(process.stdout.readline().strip())
        assert kubeconfig.read_text().startswith("apiVersion: v1")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors
    assert not kubeconfig.exists()


def test_the_rest_of_the_readme(environment: Environment, project: Path) -> None:
    with (project / "test_shop.py").open("a") as tests:
        tests.write(SECOND_TEST)
    (project / "conftest.py").write_text(CONFTEST)
    assert "2 passed" in environment.run("-m", "pytest", "-q", directory=project)
    environment.run("-c", PROGRAM)


def test_workers_share_the_cluster(furnished: Environment, project: Path) -> None:
    (project / "test_four.py").write_text(FOUR_TESTS)
    said = furnished.run("-m", "pytest", "-q", "-n", "4", "-rP", directory=project)
    assert "5 passed" in said
    assert len(set(re.findall(r"^cluster (\d+)$", said, re.MULTILINE))) == 1


def test_tests_may_be_async(furnished: Environment, project: Path) -> None:
    (project / "test_shop.py").write_text(ASYNC_TEST)
    assert "1 passed" in furnished.run("-m", "pytest", "-q", "-o", "asyncio_mode=auto", directory=project)


def test_another_version_is_refused(environment: Environment) -> None:
    (metadata,) = environment.directory.glob("lib/python*/site-packages/helm_sdkpy_testing-*.dist-info/METADATA")
    written = metadata.read_text()
    metadata.write_text(re.sub(r"(?m)^Version: .*$", "Version: 0.1.0", written))
    try:
        said = environment.run("-m", "helm_sdkpy.testing", fails=True)
    finally:
        metadata.write_text(written)
    assert said.startswith(f"helm-sdkpy-testing 0.1.0 is not for helm-sdkpy {__version__}: pip install")


def test_without_the_extra(python: Path, tmp_path: Path, project: Path) -> None:
    environment = Environment(python, tmp_path / "venv")
    environment.install(f"helm-sdkpy=={__version__}", "pytest")
    assert "fixture 'helm_config' not found" in environment.run("-m", "pytest", "-q", directory=project, fails=True)
    said = environment.run("-m", "helm_sdkpy.testing", fails=True)
    assert "pip install 'helm-sdkpy[testing]'" in said
    assert "Traceback" not in said
