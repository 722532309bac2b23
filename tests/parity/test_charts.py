"""Nine charts that people use, through their life by the command in one cluster and by the library in another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from helm_sdkpy.testing import TestCluster
from tests.integration.test_real_charts import CASES, CHARTS
from tests.parity.parity import Pair
from tests.parity.sides import HELM, Command, Library
from tests.parity.state import Reader
from tests.parity.steps import Helm, get_values, history, install, listing, rollback, status, uninstall, upgrade

NAMESPACE: Final = "charts"
"""The same on both sides: some charts put a checksum of it into their objects."""

AT_ONCE: Final = 4


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Pair]:
    """Two clusters that nobody else uses: what is cluster-wide has the same name on both sides."""
    assert HELM.is_file(), f"there is no {HELM}: run `./scripts/dev build helm`"
    if missing := [case.archive for case in CASES.values() if not (CHARTS / case.archive).is_file()]:
        pytest.skip(f"these charts are not part of the project, and not in {CHARTS}: {', '.join(missing)}")
    with ExitStack() as stack:
        clusters = [stack.enter_context(TestCluster()) for _ in range(2)]
        for cluster in clusters:
            cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        readers = (Reader(clusters[0]), Reader(clusters[1]))
        for reader in readers:
            stack.callback(reader.close)
        library = Library(clusters[1], NAMESPACE, tmp_path / "library")
        stack.enter_context(library.config)
        yield Pair(Command(clusters[0], NAMESPACE, tmp_path / "command"), library, readers, alone=True)


async def test_nine_charts(twins: Pair) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def do(step: Helm) -> None:
        async with limit:
            await twins.do(step, f"{step.release}: ")

    def archive(name: str) -> Path:
        return CHARTS / CASES[name].archive

    steps = {
        "install": [install(archive(name), name, values=case.values, wait=True) for name, case in CASES.items()],
        "upgrade": [
            upgrade(archive(name), name, values={**case.values, **case.changed}, wait=True)
            for name, case in CASES.items()
        ],
        "rollback": [rollback(release=name, wait=True) for name in CASES],
        "reading": [
            step
            for name in CASES
            for step in (history(name), get_values(name, all=True), get_values(name, revision=2), status(name))
        ],
        "list": [listing()],
        "uninstall": [uninstall(name) for name in CASES],
    }
    for phase, of_all in steps.items():
        began = time.monotonic()
        await asyncio.gather(*(do(step) for step in of_all))
        print(f"{phase}: {time.monotonic() - began:.1f} s")
        if phase not in {"reading", "list"}:
            await twins.look(f"after {phase}")
