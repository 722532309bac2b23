"""Making charts: whole or not at all, without a word to the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import ChartError, Configuration, Create, Template, ValidationError
from tests.integration.charts import SIMPLE


@pytest.fixture
def config() -> Configuration:
    return Configuration()


def files(directory: Path) -> list[str]:
    """What a directory holds, hidden files too."""
    return sorted(path.name for path in directory.iterdir())


def tree(directory: Path) -> set[str]:
    """All files below a directory."""
    return {path.relative_to(directory).as_posix() for path in directory.rglob("*") if not path.is_dir()}


async def test_a_chart_is_made_and_renders(config: Configuration, tmp_path: Path) -> None:
    made = await Create(config).run(tmp_path / "shop")
    assert made == {"path": str(tmp_path / "shop"), "name": "shop"}
    assert {"Chart.yaml", ".helmignore", "templates/tests/test-connection.yaml"} <= tree(tmp_path / "shop")
    assert "name: a-shop" in await Template(config).run("a", made["path"])
    assert files(tmp_path) == ["shop"]


async def test_a_name_is_a_directory_where_python_is(
    config: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (await Create(config).run("shop"))["path"] == str(tmp_path / "shop")


async def test_what_is_there_is_told_and_kept(config: Configuration, tmp_path: Path) -> None:
    chart = SIMPLE.write(tmp_path)
    before = (chart / "templates/configmap.yaml").read_text()
    events: list[Any] = []
    await Create(config).run(chart, on_event=events.append)
    warnings = [event["message"] for event in events if event.get("level") == "warning"]
    assert warnings == [f'File "{chart}/{name}" already exists. Overwriting.' for name in ("Chart.yaml", "values.yaml")]
    assert (chart / "templates/configmap.yaml").read_text() == before
    assert "A Helm chart for Kubernetes" in (chart / "Chart.yaml").read_text()


async def test_what_can_not_be_replaced_is_found_first(config: Configuration, tmp_path: Path) -> None:
    chart = SIMPLE.write(tmp_path)
    (chart / "templates" / "service.yaml").mkdir()
    before = {name: (chart / name).read_text() for name in tree(chart)}
    with pytest.raises(ChartError, match=r"service\.yaml can not be replaced"):
        await Create(config).run(chart)
    assert {name: (chart / name).read_text() for name in tree(chart)} == before


@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/..", "-"])
async def test_no_name(config: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValidationError, match=r"^name "):
        await Create(config).run(name)
    assert files(tmp_path) == []


async def test_the_third_version_is_behind_helms_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate is the Configuration's environment, not that of the process now."""
    closed = Configuration()
    monkeypatch.setenv("HELM_EXPERIMENTAL_CHART_V3", "1")
    opened = Configuration()
    with pytest.raises(ValidationError, match=r"chart_api_version.*HELM_EXPERIMENTAL_CHART_V3=1"):
        await Create(closed).run(tmp_path / "shop", chart_api_version="v3")
    assert files(tmp_path) == []
    await Create(opened).run(tmp_path / "shop", chart_api_version="v3")
    assert "apiVersion: v3" in (tmp_path / "shop" / "Chart.yaml").read_text()
    with pytest.raises(ChartError, match="chart name must match"):
        await Create(opened).run(tmp_path / "sh op", chart_api_version="v3")
    assert files(tmp_path) == ["shop"]


async def test_what_only_the_system_says(config: Configuration) -> None:
    """It has the action's class alone."""
    with pytest.raises(ChartError, match="can not be made: mkdir /sys/") as raised:
        await Create(config).run("/sys/shop")
    assert type(raised.value) is ChartError
    assert raised.value.code == "helm"


def test_nothing_is_printed(tmp_path: Path) -> None:
    code = f"""
import asyncio
from helm_sdkpy import Configuration, Create
config = Configuration()
for version in ("v2", "v2", "v3"):
    asyncio.run(Create(config).run({str(tmp_path / "shop")!r}, chart_api_version=version))
"""
    environment = {**os.environ, "HELM_EXPERIMENTAL_CHART_V3": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == ""
    # Python's own last resort for warnings of a logger that nobody set up.
    assert {line.split(" ")[-1] for line in done.stderr.splitlines()} <= {"Overwriting."}
