"""Makes small charts, so that each test shows the chart that it is about."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

NAME: Final = "{{ .Release.Name }}"


@dataclass(frozen=True)
class Chart:
    """A chart: its files, as bytes of an archive, as an archive or as a directory."""

    templates: Mapping[str, str] = field(default_factory=dict[str, str])
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = "web"
    version: str = "0.1.0"
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More of Chart.yaml."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """Other files by path: `crds/widget.yaml`, `values.schema.json`."""

    def contents(self) -> dict[str, str]:
        """Each file of the chart's directory by its path."""
        described = {"apiVersion": "v2", "name": self.name, "version": self.version, **self.metadata}
        return {
            "Chart.yaml": yaml.safe_dump(described),
            "values.yaml": yaml.safe_dump(dict(self.values)),
            **{f"templates/{path}": text for path, text in self.templates.items()},
            **self.files,
        }

    def archive(self) -> bytes:
        """The bytes of its archive, the same ones each time."""
        packed = io.BytesIO()
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w") as archive,
        ):
            for path, text in self.contents().items():
                content = text.encode()
                entry = tarfile.TarInfo(f"{self.name}/{path}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return packed.getvalue()

    def save(self, directory: Path) -> Path:
        """Its archive in a directory, there at once: a repository may be reading the directory."""
        path = directory / f"{self.name}-{self.version}.tgz"
        part = path.with_suffix(".part")
        part.write_bytes(self.archive())
        return part.rename(path)

    def write(self, directory: Path) -> Path:
        """Its own directory in a directory."""
        root = directory / self.name
        for path, text in self.contents().items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root


def raw(template: str) -> str:
    """A template whose result is no string: `raw("{{ .Values.replicas }}")`."""
    return f"<raw>{template}</raw>"


def manifest(api_version: str, kind: str, name: str = NAME, /, **body: Any) -> str:
    """The template of an object. JSON is YAML, and needs no indentation of what templates put into it."""
    metadata = {"name": name, **body.pop("metadata", {})}
    text = json.dumps({"apiVersion": api_version, "kind": kind, "metadata": metadata, **body})
    return text.replace('"<raw>', "").replace('</raw>"', "")


def configmap(name: str = NAME, metadata: Mapping[str, Any] | None = None, **data: str) -> str:
    """A ConfigMap."""
    return manifest("v1", "ConfigMap", name, metadata=metadata or {}, data=data)


def pod_template(*, restart: str = "Always", **annotations: str) -> dict[str, Any]:
    """A pod's template; annotations tell the test cluster's node what the pod does."""
    return {
        "metadata": {
            "labels": {"app": NAME},
            "annotations": {f"testcluster/{key.replace('_', '-')}": value for key, value in annotations.items()},
        },
        "spec": {
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "main", "image": "{{ .Values.image | default `example/web:1` }}"}],
        },
    }


def deployment(name: str = NAME, *, replicas: int | str = 1, **annotations: str) -> str:
    """A Deployment whose pods are annotated: `ready="never"`."""
    return manifest(
        "apps/v1",
        "Deployment",
        name,
        spec={
            "replicas": replicas,
            "selector": {"matchLabels": {"app": NAME}},
            "template": pod_template(**annotations),
        },
    )


def job(name: str = NAME, metadata: Mapping[str, Any] | None = None, **annotations: str) -> str:
    """A Job whose pod is annotated: `run_for="2s"`, `exit_code="1"`."""
    template = pod_template(restart="Never", **annotations)
    return manifest("batch/v1", "Job", name, metadata=metadata or {}, spec={"backoffLimit": 0, "template": template})


def hook(*events: str, name: str = f"{NAME}-hook", weight: int = 0, policy: str = "", **annotations: str) -> str:
    """A hook: a Job that runs when one of the events happens."""
    marks = {"helm.sh/hook": ",".join(events), "helm.sh/hook-weight": str(weight)}
    if policy:
        marks["helm.sh/hook-delete-policy"] = policy
    return job(name, {"annotations": marks}, **annotations)


def definition(group: str, kind: str, *, scope: str = "Namespaced") -> str:
    """A CustomResourceDefinition that takes any fields. It is cluster-wide: the group should be the test's own."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.{group}",
        spec={
            "group": group,
            "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    )


SIMPLE: Final = Chart({"configmap.yaml": configmap(value="{{ .Values.value }}")}, {"value": "chart"})
"""One ConfigMap that shows `.Values.value`."""

STUCK: Final = Chart({"configmap.yaml": configmap(), "deployment.yaml": deployment(ready="never")})
"""Installs, but is never ready."""
