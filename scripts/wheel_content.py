"""Puts what was built in Go into a wheel: the file itself, what is linked in, and under which licences."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import build
import components
import sbom
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

GENERATED = "third-party"
"""Where the licence texts are put for hatchling, below the project and below `.dist-info/licenses`."""


def put(hook: BuildHookInterface[Any], build_data: dict[str, Any], artifact: build.Artifact, place: str) -> None:
    """Build the artifact, and tell hatchling to put it at its place in the wheel, with all that is to be said of it."""
    build.build(artifact)
    parts = components.linked(
        artifact.output, artifact.directory, artifact.package_flags, os.environ | artifact.environment
    )
    licences = components.collect(parts, Path(hook.root), GENERATED)
    metadata = cast("Any", hook.metadata)  # pyright: ignore[reportUnknownMemberType]
    bill = build.BUILD / "wheel" / artifact.output.parent.name / f"{metadata.core.name}.cdx.json"
    bill.parent.mkdir(parents=True, exist_ok=True)
    bill.write_text(sbom.cyclonedx(metadata.core.name, metadata.version, parts))
    build_data["pure_python"] = False
    build_data["force_include"][str(artifact.output)] = place
    build_data["sbom_files"].append(str(bill))
    metadata.core.license_files.extend(licences)
