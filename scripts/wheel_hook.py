"""Puts the library into the wheel while hatchling builds it, with what is linked in and under which licences.

`./scripts/dev wheel` names a platform and has the pinned toolchain; everyone else (`pip install .`, a source
distribution) gets a library for the machine at hand, built with the Go and the C compiler that are there. The tag says
which of the two it was: only the pinned C compiler builds for the glibc that manylinux2014 promises.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# A build front-end loads this file alone.
sys.path.insert(0, str(Path(__file__).parent))

WANTED = "HELM_SDKPY_WHEEL_PLATFORM"
"""The environment variable by which `./scripts/dev wheel` names the platform."""


class LibraryHook(BuildHookInterface[Any]):
    """The build hook of the wheel."""

    def dependencies(self) -> list[str]:
        """What must come from the package index because the machine has it not."""
        if WANTED in os.environ or not _supported():
            return []
        import machine  # noqa: PLC0415 - only where it can work

        return machine.missing(Path(self.root))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the library and tell hatchling what else belongs into the wheel."""
        if version == "editable":  # the checkout's own library, by ./scripts/dev build-lib
            return
        if not _supported():
            raise SystemExit(
                f"helm-sdkpy can not be built on {platform.system()} {platform.machine()}: "
                "its library exists for Linux with glibc on x86_64 and aarch64"
            )
        import build  # noqa: PLC0415
        import machine  # noqa: PLC0415
        import wheel_content  # noqa: PLC0415

        target = os.environ.get(WANTED)
        if target:
            artifact, build_data["tag"] = build.library(target), f"py3-none-{machine.manylinux(target)}"
        else:
            artifact, build_data["tag"] = machine.library()
        place = f"helm_sdkpy/_lib/{target or build.PLATFORM}/{artifact.output.name}"
        wheel_content.put(self, build_data, artifact, place)


def _supported() -> bool:
    known = platform.machine() in ("x86_64", "aarch64", "arm64")
    return WANTED in os.environ or (platform.system() == "Linux" and platform.libc_ver()[0] == "glibc" and known)
