"""The charts that `template`, `lint` and `show` are compared on: what charts do, and what hardly one does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.integration.charts import Chart, configmap, definition, hook
from tests.integration.test_real_charts import CASES as REAL
from tests.integration.test_real_charts import CHARTS
from tests.parity.files import Do, Pushed, Put, Serve, Step, Touch
from tests.parity.modules import HELM_MODULE
from tests.parity.places import Place

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
                dns="{{ getHostByName `127.0.0.1` }}",
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


HELM_TESTS: Final = HELM_MODULE / "pkg" / "cmd" / "testdata"
"""Test data of Helm's own commands."""
NO_HELM_TESTS: Final = (
    None if HELM_TESTS.is_dir() else f"Helm's own charts are no part of the project, and not in {HELM_TESTS}"
)

USER: Final[Mapping[str, Any]] = {"username": "@username@", "password": "@password@"}
TLS: Final[Mapping[str, Any]] = {"ca_file": "@ca_file@"}
CLIENT: Final[Mapping[str, Any]] = {**TLS, "cert_file": "@client_certificate@", "key_file": "@client_key@"}
NEWER: Final = Chart(
    {},
    {"new": 1},
    version="0.2.0-rc.1",
    files={"README.md": "newer\n", "crds/n.yaml": "kind: N\n", "templates/n.yaml": "n: 1"},
)


def other_host(place: Place) -> None:
    """An index whose chart is at an address that is not the repository's."""
    entry = {"apiVersion": "v2", "name": "web", "version": "0.1.0"}
    entries = {"web": [{**entry, "urls": [place.own("@repository_auth@/@side@/web-0.1.0.tgz")]}]}
    (place.served / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": entries}))


def ways(do: Callable[..., Do]) -> dict[str, list[Step]]:
    """Rows of a command that takes a chart: each flag that says where it is and how it is fetched."""

    def no(fails: str, chart: str, **options: Any) -> Do:
        return do(chart, fails=fails, reworded=True, **options)

    repository, registry = "@repository{}@/@side@".format, "oci://@registry{}@/@side@/web".format
    served = Serve(EVERYTHING)
    pushed = Pushed(EVERYTHING, NEWER)
    signed = HELM_TESTS / "testcharts" / "signtest-0.1.0.tgz"
    rows: dict[str, list[Step]] = {
        "repo": [served, do("web", repo=repository("")), no("none", "none", repo=repository(""))],
        "repo-version": [
            Serve(EVERYTHING, NEWER),
            do("web", repo=repository(""), version="0.2.0-rc.1"),
            do("web", repo=repository(""), version="^0.1"),
            no("9.9.9", "web", repo=repository(""), version="9.9.9"),
        ],
        "repo-devel": [
            Serve(EVERYTHING, NEWER),
            do("web", repo=repository("")),
            do("web", repo=repository(""), devel=True),
            do("web", repo=repository(""), devel=True, version="0.1.0"),
        ],
        "url": [served, do(f"{repository('')}/web-0.1.0.tgz"), no("404", f"{repository('')}/none-0.1.0.tgz")],
        "ca-file": [
            served,
            do("web", repo=repository("_tls"), **TLS),
            do(f"{repository('_tls')}/web-0.1.0.tgz", **TLS),
            no("certificate", "web", repo=repository("_tls")),
        ],
        "insecure-skip-tls-verify": [served, do("web", repo=repository("_tls"), insecure_skip_tls_verify=True)],
        "cert-file": [
            served,
            do("web", repo=repository("_mtls"), **CLIENT),
            no("certificate required", "web", repo=repository("_mtls"), **TLS),
        ],
        "username": [
            served,
            do("web", repo=repository("_auth"), **USER),
            do("web", repo=repository("_tls_auth"), **USER, **TLS),
            no("401", "web", repo=repository("_auth")),
            no("401", "web", repo=repository("_auth"), username="x", password="y"),
        ],
        "pass-credentials": [
            served,
            Touch(other_host),
            no("401", "web", repo=repository(""), **USER),
            do("web", repo=repository(""), pass_credentials=True, **USER),
            Touch(lambda place: (place.served / "index.yaml").unlink()),
        ],
        "plain-http": [
            pushed,
            do(registry(""), plain_http=True, version="0.1.0"),
            do(registry(""), plain_http=True, version=">0.1.0-0"),
            do(registry(""), plain_http=True, devel=True),
            no("9.9.9", registry(""), plain_http=True, version="9.9.9"),
        ],
        "registry-tls": [
            pushed,
            do(registry("_tls"), **TLS),
            do(registry("_tls"), insecure_skip_tls_verify=True, version="0.1.0"),
            do(registry("_mtls"), **CLIENT),
            no("certificate", registry("_tls")),
        ],
        "registry-user": [
            pushed,
            do(registry("_auth"), **USER, plain_http=True),
            do(registry("_tls_auth"), **USER, **TLS, version="~0.1"),
            no("basic credential not found", registry("_auth"), plain_http=True),
        ],
    }
    if NO_HELM_TESTS is None:
        rows["keyring"] = [
            Put(
                {
                    signed.name: signed,
                    f"{signed.name}.prov": Path(f"{signed}.prov"),
                    "other.pub": "no key",
                    "key.pub": HELM_TESTS / "helm-test-key.pub",
                    "web-0.1.0.tgz": EVERYTHING,
                }
            ),
            do(signed.name, verify=True, keyring="key.pub"),
            do(signed.name, verify=True, keyring="other.pub", fails="tag byte does not have MSB set"),
            do(signed.name, verify=True, keyring="none.pub", fails="none.pub"),
            no(".tgz.prov: no such file", "web-0.1.0.tgz", verify=True, keyring="key.pub"),
        ]
        rows["verify"] = [
            Put({signed.name: signed, f"{signed.name}.prov": Path(f"{signed}.prov")}),
            do(signed.name, verify=True, fails="pubring.gpg"),
        ]
    return rows


def post_renderer(name: str) -> dict[str, Any]:
    """A plugin's files: it puts its arguments where it finds them asked for."""
    described = {
        "apiVersion": "v1", "name": name, "type": "postrenderer/v1", "version": "1.0.0", "runtime": "subprocess",
        "runtimeConfig": {"platformCommand": [{"command": "sh", "args": ["${HELM_PLUGIN_DIR}/run.sh"]}]},
    }  # fmt: skip
    return {
        f"@data@/plugins/{name}/plugin.yaml": yaml.safe_dump(described),
        f"@data@/plugins/{name}/run.sh": 'echo "told on stderr" >&2; sed "s|chart|$1,$2|"',
    }


def rest() -> Step:
    """A moment after which the library keeps a chart that nobody has changed since (go/charts)."""
    return Touch(lambda place: time.sleep(2.2) if place.side.startswith("l-") else None)
