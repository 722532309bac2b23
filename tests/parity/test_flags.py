"""A table of cases over small charts: one row is one case, done by the command and by the library."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration import plugins
from tests.integration.charts import (
    NAME,
    SIMPLE,
    STUCK,
    Chart,
    configmap,
    definition,
    deployment,
    hook,
    job,
    manifest,
    raw,
)
from tests.integration.objects import Objects
from tests.integration.oci import push
from tests.parity.parity import Pair
from tests.parity.steps import (
    NAMESPACE,
    REPOSITORY,
    File,
    Leaves,
    Look,
    Step,
    Touch,
    apart,
    beside,
    get_values,
    history,
    install,
    listing,
    reworded,
    rollback,
    status,
    uninstall,
    upgrade,
)

Cases = dict[str, list[Step]]

SEEN: Final = Chart(
    {"c.yaml": configmap(seen="{{ .Values | toJson | b64enc }}", id="{{ .Values.id }}")},
    {"source": "chart", "nested": {"kept": True, "source": "chart"}, "items": ["a", "b"], "id": 0, "text": ""},
)
"""Shows every value."""

SECRET: Final = Chart(
    {"c.yaml": configmap(), "s.yaml": manifest("v1", "Secret", stringData={"password": "{{ .Values.password }}"})},
    {"password": "geheim"},
)
WEB: Final = Chart(
    {
        "d.yaml": deployment(replicas=raw("{{ .Values.replicas }}")),
        "s.yaml": manifest("v1", "Service", spec={"ports": [{"port": 80}], "selector": {"app": NAME}}),
        "a.yaml": manifest("v1", "ServiceAccount"),
        "NOTES.txt": "{{ .Release.Name }} in {{ .Release.Namespace }}, revision {{ .Release.Revision }}",
    },
    {"replicas": 1, "image": "example/web:1"},
    metadata={"appVersion": "1.2.3", "description": "A web", "annotations": {"a": "b"}, "keywords": ["k"]},
)
HOOKED: Final = Chart(
    {
        "c.yaml": configmap(value="{{ .Values.value }}"),
        "kept.yaml": hook("pre-install,pre-upgrade,pre-rollback,pre-delete", name="{{ .Release.Name }}-kept"),
        "gone.yaml": hook(
            "post-install,post-upgrade,post-rollback", name="{{ .Release.Name }}-gone", policy="hook-succeeded"
        ),
        "first.yaml": hook("pre-install", name="{{ .Release.Name }}-first", weight=-5, policy="before-hook-creation"),
        "test.yaml": hook("test", name="{{ .Release.Name }}-test"),
    },
    {"value": "1"},
)


def failing(*events: str, policy: str = "") -> Chart:
    """A chart whose hook fails where the value says so."""
    return Chart(
        {
            "c.yaml": configmap(value="{{ .Values.value }}"),
            "h.yaml": hook(*events, policy=policy, exit_code="{{ .Values.code }}"),
        },
        {"value": "1", "code": "0"},
    )


DEFINED: Final = Chart(
    {
        "w.yaml": "{{ if .Values.widget }}"
        + manifest(f"{NAMESPACE}.example.com/v1", "Widget", spec={"size": "{{ .Values.size }}"})
        + "{{ end }}",
        "c.yaml": configmap(has=f"{{{{ .Capabilities.APIVersions.Has `{NAMESPACE}.example.com/v1` }}}}"),
    },
    {"widget": True, "size": "1"},
    files={"crds/w.yaml": definition(f"{NAMESPACE}.example.com", "Widget")},
)
GROWING: Final = Chart(
    {
        "c.yaml": configmap(),
        "new.yaml": '{{ if eq .Values.value "2" }}'
        + configmap(f"{NAME}-new")
        + "\n---\n"
        + deployment(ready="never")
        + "{{ end }}",
    },
    {"value": "1"},
)
"""Its second revision has objects that the first has not, and is never ready."""

MORE: Final = Chart(
    {
        "d.yaml": deployment(replicas=raw("{{ .Values.replicas }}")),
        "new.yaml": "{{ if eq (int .Values.replicas) 1 }}" + configmap(f"{NAME}-new") + "{{ end }}",
    },
    {"replicas": 1},
)
"""Has an object more with one replica than with two."""

SCHEMA: Final = Chart(
    {"c.yaml": configmap(value="{{ .Values.port }}")},
    {"port": 80},
    files={"values.schema.json": '{"properties": {"port": {"type": "integer", "maximum": 99}}}'},
)
CLUSTER_WIDE: Final = Chart(
    {
        "r.yaml": manifest(
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            "{{ .Release.Namespace }}-role",
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["{{ .Values.verb }}"]}],
        ),
        "b.yaml": manifest(
            "rbac.authorization.k8s.io/v1",
            "ClusterRoleBinding",
            "{{ .Release.Namespace }}-role",
            roleRef={
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "{{ .Release.Namespace }}-role",
            },
            subjects=[{"kind": "ServiceAccount", "name": "default", "namespace": "{{ .Release.Namespace }}"}],
        ),
    },
    {"verb": "get"},
)
KEPT: Final = Chart(
    {"c.yaml": configmap(), "k.yaml": configmap(f"{NAME}-kept", {"annotations": {"helm.sh/resource-policy": "keep"}})}
)
MANY: Final = Chart(
    {
        "a.yaml": "\n---\n".join(configmap(f"{NAME}-{number}") for number in range(5)),
        "claim.yaml": manifest(
            "v1",
            "PersistentVolumeClaim",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        ),
        "role.yaml": manifest(
            "rbac.authorization.k8s.io/v1",
            "Role",
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        ),
        "ingress.yaml": manifest(
            "networking.k8s.io/v1",
            "Ingress",
            spec={"defaultBackend": {"service": {"name": NAME, "port": {"number": 80}}}},
        ),
        "cron.yaml": manifest(
            "batch/v1",
            "CronJob",
            spec={
                "schedule": "0 0 1 1 *",
                "jobTemplate": {
                    "spec": {
                        "template": {
                            "spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "example/a:1"}]}
                        }
                    }
                },
            },
        ),
    }
)
PARENT: Final = Chart(
    # Helm joins the notes of several charts in no order, so only one has some.
    {"c.yaml": configmap(value="{{ .Values.global.shared }}")},
    {"global": {"shared": "yes"}, "child": {"own": "parent's"}},
    metadata={"dependencies": [{"name": "child", "version": "0.1.0", "condition": "child.enabled"}]},
    files={
        "charts/child/Chart.yaml": "apiVersion: v2\nname: child\nversion: 0.1.0\n",
        "charts/child/values.yaml": "own: child's\n",
        "charts/child/templates/c.yaml": configmap("{{ .Release.Name }}-child", own="{{ .Values.own }}"),
        "charts/child/templates/NOTES.txt": "the child's",
    },
)


HOOK_KINDS: Final = Chart(
    {
        "c.yaml": configmap(),
        "h.yaml": configmap(f"{NAME}-map", {"annotations": {"helm.sh/hook": "pre-install,pre-upgrade,post-delete"}}),
        "p.yaml": manifest(
            "v1",
            "Pod",
            f"{NAME}-pod",
            metadata={
                "annotations": {
                    "helm.sh/hook": "post-install,post-upgrade",
                    "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
                }
            },
            spec={"restartPolicy": "Never", "containers": [{"name": "a", "image": "example/a:1"}]},
        ),
    }
)
HOOK_ORDER: Final = Chart(
    {
        f"{number}.yaml": configmap(
            f"{NAME}-{number}", {"annotations": {"helm.sh/hook": "pre-install", "helm.sh/hook-weight": weight}}
        )
        for number, weight in enumerate(["5", "-5", "0", "0"])
    }
)
FIXED: Final = Chart({"c.yaml": configmap("fixed")})
ABOUT: Final = Chart(
    {
        "c.yaml": configmap(
            kube="{{ .Capabilities.KubeVersion.Version }}",
            helm="{{ .Capabilities.HelmVersion.Version }}",
            apps="{{ .Capabilities.APIVersions.Has `apps/v1/Deployment` }}",
            release="{{ .Release.Name }} {{ .Release.Namespace }} {{ .Release.Revision }} {{ .Release.Service }}",
            how="{{ .Release.IsInstall }} {{ .Release.IsUpgrade }}",
            chart="{{ .Chart.Name }} {{ .Chart.Version }} {{ .Template.Name }} {{ .Template.BasePath }}",
        )
    }
)
LOOKING: Final = Chart(
    {"c.yaml": configmap(found="{{ dig `data` `value` `none` (lookup `v1` `ConfigMap` .Release.Namespace `there`) }}")}
)
FILES: Final = Chart(
    {
        "c.yaml": configmap(
            a="{{ .Files.Get `a.txt` }}",
            ignored="{{ .Files.Get `b.txt` }}",
            all="{{ range $path, $_ := .Files.Glob `**` }}{{ $path }} {{ end }}",
        )
    },
    files={"a.txt": "a", "b.txt": "b", ".helmignore": "b.txt\n", "README.md": "read me", "deep/c.txt": "c"},
)
ALIASED: Final = Chart(
    {"c.yaml": configmap(value="{{ .Values.exported }}")},
    metadata={
        "dependencies": [
            {"name": "child", "version": "0.1.0", "alias": "left", "import-values": [{"child": "out", "parent": "."}]},
            {"name": "child", "version": "0.1.0", "alias": "right"},
            {"name": "child", "version": "0.1.0", "alias": "never", "tags": ["off"]},
        ]
    },
    files={
        "charts/child/Chart.yaml": "apiVersion: v2\nname: child\nversion: 0.1.0\n",
        "charts/child/values.yaml": "own: child's\nout: {exported: from the child}\n",
        "charts/child/templates/c.yaml": configmap("{{ .Release.Name }}-{{ .Chart.Name }}", own="{{ .Values.own }}"),
    },
)
STATEFUL: Final = Chart(
    {
        "s.yaml": manifest(
            "apps/v1",
            "StatefulSet",
            spec={
                "replicas": raw("{{ .Values.replicas }}"),
                "serviceName": NAME,
                "selector": {"matchLabels": {"app": NAME}},
                "template": {
                    "metadata": {"labels": {"app": NAME}},
                    "spec": {"containers": [{"name": "a", "image": "example/a:1"}]},
                },
                "volumeClaimTemplates": [
                    {
                        "metadata": {"name": "data"},
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "resources": {"requests": {"storage": "1Gi"}},
                        },
                    }
                ],
            },
        )
    },
    {"replicas": 1},
)

LINGERING: Final = Chart(
    {
        "p.yaml": manifest(
            "v1",
            "Pod",
            metadata={"annotations": {"testcluster/delete-after": "5s"}},
            spec={"terminationGracePeriodSeconds": 30, "containers": [{"name": "a", "image": "example/a:1"}]},
        )
    }
)
"""Takes a while to go."""


def lingers(*finalizers: str) -> Touch:
    """The object stays until the finalizers are gone."""
    return Touch(
        lambda objects: objects.patch("configmaps", "web", {"metadata": {"finalizers": list(finalizers) or None}})
    )


def somebody_scales(objects: Objects) -> None:
    """Another field manager takes the replicas."""
    objects.patch("deployments", "web", {"spec": {"replicas": 3}})


def foreign(name: str = "web") -> Touch:
    """An object that belongs to no release is there already."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"value": "theirs", "more": "x"},
    }
    return Touch(lambda objects: objects.create("configmaps", body))


def remarked(release_status: str, revision: int = 1, release: str = "web") -> Touch:
    """The record's status is what a killed process would leave."""

    def do(objects: Objects) -> None:
        import base64  # noqa: PLC0415
        import gzip  # noqa: PLC0415
        import json  # noqa: PLC0415

        record = objects.record(release, revision)
        record["info"]["status"] = release_status
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
        objects.patch(
            "secrets",
            f"sh.helm.release.v1.{release}.v{revision}",
            {"metadata": {"labels": {"status": release_status}}, "data": {"release": packed}},
        )

    return Touch(do)


VALUES: Final[Cases] = {
    "values-mapping": [install(SEEN, values={"nested": {"source": "mapping"}, "more": [1, {"deep": None}]})],
    "values-null": [install(SEEN, values={"source": None, "nested": None}), get_values(), get_values(all=True)],
    "values-small-number": [install(SEEN, values={"id": 8080})],
    "values-set-number": [install(SEEN, set="id=9007199254740993"), get_values()],
    "values-set-large-float": [install(SEEN, set_json="id=1234567890"), get_values(all=True)],
    "values-set-list": [install(SEEN, set=["items={x,y,z}", "nested.more=1,nested.other=true"])],
    "values-set-index": [install(SEEN, set="items[1]=changed")],
    "values-set-null": [install(SEEN, set="source=null")],
    "values-set-string": [install(SEEN, set_string=["id=0123", "text=true"])],
    "values-set-literal": [install(SEEN, set_literal="text=a,b={c}\\d")],
    "values-set-json-object": [install(SEEN, set_json='{"nested": {"more": [1, 2.5, null]}, "id": 7}')],
    "values-order": [
        install(
            SEEN,
            values={"source": "mapping", "nested": {"a": 1}},
            set_json='nested={"b": 2}',
            set=["source=set", "nested.c=3"],
            set_string="nested.d=4",
            set_literal="nested.e=5",
        )
    ],
    "values-files": [
        install(SEEN, values_files=[File("source: one\nnested: {a: 1, b: 2}\nid: 1234567890"), File("nested: {b: 3}")]),
        get_values(),
    ],
    "values-files-and-all": [
        install(
            SEEN, values_files=[File("source: file\nid: 5")], values={"id": 6}, set="nested.a=1", set_json="text=[1]"
        )
    ],
    "values-file-null": [
        install(SEEN, values_files=[File("source: null\nnested: {kept: null}")]),
        get_values(all=True),
    ],
    "values-file-wrong": [
        reworded(install(SEEN, values_files=[File("a: b: c")], fails="mapping values are not allowed"))
    ],
    "values-file-missing": [reworded(install(SEEN, values_files=["/no/such/file"], fails="no such file"))],
    "values-set-file": [install(SEEN, set_file=[File("some\ntext: {{ x }}", "text=")])],
    "values-dots": [install(SEEN, set="nested.a\\.b=1")],
    "values-set-wrong": [reworded(install(SEEN, set="a[x]=1", fails="error parsing index"))],
    "values-subchart": [install(PARENT, set="child.own=mine,global.shared=no")],
    "values-subchart-disabled": [install(PARENT, set="child.enabled=false"), get_values(all=True)],
}

SLOW: Final = Chart({"c.yaml": configmap(), "d.yaml": deployment(ready_after="6s")})

INSTALL: Final[Cases] = {
    "timeout-slow": [install(SLOW, wait=True, timeout=2, fails="NOT READY: Deployment")],
    "force-replace-foreign": [foreign(), install(take_ownership=True, force_replace=True, server_side=False)],
    "plain": [install()],
    "many-kinds": [install(MANY)],
    "cluster-wide": [install(CLUSTER_WIDE), upgrade(CLUSTER_WIDE, set="verb=list"), Look(), uninstall()],
    "wait": [install(WEB, wait=True)],
    "wait-legacy": [install(WEB, wait="legacy")],
    "wait-for-jobs": [install(Chart({"j.yaml": job(run_for="500ms")}), wait=True, wait_for_jobs=True)],
    "wait-timeout": [install(STUCK, wait=True, timeout=2, fails="NOT READY: Deployment")],
    "wait-job-fails": [
        install(Chart({"j.yaml": job(exit_code="1")}), wait=True, wait_for_jobs=True, timeout=4, fails="NOT READY: Job")
    ],
    "labels": [install(labels={"team": "web", "tier": "1"}), status(), listing(selector="team=web")],
    "labels-of-helm": [reworded(install(labels={"owner": "me"}, fails="label"))],
    "description": [install(description="first of all")],
    "notes": [install(WEB), status()],
    "hide-notes": [apart(install(WEB, hide_notes=True), "notes")],
    "subchart-notes": [install(PARENT, render_subchart_notes=True)],
    "subchart-notes-off": [install(PARENT)],
    "dry-run-client": [install(SECRET, dry_run="client")],
    "dry-run-client-hide-secret": [install(SECRET, dry_run="client", hide_secret=True)],
    "dry-run-server": [install(SECRET, dry_run="server")],
    "dry-run-server-hide-secret": [install(SECRET, dry_run="server", hide_secret=True)],
    "dry-run-hooks": [install(HOOKED, dry_run="client")],
    "dry-run-crds": [install(DEFINED, dry_run="client")],
    "hide-secret-alone": [reworded(install(SECRET, hide_secret=True, fails="dry"))],
    "server-side-false": [install(WEB, server_side=False)],
    "server-side-true": [install(WEB, server_side=True)],
    "take-ownership": [foreign(), install(take_ownership=True, fails="conflict occurred while applying object")],
    "take-ownership-client-side": [foreign(), install(take_ownership=True, server_side=False)],
    "foreign-object": [foreign(), install(fails="exists and cannot be imported into the current release")],
    "take-ownership-force-conflicts": [foreign(), install(take_ownership=True, force_conflicts=True)],
    "force-replace": [install(WEB, force_replace=True, server_side=False)],
    "crds": [install(DEFINED)],
    "crds-twice": [install(DEFINED), install(DEFINED, "other")],
    "skip-crds": [install(DEFINED, set="widget=false", skip_crds=True)],
    "skip-crds-missing": [install(DEFINED, skip_crds=True, fails="no matches for kind")],
    "hooks": [install(HOOKED)],
    "no-hooks": [install(HOOKED, no_hooks=True)],
    "hook-fails": [install(failing("pre-install"), set_string="code=1", fails="failed pre-install")],
    "hook-fails-after": [install(failing("post-install"), set_string="code=1", fails="failed post-install")],
    "hook-fails-deleted": [
        install(failing("pre-install", policy="hook-failed"), set_string="code=1", fails="failed pre-install")
    ],
    "rollback-on-failure": [install(STUCK, rollback_on_failure=True, timeout=2, fails="uninstalled due to")],
    "rollback-on-failure-hook": [
        install(failing("post-install"), set_string="code=1", rollback_on_failure=True, fails="uninstalled due to")
    ],
    "schema": [install(SCHEMA, set="port=100", fails="values don't meet the specifications of the schema")],
    "skip-schema": [install(SCHEMA, set="port=100", skip_schema_validation=True)],
    "exists": [install(), install(fails="cannot reuse a name that is still in use")],
    "exists-failed": [
        install(STUCK, wait=True, timeout=1, fails="NOT READY: Deployment"),
        install(fails="cannot reuse a name that is still in use"),
    ],
    "replace": [install(), uninstall(keep_history=True), install(replace=True, set="value=2")],
    "replace-deployed": [install(), install(replace=True, fails="cannot reuse a name that is still in use")],
    "replace-not": [install(), uninstall(keep_history=True), install(fails="cannot reuse a name that is still in use")],
    "name-template": [install(release=None, name_template="made-{{ 1 }}")],
    "name-invalid": [reworded(install(release="Web_1", fails="invalid"))],
    "name-long": [reworded(install(release="w" * 60, fails="invalid"))],
    "missing-chart": [install("/no/such/chart", fails="/no/such/chart")],
    "template-fails": [install(Chart({"c.yaml": "{{ fail `not like this` }}"}), fails="not like this")],
    "template-no-yaml": [install(Chart({"c.yaml": "a: b: c"}), fails="YAML parse error on web/templates/c.yaml")],
    "unknown-kind": [
        install(Chart({"c.yaml": manifest("example.com/v1", "Nothing")}), fails='no matches for kind "Nothing"')
    ],
    "unknown-field": [
        install(
            Chart({"c.yaml": manifest("v1", "ConfigMap", what="?")}),
            server_side=True,
            fails="field not declared in schema",
        )
    ],
    "unknown-field-client-side": [install(Chart({"c.yaml": manifest("v1", "ConfigMap", what="?")}), server_side=False)],
    "openapi-off": [
        install(
            Chart({"c.yaml": manifest("v1", "ConfigMap", what="?")}), server_side=False, disable_openapi_validation=True
        )
    ],
    "object-invalid": [install(Chart({"c.yaml": configmap("Not_A_Name")}), fails="Not_A_Name")],
    "object-refused-late": [
        install(Chart({"a.yaml": configmap("a"), "b.yaml": manifest("v1", "Service", "b")}), fails="spec.ports")
    ],
    "kube-version": [install(Chart(metadata={"kubeVersion": ">=9.0.0"}), fails="chart requires kubeVersion: >=9.0.0")],
    "library-chart": [install(Chart(metadata={"type": "library"}), fails="library charts are not installable")],
    "missing-dependency": [
        reworded(
            install(
                Chart(metadata={"dependencies": [{"name": "not-there", "version": "1", "repository": ""}]}),
                fails="found in Chart.yaml, but missing in charts/ directory: not-there",
            )
        )
    ],
    "empty": [install(Chart())],
    "keep": [install(KEPT), uninstall()],
    "wait-legacy-timeout": [
        reworded(install(STUCK, wait="legacy", timeout=2, fails="deadline exceeded"), "NOT READY: Deployment"),
        Leaves(["failed"], ["failed"]),
    ],
    "hook-kinds": [install(HOOK_KINDS), upgrade(HOOK_KINDS), uninstall()],
    "hook-order": [install(HOOK_ORDER)],
    "owned-by-another": [
        install(FIXED, "first"),
        install(FIXED, "second", fails="cannot be imported into the current release"),
        install(FIXED, "third", take_ownership=True),
    ],
    "dry-run-of-one-that-exists": [install(), install(dry_run="client"), install(dry_run="server", set="value=2")],
    "dry-run-invalid-object": [install(Chart({"c.yaml": configmap("Not_A_Name")}), dry_run="server")],
    "dry-run-fails": [install(Chart({"c.yaml": "{{ fail `no` }}"}), dry_run="client", fails="no")],
    "dry-run-unknown-kind": [
        install(Chart({"c.yaml": manifest("example.com/v1", "Nothing")}), dry_run="server", fails="no matches for kind")
    ],
    "capabilities": [install(ABOUT), upgrade(ABOUT), install(ABOUT, "other", dry_run="client")],
    "lookup": [
        foreign("there"),
        install(LOOKING),
        install(LOOKING, "dry", dry_run="client"),
        install(LOOKING, "asked", dry_run="server"),
    ],
    "files": [install(FILES)],
    "alias": [install(ALIASED, set="left.own=l,right.own=r,tags.off=false")],
    "label-invalid": [reworded(install(labels={"a b": "c"}, fails="a b"))],
    "label-value-invalid": [reworded(install(labels={"a": "b c"}, fails="b c"))],
    "no-objects-but-hooks": [install(Chart({"h.yaml": hook("post-install")}))],
    "list-kind": [
        install(
            Chart(
                {
                    "l.yaml": "apiVersion: v1\nkind: List\nitems:\n"
                    "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
                    "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
                }
            )
        ),
        uninstall(),
    ],
    "twice-the-same-object": [install(Chart({"a.yaml": configmap(value="1"), "b.yaml": configmap(value="1")}))],
    "twice-client-side": [
        install(
            Chart({"a.yaml": configmap(value="1"), "b.yaml": configmap(value="1")}),
            server_side=False,
            fails="already exists",
        )
    ],
    "stateful": [install(STATEFUL, wait=True), upgrade(STATEFUL, set="replicas=2", wait=True), uninstall()],
    "create-namespace": [beside(install(create_namespace=True))],
    "create-namespace-there": [install(create_namespace=True)],
    "no-namespace": [beside(install(fails="not found"))],
}

UPGRADE: Final[Cases] = {
    "timeout-slow": [install(), upgrade(SLOW, wait=True, timeout=2, fails="NOT READY: Deployment")],
    "force-replace-others": [
        install(server_side=False),
        Touch(lambda objects: objects.patch("configmaps", "web", {"data": {"more": "x"}})),
        upgrade(server_side=False, force_replace=True, set="value=2"),
    ],
    "reset-values-of-none": [install(SEEN, set="source=set"), upgrade(SEEN, reset_values=True), get_values()],
    "plain": [install(), upgrade(set="value=2")],
    "same": [install(WEB), upgrade(WEB)],
    "web": [install(WEB), upgrade(WEB, set="replicas=2,image=example/web:2", wait=True)],
    "removes": [install(GROWING, set_string="value=2"), upgrade(GROWING, set_string="value=1")],
    "removes-kept": [install(KEPT), upgrade(SIMPLE)],
    "labels": [install(labels={"a": "1", "b": "2"}), upgrade(labels={"b": None, "c": "3"})],
    "labels-kept": [install(labels={"a": "1"}), upgrade()],
    "description": [install(), upgrade(description="second")],
    "dry-run-client": [install(SECRET), upgrade(SECRET, dry_run="client", set="password=other")],
    "dry-run-server": [install(SECRET), upgrade(SECRET, dry_run="server", set="password=other")],
    "dry-run-hide-secret": [install(SECRET), upgrade(SECRET, dry_run="server", hide_secret=True, set="password=other")],
    "ssa-to-csa": [
        install(WEB),
        upgrade(WEB, server_side=False, set="replicas=2"),
        Look(),
        upgrade(WEB, set="replicas=1"),
    ],
    "csa-to-ssa": [
        install(WEB, server_side=False),
        Look(),
        upgrade(WEB, set="replicas=2"),
        Look(),
        upgrade(WEB, server_side=True, set="replicas=1"),
    ],
    "csa-stays": [install(WEB, server_side=False), upgrade(WEB, server_side="auto", set="replicas=2")],
    "csa-of-others": [
        install(WEB, server_side=False),
        Touch(somebody_scales),
        upgrade(WEB, server_side=False, set="image=example/web:2"),
    ],
    "conflict": [
        install(WEB),
        Touch(somebody_scales),
        upgrade(WEB, set="replicas=2", fails='conflict with "somebody"'),
    ],
    "force-conflicts": [install(WEB), Touch(somebody_scales), upgrade(WEB, set="replicas=2", force_conflicts=True)],
    "force-replace": [
        install(WEB, server_side=False),
        upgrade(WEB, server_side=False, force_replace=True, set="replicas=2"),
    ],
    "take-ownership": [install(), foreign("web-new"), upgrade(GROWING, set_string="value=2", take_ownership=True)],
    "foreign-object": [
        install(),
        foreign("web-new"),
        upgrade(GROWING, set_string="value=2", fails="cannot be imported"),
    ],
    "hooks": [install(HOOKED), upgrade(HOOKED, set_string="value=2")],
    "no-hooks": [install(HOOKED), upgrade(HOOKED, set_string="value=2", no_hooks=True)],
    "hook-fails": [
        install(failing("pre-upgrade")),
        upgrade(failing("pre-upgrade"), set_string="code=1,value=2", fails="pre-upgrade hooks failed"),
    ],
    "hook-fails-after": [
        install(failing("post-upgrade")),
        upgrade(failing("post-upgrade"), set_string="code=1,value=2", fails="post-upgrade hooks failed"),
    ],
    "wait-timeout": [
        install(GROWING),
        upgrade(GROWING, set_string="value=2", wait=True, timeout=2, fails="NOT READY: Deployment"),
    ],
    "cleanup-on-fail": [
        install(GROWING),
        upgrade(
            GROWING, set_string="value=2", wait=True, timeout=2, cleanup_on_fail=True, fails="NOT READY: Deployment"
        ),
    ],
    "rollback-on-failure": [
        install(GROWING),
        upgrade(GROWING, set_string="value=2", timeout=5, rollback_on_failure=True, fails="rolled back due to"),
    ],
    "rollback-on-failure-cleanup": [
        install(GROWING),
        upgrade(
            GROWING,
            set_string="value=2",
            timeout=5,
            rollback_on_failure=True,
            cleanup_on_fail=True,
            fails="rolled back due to",
        ),
    ],
    "rollback-on-failure-third": [
        install(GROWING),
        upgrade(GROWING, set_string="value=2", wait=True, timeout=1, fails="NOT READY: Deployment"),
        upgrade(GROWING, set_string="value=2", timeout=2, rollback_on_failure=True, fails="rolled back due to"),
    ],
    "after-failure": [
        install(GROWING),
        upgrade(GROWING, set_string="value=2", wait=True, timeout=1, fails="NOT READY: Deployment"),
        upgrade(GROWING),
    ],
    "after-failed-install": [install(STUCK, wait=True, timeout=1, fails="NOT READY: Deployment"), upgrade(SIMPLE)],
    "after-failed-hook": [
        install(failing("pre-install"), set_string="code=1", fails="failed pre-install"),
        upgrade(failing("pre-install")),
    ],
    "history-max": [install(), *(upgrade(set=f"value={number}", history_max=3) for number in range(5)), history()],
    "history-max-none": [install(), *(upgrade(set=f"value={number}", history_max=0) for number in range(3)), history()],
    "reset-values": [install(SEEN, set="source=set,id=1"), upgrade(SEEN, set="id=2", reset_values=True)],
    "reuse-values": [install(SEEN, set="source=set,id=1"), upgrade(SEEN, set="id=2", reuse_values=True)],
    "reuse-values-null": [install(SEEN, set="source=set,id=1"), upgrade(SEEN, set="source=null", reuse_values=True)],
    "reset-then-reuse-values": [
        install(SEEN, set="source=set,id=1"),
        upgrade(Chart(SEEN.templates, {**SEEN.values, "fresh": 1}), set="id=2", reset_then_reuse_values=True),
    ],
    "reuse-values-new-chart": [
        install(SEEN, set="source=set,id=1"),
        upgrade(Chart(SEEN.templates, {**SEEN.values, "fresh": 1}), set="id=2", reuse_values=True),
    ],
    "no-values-kept": [install(SEEN, set="source=set"), upgrade(SEEN)],
    "values-kept-unless-given": [install(SEEN, set="source=set"), upgrade(SEEN, set="id=2")],
    "dry-run-no-release": [reworded(upgrade(dry_run="client", fails='"web" has no deployed releases'))],
    "capabilities-after-crds": [install(DEFINED), upgrade(DEFINED, set="size=2"), rollback()],
    "no-release": [reworded(upgrade(fails='"web" has no deployed releases'))],
    "install": [upgrade(install=True), upgrade(install=True, set="value=2")],
    "install-all": [
        upgrade(
            HOOKED,
            install=True,
            labels={"a": "1"},
            description="made",
            no_hooks=True,
            set_string="value=2",
            server_side=False,
        )
    ],
    "install-create-namespace": [beside(upgrade(install=True, create_namespace=True))],
    "install-dry-run": [upgrade(SECRET, install=True, dry_run="server", hide_secret=True)],
    "install-fails": [upgrade(STUCK, install=True, timeout=2, rollback_on_failure=True, fails="uninstalled due to")],
    "install-over-uninstalled": [install(), uninstall(keep_history=True), upgrade(install=True, set="value=2")],
    "over-uninstalled": [install(), uninstall(keep_history=True), upgrade(fails="has no deployed releases")],
    "install-over-failed": [
        install(STUCK, wait=True, timeout=1, fails="NOT READY: Deployment"),
        upgrade(install=True, set="value=2"),
    ],
    "pending": [
        install(),
        remarked("pending-upgrade"),
        upgrade(fails="another operation (install/upgrade/rollback) is in progress"),
        upgrade(install=True, fails="another operation (install/upgrade/rollback) is in progress"),
    ],
    "schema": [
        install(SCHEMA),
        upgrade(SCHEMA, set="port=100", fails="values don't meet the specifications of the schema"),
    ],
    "crds": [install(Chart({"c.yaml": configmap()})), upgrade(DEFINED, set="widget=false")],
    "crds-install": [upgrade(DEFINED, install=True)],
    "immutable": [
        install(WEB),
        upgrade(
            Chart(
                {
                    "d.yaml": manifest(
                        "apps/v1",
                        "Deployment",
                        spec={
                            "selector": {"matchLabels": {"app": "x"}},
                            "template": {
                                "metadata": {"labels": {"app": "x"}},
                                "spec": {"containers": [{"name": "a", "image": "a"}]},
                            },
                        },
                    )
                }
            ),
            fails="field is immutable",
        ),
    ],
    "object-gone": [
        install(),
        Touch(lambda objects: objects.delete("configmaps", "web")),
        upgrade(set="value=2"),
    ],
    "object-changed": [
        install(WEB, server_side=False),
        Touch(lambda objects: objects.patch("services", "web", {"metadata": {"labels": {"their": "own"}}})),
        upgrade(WEB, server_side=False, set="replicas=2"),
    ],
    "template-fails": [install(), upgrade(Chart({"c.yaml": "{{ fail `no` }}"}), fails="no")],
}

ROLLBACK: Final[Cases] = {
    "timeout-slow": [install(SLOW), upgrade(SIMPLE), rollback(1, wait=True, timeout=2, fails="NOT READY: Deployment")],
    "force-replace-others": [
        install(server_side=False),
        upgrade(server_side=False, set="value=2"),
        Touch(lambda objects: objects.patch("configmaps", "web", {"data": {"more": "x"}})),
        rollback(force_replace=True, server_side=False),
    ],
    "cleanup-on-fail-of-new": [
        install(GROWING, set_string="value=2"),
        upgrade(GROWING, set_string="value=1"),
        rollback(1, wait=True, timeout=2, cleanup_on_fail=True, fails="NOT READY: Deployment"),
    ],
    "no-hooks-failing": [
        install(failing("pre-rollback"), set_string="code=1"),
        upgrade(failing("pre-rollback")),
        rollback(1, no_hooks=True),
    ],
    "wait-for-jobs": [
        install(Chart({"j.yaml": job(exit_code="1")})),
        upgrade(SIMPLE),
        rollback(1, wait=True, wait_for_jobs=True, timeout=4, fails="NOT READY: Job"),
    ],
    "plain": [install(), upgrade(set="value=2"), rollback()],
    "revision": [install(), upgrade(set="value=2"), upgrade(set="value=3"), rollback(1), history()],
    "twice": [install(), upgrade(set="value=2"), rollback(), rollback()],
    "removes-and-makes": [install(GROWING), upgrade(GROWING, set_string="value=2"), rollback(1), rollback(2)],
    "wait": [install(WEB), upgrade(WEB, set="replicas=2"), rollback(wait=True)],
    "wait-timeout": [
        install(STUCK),
        upgrade(SIMPLE),
        rollback(1, wait=True, timeout=2, fails="NOT READY: Deployment"),
    ],
    "cleanup-on-fail-of-an-update": [
        install(MORE, set="replicas=1"),
        upgrade(MORE, set="replicas=2"),
        Touch(somebody_scales),
        rollback(1, cleanup_on_fail=True, fails='conflict with "somebody"'),
    ],
    "cleanup-on-fail": [
        install(STUCK),
        upgrade(SIMPLE),
        rollback(1, wait=True, timeout=2, cleanup_on_fail=True, fails="NOT READY: Deployment"),
    ],
    "description": [install(), upgrade(set="value=2"), rollback(description="back")],
    "description-long": [install(), upgrade(), reworded(rollback(description="x" * 513, fails="characters"))],
    "dry-run-client": [install(), upgrade(set="value=2"), rollback(dry_run="client")],
    "dry-run-server": [install(), upgrade(set="value=2"), rollback(dry_run="server")],
    "hooks": [install(HOOKED), upgrade(HOOKED, set_string="value=2"), rollback()],
    "no-hooks": [install(HOOKED), upgrade(HOOKED, set_string="value=2"), rollback(no_hooks=True)],
    "hook-fails": [
        install(failing("pre-rollback"), set_string="code=1"),
        upgrade(failing("pre-rollback")),
        rollback(1, fails="NOT READY: Job NAMESPACE/web-hook"),
        Leaves(["superseded", "deployed", "pending-rollback"], ["superseded", "deployed", "failed"]),
    ],
    "hook-fails-after": [
        install(failing("post-rollback"), set_string="code=1"),
        upgrade(failing("post-rollback")),
        rollback(1, fails="NOT READY: Job NAMESPACE/web-hook"),
        Leaves(["superseded", "deployed", "pending-rollback"], ["superseded", "deployed", "failed"]),
    ],
    "history-max": [install(), upgrade(set="value=2"), upgrade(set="value=3"), rollback(history_max=2), history()],
    "to-csa": [install(WEB, server_side=False), upgrade(WEB, server_side=True, set="replicas=2"), rollback(1)],
    "to-ssa": [install(WEB), upgrade(WEB, server_side=False, set="replicas=2"), rollback(1)],
    "server-side-false": [install(WEB), upgrade(WEB, set="replicas=2"), rollback(server_side=False)],
    "server-side-true": [
        install(WEB, server_side=False),
        upgrade(WEB, server_side=False, set="replicas=2"),
        rollback(server_side=True),
    ],
    "conflict": [
        install(WEB),
        upgrade(WEB, set="replicas=2"),
        Touch(somebody_scales),
        rollback(fails='conflict with "somebody"'),
    ],
    "force-conflicts": [
        install(WEB),
        upgrade(WEB, set="replicas=2"),
        Touch(somebody_scales),
        rollback(force_conflicts=True),
    ],
    "force-replace": [
        install(WEB, server_side=False),
        upgrade(WEB, server_side=False, set="replicas=2", wait=True),
        rollback(force_replace=True, server_side=False),
    ],
    "no-release": [rollback(fails="release: not found")],
    "no-revision": [install(), upgrade(set="value=2"), rollback(7, fails="7")],
    "no-previous": [install(), rollback(fails="release has no 0 version")],
    "pending": [install(), upgrade(set="value=2"), remarked("pending-upgrade", 2), rollback(1)],
    "uninstalled": [install(), upgrade(set="value=2"), uninstall(keep_history=True), rollback(1)],
    "after-failure": [
        install(GROWING),
        upgrade(GROWING, set_string="value=2", wait=True, timeout=1, fails="NOT READY: Deployment"),
        rollback(),
    ],
    "labels": [install(labels={"a": "1"}), upgrade(labels={"a": "2"}), rollback()],
}

UNINSTALL: Final[Cases] = {
    "plain": [install(WEB), uninstall()],
    "no-wait": [install(), uninstall(wait=False)],
    "keep-history": [install(), upgrade(set="value=2"), uninstall(keep_history=True), history(), listing()],
    "wait-timeout": [
        install(),
        lingers("example.com/stay"),
        uninstall(timeout=2, fails="NOT READY: ConfigMap NAMESPACE/web"),
        Look(),
        lingers(),
    ],
    "wait-slow": [
        install(LINGERING, wait=True),
        uninstall(timeout=2, fails="NOT READY: Pod NAMESPACE/web"),
        Touch(lambda objects: objects.delete("pods", "web?gracePeriodSeconds=0")),
    ],
    "no-hooks-failing": [install(failing("pre-delete"), set_string="code=1"), uninstall(no_hooks=True)],
    "wait-timeout-keep-history": [
        install(),
        lingers("example.com/stay"),
        uninstall(timeout=2, keep_history=True, fails="NOT READY: ConfigMap NAMESPACE/web"),
        Look(),
        lingers(),
    ],
    "keep-history-description": [install(), uninstall(keep_history=True, description="away")],
    "keep-history-twice": [
        install(),
        uninstall(keep_history=True),
        uninstall(keep_history=True, fails='the release named "web" is already deleted'),
    ],
    "keep-history-then-all": [install(), upgrade(set="value=2"), uninstall(keep_history=True), uninstall()],
    "cascade-orphan": [install(WEB, wait=True), uninstall(cascade="orphan")],
    "cascade-foreground": [install(WEB, wait=True), uninstall(cascade="foreground")],
    "cascade-wrong": [install(), reworded(uninstall(cascade="sideways", fails="sideways"))],
    "dry-run": [install(WEB), uninstall(dry_run=True)],
    "dry-run-not-found": [uninstall(dry_run=True, fails="not found")],
    "not-found": [uninstall(fails="uninstall: Release not loaded: web: release: not found")],
    "ignore-not-found": [uninstall(ignore_not_found=True)],
    "hooks": [install(HOOKED), uninstall()],
    "no-hooks": [install(HOOKED), uninstall(no_hooks=True)],
    "hook-kept-history": [install(HOOKED), uninstall(keep_history=True)],
    "hook-fails": [
        install(failing("pre-delete"), set_string="code=1"),
        uninstall(fails="NOT READY: Job NAMESPACE/web-hook"),
        Leaves(["uninstalling"], ["deployed"]),
    ],
    "hook-fails-after": [
        install(failing("post-delete"), set_string="code=1"),
        uninstall(fails="NOT READY: Job NAMESPACE/web-hook"),
    ],
    "failed-release": [install(STUCK, wait=True, timeout=1, fails="NOT READY: Deployment"), uninstall()],
    "object-gone": [install(), Touch(lambda objects: objects.delete("configmaps", "web")), uninstall()],
    "object-of-others": [
        install(),
        Touch(
            lambda objects: objects.patch(
                "configmaps", "web", {"metadata": {"annotations": {"meta.helm.sh/release-name": "other"}}}
            )
        ),
        uninstall(),
    ],
    "pending": [install(), remarked("pending-install"), uninstall()],
    "wait-legacy": [install(WEB), uninstall(wait="legacy")],
    "crds": [install(DEFINED), uninstall()],
}

SERVED: Final = Touch(
    lambda objects: [
        Chart(SIMPLE.templates, SIMPLE.values, name=objects.namespace, version=version).save(objects.cluster.charts)
        for version in ("0.1.0", "0.2.0", "0.3.0-alpha")
    ]
)
"""Three versions of a chart are in the repository, named as the namespace is."""

SOURCE: Final[Cases] = {
    "newest": [SERVED, install(NAMESPACE, repo=REPOSITORY)],
    "version": [SERVED, install(NAMESPACE, repo=REPOSITORY, version="0.1.0"), upgrade(NAMESPACE, repo=REPOSITORY)],
    "range": [SERVED, install(NAMESPACE, repo=REPOSITORY, version="~0.1")],
    "devel": [SERVED, install(NAMESPACE, repo=REPOSITORY, devel=True)],
    "url": [SERVED, install(f"{REPOSITORY}/{NAMESPACE}-0.2.0.tgz")],
    "generated-name": [SERVED, install(f"{REPOSITORY}/{NAMESPACE}-0.2.0.tgz", None, generate_name=True)],
    "credentials": [
        SERVED,
        install(NAMESPACE, repo=f"{REPOSITORY}-AUTH", username="USERNAME", password="PASSWORD"),
    ],
    "no-credentials": [SERVED, install(NAMESPACE, repo=f"{REPOSITORY}-AUTH", fails="401 Unauthorized")],
    "no-such-chart": [install("nothing-here", repo=REPOSITORY, fails='chart "nothing-here" not found')],
    "no-such-version": [SERVED, install(NAMESPACE, repo=REPOSITORY, version="7", fails="not found")],
    "no-such-url": [install(f"{REPOSITORY}/nothing-1.tgz", fails="404 Not Found")],
    "no-such-repository": [install("unknown/web", fails="repo unknown not found")],
    "no-chart": [install(Chart(name="empty", files={"Chart.yaml": "no: chart"}), fails="chart")],
}

PUSHED: Final = Touch(
    lambda objects: [
        push(objects.cluster.registry, objects.namespace, Chart(SIMPLE.templates, SIMPLE.values, version=version))
        for version in ("0.1.0", "0.2.0", "0.3.0-alpha")
    ]
)
"""Three versions of a chart are in the registry, below the namespace's name."""

OCI: Final = f"oci://REGISTRY/{NAMESPACE}/web"
SHARED: Final = Touch(
    lambda objects: push(objects.cluster.registry, "parity", Chart(SIMPLE.templates, SIMPLE.values, version="0.2.0"))
)
"""For both sides at the same address: it is hashed into Chart.lock."""

NEEDING: Final = Chart(
    {"c.yaml": configmap(f"{NAME}-own")},
    metadata={"dependencies": [{"name": "web", "version": ">=0.1.0", "repository": "oci://REGISTRY/parity"}]},
    name="needing",
)

REGISTRY: Final[Cases] = {
    "newest": [PUSHED, install(OCI, plain_http=True)],
    "version": [PUSHED, install(OCI, plain_http=True, version="0.1.0"), upgrade(OCI, plain_http=True, set="value=2")],
    "range": [PUSHED, install(OCI, plain_http=True, version="~0.1")],
    "devel": [PUSHED, install(OCI, plain_http=True, devel=True)],
    "upgrade-install": [PUSHED, upgrade(OCI, plain_http=True, install=True, version="0.2.0")],
    "dry-run": [PUSHED, install(OCI, plain_http=True, dry_run="client")],
    "no-such-version": [PUSHED, install(OCI, plain_http=True, version="7.0.0", fails="not found")],
    "https-asked-of-http": [PUSHED, reworded(install(OCI, version="0.1.0", fails="HTTP response to HTTPS client"))],
    "dependency-update": [SHARED, install(NEEDING, dependency_update=True, plain_http=True)],
    "dependency-update-upgrade": [
        SHARED,
        install(SIMPLE),
        upgrade(NEEDING, dependency_update=True, plain_http=True, set="web.value=2"),
    ],
    "dependency-missing": [reworded(install(NEEDING, fails="missing in charts/ directory: web"))],
}


def renderer(script: str) -> Touch:
    """A plugin that post-renders, called as the namespace is."""
    return Touch(
        lambda objects: plugins.install(
            Path(os.environ["HELM_DATA_HOME"]) / "plugins", plugins.POST_RENDERER, script, objects.namespace
        )
    )


RENDERED: Final[Cases] = {
    "changes": [
        renderer("sed s/chart/rendered/"),
        install(post_renderer=NAMESPACE),
        upgrade(post_renderer=NAMESPACE, set="value=my-chart"),
    ],
    "arguments": [
        renderer('sed "s/$1/$2/"'),
        install(post_renderer=NAMESPACE, post_renderer_args=["chart", "given"]),
    ],
    "hooks": [renderer("sed s/example/other/"), install(HOOKED, post_renderer=NAMESPACE)],
    "dry-run": [renderer("sed s/chart/rendered/"), install(post_renderer=NAMESPACE, dry_run="client")],
    "no-such-plugin": [reworded(install(post_renderer="no-such-plugin", fails="no-such-plugin"))],
}

NEXT_SECOND: Final = Touch(lambda _: time.sleep(1.1))
"""Releases of one second are sorted by name: which are is the same on both sides then."""

THREE: Final[list[Step]] = [
    install(release="a", labels={"team": "web"}),
    install(WEB, "b", labels={"team": "db"}),
    NEXT_SECOND,
    install(failing("post-install"), "c", set_string="code=1", fails="failed post-install"),
    NEXT_SECOND,
    upgrade(release="a", set="value=2"),
    NEXT_SECOND,
    install(release="d"),
    uninstall("d", keep_history=True),
]
"""Releases in every lasting state."""

READ: Final[Cases] = {
    "list": [
        *THREE,
        listing(),
        listing(filter="^[ab]$"),
        listing(filter="zzz"),
        listing(selector="team=web"),
        listing(selector="team!=web"),
        listing(selector="team in (web,db)"),
        listing(date=True),
        listing(reverse=True),
        listing(max=0),
        listing(date=True, reverse=True),
        listing(max=2),
        listing(max=2, offset=1),
        listing(offset=3),
        listing(offset=9),
        listing(deployed=True),
        listing(failed=True),
        listing(superseded=True),
        listing(uninstalled=True),
        listing(uninstalling=True),
        listing(pending=True),
        listing(deployed=True, failed=True),
        reworded(listing(filter="(", fails="missing closing )")),
        reworded(listing(selector="a in", fails="unable to parse requirement")),
    ],
    "list-none": [listing()],
    "list-all-namespaces": [
        install(labels={"of": NAMESPACE}),
        beside(install(release="other", create_namespace=True, labels={"of": NAMESPACE})),
        listing(all_namespaces=True, selector=f"of={NAMESPACE}"),
    ],
    "history": [
        install(WEB, description="first"),
        upgrade(WEB, set="replicas=2"),
        rollback(),
        upgrade(GROWING, set_string="value=2", wait=True, timeout=1, fails="NOT READY: Deployment"),
        history(),
        history(max=1),
        history(max=2),
        history(max=20),
    ],
    "history-not-found": [history(fails="release: not found")],
    "status": [
        install(WEB, wait=True),
        status(),
        upgrade(WEB, set="replicas=2", wait=True),
        status(),
        status(revision=1),
        status(revision=2),
        status(revision=3, fails="release: not found"),
    ],
    "status-many": [install(MANY), status()],
    "status-hooks": [install(HOOKED), status()],
    "status-failed": [install(failing("post-install"), set_string="code=1", fails="failed post-install"), status()],
    "status-not-found": [status(fails="release: not found")],
    "status-object-gone": [install(), Touch(lambda objects: objects.delete("configmaps", "web")), status()],
    "status-uninstalled": [install(), uninstall(keep_history=True), status()],
    "status-name-invalid": [reworded(status("Web_1", fails="invalid"))],
    "get-values": [
        install(SEEN, set="source=set,id=1"),
        get_values(),
        get_values(all=True),
        upgrade(SEEN, values={"nested": {"source": None}, "deep": {"a": [1, 2.5, "x", None, True]}}),
        get_values(),
        get_values(all=True),
        get_values(revision=1),
        get_values(revision=1, all=True),
        get_values(revision=3, fails="release: not found"),
    ],
    "get-values-none": [install(SEEN), get_values(), get_values(all=True)],
    "get-values-subchart": [install(PARENT, set="child.own=mine"), get_values(all=True)],
    "get-values-not-found": [get_values(fails="release: not found")],
}

TABLES: Final[dict[str, Cases]] = {
    "values": VALUES,
    "install": INSTALL,
    "upgrade": UPGRADE,
    "rollback": ROLLBACK,
    "uninstall": UNINSTALL,
    "source": SOURCE,
    "registry": REGISTRY,
    "rendered": RENDERED,
    "read": READ,
}
ROWS: Final[dict[str, Any]] = {
    f"{table}-{name}": steps for table, cases in TABLES.items() for name, steps in cases.items()
}


@pytest.mark.parametrize("row", ROWS)
async def test_same(pair: Pair, row: str) -> None:
    await pair.go(ROWS[row])
