"""How smooth the console stays while many operations run: frames of the page, and turns of the server's loop.

`./scripts/dev python -m benchmarks.console [OPERATIONS]`. The browser, the server and the cluster share this machine.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from typing import Any, Final, cast

from playwright.async_api import Page, expect

from helm_sdkpy import Configuration
from helm_sdkpy.testing import TestCluster
from tests.browser import chromium
from tests.integration.console.user import CHARTS, User, serving

OPERATIONS: Final = 30

MOST: Final = 600_000
"""Milliseconds for all of them: on a busy machine it is the cluster that takes them."""

WATCH: Final = """() => {
    const seen = window.seen = { frames: [], tasks: [], drawn: 0, last: performance.now() };
    document.addEventListener("console:rendered", () => seen.drawn += 1);
    new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => seen.tasks.push(duration)))
        .observe({ type: "longtask" });
    const frame = (now) => { seen.frames.push(now - seen.last); seen.last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
}"""

START: Final = """async (names) => {
    const values = "podAnnotations: {testcluster/ready-after: 2s}";
    await Promise.all(names.map((release) => fetch("/api/operations", {
        method: "POST", headers: {"content-type": "application/json"},
        body: JSON.stringify({kind: "install", release, chart: "shop", values}),
    })));
}"""


async def turns(late: list[float]) -> None:
    """How late the loop comes back to who slept for 10 ms."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.01)
        late.append((time.perf_counter() - began - 0.01) * 1000)


def spread(name: str, samples: list[float]) -> None:
    """A line: the median, what one in a hundred is longer than, and the longest."""
    hundredths = statistics.quantiles(samples, n=100, method="inclusive")
    print(
        f"{name:<34} median {hundredths[49]:6.1f} ms   99 % {hundredths[98]:6.1f} ms   longest {max(samples):6.1f} ms"
    )


async def measure(user: User, operations: int) -> None:
    """Install at once, and look how the page and the loop fare."""
    page: Page = user.page
    put, told = user.served.console.feed.put, 0

    def count(key: str, value: object) -> None:
        nonlocal told
        told += 1
        put(key, value)

    user.served.console.feed.put = count
    tools = cast(Any, await page.context.new_cdp_session(page))
    await tools.send("Performance.enable", {"timeDomain": "threadTicks"})
    await page.evaluate(WATCH)
    late: list[float] = []
    turning = asyncio.create_task(turns(late))
    began = time.perf_counter()
    await page.evaluate(START, [f"shop-{number:03}" for number in range(operations)])
    done = page.locator("table.operations tbody tr").filter(has_text="done")
    await expect(done).to_have_count(operations, timeout=MOST)
    seconds = time.perf_counter() - began
    turning.cancel()
    seen: dict[str, Any] = await page.evaluate("window.seen")
    metrics = {each["name"]: each["value"] for each in (await tools.send("Performance.getMetrics"))["metrics"]}
    print(f"{operations} installs at once: {seconds:.1f} s, {told} changes told, {seen['drawn']} renderings")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    spread("between two frames of the page", seen["frames"])
    spread("the server's loop came late by", late)
    parts = ", ".join(
        f"{name} {metrics[key] * 1000 / seen['drawn']:.1f} ms"
        for name, key in (
            ("all", "TaskDuration"),
            ("scripts", "ScriptDuration"),
            ("style", "RecalcStyleDuration"),
            ("layout", "LayoutDuration"),
        )
    )
    print(f"processor time of the page's thread for each rendering: {parts}")
    print(f"tasks of the page over 50 ms: {len(seen['tasks'])}, the longest {max(seen['tasks'], default=0):.0f} ms")


async def main(operations: int) -> None:
    """Measure once on a cluster of its own."""
    async with (
        TestCluster() as cluster,
        Configuration(namespace="default", kubeconfig=cluster.kubeconfig) as config,
        serving(config, CHARTS) as served,
        chromium() as browser,
    ):
        await measure(await User.enter(browser, served), operations)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else OPERATIONS))
