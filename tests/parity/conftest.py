"""What parity tests share: the helm command and the library, each in a fresh namespace."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from helm_sdkpy.testing import TestCluster
from tests.parity import places
from tests.parity.files import Both
from tests.parity.parity import Pair
from tests.parity.rows import all_rows, quick
from tests.parity.sides import HELM, Command, Library
from tests.parity.state import Reader


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `./scripts/dev test` be quick."""
    parser.addoption("--parity-third", action="store_true", help="take a third of the parity table, of all commands")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the rows of parity tables that a quick run does not take."""
    if not config.getoption("--parity-third", default=False):
        return
    table = all_rows()
    taken = quick(table)
    # The effect of each flag is minutes of work, and says nothing of the library that its row does not.
    left_out = [item for item in items if (row := _row(item)) in table and row not in taken]
    left_out += [item for item in items if _row(item) not in table and "test_flag_changes_something" in item.name]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _row(item: pytest.Item) -> str:
    return (
        f"{item.path.stem}[{item.callspec.id}]"
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        else ""
    )


@pytest.fixture(autouse=True, scope="session")
def _no_helm_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Helm's files go into a temporary directory, and no variable of the user's says otherwise."""
    for name in list(os.environ):
        if name.startswith(("HELM_", "XDG_", "KUBE")) and not name.startswith("HELM_SDKPY_"):
            del os.environ[name]
    for kind in ("cache", "config", "data"):
        os.environ[f"HELM_{kind.upper()}_HOME"] = str(tmp_path_factory.mktemp(kind))


@pytest.fixture(scope="session")
def reader(helm_cluster: TestCluster) -> Iterator[Reader]:
    """A connection that reads what the cluster holds."""
    reader = Reader(helm_cluster)
    yield reader
    reader.close()


@pytest.fixture
def pair(helm_cluster: TestCluster, reader: Reader, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """The two, and what they made cluster-wide is gone afterwards."""
    assert HELM.is_file(), f"there is no {HELM}: run `./scripts/dev build helm`"
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:35].strip("-")
    with ExitStack() as stack:
        # Of equal length: names that a chart cuts short are cut at the same place.
        namespaces = [stack.enter_context(helm_cluster.namespace(name)) for _ in range(2)]
        command = Command(helm_cluster, namespaces[0], tmp_path)
        library = Library(helm_cluster, namespaces[1], tmp_path)
        stack.enter_context(library.config)
        yield Pair(command, library, (reader, reader))
        for namespace in namespaces:
            reader.remove_cluster_wide(namespace)


@pytest.fixture
def both(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Both]:
    """The two, each in directories of its own; a cluster starts only for a case that asks for it."""
    assert HELM.is_file(), f"there is no {HELM}: run `./scripts/dev build helm`"

    def ask() -> TestCluster:
        return request.getfixturevalue("helm_cluster")

    # Of equal length, and of this run alone: the registry forgets nothing.
    case = hashlib.sha256(request.node.nodeid.encode() + secrets.token_bytes(8)).hexdigest()[:10]
    command = places.Command(tmp_path / "c", f"c-{case}", ask)
    library = places.Library(tmp_path / "l", f"l-{case}", ask)
    yield Both(command, library)
    for place in (command, library):
        place.clean()
