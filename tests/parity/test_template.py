"""`helm template` against Template: the text byte for byte, and the files."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE, Chart, configmap, hook, manifest
from tests.integration.test_real_charts import CHARTS
from tests.parity.files import FORMS, Both, Cases, Do, Look, Put, Serve, Step, Touch
from tests.parity.places import Place
from tests.parity.rendered import (
    CRLF,
    EVERYTHING,
    HELM_TESTS,
    HUGE,
    MISSING,
    NO_HELM_TESTS,
    PARENT,
    REAL_CHARTS,
    SCHEMA,
    SUB,
    UNICODE,
    WITH_LIBRARY,
    dependency,
    everything,
    packed,
    post_renderer,
    rest,
    subcharts,
    values_of,
    ways,
)


def template(chart_path: str = "web", *, release_name: str | None = "rel", **options: Any) -> Do:
    return Do("template", release_name=release_name, chart_path=chart_path, **options)


def case(chart: Chart, *steps: Step) -> list[Step]:
    return [Put({"web": chart}), *(steps or (template(),))]


def somebodys(place: Place) -> object:
    """An object that is in the way."""
    path = f"/api/v1/namespaces/{place.namespace}/configmaps"
    return place.cluster.request("POST", path, {"metadata": {"name": "mine"}})


FILES: Final = {
    "web": EVERYTHING,
    "v.yaml": "value: file\nnested: {a: 1, b: null}\n",
    "w.yaml": "value: second\n---\nnested: {c: 3}\n",
    "text": "a text\nof two lines\n",
}
CHARTS_OF_HELM: Final = sorted(path.name for path in HELM_TESTS.glob("testcharts/*"))

OPTIONS: Final[dict[str, list[dict[str, Any]]]] = {
    "plain": [{}],
    "no-name": [{"release_name": None}],
    "generate-name": [{"release_name": None, "generate_name": True}],
    "name-template": [{"release_name": None, "name_template": 'x-{{ "ABC" | lower }}'}],
    "upgrade": [{"is_upgrade": True}, {"is_upgrade": True, "no_hooks": True}],
    "kube-version": [{"kube_version": "1.25"}, {"kube_version": "v1.31.2"}, {"kube_version": "1.33.1-gke.1"}],
    "api-versions": [{"api_versions": "x.example/v1"}, {"api_versions": ["a/v1,x.example/v1", "b/v1"]}],
    "crds": [{"include_crds": True}, {"include_crds": True, "skip_crds": True, "no_hooks": True}],
    "tests": [{"skip_tests": True}, {"skip_tests": True, "include_crds": True, "is_upgrade": True}],
    "hooks": [{"no_hooks": True}, {"no_hooks": True, "skip_tests": True}],
    "show-only": [
        {"show_only": "templates/b.yaml"},
        {"show_only": ["templates/sub/dir/*", "templates/b.yaml", "templates/*s.yaml"]},
        {"show_only": "templates/tests/t.yaml"},
        {"show_only": "templates/many.yaml", "no_hooks": True},
        {"show_only": "crds/*.yaml", "include_crds": True},
    ],
    "values-files": [
        {"values_files": "v.yaml"},
        {"values_files": ["v.yaml", "w.yaml"], "set": "value=set"},
        {"values_files": ["w.yaml", "v.yaml"], "set_json": ['nested={"d": [1, 2.5, "x"]}', '{"value": "json"}']},
    ],
    "set": [
        {"set": ["value=a\\,b", "number=5", "list={x,y,z}", "list[1]=Y", "a.b.c=true"]},
        {"set_string": "number=007", "set_literal": "value=a,b={c}"},
        {"set_file": "value=text", "set_literal": "template={{ .Chart.Name }}"},
    ],
    "enable-dns": [{"enable_dns": True, "show_only": "templates/tpl.yaml"}, {"enable_dns": False}],
    "dry-run": [{"dry_run": "client"}, {"dry_run": True}],
    "namespace": [
        {"config": {"namespace": "other"}},
        {"config": {"namespace": None}, "env": {"HELM_NAMESPACE": "elsewhere"}},
    ],
    "schema": [{"skip_schema_validation": True}],
}
OUTPUT: Final[Cases] = {
    "directory": [template(output_dir="out")],
    "directory-crds": [template(output_dir="out/deep/er", include_crds=True)],
    "directory-named": [template(output_dir="@work@/out", use_release_name=True, include_crds=True)],
    "directory-tests": [template(output_dir="out", skip_tests=True), Look(), template(output_dir="out", no_hooks=True)],
    "directory-again": [template(output_dir="out"), template(output_dir="out", set="value=again")],
    "directory-over-other": [Put({"out/web/templates/b.yaml": "old: text\n" * 99}), template(output_dir="out")],
    "directory-is-file": [
        Put({"out": "x"}),
        template(output_dir="out", reworded=True, fails="not a directory"),
    ],
    "directory-linked": [
        Put({"elsewhere/x": ""}),
        Touch(lambda place: (place.work / "out").symlink_to("elsewhere")),
        template(output_dir="out"),
    ],
    "directory-no-name": [template(release_name=None, output_dir="out", use_release_name=True)],
}

BROKEN: Final[dict[str, tuple[dict[str, str], str]]] = {
    "parse": ({"a.yaml": "\n{{ if }}"}, "missing value for if"),
    "end": ({"a.yaml": "{{ range .Values.x }}"}, "unexpected EOF"),
    "function": ({"a.yaml": "{{ nothing }}"}, 'function "nothing" not defined'),
    "fail": ({"a.yaml": "x\n  {{ fail `no\nway` }}"}, "no\nway"),
    "required": ({"a.yaml": "{{ required `give x` .Values.x }}"}, "give x"),
    "nil": ({"a.yaml": "{{ .Values.a.b.c }}"}, "nil pointer"),
    "include": ({"a.yaml": "{{ include `none` . }}"}, "none"),
    "nested": (
        {"a.yaml": "{{ include `x` . }}", "_x.tpl": "{{ define `x` }}\n{{ .Values.a.b }}{{ end }}"},
        "nil pointer",
    ),
    "tpl": ({"a.yaml": "{{ tpl `{{ .Values.a.b }}` . }}"}, "nil pointer"),
    "recursion": ({"a.yaml": "{{ define `x` }}{{ include `x` . }}{{ end }}{{ include `x` . }}"}, "nested reference"),
    "template-depth": (
        {"a.yaml": "{{ define `x` }}{{ template `x` . }}{{ end }}{{ template `x` . }}"},
        "maximum template depth",
    ),
    "yaml": ({"a.yaml": "a: 1\n b: 2"}, "YAML parse error on web/templates/a.yaml"),
    "index": ({"a.yaml": "{{ index .Values.list 7 }}"}, "index"),
    "type": ({"a.yaml": "{{ add `x` nil | upper 5 }}"}, "wrong number of args"),
    "divide": ({"a.yaml": "{{ div 1 0 }}"}, "divide by zero"),
}

ODD: Final[Cases] = {
    "crlf": case(CRLF),
    "unicode": case(UNICODE, template(), template(values={"text": "ß\u2028\u0000x".replace("\u0000", "")})),
    "huge": case(HUGE),
    "empty": case(Chart()),
    "notes-only": case(Chart({"NOTES.txt": "{{ .Release.Name }}"})),
    "no-templates": case(Chart(files={"values.yaml": ""})),
    "deep": case(PARENT),
    "deep-conditions": case(PARENT, template(set=["two.enabled=false", "mid.low.enabled=false", "tags.off=true"])),
    "deep-null": case(PARENT, template(set=["one.own=null", "mid.low=null", "global.shared=null"])),
    "deep-import": case(PARENT, template(values={"one": {"deep": {"key": "x"}}, "given": {"key": "mine"}})),
    "deep-packed": [Put({"web": PARENT, "web/charts/sub-1.2.3.tgz": SUB}), template()],
    "library": case(WITH_LIBRARY),
    "library-itself": case(Chart(metadata={"type": "library"}), template(fails="library charts are not installable")),
    "bad-type": case(
        Chart(metadata={"type": "x"}), template(fails="chart.metadata.type must be application or library")
    ),
    "schema": case(SCHEMA, template(), template(set="replicas=3")),
    "schema-broken": case(SCHEMA, template(set="replicas=0", fails="values don't meet the specifications")),
    "schema-skipped": case(SCHEMA, template(set="replicas=none", skip_schema_validation=True)),
    "schema-no-json": case(Chart(files={"values.schema.json": "{"}), template(fails="unexpected EOF")),
    "kube-version": case(
        Chart(metadata={"kubeVersion": ">=1.30.0-0 <1.32.0-0"}),
        template(kube_version="1.31"),
        template(fails="chart requires kubeVersion: >=1.30.0-0 <1.32.0-0 which is incompatible"),
        template(kube_version="1.29.9", fails="v1.29.9"),
    ),
    "api-v1": [
        Put(
            {
                "web": Chart(
                    {"a.yaml": configmap()},
                    metadata={"apiVersion": "v1"},
                    files={
                        "requirements.yaml": "dependencies:\n- {name: sub, version: '*', condition: sub.on}\n",
                        **subcharts(SUB),
                    },
                )
            }
        ),
        template(),
        template(set="sub.on=false"),
    ],
    "api-v3": case(
        Chart({"a.yaml": configmap()}, metadata={"apiVersion": "v3"}),
        template(fails="invalid chart apiVersion"),
        template(fails="invalid chart apiVersion", env={"HELM_EXPERIMENTAL_CHART_V3": "1"}),
    ),
    "api-none": [
        Put({"web/Chart.yaml": "name: web\nversion: 1.0.0\n", "web/templates/a.yaml": configmap()}),
        template(),
    ],
    "missing-dependency": case(
        Chart(metadata={"dependencies": [dependency("sub"), dependency("other")]}),
        template(fails="sub, other"),
    ),
    "deprecated": case(Chart({"a.yaml": configmap()}, metadata={"deprecated": True})),
    "order": case(
        Chart(
            {
                "a.yaml": manifest("rbac.authorization.k8s.io/v1", "RoleBinding"),
                "b.yaml": manifest("v1", "Namespace"),
                "c.yaml": manifest("unknown/v1", "Zebra", "z") + "\n---\n" + manifest("unknown/v1", "Ant", "a"),
                "d.yaml": manifest("v1", "ServiceAccount"),
                "e.yaml": manifest("apps/v1", "Deployment", spec={}),
            }
        )
    ),
    "hooks-of-all-kinds": case(
        Chart(
            {
                f"{event}.yaml": hook(event, name=event, weight=weight)
                for weight, event in enumerate(
                    ("post-upgrade", "pre-rollback", "post-delete", "test", "pre-upgrade", "crd-install")
                )
            }
        )
    ),
    "dashes": case(Chart({"a.yaml": "---\n---a: 1\n--- # comment\nb: |\n  ---\n  x\n---\n", "b.yaml": "--- \t\nc: 3"})),
    "list": case(Chart({"a.yaml": "apiVersion: v1\nkind: List\nitems:\n- " + configmap("x")})),
    "no-value": case(Chart({"a.yaml": configmap(x="{{ .Values.none }}<no value>{{ .Values.a }}")}, {"a": None})),
    "numbers": case(
        Chart(
            {
                "a.yaml": configmap(
                    a="{{ .Values.a }}", b="{{ .Values.b }}", c="{{ .Values.c }}", d="{{ .Values.d | int64 }}"
                )
            },
            {"a": 1234567, "b": 0.1, "c": 1e30, "d": 9007199254740993},
        ),
        template(),
        template(set=["a=1234567", "b=1e3", "c=0x10"], set_string="d=0123"),
        template(set_json=["a=1234567", "d=12345678"]),
    ),
    "strange-values": [
        Put({"web": SIMPLE, "v.yaml": "a: &x {b: 1}\nc: *x\nd: !!str 5\n'y': on\n? z\n: 1\n"}),
        template(values_files="v.yaml", set="a.b=2"),
    ],
    "strange-name": case(
        Chart(
            {
                "a b.yaml": configmap("a"),
                "x/../y.yaml": configmap("y"),
                "c.txt": configmap("c"),
                "d.tpl": "",
                "_e.yaml": "kind: Never",
            }
        )
    ),
    "bom": [Put({"web": Chart({"a.yaml": "\ufeff" + configmap()}), "web/values.yaml": "\ufeffa: 1\n"}), template()],
    "same-chart-again": case(
        everything({"description": "kept"}),
        template(),
        rest(),
        template(),
        template(set="value=x"),
        Put({"web/values.yaml": "value: changed\ntemplate: x\nnumber: 1\nlarge: 2\n"}),
        template(),
    ),
    "deep-again": case(PARENT, rest(), template(), template(), template(set="two.enabled=false"), template()),
}

REFUSED: Final[Cases] = {
    "no-chart": [
        template("none/here", fails="none", reworded=True),
        template("./none", fails='path "./none" not found'),
    ],
    "no-chart-yaml": [Put({"web/x": ""}), template(fails="Chart.yaml")],
    "bad-archive": [Put({"web.tgz": b"no archive"}), template("web.tgz", fails="web.tgz")],
    "truncated": [
        Touch(lambda place: (place.work / "web.tgz").write_bytes(EVERYTHING.archive()[:200])),
        template("web.tgz", fails="unable to load chart archive"),
        Touch(lambda place: (place.work / "web.tgz").unlink()),
    ],
    "chart-yaml": [Put({"web/Chart.yaml": "a: [\n"}), template(fails="cannot load Chart.yaml")],
    "version": [
        Put({"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: one\n"}),
        template(fails="chart.metadata.version"),
    ],
    "values-yaml": case(Chart(files={"values.yaml": "a: [\n"}), template(fails="cannot load values.yaml")),
    "values-file": case(
        SIMPLE, template(values_files="none.yaml", fails="none.yaml"), template(set="a", fails="has no value")
    ),
    "set-file": case(SIMPLE, template(set_file="a=none", fails="no such file")),
    "kube-version": case(SIMPLE, template(kube_version="new", fails="invalid kube version 'new'")),
    "dry-run": case(SIMPLE, template(dry_run="none", fails="none", reworded=True)),
    "both-dry-runs": case(SIMPLE, template(dry_run="client", validate=True, fails="validate", reworded=True)),
    "name": case(
        SIMPLE,
        template(release_name="UPPER", fails="invalid release name", reworded=True),
        template(release_name="x" * 60, fails="invalid release name", reworded=True),
    ),
    "two-names": case(
        SIMPLE,
        template(generate_name=True, fails="name", reworded=True),
        template(name_template="x", fails="name", reworded=True),
    ),
    "name-template": case(
        SIMPLE,
        template(release_name=None, name_template="{{ .x", fails="unclosed action"),
        template(release_name=None, name_template="A B", fails="invalid release name", reworded=True),
    ),
    "show-only": case(
        EVERYTHING,
        template(show_only="templates/none.yaml", fails="could not find template templates/none.yaml"),
        template(show_only=["templates/b.yaml", "["], fails="could not find template ["),
        template(show_only="templates/NOTES.txt", fails="could not find template"),
        template(show_only="templates/tests/t.yaml", skip_tests=True, fails="could not find template"),
    ),
    "labels": case(SIMPLE, template(labels={"owner": "x"}, fails="labels", reworded=True)),
    "force": case(SIMPLE, template(force_conflicts=True, force_replace=True, fails="force", reworded=True)),
    "post-renderer": case(SIMPLE, template(post_renderer="none", fails="postrenderer/v1", reworded=True)),
    "no-cluster": case(
        SIMPLE,
        template(
            dry_run="server",
            config={"kube_apiserver": "https://127.0.0.1:1"},
            fails="connection refused",
            reworded=True,
        ),
    ),
}

SOURCES: Final[Cases] = {
    "archive": [Put({"web.tgz": EVERYTHING, "v.yaml": "value: x"}), template("web.tgz", values_files="v.yaml")],
    "path": [
        Put({"a/b/web": EVERYTHING}),
        template("./a/b/web/"),
        template("@work@/a/b/web"),
        template("a/../a/b/web"),
    ],
    "repository-added": [
        Serve(SIMPLE),
        Do("repo add", name="here", url="@repository@/@side@"),
        template("here/web"),
        template("here/none", fails="none", reworded=True),
    ],
    "dependencies": [
        Put(
            {
                "sub": SUB,
                "web": Chart(
                    {"a.yaml": configmap()},
                    metadata={"dependencies": [{"name": "sub", "version": "~1.2", "repository": "file://../sub"}]},
                ),
            }
        ),
        template(fails="sub"),
        template(dependency_update=True, show_only="templates/a.yaml"),
        template(),
    ],
}

PLUGINS: Final[Cases] = {
    "post-renderer-args": [
        Put({"web": SIMPLE, **post_renderer("mine")}),
        template(post_renderer="mine", post_renderer_args=["one", "two three"]),
        template(post_renderer="mine"),
        template(),
    ],
    "post-renderer": [
        Put({"web": EVERYTHING, **post_renderer("mine")}),
        template(post_renderer="mine", include_crds=True),
        template(post_renderer="mine", no_hooks=True, output_dir="out"),
    ],
}

CLUSTER: Final[Cases] = {
    "disable-openapi-validation": case(
        Chart({"a.yaml": "kind: V\nmetadata: {name: v}\n"}),
        template(dry_run="server", cluster=True, fails="error validating data: apiVersion not set"),
        template(dry_run="server", cluster=True, disable_openapi_validation=True, fails="no matches for kind"),
    ),
    "lookup": case(
        Chart(
            {
                "a.yaml": configmap(
                    kind="{{ (lookup `v1` `Namespace` `` .Release.Namespace).kind }}",
                    all="{{ (lookup `v1` `Namespace` `` ``).items | len | lt 1 }}",
                    none="{{ lookup `v1` `ConfigMap` `x` `y` | len }}",
                )
            }
        ),
        template(dry_run="server", cluster=True),
        template(validate=True, cluster=True),
    ),
    "capabilities": case(
        EVERYTHING,
        template(
            dry_run="server",
            cluster=True,
            show_only="templates/sub/dir/c.yaml",
            disable_openapi_validation=True,
            is_upgrade=True,
            api_versions="x.example/v1",
        ),
    ),
    "unknown": case(
        Chart({"a.yaml": manifest("parity.example/v1", "Nothing")}),
        template(dry_run="server", cluster=True, fails="no matches for kind"),
    ),
    "misspelled": case(
        Chart({"a.yaml": manifest("v1", "ConfigMap", dta={})}),
        template(dry_run="server", cluster=True),
        template(dry_run="server", cluster=True, disable_openapi_validation=True),
    ),
    "there-already": case(
        Chart({"a.yaml": configmap("mine", value="{{ .Release.Name }}")}),
        Touch(somebodys),
        template(dry_run="server", cluster=True, fails="cannot be imported into the current release"),
        template(dry_run="server", cluster=True, take_ownership=True),
        template(dry_run="server", cluster=True, is_upgrade=True),
        template(cluster=True),
    ),
    "crds": case(
        EVERYTHING,
        template(
            validate=True, cluster=True, include_crds=True, no_hooks=True, skip_crds=True, fails="apiVersion not set"
        ),
        template(validate=True, cluster=True, no_hooks=True, disable_openapi_validation=True),
        template(dry_run="server", cluster=True, output_dir="out", skip_tests=True),
    ),
}


def real(name: str) -> list[Step]:
    path = REAL_CHARTS[name]
    given: dict[str, Any] = {
        "values": dict(values_of(name)),
        "include_crds": True,
        "is_upgrade": True,
        "kube_version": "1.34",
    }
    return [
        Put({packed(path): path}),
        template(packed(path)),
        template(packed(path), **given),
        template(packed(path), output_dir="out", include_crds=True, use_release_name=True, skip_tests=True),
    ]


ROWS: Final[Cases] = {
    **{f"option-{name}": [Put(FILES), *(template(**one) for one in every)] for name, every in OPTIONS.items()},
    **{f"output-{name}": [Put({"web": EVERYTHING}), *steps] for name, steps in OUTPUT.items()},
    **{
        f"broken-{name}": case(
            Chart(templates, {"list": [1]}), template(fails=said), template(fails=said, is_upgrade=True)
        )
        for name, (templates, said) in BROKEN.items()
    },
    **{f"odd-{name}": steps for name, steps in ODD.items()},
    **{f"refused-{name}": steps for name, steps in REFUSED.items()},
    **{f"source-{name}": steps for name, steps in SOURCES.items()},
    **{f"way-{name}": steps for name, steps in ways(template).items()},
    **{f"plugin-{name}": steps for name, steps in PLUGINS.items()},
    **{f"cluster-{name}": steps for name, steps in CLUSTER.items()},
}


@pytest.mark.parametrize("row", ROWS)
async def test_row(both: Both, row: str) -> None:
    await both.go(ROWS[row])


@pytest.mark.skipif(bool(MISSING), reason=f"not part of the project, and not in {CHARTS}: {', '.join(MISSING)}")
@pytest.mark.parametrize("name", REAL_CHARTS)
async def test_real(both: Both, name: str) -> None:
    await both.go(real(name))


@pytest.mark.skipif(NO_HELM_TESTS is not None, reason=str(NO_HELM_TESTS))
@pytest.mark.parametrize("name", CHARTS_OF_HELM)
async def test_charts_of_helm(both: Both, name: str) -> None:
    """Helm's own test charts, the broken ones among them: what the command refuses the library refuses."""
    await both.go([Put({name: HELM_TESTS / "testcharts" / name})])
    asked: list[tuple[str, dict[str, Any]]] = [
        ("template", {"release_name": "rel", "include_crds": True}),
        ("template", {"release_name": None, "no_hooks": True}),
        ("lint", {}),
        ("lint", {"strict": True, "with_subcharts": True}),
        ("show all", {}),
        ("show crds", {}),
    ]
    for action, options in asked:
        step = Do(action, chart_path=name, **options)
        refused = (await both.command.do(step, FORMS[action])).refusal is not None
        await both.do(Do(action, chart_path=name, fails="" if refused else None, **options), f"{name}: ")
    both.look("at the end")
