"""The charts that the campaigns deploy: several kinds, hooks, a test, and changes from one version to the next."""

from __future__ import annotations

from typing import Final

from tests.integration.charts import NAME, Chart, configmap, deployment, manifest, pod_template


def hook_pod(*events: str, name: str) -> str:
    """A hook that is a Pod: a Job takes two seconds."""
    pod = pod_template(restart="Never")
    metadata = {**pod["metadata"], "annotations": {"helm.sh/hook": ",".join(events)}}
    return manifest("v1", "Pod", name, metadata=metadata, spec=pod["spec"])


def service(name: str) -> str:
    """A Service."""
    return manifest("v1", "Service", name, spec={"selector": {"app": NAME}, "ports": [{"port": 80}]})


_ALWAYS: Final = {
    "kept.yaml": configmap(f"{NAME}-kept", value="{{ .Values.value }}"),
    "service.yaml": service(NAME),
    "deployment.yaml": deployment(),
    "before.yaml": hook_pod("pre-install", "pre-upgrade", "pre-rollback", "pre-delete", name=f"{NAME}-before"),
    "after.yaml": hook_pod("post-install", "post-upgrade", name=f"{NAME}-after"),
    "test.yaml": hook_pod("test", name=f"{NAME}-test"),
}

FIRST: Final = Chart({**_ALWAYS, "old.yaml": configmap(f"{NAME}-old")}, {"value": "first"}, version="1.0.0")
SECOND: Final = Chart({**_ALWAYS, "new.yaml": configmap(f"{NAME}-new")}, {"value": "second"}, version="2.0.0")
"""Changes one object, adds one and removes one."""

GROUP: Final = "{release}.stress.test"


def with_crd(release: str) -> Chart:
    """The first chart with a kind of its own, which is cluster-wide and so named by the release."""
    group = GROUP.format(release=release)
    plural = "gears"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd = manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.{group}",
        spec={
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Gear", "plural": plural, "singular": "gear"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    )
    return Chart(FIRST.templates, FIRST.values, version="1.0.0", files={"crds/gear.yaml": crd})
