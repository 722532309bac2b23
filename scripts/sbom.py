"""The software bill of materials of a wheel, as CycloneDX: the same for the same components."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from components import Component


def cyclonedx(name: str, version: str, components: Iterable[Component]) -> str:
    """The document: the package of Python and, as its parts, what is linked into its library."""
    root: dict[str, Any] = {
        "type": "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    parts = sorted((_component(each) for each in components), key=lambda part: part["purl"])
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root},
        "components": parts,
        "dependencies": [{"ref": root["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    return json.dumps(document, indent=2) + "\n"


def _component(component: Component) -> dict[str, Any]:
    part: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.sum.startswith("h1:"):
        # go.sum's own hash: that of the list of the hashes of a module's files.
        part["hashes"] = [{"alg": "SHA-256", "content": base64.b64decode(component.sum[3:]).hex()}]
    return part
