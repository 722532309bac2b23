"""A process of its own that works on a release, and is killed while it does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from helm_sdkpy.testing import TestCluster
from tests.integration.objects import until

PROGRAM: Final = """
import asyncio, json, sys
import helm_sdkpy

async def main():
    told = json.loads(sys.argv[1])
    config = helm_sdkpy.Configuration(**told["configuration"])
    for action, arguments in told["calls"]:
        try:
            await getattr(helm_sdkpy, action)(config).run(**arguments)
            print(json.dumps({"done": action}), flush=True)
        except helm_sdkpy.HelmError as error:
            print(json.dumps({"failed": action, "code": error.code, "message": str(error)}), flush=True)

asyncio.run(main())
"""


class Program:
    """A Python process that makes calls of this package, one after the other."""

    def __init__(
        self,
        cluster: TestCluster,
        namespace: str,
        *calls: tuple[str, Mapping[str, object]],
        configuration: Mapping[str, object] | None = None,
    ) -> None:
        options = {"namespace": namespace, "kubeconfig": str(cluster.kubeconfig), **(configuration or {})}
        told = json.dumps({"configuration": options, "calls": [[action, dict(given)] for action, given in calls]})
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, told], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
        )

    async def kill(self, when: Callable[[], object], what: str) -> None:
        """Kill it with SIGKILL when something is so."""
        try:
            await until(when, what, 40)
            assert self._process.poll() is None, "it ended before it could be killed"
        finally:
            self._process.kill()
            self._process.communicate(timeout=30)

    def results(self, seconds: float = 120) -> list[dict[str, Any]]:
        """What came of its calls, when it has ended."""
        try:
            said, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        return [json.loads(line) for line in said.splitlines()]
