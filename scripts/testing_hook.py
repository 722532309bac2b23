"""Puts the test cluster's program into the wheel of helm-sdkpy-testing while hatchling builds it.

Only `./scripts/dev wheel` builds that wheel, and there is no source distribution: Kubernetes takes too long to compile
for a `pip install` from source.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# A build front-end loads this file alone.
sys.path.insert(0, str(Path(__file__).parent))


class ProgramHook(BuildHookInterface[Any]):
    """The build hook of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the program and tell hatchling what else belongs into the wheel."""
        if version == "editable":  # the checkout's own program, by ./scripts/dev build-cluster
            return
        import build  # noqa: PLC0415
        import machine  # noqa: PLC0415
        import wheel_content  # noqa: PLC0415
        from wheel_hook import WANTED  # noqa: PLC0415

        target = os.environ.get(WANTED)
        if not target:
            raise SystemExit("helm-sdkpy-testing is built by ./scripts/dev wheel in a checkout of helm-sdkpy")
        # The program is linked statically: it runs with any C library.
        build_data["tag"] = f"py3-none-{machine.manylinux(target)}"
        place = f"helm_sdkpy_testing/_bin/{target}/testcluster"
        wheel_content.put(self, build_data, build.cluster(target), place)
