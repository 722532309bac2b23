"""Looks at what the cluster holds, past the library that is tested."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Callable
from typing import Any, Final

from helm_sdkpy.testing import TestCluster
from helm_sdkpy.testing.rest import ApiError

GROUPS: Final = {
    "": "/api/v1",
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
}


class Objects:
    """The objects of one namespace."""

    def __init__(self, cluster: TestCluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace

    def path(self, kind: str, name: str = "") -> str:
        """The address of an object, or of all of a kind (`configmaps`)."""
        return f"{GROUPS.get(kind, GROUPS[''])}/namespaces/{self.namespace}/{kind}{name and '/'}{name}"

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object."""
        return self.cluster.get(self.path(kind, name))

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """An object, or None where there is none."""
        try:
            return self.get(kind, name)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    def names(self, kind: str) -> list[str]:
        """The names of all objects of a kind, but for those that Kubernetes puts into each namespace."""
        items = self.cluster.get(self.path(kind))["items"]
        return sorted(item["metadata"]["name"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt")

    def create(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make an object."""
        return self.cluster.request("POST", self.path(kind), body)

    def patch(self, kind: str, name: str, body: dict[str, Any], *, manager: str = "somebody") -> dict[str, Any]:
        """Change an object, as another field manager than Helm."""
        path = f"{self.path(kind, name)}?fieldManager={manager}"
        return self.cluster.request("PATCH", path, body, content_type="application/merge-patch+json")

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        self.cluster.request("DELETE", self.path(kind, name))

    def data(self, name: str) -> dict[str, str]:
        """What a ConfigMap holds."""
        return self.get("configmaps", name)["data"]

    def statuses(self, release: str, kind: str = "secrets") -> list[str]:
        """The status of each revision of a release, the oldest first, from the records' labels."""
        records = self.cluster.get(self.path(kind) + f"?labelSelector=owner%3Dhelm%2Cname%3D{release}")["items"]
        labels = [record["metadata"]["labels"] for record in records]
        return [label["status"] for label in sorted(labels, key=lambda label: int(label["version"]))]

    def record(self, release: str, revision: int = 1) -> dict[str, Any]:
        """A revision's record as it is stored."""
        secret = self.get("secrets", f"sh.helm.release.v1.{release}.v{revision}")
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        return json.loads(gzip.decompress(packed))

    def managers(self, kind: str, name: str) -> dict[str, str]:
        """Who manages fields of an object, and by which operation."""
        fields = self.get(kind, name)["metadata"]["managedFields"]
        return {entry["manager"]: entry["operation"] for entry in fields}


async def until(true: Callable[[], object], what: str, seconds: float = 20) -> None:
    """Wait until something is so; what is asked blocks, so it is asked in a thread."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(true):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)
