"""Reads everything that a namespace holds and everything cluster-wide that belongs to it."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any, Final

from helm_sdkpy.testing import TestCluster

IGNORED: Final = {
    "events",
    "leases",
    "endpoints",
    "endpointslices",
    "controllerrevisions",
    "podmetrics",
    "csistoragecapacities",
}
"""What controllers write for themselves."""

OF_EACH_CLUSTER: Final = {
    "APIService",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CSINode",
    "IPAddress",
    "Namespace",
    "Node",
    "PersistentVolume",
}
"""Cluster-wide objects that no chart of ours makes, and that two clusters have each in its way."""

AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True)
class Kind:
    """A resource that can be listed."""

    address: str
    name: str
    kind: str
    namespaced: bool

    def path(self, namespace: str) -> str:
        """Where its objects are."""
        return (
            f"{self.address}/namespaces/{namespace}/{self.name}" if self.namespaced else f"{self.address}/{self.name}"
        )


class Reader:
    """One connection to the API server, kept: a hundred lists are read for one comparison."""

    def __init__(self, cluster: TestCluster) -> None:
        context = ssl.create_default_context(cafile=cluster.ca_file)
        context.load_cert_chain(cluster.client_certificate, cluster.client_key)
        address = cluster.server.removeprefix("https://")
        self._connection = http.client.HTTPSConnection(address, context=context, timeout=30)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def objects(self, namespace: str, *, alone: bool = False) -> list[dict[str, Any]]:
        """All objects of a namespace, and those of the cluster that a release in it made or that are named after it.

        With `alone` nobody else uses the cluster, and all that is cluster-wide is given.
        """
        itself = self.get(f"/api/v1/namespaces/{namespace}")
        found: list[dict[str, Any]] = [itself] if itself else []
        for kind in self._kinds():
            if kind.namespaced:
                found += self._list(kind, kind.path(namespace))
            elif alone and kind.kind not in OF_EACH_CLUSTER:
                found += self._list(kind, kind.path(""))
            else:
                found += self._of_cluster(kind, namespace)
        return found

    def remove_cluster_wide(self, namespace: str) -> None:
        """Delete what belongs to a namespace and does not go with it, and namespaces that are named after it."""
        for kind in self._kinds():
            if not kind.namespaced:
                for name in set(self._names(kind, namespace)) - {namespace}:
                    self._send("DELETE", f"{kind.path('')}/{name}").read()

    def get(self, path: str, accept: str = "application/json") -> Any:
        """An answer, or None where there is no such thing."""
        answer = self._send("GET", path, accept)
        text = answer.read()
        if answer.status in {http.client.NOT_FOUND, http.client.METHOD_NOT_ALLOWED}:
            return None
        assert answer.status == http.client.OK, f"{path}: {answer.status} {text.decode()}"
        return json.loads(text)

    def _send(self, method: str, path: str, accept: str = "application/json") -> http.client.HTTPResponse:
        headers = {"Accept": accept}
        try:
            self._connection.request(method, path, headers=headers)
            return self._connection.getresponse()
        except ConnectionError:
            # The server ends a connection that was idle for 90 seconds, which is noticed by the next request.
            self._connection.close()
            self._connection.request(method, path, headers=headers)
            return self._connection.getresponse()

    def _kinds(self) -> list[Kind]:
        kinds: list[Kind] = []
        for root in ("/api", "/apis"):
            for group in self.get(root, AGGREGATED)["items"]:
                # One version of each group: the others show the same objects.
                for version in group["versions"][:1]:
                    name = group["metadata"].get("name", "")
                    address = f"{root}/{name}/{version['version']}" if name else f"{root}/{version['version']}"
                    kinds += [
                        Kind(address, one["resource"], one["responseKind"]["kind"], one["scope"] == "Namespaced")
                        for one in version["resources"]
                        if "list" in one["verbs"] and one["resource"] not in IGNORED
                    ]
        return kinds

    def _list(self, kind: Kind, path: str) -> list[dict[str, Any]]:
        answer = self.get(path)
        if answer is None:
            return []
        version = kind.address.removeprefix("/apis/").removeprefix("/api/")
        items: list[dict[str, Any]] = answer["items"] or []
        return [{**item, "apiVersion": version, "kind": kind.kind} for item in items]

    def _of_cluster(self, kind: Kind, namespace: str) -> list[dict[str, Any]]:
        if kind.kind == "Namespace":
            return []
        found = [self.get(f"{kind.path('')}/{name}") for name in self._names(kind, namespace)]
        return [one for one in found if one is not None]

    def _names(self, kind: Kind, namespace: str) -> list[str]:
        answer: dict[str, Any] = self.get(kind.path(""), METADATA) or {}
        items: list[dict[str, Any]] = answer.get("items") or []
        return [item["metadata"]["name"] for item in items if _belongs(item, namespace)]


def _belongs(item: dict[str, Any], namespace: str) -> bool:
    metadata = item["metadata"]
    of_release = metadata.get("annotations", {}).get("meta.helm.sh/release-namespace") == namespace
    return of_release or namespace in metadata["name"]
