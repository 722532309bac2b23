"""The charts that `template`, `lint` and `show` are compared on: what charts do, and what hardly one does."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.integration.charts import Chart, configmap, definition, hook
from tests.integration.test_real_charts import CASES as REAL
from tests.integration.test_real_charts import CHARTS
from tests.parity.files import Step, Touch

ROOT: Final = Path(__file__).parents[2]

SUB: Final = Chart(
    {
        "s.yaml": configmap("{{ .Chart.Name }}-sub", own="{{ .Values.own }}", shared="{{ .Values.global.shared }}"),
        "NOTES.txt": "of the subchart",
    },
    {
        "own": "sub",
        "global": {"shared": "sub"},
        "deep": {"key": "sub", "more": [1, 2]},
        "exports": {"out": {"exported": 1}},
    },
    name="sub",
    version="1.2.3",
)


def subcharts(*charts: Chart) -> dict[str, str]:
    """Charts as files of the chart that holds them."""
    return {f"charts/{one.name}/{path}": text for one in charts for path, text in one.contents().items()}


def dependency(name: str, /, **more: Any) -> dict[str, Any]:
    """A line of Chart.yaml."""
    return {"name": name, "version": "*", "repository": "", **more}


def documents(*texts: str) -> str:
    """Several documents in one file."""
    return "\n---\n".join(texts) + "\n"


def everything(metadata: Mapping[str, Any] | None = None) -> Chart:
    """A chart that does most of what charts do."""
    return Chart(
        {
            "_helpers.tpl": '{{ define "web.name" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}',
            "b.yaml": configmap('{{ include "web.name" . | trunc 20 }}'.replace('"', "`"), value="{{ .Values.value }}"),
            "many.yaml": documents("# a comment before", configmap("one"), configmap("two"), "", hook("pre-install")),
            "sub/dir/c.yaml": configmap(
                "caps",
                kube="{{ .Capabilities.KubeVersion.Minor }}",
                helm="{{ .Capabilities.HelmVersion }}",
                api="{{ .Capabilities.APIVersions.Has `x.example/v1` }}",
                up="{{ .Release.IsUpgrade }} {{ .Release.IsInstall }}",
                space="{{ .Release.Namespace }} {{ .Release.Revision }} {{ .Release.Service }}",
                at="{{ .Template.Name }} {{ .Template.BasePath }}",
            ),
            "files.yaml": configmap(
                "files",
                get="{{ .Files.Get `data/a.txt` | trim }}",
                none="{{ .Files.Get `none` }}",
                glob="{{ range $p, $_ := .Files.Glob `data/*` }}{{ $p }} {{ end }}",
                lines="{{ .Files.Lines `data/b.txt` | len }}",
                config="{{ (.Files.Glob `data/*`).AsConfig | b64enc }}",
                secrets="{{ (.Files.Glob `data/*`).AsSecrets | b64enc }}",
            ),
            "tpl.yaml": configmap(
                "tpl",
                tpl="{{ tpl .Values.template . }}",
                look="{{ lookup `v1` `Namespace` `` `default` | len }}",
                dns="{{ getHostByName `localhost` }}",
                types="{{ kindOf .Values.number }} {{ .Values.number }} {{ .Values.large }}",
            ),
            "z-secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\n",
            "empty.yaml": "{{ if .Values.never }}x: 1{{ end }}\n",
            "blank.yaml": "\n\n# nothing but a comment\n",
            "hooks.yaml": documents(
                hook("post-install", weight=5), hook("pre-delete", name="x", policy="hook-succeeded")
            ),
            "tests/t.yaml": hook("test", name="tested"),
            "NOTES.txt": "{{ .Release.Name }} is here",
        },
        {
            "value": "chart",
            "template": "{{ .Release.Name }} {{ .Values.value }}",
            "number": 1234567,
            "large": 12345678901,
        },
        metadata={"appVersion": "1.0", "description": "käse", "icon": "https://example.org/i.svg", **(metadata or {})},
        files={
            "data/a.txt": "text of a\n",
            "data/b.txt": "1\n2\n3\n",
            "README.md": "# Read me\n",
            "crds/w.yaml": definition("parity.example", "Widget"),
            "crds/more/v.yml": "# Source: web/templates/b.yaml\n---\nkind: V\n---\n",
            ".helmignore": "*.bak\n",
            "templates/old.yaml.bak": "kind: Ignored\n",
        },
    )


EVERYTHING: Final = everything()

PARENT: Final = Chart(
    {
        "p.yaml": configmap(
            "parent", imported="{{ .Values.exported }} {{ .Values.given.key }}", seen="{{ .Subcharts.one.Values.own }}"
        )
    },
    {
        "one": {"own": "parent"},
        "global": {"shared": "parent"},
        "tags": {"off": False},
        "two": {"enabled": True},
        "given": {"more": "mine"},
    },
    metadata={
        "dependencies": [
            dependency("sub", alias="one", **{"import-values": ["out", {"child": "deep", "parent": "given"}]}),
            dependency("sub", alias="two", condition="two.enabled,nothing"),
            dependency("sub", alias="three", tags=["off"]),
            dependency("mid"),
        ],
    },
    files=subcharts(
        SUB,
        Chart(
            {"m.yaml": configmap("mid", own="{{ .Values.own }}")},
            {"own": "mid", "low": {"own": "from mid"}},
            name="mid",
            metadata={"dependencies": [dependency("low", condition="low.enabled")]},
            files=subcharts(
                Chart(
                    {"l.yaml": configmap("low", own="{{ .Values.own }}", shared="{{ .Values.global.shared }}")},
                    {"own": "low"},
                    name="low",
                )
            ),
        ),
    ),
)
"""Subcharts three deep, with aliases, conditions, tags and imported values."""

WITH_LIBRARY: Final = Chart(
    {"a.yaml": "{{ include `lib.map` . }}"},
    metadata={"dependencies": [dependency("lib")]},
    files=subcharts(
        Chart(
            {
                "_lib.tpl": "{{ define `lib.map` }}" + configmap("from-lib") + "{{ end }}",
                "not.yaml": configmap("never"),
            },
            name="lib",
            metadata={"type": "library"},
        )
    ),
)

SCHEMA: Final = Chart(
    {"a.yaml": configmap()},
    {"replicas": 1},
    files={
        "values.schema.json": (
            '{"$schema": "http://json-schema.org/draft-07/schema#", "required": ["replicas"], "properties": '
            '{"replicas": {"$ref": "#/definitions/count"}, "name": {"type": "string"}}, '
            '"definitions": {"count": {"type": "integer", "minimum": 1}}}'
        )
    },
)

CRLF: Final = Chart(
    {
        "a.yaml": "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\n"
        "data:\r\n  v: {{ .Values.v }}\r\n---\r\nkind: B\r\n"
    },
    files={
        "values.yaml": "v: crlf\r\nlist:\r\n- a\r\n",
        "README.md": "read\r\nme\r\n",
        "templates/NOTES.txt": "notes\r\n",
    },
)

UNICODE: Final = Chart(
    {
        "übersicht.yaml": configmap(
            "uni", text="{{ .Values.text }}", len="{{ len .Values.text }}", upper="{{ upper .Values.text }}"
        )
    },
    {"text": "ÄÖÜ 漢字 \U0001f389", "schlüssel": {"ключ": 1}},
    files={"README.md": "Größe 漢字\n", "dätei.txt": "ü"},
)

HUGE: Final = Chart(
    {
        "big.yaml": configmap("big", text="{{ .Files.Get `big.txt` | b64enc }}"),
        "many.yaml": "{{ range until 2000 }}\n---\nkind: N\nmetadata: {name: n{{ . }}}\n{{ end }}",
    },
    {"list": list(range(5000))},
    files={"big.txt": "0123456789abcdef\n" * 180_000},
)

REAL_CHARTS: Final = {name: CHARTS / case.archive for name, case in REAL.items()}
"""Charts that people use."""

MISSING: Final = [path.name for path in REAL_CHARTS.values() if not path.is_file()]


def values_of(name: str) -> Mapping[str, Any]:
    """Values that the chart is tried with."""
    return {**REAL[name].values, **REAL[name].changed}


def packed(path: Path) -> str:
    """Where a case puts an archive."""
    return f"charts/{path.name}"


def helm_tests() -> Path | None:
    """Helm's own test data, in the module that the library is built of; None where no such module is at hand."""
    required = re.search(r"helm\.sh/helm/v4 (\S+)", (ROOT / "go" / "go.mod").read_text())
    assert required is not None
    cache = os.environ.get("GOMODCACHE") or Path(os.environ.get("GOPATH") or Path.home() / "go") / "pkg" / "mod"
    data = Path(cache) / f"helm.sh/helm/v4@{required[1]}" / "pkg" / "cmd" / "testdata"
    return data if data.is_dir() else None


HELM_TESTS: Final = helm_tests()
NO_HELM_TESTS: Final = "Helm's module is not in Go's cache (GOMODCACHE): its own charts are no part of the project"

USER: Final[Mapping[str, Any]] = {"username": "@username@", "password": "@password@"}
TLS: Final[Mapping[str, Any]] = {"ca_file": "@ca_file@"}
CLIENT: Final[Mapping[str, Any]] = {**TLS, "cert_file": "@client_certificate@", "key_file": "@client_key@"}
SERVED: Final[Mapping[str, list[tuple[str, dict[str, Any], str | None]]]] = {
    "tls": [
        ("web", {"repo": "@repository_tls@/@side@", **TLS}, None),
        ("web", {"repo": "@repository_tls@/@side@", "insecure_skip_tls_verify": True}, None),
        ("web", {"repo": "@repository_tls@/@side@"}, "certificate"),
        ("@repository_tls@/@side@/web-0.1.0.tgz", {**TLS}, None),
    ],
    "client-certificate": [
        ("web", {"repo": "@repository_mtls@/@side@", **CLIENT}, None),
        ("web", {"repo": "@repository_mtls@/@side@", **TLS}, "certificate required"),
    ],
    "user": [
        ("web", {"repo": "@repository_auth@/@side@", **USER}, None),
        ("web", {"repo": "@repository_auth@/@side@", **USER, "pass_credentials": True}, None),
        ("web", {"repo": "@repository_auth@/@side@"}, "401"),
        ("web", {"repo": "@repository_auth@/@side@", "username": "x", "password": "y"}, "401"),
        ("web", {"repo": "@repository_tls_auth@/@side@", **USER, **TLS}, None),
    ],
}
"""Ways to a chart in a repository: its name, options, and why it can not be had."""
PUSHED: Final[Mapping[str, list[tuple[str, dict[str, Any], str | None]]]] = {
    "registry-tls": [
        ("oci://@registry_tls@/@side@/web", {**TLS}, None),
        ("oci://@registry_tls@/@side@/web", {"insecure_skip_tls_verify": True, "version": "0.1.0"}, None),
        ("oci://@registry_tls@/@side@/web", {}, "certificate"),
    ],
    "registry-client-certificate": [("oci://@registry_mtls@/@side@/web", {**CLIENT}, None)],
    "registry-user": [
        ("oci://@registry_auth@/@side@/web", {**USER, "plain_http": True}, None),
        ("oci://@registry_auth@/@side@/web", {"plain_http": True}, "basic credential not found"),
        ("oci://@registry_tls_auth@/@side@/web", {**USER, **TLS, "version": "~0.1"}, None),
    ],
}
"""The same for a registry."""


def rest() -> Step:
    """A moment after which the library keeps a chart that nobody has changed since (go/charts)."""
    return Touch(lambda place: time.sleep(2.2) if place.side.startswith("l-") else None)
