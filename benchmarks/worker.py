"""One side of the comparison that is driven from Python: this library, or helm-sdkpy 0.1.32 in its own environment.

It runs as a script with whichever `helm_sdkpy` its interpreter finds: code for the one runs on the other. It reads
requests from standard input, one JSON object a line, makes their calls at once, and answers each with a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import helm_sdkpy

ACTIONS = {
    "install": "Install",
    "upgrade": "Upgrade",
    "rollback": "Rollback",
    "uninstall": "Uninstall",
    "status": "Status",
    "list": "List",
    "history": "History",
    "get_values": "GetValues",
    "template": "Template",
    "lint": "Lint",
    "search_repo": "SearchRepo",
}


class Configurations:
    """One Configuration a namespace, as a long-lived program keeps it."""

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._made: dict[str, helm_sdkpy.Configuration] = {}

    def get(self, namespace: str) -> helm_sdkpy.Configuration:
        """The namespace's Configuration, made at the first question."""
        if namespace not in self._made:
            self._made[namespace] = helm_sdkpy.Configuration(namespace=namespace, kubeconfig=self._kubeconfig)
        return self._made[namespace]


async def answer(configurations: Configurations, request: dict[str, Any]) -> dict[str, Any]:
    """Make the calls of a request, `repeat` times one after the other."""
    seconds: list[float] = []
    result: Any = None
    try:
        # 0.1.32 has no Template: an AttributeError, and the cell says failed.
        action = getattr(helm_sdkpy, ACTIONS[request["action"]])(configurations.get(request["namespace"]))
        for _ in range(request["repeat"]):
            began = time.perf_counter()
            results = await asyncio.gather(*(action.run(**arguments) for arguments in request["calls"]))
            seconds.append(time.perf_counter() - began)
            result = results[-1]
    except Exception as raised:
        return {"error": f"{type(raised).__name__}: {raised}"}
    several = request["action"] in {"list", "history", "get_values", "search_repo"}
    return {"seconds": seconds, "count": len(result or ()) if several else 1}


def main() -> None:
    """Serve until standard input ends."""
    configurations = Configurations(sys.argv[1])
    loop = asyncio.new_event_loop()
    for line in sys.stdin:
        print(json.dumps(loop.run_until_complete(answer(configurations, json.loads(line)))), flush=True)
    loop.close()


if __name__ == "__main__":
    main()
