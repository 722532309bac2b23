"""Lint and Show: what is said of a chart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    ChartError,
    ChartInvalidError,
    ChartNotFoundError,
    Configuration,
    Lint,
    Show,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import SIMPLE, Chart, configmap, definition, manifest

WARNED = Chart({"a.yaml": manifest("policy/v1beta1", "PodDisruptionBudget", spec={})}, metadata={"icon": "https://x"})
BROKEN = Chart({"a.yaml": "{{ if }}"}, name="broken")
SHOWN = Chart(
    {"a.yaml": configmap()},
    {"image": {"tag": "1.2", "name": "ü"}},
    metadata={"description": "käse", "appVersion": "9"},
    files={"README.md": "# Read\r\nme", "crds/a.yaml": definition("show.example", "Widget")},
)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Configuration]:
    """A Configuration on a machine that knows no cluster."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with Configuration(namespace="web") as made:
        yield made


def entries(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def test_findings(config: Configuration, tmp_path: Path) -> None:
    result = await Lint(config).run(SIMPLE.write(tmp_path))
    assert result["failed"] == 0
    assert result["TotalChartsLinted"] == 1
    assert result["Messages"] == [{"Severity": 1, "Path": "Chart.yaml", "Err": "icon is recommended"}]
    assert result["Errors"] == []
    [chart] = result["charts"]
    assert chart == {
        "path": str(tmp_path / "web"), "failed": False, "errors": [],
        "messages": [{"severity": "INFO", "path": "Chart.yaml", "text": "icon is recommended"}],
    }  # fmt: skip
    assert result["output"] == (
        f"==> Linting {tmp_path}/web\n[INFO] Chart.yaml: icon is recommended\n\n1 chart(s) linted, 0 chart(s) failed\n"
    )


async def test_a_chart_that_fails_is_a_result(config: Configuration, tmp_path: Path) -> None:
    result = await Lint(config).run([BROKEN.write(tmp_path), SIMPLE.write(tmp_path)])
    assert result["failed"] == 1
    assert [chart["failed"] for chart in result["charts"]] == [True, False]
    assert "ERROR" in [message["severity"] for message in result["charts"][0]["messages"]]
    assert any("missing value for if" in text for text in result["Errors"])
    assert result["output"].endswith("2 chart(s) linted, 1 chart(s) failed\n")
    (tmp_path / "empty").mkdir()
    result = await Lint(config).run(tmp_path / "empty")
    assert result["failed"] == 1
    assert result["TotalChartsLinted"] == 0
    assert "unable to check Chart.yaml file in chart" in result["Errors"][0]
    assert result["charts"][0]["messages"] == []


async def test_options(config: Configuration, tmp_path: Path) -> None:
    lint = Lint(config)
    chart = WARNED.write(tmp_path)
    assert (await lint.run(chart, kube_version="1.22"))["failed"] == 0
    assert (await lint.run(chart, kube_version="1.22", strict=True))["failed"] == 1
    assert (await lint.run(chart, kube_version="1.20", strict=True))["failed"] == 0
    schema = Chart({"a.yaml": configmap()}, name="schema", files={"values.schema.json": '{"required": ["n"]}'})
    schema.write(tmp_path)
    assert (await lint.run(tmp_path / "schema"))["failed"] == 1
    assert (await lint.run(tmp_path / "schema", values={"n": 1}))["failed"] == 0
    assert (await lint.run(tmp_path / "schema", set="n=1"))["failed"] == 0
    assert (await lint.run(tmp_path / "schema", skip_schema_validation=True))["failed"] == 0
    parent = Chart({"a.yaml": configmap()}, name="parent").write(tmp_path)
    BROKEN.write(parent / "charts")
    WARNED.save(parent / "charts")
    result = await lint.run(parent, with_subcharts=True, kube_version="1.22")
    assert sorted(chart["path"] for chart in result["charts"]) == [
        str(parent), str(parent / "charts/broken"), str(parent / "charts/web-0.1.0.tgz"),
    ]  # fmt: skip
    assert len((await lint.run(parent))["charts"]) == 1


async def test_where_charts_are(config: Configuration, helm_cluster: TestCluster, tmp_path: Path) -> None:
    lint = Lint(config)
    assert (await lint.run(SIMPLE.archive()))["charts"][0]["path"] == "chart.tgz"
    assert (await lint.run(str(SIMPLE.save(tmp_path))))["failed"] == 0
    chart = Chart({"a.yaml": configmap()}, name="lint-remote")
    packed = chart.save(helm_cluster.charts)
    try:
        assert (await lint.run(f"{helm_cluster.repository}/{packed.name}"))["failed"] == 0
    finally:
        packed.unlink()
    with pytest.raises(ChartNotFoundError, match="nowhere") as raised:
        await lint.run([SIMPLE.write(tmp_path), tmp_path / "nowhere"])
    assert isinstance(raised.value, ChartError)
    for wrong in ("", [], None, 7, ["a", 7]):
        with pytest.raises(ValidationError, match="chart_path"):
            await lint.run(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(ValidationError, match="kube_version"):
        await lint.run(SIMPLE.archive(), kube_version="new")


async def test_nothing_stays_in_the_temporary_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "none"))
    with Configuration() as config, pytest.raises(ChartError, match=str(tmp_path)):
        await Lint(config).run(SIMPLE.archive())
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Configuration() as config:
        lints = [Lint(config).run(SIMPLE.archive()) for _ in range(8)]
        shows = [Show(config).all(SIMPLE.archive()) for _ in range(8)]
        await asyncio.gather(*lints, *shows)
    assert entries(tmp_path) == []


async def test_show(config: Configuration, tmp_path: Path) -> None:
    show = Show(config)
    for chart in (SHOWN.write(tmp_path), SHOWN.save(tmp_path), SHOWN.archive()):
        described = await show.chart(chart)
        assert yaml.safe_load(described)["description"] == "käse"
        assert await show.values(chart) == SHOWN.contents()["values.yaml"] + "\n"
        assert await show.values(chart, jsonpath="{.image.tag}") == "1.2"
        assert await show.readme(chart) == "# Read\r\nme\n"
        assert await show.crds(chart) == "---\n" + SHOWN.files["crds/a.yaml"] + "\n"
        assert await show.all(chart) == (
            f"{described}---\n{await show.values(chart)}---\n{await show.readme(chart)}{await show.crds(chart)}"
        )
    assert await show.readme(SIMPLE.archive()) == ""
    assert await show.crds(SIMPLE.archive()) == ""


async def test_show_what_is_elsewhere(config: Configuration, helm_cluster: TestCluster) -> None:
    chart = Chart({}, {"a": 1}, name="show-remote")
    newest = Chart({}, {"a": 2}, name="show-remote", version="0.2.0-rc.1")
    packed = [one.save(helm_cluster.charts) for one in (chart, newest)]
    oci.push(helm_cluster.registry, "show", chart)
    try:
        show = Show(config)
        places: list[tuple[str, dict[str, Any], str]] = [
            ("show-remote", {"repo": helm_cluster.repository}, "a: 1\n\n"),
            ("show-remote", {"repo": helm_cluster.repository, "devel": True}, "a: 2\n\n"),
            ("show-remote", {"repo": helm_cluster.repository, "version": "0.2.0-rc.1"}, "a: 2\n\n"),
            (f"oci://{helm_cluster.registry}/show/show-remote", {"plain_http": True, "version": "0.1.0"}, "a: 1\n\n"),
        ]
        for source, options, text in places:
            assert await show.values(source, **options) == text, source
    finally:
        for path in packed:
            path.unlink()


async def test_what_can_not_be_shown(config: Configuration, tmp_path: Path) -> None:
    show = Show(config)
    with pytest.raises(ChartNotFoundError, match="nowhere") as raised:
        await show.chart(str(tmp_path / "nowhere"))
    assert isinstance(raised.value, ChartError)
    with pytest.raises(ChartInvalidError, match=r"Chart\.yaml"):
        await show.values(tmp_path)
    with pytest.raises(ChartInvalidError):
        await show.all(b"no archive")
    with pytest.raises(ValidationError, match="jsonpath"):
        await show.values(SIMPLE.archive(), jsonpath="{.a")
    with pytest.raises(TypeError, match=r"Show\.chart\(\) got an unexpected keyword argument 'jsonpath'"):
        await show.chart(SIMPLE.archive(), jsonpath="{.a}")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
