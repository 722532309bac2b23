"""Measures a hundred operations that wait on one Configuration: `./scripts/dev python benchmarks/waiting.py`."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from helm_sdkpy import Configuration, Install, Wait
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import STUCK

WAITS: Final = 100
WINDOWS: Final = (12, 10, 10, 10, 10)


def processor() -> float:
    """Seconds of processor time of this process, Go's threads among them."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def main() -> None:
    """Install, wait for what never gets ready, and show what it costs."""
    with TestCluster() as cluster:
        cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "waiting"}})
        with Configuration(kubeconfig=cluster.kubeconfig, namespace="waiting") as config:
            archive = STUCK.archive()
            await asyncio.gather(*(Install(config).run(f"r{i}", archive, wait=False) for i in range(WAITS)))
            waits = [asyncio.create_task(Wait(config).run(f"r{i}", timeout=600)) for i in range(WAITS)]
            for seconds in WINDOWS:
                began, used = time.monotonic(), processor()
                await asyncio.sleep(seconds)
                share = (processor() - used) / (time.monotonic() - began)
                waiting = sum(not each.done() for each in waits)
                print(f"{waiting} waiting, {seconds} s: {share:.1%} of a core")
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


asyncio.run(main())
