"""Methods in templates: the library is linked without those that no template can call, and has all others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from helm_sdkpy import Configuration, RenderError, Template
from tests.integration.charts import Chart

HELM = Path(__file__).parents[2] / ".build" / "bin" / "helm"
CALLS = """
{{- $time := toDate "2006-01-02T15:04:05Z07:00" "2026-11-28T12:30:45.123Z" }}
{{- $span := mustToDuration "90m" }}
{{- $version := semver "1.2.3-rc.1+build" }}
time: {{ list $time.Year $time.Month $time.Month.String $time.Day $time.Weekday.String $time.YearDay | toJson }}
clock: {{ list $time.Hour $time.Minute $time.Second $time.Nanosecond $time.Unix $time.UnixMilli | toJson }}
moved: {{ ($time.AddDate 1 2 3).Format "2006-01-02" }} {{ ($time.Add $span).UTC.Format "15:04" }}
between: {{ (($time.Add $span).Sub $time).Minutes }} {{ ($time.Add $span).After $time }} {{ $time.IsZero }}
place: {{ $time.Location.String }} {{ ($time.In $time.Location).Equal $time }} {{ ($time.Truncate $span).Hour }}
span: {{ list $span.Hours $span.Seconds $span.Milliseconds $span.String ($span.Round $span) | toJson }}
version: {{ list $version.Major $version.Minor $version.Patch $version.Prerelease $version.Metadata | toJson }}
higher: {{ list $version.IncMajor.String $version.IncPatch.String $version.Original $version.String | toJson }}
compared: {{ $version.Compare (semver "1.3.0") }} {{ $version.LessThan (semver "1.3.0") }} {{ $version.Equal $version }}
kube: {{ with .Capabilities.KubeVersion }}{{ list .Major .Minor .Version .GitVersion .String | toJson }}{{ end }}
has: {{ .Capabilities.APIVersions.Has "apps/v1" }} {{ .Capabilities.APIVersions.Has "apps/v9" }}
file: {{ list (.Files.Get "a.txt") (.Files.GetBytes "a.txt" | toString) (.Files.Lines "a.txt") | toJson }}
files: {{ list (.Files.Glob "*.txt").AsConfig (.Files.Glob "*.txt").AsSecrets | toJson }}
values: {{ list .Values.YAML (.Values.Table "a").b .Values.AsMap (.Values.PathValue "a.b") | toJson }}
"""
CHART = Chart({"all.yaml": CALLS}, {"a": {"b": 1}}, files={"a.txt": "one\ntwo\n"})


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))


def helm(chart: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HELM, "template", "tried", chart], capture_output=True, text=True, check=False)


async def test_every_kind_of_method_as_the_command(tmp_path: Path) -> None:
    chart = CHART.write(tmp_path)
    async with Configuration() as config:
        rendered = await Template(config).run("tried", chart)
    assert rendered == helm(chart).stdout
    assert 'time: [2026,11,"November",28,"Saturday",332]' in rendered
    assert rendered.count("\n") == CALLS.count("\n") - 2  # "---", "# Source", and the four lines that render nothing


async def test_what_is_no_method_fails_as_with_the_command(tmp_path: Path) -> None:
    chart = Chart({"all.yaml": "a: {{ now.Nothing }}"}).write(tmp_path)
    said = "can't evaluate field Nothing in type time.Time"
    async with Configuration() as config:
        with pytest.raises(RenderError, match=said.replace(".", r"\.")):
            await Template(config).run("tried", chart)
    assert said in helm(chart).stderr
