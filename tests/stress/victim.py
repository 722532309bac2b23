"""The process that a campaign kills: it connects, says so, and begins when it is told to."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from helm_sdkpy import Configuration, List
from tests.stress.actions import ACTIONS


async def _main(given: dict[str, Any]) -> None:
    async with Configuration(given["namespace"], given["kubeconfig"]) as config:
        await List(config).run()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await ACTIONS[given["action"]].call(config, given["release"])
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
