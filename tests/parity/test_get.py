"""Commands that show what there is: `get`, `list`, `history`, `status`, `env`, over releases of every kind."""

from __future__ import annotations

import subprocess
from typing import Any, Final

import pytest

from helm_sdkpy import Configuration, History, Rollback, Upgrade
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import NAME, SIMPLE, STUCK, Chart, configmap, hook, manifest
from tests.parity.files import Both, Do, Put
from tests.parity.parity import Pair
from tests.parity.sides import HELM
from tests.parity.steps import (
    Step,
    apart,
    get,
    get_values,
    history,
    install,
    listing,
    reworded,
    rollback,
    run_tests,
    status,
    told,
    uninstall,
    upgrade,
)

ALL: Final = ("all", "hooks", "manifest", "metadata", "notes")

RICH: Final = Chart(
    {
        "c.yaml": configmap(value="{{ .Values.value }}", id="{{ .Values.id }}"),
        "two.yaml": configmap(f"{NAME}-a") + "\n---\n" + configmap(f"{NAME}-b"),
        "pre.yaml": hook("pre-install,pre-upgrade", name=f"{NAME}-pre", policy="before-hook-creation"),
        "test.yaml": hook("test", name=f"{NAME}-test"),
        "NOTES.txt": "\n\nHello {{ .Release.Name }}, revision {{ .Release.Revision }}.\n  {{ .Values.value }}\n\n",
    },
    {"value": "chart", "id": 12345678, "nested": {"a": [1, 2.5, None, "x"], "off": False}},
    metadata={
        "appVersion": "1.2.3",
        "description": "A web",
        "annotations": {"team": "web", "a": "b"},
        "keywords": ["k"],
        "maintainers": [{"name": "me", "email": "me@example.com"}],
    },
)
ODD: Final = Chart(
    {
        "crlf.yaml": "{{ if true }}\r\n" + configmap(value="dos") + "\r\n{{ end }}\r\n",
        "unicode.yaml": configmap(f"{NAME}-u", value="grün ✓ 日本"),
        "blank.yaml": "\n\n{{- if false }}nothing{{ end }}\n",
        "comment.yaml": "# only a comment\n",
        "deep/er/d.yaml": configmap(f"{NAME}-deep"),
        "multi.yaml": manifest("v1", "ConfigMap", f"{NAME}-m", data={"text": "a\nb\n\n c"}),
        "NOTES.txt": "grün ✓ `{{ .Release.Namespace }}`\r\nend",
    },
    {"äöü": "✓", "long": "x" * 300},
    name="odd-name-1",
    version="1.2.3-rc.1+build.5",
    metadata={"appVersion": "2024-01-01"},
)
SUBCHARTS: Final = Chart(
    {"c.yaml": configmap(value="{{ .Values.child.own }}"), "NOTES.txt": "parent"},
    {"child": {"own": "parent's"}, "global": {"region": "eu"}},
    metadata={
        "dependencies": [
            {"name": "child", "version": "0.1.0", "repository": "https://example.com", "alias": "other"},
            {"name": "child", "version": "~0.1", "condition": "child.enabled", "tags": ["t"]},
        ]
    },
    files={
        "charts/child/Chart.yaml": "apiVersion: v2\nname: child\nversion: 0.1.0\n",
        "charts/child/values.yaml": "own: child's\nmore: {a: 1}\n",
        "charts/child/templates/c.yaml": configmap("{{ .Release.Name }}-{{ .Chart.Name }}", own="{{ .Values.own }}"),
        "charts/child/templates/NOTES.txt": "child",
    },
)
HOOKS_ONLY: Final = Chart({"a.yaml": hook("post-install"), "b.yaml": hook("test", name="b", weight=-1)})
NOTES_ONLY: Final = Chart({"NOTES.txt": "{{ .Values.text }}"}, {"text": "only"})
MANY: Final = Chart({f"{number}.yaml": configmap(f"{NAME}-{number}") for number in range(40)})
BROKEN: Final = Chart({**RICH.templates, "h.yaml": hook("post-upgrade", name="h", exit_code="1")}, RICH.values)


def every(**options: Any) -> list[Step]:
    """All `get` commands of a release."""
    return [*(get(what, **options) for what in ALL), get_values(**options), get_values(all=True, **options)]


def pair_of(what: str) -> list[Step]:
    """A command on a release with two revisions, by each way to name one."""
    return [
        install(RICH, labels={"own": "label"}),
        upgrade(RICH, set="value=2,nested.a={x}", server_side=False),
        get(what),
        get(what, revision=0),
        get(what, revision=1),
        get(what, revision=2),
        get(what, revision=3, fails="release: not found"),
    ]


GET: Final[dict[str, list[Step]]] = {
    **{f"{what}-revisions": pair_of(what) for what in ALL},
    **{f"{what}-not-found": [get(what, fails="release: not found")] for what in ALL},
    **{f"{what}-name-invalid": [reworded(get(what, "Web_1", fails="invalid"))] for what in ALL},
    "odd": [install(ODD), *every()],
    "subcharts": [install(SUBCHARTS), *every()],
    "subcharts-disabled": [install(SUBCHARTS, set="child.enabled=false"), *every()],
    "hooks-only": [install(HOOKS_ONLY), *every()],
    "notes-only": [install(NOTES_ONLY), *every()],
    "notes-of-spaces": [install(NOTES_ONLY, set="text= \\, "), get("notes"), get("all")],
    "notes-hidden": [apart(install(RICH, hide_notes=True), "notes"), get("notes"), get("all")],
    "nothing": [install(Chart()), *every()],
    "many": [install(MANY), get("manifest"), get("all")],
    "after-rollback": [install(RICH), upgrade(RICH, set="value=2"), rollback(), *every(), *every(revision=2)],
    "failed": [install(RICH), upgrade(BROKEN, fails="post-upgrade hooks failed"), *every(), *every(revision=1)],
    "failed-install": [install(STUCK, wait=True, timeout=1, fails="NOT READY"), *every()],
    "uninstalled": [install(RICH, labels={"a": "b"}), uninstall(keep_history=True), *every()],
    "client-side": [install(RICH, server_side=False), get("metadata"), get("all")],
    "description": [install(RICH, description="why not"), get("all"), get("metadata")],
    "after-a-test": [install(RICH), run_tests(), get("all"), get("hooks")],
    "values-kinds": [
        install(RICH, values={"a": None, "b": [], "c": {}, "d": "", "e": 0, "f": 2.5, "g": "é", "id": None}),
        get("all"),
        get_values(),
        get_values(all=True),
    ],
    "values-set-forms": [
        install(RICH, set=["a=1", "b=true,c=null"], set_string="d=1", set_json='e={"f": [1]}', set_literal="g=a,b"),
        get("all"),
        get_values(all=True),
    ],
    "pruned": [install(RICH), upgrade(RICH), upgrade(RICH, max_history=1), get("all", revision=1, fails="not found")],
    "configmap-driver": [
        told(install(RICH, labels={"a": "b"}), {"HELM_DRIVER": "configmap"}),
        told(upgrade(RICH, set="value=2"), {"HELM_DRIVER": "configmap"}),
        *(told(get(what), {"HELM_DRIVER": "configmap"}) for what in ALL),
        told(listing(), {"HELM_DRIVER": "configmap"}),
        told(listing(selector="a=b"), {"HELM_DRIVER": "configmap"}),
        told(history(), {"HELM_DRIVER": "configmap"}),
        get("all", fails="release: not found"),
        told(rollback(), {"HELM_DRIVER": "configmap"}),
    ],
    "configmap-driver-uninstall": [
        told(install(RICH), {"HELM_DRIVER": "configmap"}),
        told(uninstall(), {"HELM_DRIVER": "configmap"}),
    ],
    "kept-history": [
        told(upgrade(RICH, install=True), {"HELM_MAX_HISTORY": "2"}),
        *(told(upgrade(RICH, set=f"value={number}"), {"HELM_MAX_HISTORY": "2"}) for number in (2, 3)),
        told(rollback(), {"HELM_MAX_HISTORY": "1"}),
        history(),
    ],
    "kept-history-flag-wins": [
        install(),
        *(told(upgrade(set=f"value={number}", history_max=3), {"HELM_MAX_HISTORY": "1"}) for number in (2, 3)),
        history(),
        told(upgrade(), {"HELM_MAX_HISTORY": "nonsense"}),
        history(),
    ],
}

LABELS: Final = {"team": "web", "tier": "front"}
SEVERAL: Final[list[Step]] = [
    install(release="a-1", labels=LABELS),
    install(RICH, "b.dotted", labels={"team": "db"}),
    install(ODD, "c"),
    upgrade(release="a-1", set="value=2"),
    install(STUCK, "stuck", wait=True, timeout=1, fails="NOT READY"),
    install(release="z"),
    uninstall("z", keep_history=True),
]
LIST: Final[dict[str, list[Step]]] = {
    "states": [
        *SEVERAL,
        listing(),
        listing(deployed=True, uninstalled=True),
        listing(failed=True, uninstalled=True, superseded=True),
        listing(superseded=True, filter="^a"),
        listing(pending=True, deployed=True),
        listing(uninstalling=True, failed=True),
    ],
    "filters": [
        *SEVERAL,
        listing(filter="dotted$"),
        listing(filter="b\\.d"),
        listing(filter="(?i)A-1"),
        listing(filter="^(a|c)"),
        listing(filter="[^a]", reverse=True),
        listing(filter="^a", selector="team=web"),
    ],
    "selectors": [
        *SEVERAL,
        listing(selector="team"),
        listing(selector="!team"),
        listing(selector="team=web,tier!=back"),
        listing(selector="team notin (web)"),
        listing(selector="name=c"),
        listing(selector="owner=helm"),
        listing(selector="status=failed"),
        listing(selector="version=2"),
    ],
    "pages": [
        *SEVERAL,
        listing(max=1),
        listing(max=2, offset=2, reverse=True),
        listing(max=1, offset=1, filter="[ac]"),
        listing(max=100, offset=5),
        listing(max=1, deployed=True, offset=1),
    ],
    "one-of-many-revisions": [
        install(),
        *(upgrade(set=f"value={number}") for number in range(6)),
        listing(),
        history(),
    ],
    "superseded-alone": [install(), upgrade(), upgrade(), listing(superseded=True), listing(superseded=True, max=1)],
}

HISTORY: Final[dict[str, list[Step]]] = {
    "rolled-back": [
        install(RICH),
        upgrade(RICH, set="value=2", description="two"),
        rollback(1),
        rollback(2, description="back to two"),
        history(),
        history(show_rollback_revision=True),
        history(show_rollback_revision=True, max=2),
    ],
    "uninstalled": [install(), upgrade(), uninstall(keep_history=True), history(), history(max=1)],
    "failed": [install(STUCK, wait=True, timeout=1, fails="NOT READY"), upgrade(install=True), history()],
    "other-charts": [install(RICH), upgrade(ODD), upgrade(SUBCHARTS), history(), history(max=2)],
    "name-invalid": [reworded(history("Web_1", fails="invalid"))],
    "long-name": [reworded(history("w" * 54, fails="invalid"))],
}

NOWHERE: Final[dict[str, Any]] = {"kube_apiserver": "https://127.0.0.1:1"}
UNREACHABLE: Final = "kubernetes cluster unreachable"
ROOT: Final[dict[str, list[Step]]] = {
    **{
        f"unreachable-{number}-{step.action.replace(' ', '-')}": list[Step]([told(step, **NOWHERE)])
        for number, step in enumerate(
            (
                install(fails=UNREACHABLE),
                reworded(upgrade(fails=UNREACHABLE)),
                reworded(upgrade(install=True, fails=UNREACHABLE)),
                uninstall(fails=UNREACHABLE),
                rollback(fails=UNREACHABLE),
                run_tests(fails=UNREACHABLE),
                # What only reads asks for the release at once, and so for another address than helm does.
                reworded(status(fails=UNREACHABLE)),
                reworded(history(fails=UNREACHABLE)),
                reworded(listing(fails=UNREACHABLE)),
                reworded(get("all", fails=UNREACHABLE)),
                reworded(get("metadata", fails=UNREACHABLE)),
                reworded(get_values(fails=UNREACHABLE)),
            )
        )
    },
    "impersonated": [
        install(),
        told(listing(fails="somebody"), kube_as_user="somebody"),
        told(get("notes", fails="somebody"), kube_as_user="somebody"),
        told(get("notes"), kube_as_user="admin", kube_as_group="system:masters"),
        told(history(fails="somebody"), {"HELM_KUBEASUSER": "somebody"}),
    ],
    "token-unknown": [told(listing(), kube_token="nonsense")],
    "tls-server-name": [told(reworded(listing(fails="nonsense")), kube_tls_server_name="nonsense")],
    "insecure": [install(), told(listing(), kube_insecure_skip_tls_verify=True, kube_tls_server_name="nonsense")],
    "context": [told(reworded(listing(fails="does not exist")), kubecontext="nonsense")],
    "limits": [install(), told(listing(), qps=50.0, burst_limit=10), told(get("manifest"), {"HELM_QPS": "20"})],
}

ROWS: Final[dict[str, list[Step]]] = {
    f"{table}-{name}": steps
    for table, cases in {"get": GET, "list": LIST, "history": HISTORY, "root": ROOT}.items()
    for name, steps in cases.items()
}


@pytest.mark.parametrize("row", ROWS)
async def test_same(pair: Pair, row: str) -> None:
    await pair.go(ROWS[row])


# `helm env` needs no cluster.

KUBECONFIG: Final = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts:
- {name: c, context: {cluster: c, user: u, namespace: of-the-context}}
- {name: d, context: {cluster: c, user: u, namespace: d}}
"""
ENV: Final[dict[str, list[Any]]] = {
    "env-plain": [Do("env")],
    "env-namespace": [Do("env", config={"namespace": "web"})],
    "env-namespace-variable": [Do("env", config={"namespace": None}, env={"HELM_NAMESPACE": "variable"})],
    "env-namespace-of-the-context": [
        Put({"k.yaml": KUBECONFIG}),
        Do("env", config={"namespace": None, "kubeconfig": "@work@/k.yaml"}),
        Do("env", config={"namespace": None, "kubeconfig": "@work@/k.yaml", "kubecontext": "d"}),
        Do("env", config={"namespace": None}, env={"KUBECONFIG": "@work@/k.yaml", "HELM_KUBECONTEXT": "d"}),
    ],
    "env-root-flags": [
        Put({"k.yaml": KUBECONFIG}),
        Do(
            "env",
            config={
                "namespace": "web",
                "kubeconfig": "@work@/k.yaml",
                "kube_apiserver": "https://example.com",
                "kube_as_user": "somebody",
                "kube_ca_file": "@ca_file@",
                "kube_tls_server_name": "name",
                "kube_token": "token",
                "qps": 2.5,
                "burst_limit": 7,
                "registry_config": "@work@/r.json",
                "repository_config": "@work@/r.yaml",
                "repository_cache": "@work@/rc",
                "content_cache": "@work@/cc",
            },
        ),
    ],
    "env-insecure": [Do("env", config={"kube_insecure_skip_tls_verify": True})],
    "env-variables": [
        Do(
            "env",
            env={
                "HELM_KUBEAPISERVER": "https://example.com",
                "HELM_KUBEASUSER": "somebody",
                "HELM_KUBEASGROUPS": ",a,b, ",
                "HELM_KUBECAFILE": "/ca.pem",
                "HELM_KUBETLS_SERVER_NAME": "name",
                "HELM_KUBETOKEN": "token",
                "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": "1",
                "HELM_QPS": "3",
                "HELM_BURST_LIMIT": "-1",
                "HELM_MAX_HISTORY": "0",
                "HELM_DEBUG": "true",
                "HELM_PLUGINS": "/plugins",
            },
        )
    ],
    "env-nonsense": [
        Do(
            "env",
            env={
                "HELM_QPS": "fast",
                "HELM_BURST_LIMIT": "2.5",
                "HELM_MAX_HISTORY": "many",
                "HELM_DEBUG": "yes",
                "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": "maybe",
                "HELM_KUBEASGROUPS": " , ",
            },
        )
    ],
    "env-homes": [
        Do("env", env={"HELM_CACHE_HOME": "", "HELM_CONFIG_HOME": "", "HELM_DATA_HOME": ""}),
        Do(
            "env",
            env={
                "HELM_CACHE_HOME": "",
                "HELM_CONFIG_HOME": "",
                "HELM_DATA_HOME": "",
                "XDG_CACHE_HOME": "/xc",
                "XDG_CONFIG_HOME": "/xf",
                "XDG_DATA_HOME": "/xd",
            },
        ),
        Do("env", env={"HELM_REPOSITORY_CACHE": "", "HELM_CONTENT_CACHE": "/cc", "HELM_REGISTRY_CONFIG": "r.json"}),
    ],
    "env-flag-over-variable": [
        Do(
            "env",
            config={"kube_token": "flag", "qps": 1.0, "burst_limit": 1, "repository_cache": "/flag"},
            env={
                "HELM_KUBETOKEN": "variable",
                "HELM_QPS": "2",
                "HELM_BURST_LIMIT": "2",
                "HELM_REPOSITORY_CACHE": "/variable",
            },
        )
    ],
}


async def test_rollback_column(helm_cluster: TestCluster, helm_namespace: str, helm_config: Configuration) -> None:
    """What the flag adds to the command's table, History gives in any case, as the command's JSON does."""
    for value in ("1", "2"):
        await Upgrade(helm_config).run("web", SIMPLE.archive(), values={"value": value}, install=True)
    await Rollback(helm_config).run("web", 1)
    always = ["history", "web", f"--namespace={helm_namespace}", f"--kubeconfig={helm_cluster.kubeconfig}"]

    def printed(*flags: str) -> str:
        return subprocess.run([HELM, *always, *flags], capture_output=True, text=True, check=True, timeout=60).stdout

    def table(*flags: str) -> list[list[str]]:
        return [[cell.strip() for cell in line.split("\t")] for line in printed(*flags).splitlines()]

    without, shown = table(), table("--show-rollback-revision")
    assert "ROLLBACK" not in without[0]
    column = shown[0].index("ROLLBACK")
    assert [row[column] for row in shown[1:]] == ["", "", "1"]
    assert [row[:column] + row[column + 1 :] for row in shown] == without
    assert printed("-o", "json") == printed("-o", "json", "--show-rollback-revision")
    for flag in (False, True):
        revisions = await History(helm_config).run("web", show_rollback_revision=flag)
        assert [str(one.get("rollback_revision", "")) for one in revisions] == [row[column] for row in shown[1:]]


@pytest.mark.parametrize("row", ENV)
async def test_env(both: Both, row: str) -> None:
    await both.go(ENV[row])
