"""`helm lint` against Lint: what is found, in the command's own words."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE, Chart, configmap, manifest
from tests.integration.test_real_charts import CHARTS
from tests.parity.files import Both, Cases, Do, Put, Touch
from tests.parity.rendered import (
    CRLF,
    EVERYTHING,
    HUGE,
    MISSING,
    PARENT,
    REAL_CHARTS,
    SCHEMA,
    SUB,
    UNICODE,
    WITH_LIBRARY,
    dependency,
    packed,
    values_of,
)


def lint(*paths: str, **options: Any) -> Do:
    return Do("lint", chart_path=list(paths) or ["web"], **options)


def found(chart: Chart, **options: Any) -> list[Any]:
    return [Put({"web": chart}), lint(), lint(strict=True), *([lint(**options)] if options else [])]


OLD: Final = Chart({"a.yaml": manifest("policy/v1beta1", "PodDisruptionBudget", spec={})}, {"a": 1})
BROKEN: Final = Chart({"a.yaml": "{{ if }}"}, name="broken")

ASKS: Final = Chart(
    {"a.yaml": configmap()},
    files={"values.schema.json": '{"required": ["x"], "properties": {"x": {"type": "string"}}}'},
)

ROWS: Final[Cases] = {
    "strict": [Put({"web": OLD}), lint(kube_version="1.22"), lint(kube_version="1.22", strict=True)],
    "set": [Put({"web": ASKS}), lint(), lint(set="x=a"), lint(set="x=1")],
    "set-string": [Put({"web": ASKS}), lint(set_string="x=1")],
    "set-json": [Put({"web": ASKS}), lint(set_json='x="a"'), lint(set_json="x=[1]")],
    "set-literal": [Put({"web": ASKS}), lint(set_literal="x=a,b")],
    "set-file": [Put({"web": ASKS, "x.txt": "text"}), lint(set_file="x=x.txt")],
    "values-file": [
        Put({"web": ASKS, "v.yaml": "x: a\n", "w.yaml": "x: 1\n"}),
        lint(values_files=["w.yaml", "v.yaml"]),
    ],
    "everything": found(EVERYTHING, values={"value": "x"}),
    "values": [
        Put({"web": EVERYTHING, "v.yaml": "value: file\n"}),
        lint(values_files="v.yaml", set=["value=set", "number=1"], set_string="large=2"),
        lint(set_json="list=[1]", set_literal="value=a,b", set_file="template=v.yaml"),
    ],
    "parent": found(PARENT, with_subcharts=True),
    "subcharts": [
        Put({"web": PARENT, "web/charts/packed-1.2.3.tgz": SUB, "web/charts/broken": BROKEN}),
        lint(),
        lint(with_subcharts=True),
        lint(with_subcharts=True, strict=True, set="one.own=x"),
    ],
    "several": [Put({"web": SIMPLE, "old": OLD, "b.tgz": BROKEN}), lint("web", "old", "b.tgz"), lint("old", "web")],
    "archive": [Put({"web.tgz": EVERYTHING}), lint("web.tgz"), lint("@work@/web.tgz", strict=True)],
    "paths": [Put({"a/web": SIMPLE}), lint("./a/web"), lint("a/web/"), lint("@work@/a/web"), lint("a/../a/web")],
    "deprecated-api": [
        Put({"web": OLD}),
        lint(),
        lint(kube_version="1.22"),
        lint(kube_version="1.22.0", strict=True),
        lint(kube_version="v1.20.1", strict=True),
    ],
    "schema": found(SCHEMA, set="replicas=0"),
    "schema-skipped": [
        Put({"web": SCHEMA}),
        lint(set="replicas=no"),
        lint(set="replicas=no", skip_schema_validation=True),
    ],
    "schema-no-json": found(Chart(files={"values.schema.json": "{"}), skip_schema_validation=True),
    "library": found(WITH_LIBRARY, with_subcharts=True),
    "library-itself": found(Chart({"_a.tpl": "{{ define `x` }}{{ end }}"}, metadata={"type": "library"})),
    "crlf": found(CRLF),
    "unicode": found(UNICODE),
    "huge": found(HUGE),
    "empty": found(Chart()),
    "no-chart-yaml": [Put({"web/x": ""}), lint(), Put({"ok": SIMPLE}), lint("ok", "web")],
    "chart-yaml": [Put({"web/Chart.yaml": "a: [\n"}), lint()],
    "chart-yaml-empty": [Put({"web/Chart.yaml": ""}), lint()],
    "chart-yaml-wrong": found(
        Chart(
            metadata={
                "apiVersion": "v9",
                "type": "thing",
                "icon": "no url",
                "version": "1",
                "appVersion": 1.5,
                "maintainers": [{"email": "no", "url": "neither"}],
                "sources": ["nothing"],
                "home": 5,
            }
        )
    ),
    "chart-yaml-types": [
        Put({"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0\nappVersion: 2\n", "web/templates/x": ""}),
        lint(),
    ],
    "other-name": [Put({"dir": Chart({"a.yaml": configmap()}, name="other")}), lint("dir")],
    "values-yaml": found(Chart(files={"values.yaml": "a: [\n"})),
    "no-values": [Put({"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"}), lint(), lint(strict=True)],
    "parse": found(Chart({"a.yaml": "{{ if }}", "b.yaml": "{{ nothing }}"})),
    "fails": found(Chart({"a.yaml": "{{ fail `no` }}x: {{ required `give` .Values.x }}"})),
    "nil": found(Chart({"a.yaml": "{{ .Values.a.b }}"}), set="a.b=1"),
    "yaml": found(Chart({"a.yaml": "a: 1\n b: 2"})),
    "names": found(Chart({"a.yaml": configmap("Upper_Case"), "b.yaml": manifest("v1", "ConfigMap", "")})),
    "no-name": found(
        Chart({"a.yaml": "apiVersion: v1\nkind: ConfigMap\n", "b.yaml": "kind: X\nmetadata: {name: a}\n"})
    ),
    "extension": found(Chart({"a.txt": "text", "b.yml": configmap(), "c.yaml.swp": "x"})),
    "crds": found(
        Chart({"a.yaml": configmap()}, files={"crds/a.yaml": "kind: X\n", "crds/b.txt": "x", "crds/c.yaml": "a: [\n"})
    ),
    "selector": found(Chart({"a.yaml": manifest("apps/v1", "Deployment", spec={"template": {}})})),
    "missing-dependency": found(Chart({"a.yaml": configmap()}, metadata={"dependencies": [dependency("sub")]})),
    "dependency-twice": found(
        Chart({"a.yaml": configmap()}, metadata={"dependencies": [dependency("sub"), dependency("sub")]})
    ),
    "api-v1": found(
        Chart({"a.yaml": configmap()}, metadata={"apiVersion": "v1"}, files={"requirements.yaml": "dependencies: []\n"})
    ),
    "api-v3": found(Chart({"a.yaml": configmap()}, metadata={"apiVersion": "v3"})),
    "whitespace": found(Chart({"a.yaml": "\t" + configmap(), "b.yaml": "{{.Values.x}}\n \t\n"})),
    "linked": [
        Put({"real": SIMPLE}),
        Touch(lambda place: (place.work / "link").symlink_to("real")),
        lint("link"),
    ],
    "bad-archive": [Put({"web.tgz": b"no archive"}), lint("web.tgz")],
    "refused": [
        Put({"web": SIMPLE}),
        lint(kube_version="new", fails="invalid kube version 'new'"),
        lint(values_files="none.yaml", fails="none.yaml"),
        lint(set="a", fails="has no value"),
    ],
}


@pytest.mark.parametrize("row", ROWS)
async def test_row(both: Both, row: str) -> None:
    await both.go(ROWS[row])


@pytest.mark.skipif(bool(MISSING), reason=f"not part of the project, and not in {CHARTS}: {', '.join(MISSING)}")
@pytest.mark.parametrize("name", REAL_CHARTS)
async def test_real(both: Both, name: str) -> None:
    path = REAL_CHARTS[name]
    await both.go(
        [
            Put({packed(path): path}),
            lint(packed(path)),
            lint(packed(path), strict=True, with_subcharts=True, kube_version="1.30", values=dict(values_of(name))),
        ]
    )
