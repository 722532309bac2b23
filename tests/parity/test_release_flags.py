"""What an install and an upgrade share with each other: each such option, alone and with others."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.integration.charts import NAME, Chart, configmap, definition, job
from tests.parity.files import Both, Cases, Do, Put, Step
from tests.parity.rendered import post_renderer

SEEN: Final = Chart(
    {
        "c.yaml": configmap(
            source="{{ .Values.source }}", seen="{{ .Values | toJson | b64enc }}", dns="{{ getHostByName `127.0.0.1` }}"
        ),
    },
    {"source": "chart", "nested": {"kept": True}, "items": ["a", "b"]},
    metadata={"dependencies": [{"name": "child", "version": "0.1.0"}]},
    files={
        "charts/child/Chart.yaml": "apiVersion: v2\nname: child\nversion: 0.1.0\n",
        "charts/child/templates/NOTES.txt": "the child's",
        "values.schema.json": '{"properties": {"source": {"type": "string"}}}',
    },
)
DEFINED: Final = Chart(
    {"c.yaml": configmap()}, files={"crds/w.yaml": definition("@side@.example.com", "Widget")}, name="defined"
)
PARENT: Final = Chart(
    {"c.yaml": configmap()},
    name="parent",
    metadata={"dependencies": [{"name": "child", "version": "0.1.0", "repository": "file://../child"}]},
)
CHILD: Final = Chart({"c.yaml": configmap(f"{NAME}-child")}, name="child")
TYPED: Final = Chart({"c.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: 1}}"}, name="typed")
UNKIND: Final = Chart({"c.yaml": "{apiVersion: v1, metadata: {name: a}}"}, name="unkind")
UNMARSHALLED: Final = "cannot unmarshal number into Go struct field ConfigMap.data of type string"
BROKEN: Final = Chart({"j.yaml": job(exit_code="1")}, name="broken")

FILES: Final = Put(
    {
        "web": SEEN,
        "defined": DEFINED,
        "typed": TYPED,
        "unkind": UNKIND,
        "one.yaml": "source: one\nnested: {a: 1}\nid: 1234567890\n",
        "two.yaml": "nested: {b: [1, 2.5, null]}\n",
        "text.txt": "some\r\ntext: ü {{ x }}",
        **post_renderer("mine"),
    }
)

RENDERED: Final[dict[str, dict[str, Any]]] = {
    "values-files": {"values_files": ["one.yaml", "two.yaml"]},
    "set": {"set": ["source=set,nested.a=1", "items[1]=c"]},
    "set-string": {"set_string": "source=1"},
    "set-json": {"set_json": ['nested={"b": [1, null]}', "items=[]"]},
    "set-literal": {"set_literal": "source=a,b={c}"},
    "set-file": {"set_file": "source=text.txt"},
    "every-kind-of-values": {
        "values_files": ["two.yaml", "one.yaml"],
        "values": {"source": "mapping"},
        "set": "nested.c=3",
        "set_string": "nested.d=4",
        "set_json": "nested.e=[5]",
        "set_literal": "nested.f=6",
        "set_file": "nested.g=text.txt",
    },
    "schema": {"set": "source=1", "fails": "values don't meet the specifications of the schema"},
    "skip-schema-validation": {"set": "source=1", "skip_schema_validation": True},
    "render-subchart-notes": {"render_subchart_notes": True},
    "enable-dns": {"enable_dns": True},
    "description": {"description": "as they are"},
    "labels": {"labels": {"a": "b", "c": "d"}},
    "post-renderer": {"post_renderer": "mine"},
    "post-renderer-args": {"post_renderer": "mine", "post_renderer_args": ["one", "two three"]},
    "values-and-notes": {"values_files": "one.yaml", "render_subchart_notes": True, "enable_dns": True},
    "post-renderer-and-values": {"post_renderer": "mine", "set": "source=set", "labels": {"a": "b"}},
    "description-and-notes": {"description": "b", "render_subchart_notes": True, "skip_schema_validation": True},
}


def release(action: str, chart: str = "web", **options: Any) -> list[Step]:
    """The command by itself; an upgrade of a release that is there."""
    always: dict[str, Any] = {"cluster": True, "release_name": "a", "wait": False}
    before = [Do("install", chart_path="web", **always)] if action == "upgrade" else []
    return [FILES, *before, Do(action, chart_path=chart, **{**always, **options})]


def _of(action: str) -> Cases:
    return {
        **{name: release(action, **options) for name, options in RENDERED.items()},
        **{
            f"dry-{name}": release(action, dry_run="client", **_asking(action), **options)
            for name, options in RENDERED.items()
        },
        "dependency-update": [
            Put({"parent": PARENT, "child": CHILD}),
            *release(action, "parent", dependency_update=True),
        ],
        # The server checks fields; what the check before it finds is an object without a kind (k8s.io/kubectl:
        # pkg/validation/schema.go, paramVerifyingSchema).
        "disable-openapi-validation": release(
            action, "unkind", disable_openapi_validation=True, fails="Object 'Kind' is missing"
        ),
        "openapi-validation": release(action, "unkind", fails="kind not set"),
        "openapi-validation-off-of-a-field": release(
            action, "typed", server_side=False, disable_openapi_validation=True, fails=UNMARSHALLED, reworded=True
        ),
        "openapi-validation-of-a-field": release(action, "typed", server_side=False, fails=UNMARSHALLED, reworded=True),
        "skip-crds": [
            FILES,
            Do(
                action,
                cluster=True,
                release_name="b",
                chart_path="defined",
                wait=False,
                skip_crds=True,
                **_fresh(action),
            ),
            Do("template", cluster=True, release_name="b", chart_path="has", dry_run="server"),
        ],
        "wait-for-jobs": [
            Put({"broken": BROKEN}),
            *release(
                action,
                "broken",
                wait=True,
                wait_for_jobs=True,
                timeout=4,
                fails="Job Failed. failed: 1/1",
                reworded=True,
            ),
        ],
    }


def _asking(action: str) -> dict[str, Any]:
    """An install's dry run on the client asks no cluster, and is done without one."""
    return {"cluster": action == "upgrade"}


def _fresh(action: str) -> dict[str, Any]:
    return {"install": True} if action == "upgrade" else {}


HAS: Final = Put(
    {"has": Chart({"c.yaml": configmap(has="{{ .Capabilities.APIVersions.Has `@side@.example.com/v1` }}")}, name="has")}
)

CASES: Final[Cases] = {
    f"{action}-{name}": [HAS, *steps] for action in ("install", "upgrade") for name, steps in _of(action).items()
} | {
    "no-cluster": [
        FILES,
        Do("install", release_name="a", chart_path="defined", dry_run="client", wait=False),
        Do(
            "install",
            release_name="a",
            chart_path="web",
            dry_run="client",
            wait=True,
            config={"namespace": "elsewhere"},
            create_namespace=True,
            rollback_on_failure=True,
            hide_secret=True,
        ),
        Do("install", release_name="a", chart_path="web", dry_run="server", wait=False, fails="", reworded=True),
        Do("upgrade", release_name="a", chart_path="web", dry_run="client", wait=False, fails="", reworded=True),
        Do(
            "upgrade",
            release_name="a",
            chart_path="web",
            install=True,
            dry_run="client",
            wait=False,
            fails="",
            reworded=True,
        ),
    ],
}
"""Without a cluster an install's dry run on the client does, and all else does not."""


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
