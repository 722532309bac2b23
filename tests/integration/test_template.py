"""Template: what is rendered without a cluster, what with one, and what is said when it can not be."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    ChartError,
    ChartInvalidError,
    ChartNotFoundError,
    ClusterUnreachableError,
    Configuration,
    KubeVersionError,
    ManifestError,
    MissingDependencyError,
    OwnershipError,
    PostRenderError,
    RenderError,
    Template,
    ValidationError,
    ValuesSchemaError,
)
from helm_sdkpy.events import Event
from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import SIMPLE, Chart, configmap, definition, hook, manifest
from tests.integration.objects import Objects

FULL = Chart(
    {
        "b.yaml": configmap("second", value="{{ .Values.value }}"),
        "a.yaml": configmap("first", upgrade="{{ .Release.IsUpgrade }}", kube="{{ .Capabilities.KubeVersion }}"),
        "hook.yaml": hook("post-install"),
        "tests/t.yaml": hook("test", name="tested"),
        "api.yaml": '{{ if .Capabilities.APIVersions.Has "x.example/v1" }}' + configmap("api") + "{{ end }}",
        "NOTES.txt": "hello",
    },
    {"value": "chart"},
    files={"crds/w.yaml": definition("template.example", "Widget")},
)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Configuration]:
    """A Configuration on a machine that knows no cluster."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with Configuration(namespace="web") as made:
        yield made


def sources(text: str) -> list[str]:
    return [line.removeprefix("# Source: web/") for line in text.splitlines() if line.startswith("# Source: ")]


def entries(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


def _texts(paths: list[str]) -> str:
    return "".join(Path(path).read_text() for path in paths)


def objects_of(text: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in yaml.safe_load_all(text) if one}


async def test_without_a_cluster(config: Configuration) -> None:
    text = await Template(config).run("shop", FULL.archive())
    assert sources(text) == [f"templates/{name}" for name in ("a.yaml", "b.yaml", "hook.yaml", "tests/t.yaml")]
    assert objects_of(text)["second"]["data"] == {"value": "chart"}
    assert "hello" not in text
    assert text.startswith("---\n# Source: web/templates/a.yaml\n")
    assert text.endswith("\n")


async def test_what_the_options_change(config: Configuration) -> None:
    template = Template(config)
    chart = FULL.archive()

    async def found(**options: Any) -> dict[str, dict[str, Any]]:
        return objects_of(await template.run("shop", chart, **options))

    plain = await found()
    assert plain["first"]["data"]["upgrade"] == "false"
    assert (await found(is_upgrade=True))["first"]["data"]["upgrade"] == "true"
    assert (await found(kube_version="1.31.2"))["first"]["data"]["kube"] == "v1.31.2"
    assert set(await found(include_crds=True)) - set(plain) == {"widgets.template.example"}
    assert set(plain) - set(await found(skip_tests=True)) == {"tested"}
    assert set(plain) - set(await found(no_hooks=True)) == {"tested", "shop-hook"}
    assert set(await found(api_versions="y.example/v1,x.example/v1")) - set(plain) == {"api"}
    assert set(await found(api_versions=["y.example/v1", "x.example/v1"])) - set(plain) == {"api"}
    without: dict[str, Any] = {
        "create_namespace": True, "description": "d", "force_conflicts": True, "hide_notes": True, "replace": True,
        "render_subchart_notes": True, "rollback_on_failure": True, "server_side": False, "timeout": 1, "wait": True,
        "wait_for_jobs": True, "disable_openapi_validation": True, "skip_crds": True, "take_ownership": True,
        "labels": {"team": "a"},
    }  # fmt: skip
    assert await template.run("shop", chart, **without) == await template.run("shop", chart)
    assert "shop-hook" in await template.run("shop", chart, force_replace=True)


async def test_names(config: Configuration) -> None:
    chart = Chart({"a.yaml": configmap(namespace="{{ .Release.Namespace }}")}).archive()
    template = Template(config)
    assert objects_of(await template.run(None, chart))["release-name"]["data"] == {"namespace": "web"}
    assert list(objects_of(await template.run(None, chart, generate_name=True))) == ["release-name"]
    assert list(objects_of(await template.run(None, chart, name_template='x-{{ "Y" | lower }}'))) == ["x-y"]
    both: list[dict[str, Any]] = [{"generate_name": True}, {"name_template": "x"}]
    for options in both:
        with pytest.raises(ValidationError, match="release_name"):
            await template.run("shop", chart, **options)
    for name in ("UPPER", "x" * 54, "a_b"):
        with pytest.raises(ValidationError, match="release name") as raised:
            await template.run(name, chart)
        assert isinstance(raised.value, ChartError)


async def test_values_in_all_forms(config: Configuration, tmp_path: Path) -> None:
    values = {"a": "c", "b": "c", "c": "c", "d": "c", "e": "c", "f": "c", "g": "c", "id": 0, "list": [0]}
    chart = Chart({"a.yaml": manifest("v1", "ConfigMap", data={"all": "{{ .Values | toJson | b64enc }}"})}, values)
    (tmp_path / "v.yaml").write_text("a: file\nb: file\n")
    (tmp_path / "text").write_text("from a file")
    text = await Template(config).run(
        "shop",
        chart.archive(),
        {"b": "mapping", "c": "mapping", "id": 9007199254740993},
        values_files=tmp_path / "v.yaml",
        set_json='{"c": "json", "d": "json"}',
        set=["d=1", "e=1", "list[1]=2"],
        set_string="e=2",
        set_file=f"f={tmp_path / 'text'}",
        set_literal="g=a,b=c",
    )
    assert json.loads(base64.b64decode(objects_of(text)["shop"]["data"]["all"])) == {
        "a": "file", "b": "mapping", "c": "json", "d": 1, "e": "2", "f": "from a file", "g": "a,b=c",
        "id": 9007199254740993, "list": [None, 2],
    }  # fmt: skip


async def test_where_charts_come_from(config: Configuration, helm_cluster: TestCluster, tmp_path: Path) -> None:
    chart = Chart({"a.yaml": configmap(value="{{ .Chart.Version }}")}, name="template-sources")
    packed = chart.save(helm_cluster.charts)
    oci.push(helm_cluster.registry, "template", chart)
    try:
        want = await Template(config).run("shop", chart.archive())
        places: list[tuple[str | Path, dict[str, Any]]] = [
            (chart.write(tmp_path), {}),
            (str(packed), {}),
            (f"{helm_cluster.repository}/{packed.name}", {}),
            (chart.name, {"repo": helm_cluster.repository, "version": "~0.1"}),
            (f"oci://{helm_cluster.registry}/template/{chart.name}", {"plain_http": True}),
        ]
        for source, options in places:
            assert await Template(config).run("shop", source, **options) == want, source
    finally:
        packed.unlink()


async def test_show_only(config: Configuration) -> None:
    template, chart = Template(config), FULL.archive()
    text = await template.run("shop", chart, show_only="templates/b.yaml")
    assert text.startswith("---\n# Source: web/templates/b.yaml\n{")
    assert list(objects_of(text)) == ["second"]
    text = await template.run("shop", chart, show_only=["templates/tests/*", "templates/[ab].yaml"])
    assert sources(text) == ["templates/tests/t.yaml", "templates/a.yaml", "templates/b.yaml"]
    for missing in ("templates/none.yaml", "templates/NOTES.txt", "[", "b.yaml"):
        with pytest.raises(ValidationError, match="could not find template"):
            await template.run("shop", chart, show_only=["templates/a.yaml", missing])


async def test_files(config: Configuration, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out"
    text = await Template(config).run("shop", FULL.archive(), output_dir=target, include_crds=True)
    written = [line.removeprefix("wrote ") for line in text.splitlines() if line]
    assert written == [
        f"{target}/web/{name}"
        for name in (
            "crds/w.yaml",
            "templates/a.yaml",
            "templates/b.yaml",
            "templates/hook.yaml",
            "templates/tests/t.yaml",
        )
    ]
    assert sorted(map(str, target.rglob("*.yaml"))) == sorted(written)
    plain = await Template(config).run("shop", FULL.archive(), include_crds=True)
    assert _texts(written).replace("\n\n", "\n") == plain.replace("\n\n", "\n")
    assert capfd.readouterr() == ("", "")
    await Template(config).run("shop", FULL.archive(), output_dir=target, use_release_name=True, skip_tests=True)
    assert sorted(path.name for path in (target / "shop").rglob("*.yaml")) == ["a.yaml", "b.yaml", "hook.yaml"]


async def test_nothing_is_written_where_something_fails(config: Configuration, tmp_path: Path) -> None:
    broken = Chart({"a.yaml": configmap(), "b.yaml": "{{ fail `no` }}"}).archive()
    with pytest.raises(RenderError):
        await Template(config).run("shop", broken, output_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValidationError, match="output_dir"):
        await Template(config).run("shop", FULL.archive(), output_dir=tmp_path / "file")
    with pytest.raises(ValidationError, match="show_only"):
        await Template(config).run("shop", FULL.archive(), output_dir=tmp_path / "out", show_only="templates/a.yaml")
    assert not (tmp_path / "out").exists()


async def test_post_renderers(config: Configuration) -> None:
    async def later(text: str) -> str:
        await asyncio.sleep(0)
        return text.replace("chart", "later")

    template = Template(config)
    text = await template.run("shop", FULL.archive(), post_renderer=lambda given: given.replace("chart", "at once"))
    assert objects_of(text)["second"]["data"] == {"value": "at once"}
    assert "shop-hook" in objects_of(text)
    assert objects_of(await template.run("shop", FULL.archive(), post_renderer=later))["second"]["data"] == {
        "value": "later"
    }
    with pytest.raises(PostRenderError) as raised:
        await template.run("shop", FULL.archive(), post_renderer=lambda _: "a: [1")
    assert isinstance(raised.value, ChartError)
    with pytest.raises(PostRenderError, match="nowhere"):
        await template.run("shop", FULL.archive(), post_renderer="nowhere")


@pytest.mark.parametrize(
    ("templates", "said", "details"),
    [
        ({"a.yaml": "\n{{ if }}"}, "missing value for if", {"file": "web/templates/a.yaml", "line": 2}),
        ({"a.yaml": "x\n  {{ fail `no` }}"}, "no", {"file": "web/templates/a.yaml", "line": 2}),
        ({"a.yaml": "{{ .Values.a.b }}"}, "nil pointer", {"file": "web/templates/a.yaml", "line": 1}),
        ({"a.yaml": '{{ required "give x" .Values.x }}'}, "give x", {"file": "web/templates/a.yaml", "line": 1}),
        ({"a.yaml": '{{ include "none" . }}'}, "none", {"file": "web/templates/a.yaml", "line": 1}),
        (
            {"a.yaml": '{{ include "x" . }}', "_x.tpl": '{{ define "x" }}\n{{ .Values.a.b }}{{ end }}'},
            "nil pointer",
            {"file": "web/templates/_x.tpl", "line": 2},
        ),
        ({"a.yaml": "a: 1\n b: 2"}, "YAML", {"file": "web/templates/a.yaml", "rendered_line": 2}),
    ],
)
async def test_errors_of_rendering_say_where(
    config: Configuration, templates: dict[str, str], said: str, details: dict[str, Any]
) -> None:
    with pytest.raises(RenderError, match=said) as raised:
        await Template(config).run("shop", Chart(templates).archive())
    assert isinstance(raised.value, ChartError)
    assert details.items() <= raised.value.details.items()
    assert details["file"] in str(raised.value)


async def test_what_can_not_be_rendered(config: Configuration, tmp_path: Path) -> None:
    template = Template(config)
    schema = Chart(files={"values.schema.json": '{"required": ["replicas"]}'})
    with pytest.raises(ValuesSchemaError, match="replicas"):
        await template.run("shop", schema.archive())
    assert await template.run("shop", schema.archive(), skip_schema_validation=True) == "\n"
    old = Chart(metadata={"kubeVersion": "<1.20.0"})
    with pytest.raises(KubeVersionError, match=r"chart requires kubeVersion: <1\.20\.0"):
        await template.run("shop", old.archive())
    assert await template.run("shop", old.archive(), kube_version="1.19") == "\n"
    lacking = Chart(metadata={"dependencies": [{"name": "sub", "version": "1", "repository": "https://example.org"}]})
    with pytest.raises(MissingDependencyError, match="sub"):
        await template.run("shop", lacking.archive())
    with pytest.raises(ChartInvalidError, match="library charts are not installable"):
        await template.run("shop", Chart(metadata={"type": "library"}).archive())
    with pytest.raises(ChartInvalidError):
        await template.run("shop", Chart(metadata={"apiVersion": "v3"}).archive())
    with pytest.raises(ChartInvalidError):
        await template.run("shop", b"no archive")
    with pytest.raises(ChartNotFoundError, match="nowhere"):
        await template.run("shop", tmp_path / "nowhere")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"kube_version": "new"}, "kube_version"), ({"dry_run": "none"}, "dry_run"), ({"dry_run": False}, "dry_run"),
        ({"dry_run": "client", "validate": True}, "validate"), ({"labels": {"owner": "me"}}, "labels"),
        ({"force_replace": True, "force_conflicts": True}, "force_conflicts"), ({"wait": "soon"}, "wait"),
    ]  # fmt: skip
    for options, field in refused:
        with pytest.raises(ValidationError, match=field) as raised:
            await template.run("shop", SIMPLE.archive(), **options)
        assert raised.value.details["field"] == field
    with pytest.raises(ChartError, match="no Kubernetes cluster is configured"):
        await template.run("shop", SIMPLE.archive(), dry_run="server")


async def test_a_cluster_that_is_asked(helm_config: Configuration, helm_namespace: str, objects: Objects) -> None:
    look = Chart({
        "a.yaml": configmap(
            kind="{{ (lookup `v1` `Namespace` `` .Release.Namespace).kind }}",
            api="{{ .Capabilities.APIVersions.Has `apps/v1/Deployment` }}",
        )
    })  # fmt: skip
    template = Template(helm_config)
    assert objects_of(await template.run("shop", look.archive()))["shop"]["data"]["kind"] == ""
    asked: list[dict[str, Any]] = [{"dry_run": "server"}, {"validate": True}]
    for options in asked:
        text = await template.run("shop", look.archive(), **options)
        assert objects_of(text)["shop"]["data"] == {"kind": "Namespace", "api": "true"}
    assert objects.names("configmaps") == []
    objects.create("configmaps", {"metadata": {"name": "shop"}})
    with pytest.raises(OwnershipError, match="cannot be imported"):
        await template.run("shop", look.archive(), dry_run="server")
    assert "Namespace" in await template.run("shop", look.archive(), dry_run="server", take_ownership=True)
    assert "Namespace" in await template.run("shop", look.archive(), dry_run="server", is_upgrade=True)
    unknown = Chart({"a.yaml": manifest("template.example/v1", "Unknown")})
    assert "Unknown" in await template.run("shop", unknown.archive())
    with pytest.raises(ManifestError, match="no matches for kind") as raised:
        await template.run("shop", unknown.archive(), dry_run="server")
    assert isinstance(raised.value, ChartError)


async def test_a_cluster_that_is_not_there() -> None:
    with Configuration(kubeconfig=_kubeconfig("https://127.0.0.1:1")) as config:
        assert await Template(config).run("shop", SIMPLE.archive())
        with pytest.raises(ClusterUnreachableError):
            await Template(config).run("shop", SIMPLE.archive(), dry_run="server")


def _kubeconfig(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {}}],
    }  # fmt: skip


async def test_events(config: Configuration) -> None:
    seen: list[Event] = []
    await Template(config).run("shop", SIMPLE.archive(), on_event=seen.append)
    assert [event.get("phase") for event in seen] == ["loading", "rendering"]


async def test_a_template_that_runs_away_is_left_alone(config: Configuration, tmp_path: Path) -> None:
    # Some three seconds: nothing can stop a template, and what it renders in the end must not be written.
    long = "{{ range until 5 }}{{ range until 3000 }}{{ range until 3000 }}{{ $x := 1 }}{{ end }}{{ end }}{{ end }}"
    chart = Chart({"a.yaml": long + configmap()}).archive()
    running = asyncio.create_task(Template(config).run("shop", chart, output_dir=tmp_path / "out"))
    await asyncio.sleep(0.5)
    assert not running.done()
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 2
    assert await Template(config).run("shop", SIMPLE.archive())
    await asyncio.sleep(4)
    assert entries(tmp_path) == []


async def test_a_chart_that_changes(config: Configuration, tmp_path: Path) -> None:
    chart = SIMPLE.write(tmp_path)
    template = Template(config)
    for value in ("one", "two", "six"):
        (chart / "values.yaml").write_text(f"value: {value}\n")
        assert objects_of(await template.run("shop", chart))["shop"]["data"] == {"value": value}


async def test_many_at_once(config: Configuration, tmp_path: Path) -> None:
    chart = Chart(
        {"a.yaml": configmap(value="{{ .Values.value }}", given="{{ .Values.given.b }}")},
        {"value": "chart"},
        metadata={
            "dependencies": [
                {"name": "sub", "version": "*", "repository": "", "alias": alias, **more}
                for alias, more in (("one", {"import-values": [{"child": "deep", "parent": "given"}]}), ("two", {}))
            ]
        },
        files={
            "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
            "charts/sub/values.yaml": "deep: {b: imported}\n",
            "charts/sub/templates/b.yaml": configmap("{{ .Chart.Name }}"),
        },
    ).write(tmp_path)
    template = Template(config)
    for delay in (0, 2.1):  # before the chart is kept, and while it is
        await asyncio.sleep(delay)
        texts = await asyncio.gather(*(template.run("shop", chart, {"value": str(i % 3)}) for i in range(60)))
        for i, text in enumerate(texts):
            found = objects_of(text)
            assert set(found) == {"shop", "one", "two"}
            assert found["shop"]["data"] == {"value": str(i % 3), "given": "imported"}
