"""Pushes charts to the test cluster's OCI registry, without the library that is tested."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import Final

from tests.integration.charts import Chart

CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
CONTENT: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PLUGIN: Final = "application/vnd.helm.plugin.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"


def push(registry: str, repository: str, chart: Chart) -> str:
    """Push a chart to `registry/repository/NAME:VERSION`; gives the digest of its manifest."""
    name = f"{repository}/{chart.name}"
    described = {"name": chart.name, "version": chart.version, "apiVersion": "v2", **chart.metadata}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _blob(registry, name, CONFIG, json.dumps(described).encode()),
        "layers": [_blob(registry, name, CONTENT, chart.archive())],
    }
    content = json.dumps(manifest).encode()
    # A tag can not hold a plus: Helm writes an underscore for it.
    tag = chart.version.replace("+", "_")
    _request(registry, "PUT", f"/v2/{name}/manifests/{tag}", content, MANIFEST)
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push_plugin(registry: str, name: str, version: str, archive: bytes, signature: bytes | None = None) -> str:
    """Push a plugin's archive, and its provenance, to `registry/NAME:VERSION`; gives its reference."""
    title = f"{name.rpartition('/')[2]}-{version}.tgz"
    files = {title: archive} | ({f"{title}.prov": signature} if signature is not None else {})
    layers = [
        {**_blob(registry, name, LAYER, content), "annotations": {"org.opencontainers.image.title": file}}
        for file, content in files.items()
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": PLUGIN,
        "config": _blob(registry, name, "application/vnd.oci.empty.v1+json", b"{}"),
        "layers": layers,
    }
    _request(registry, "PUT", f"/v2/{name}/manifests/{version}", json.dumps(manifest).encode(), MANIFEST)
    return f"oci://{registry}/{name}:{version}"


def manifests(registry: str, prefix: str) -> dict[str, bytes]:
    """The manifest of each tag (`NAME:TAG`) below a prefix, byte for byte."""
    # In the order of names, so these are the first ones after the prefix.
    catalog: list[str] = json.loads(_read(registry, f"/v2/_catalog?n=100&last={prefix}"))["repositories"]
    found: dict[str, bytes] = {}
    for name in catalog:
        if name.startswith(f"{prefix}/"):
            tagged: list[str] = json.loads(_read(registry, f"/v2/{name}/tags/list"))["tags"] or []
            for tag in tagged:
                found[f"{name}:{tag}"] = _read(registry, f"/v2/{name}/manifests/{tag}")
    return found


def blob(registry: str, name: str, digest: str) -> bytes:
    """The content of a blob of a repository."""
    return _read(registry, f"/v2/{name}/blobs/{digest}")


def _read(registry: str, path: str) -> bytes:
    connection = http.client.HTTPConnection(registry, timeout=30)
    try:
        connection.request("GET", path, headers={"Accept": f"{MANIFEST}, application/vnd.oci.image.index.v1+json"})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    assert response.status == http.client.OK, f"{path}: {response.status} {content.decode(errors='replace')}"
    return content


def _blob(registry: str, name: str, media_type: str, content: bytes) -> dict[str, str | int]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    upload = _request(registry, "POST", f"/v2/{name}/blobs/uploads/")
    mark = "&" if "?" in upload else "?"
    _request(registry, "PUT", f"{upload}{mark}digest={digest}", content, "application/octet-stream")
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _request(registry: str, method: str, path: str, body: bytes = b"", content_type: str = "") -> str:
    """Send a request; gives the location that the answer names."""
    connection = http.client.HTTPConnection(registry, timeout=30)
    try:
        connection.request(method, path, body, {"Content-Type": content_type} if content_type else {})
        response = connection.getresponse()
        text = response.read().decode()
    finally:
        connection.close()
    assert response.status < 300, f"{method} {path}: {response.status} {text}"
    return response.headers.get("Location", "")
