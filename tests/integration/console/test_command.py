"""The console as a user starts and ends it."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from pathlib import Path

import httpx
import pytest

from helm_sdkpy import Configuration, List, Status
from helm_sdkpy.testing import TestCluster

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 120
"""Much more than it takes: the machine may be busy with the other tests."""


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["interrupt", "terminate"])
async def test_its_end_cancels_what_runs_and_leaves_a_release_to_go_on_with(
    by: signal.Signals, code: int, helm_cluster: TestCluster, helm_config: Configuration
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "examples.console",
        "--kubeconfig", helm_cluster.kubeconfig, "--namespace", helm_config.namespace,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            said = (await process.stdout.readline()).decode()
            link = re.fullmatch(r"Open: (http://127\.0\.0\.1:\d+)/\?token=(\S+)\n", said)
            assert link is not None, said
            async with httpx.AsyncClient(base_url=link[1], headers={"origin": link[1]}) as browser:
                assert (await browser.get("/", params={"token": link[2]})).status_code == 303
                assert (await browser.get("/")).status_code == 200
                wanted = {"kind": "install", "release": "stuck", "chart": "stuck", "values": ""}
                assert (await browser.post("/api/operations", json=wanted)).status_code == 202
            await _until(helm_config, "pending-install")
            process.send_signal(by)
            rest = (await process.stdout.read()).decode()
            assert await process.wait() == code, rest
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "For another browser: http://127.0.0.1:" in rest
    assert "Cancelled: install of stuck\n" in rest
    assert "Traceback" not in rest
    info = (await Status(helm_config).run("stuck"))["info"]
    assert (info["status"], info.get("description")) == ("failed", "Install cancelled")


async def _until(config: Configuration, status: str) -> None:
    while True:
        if [release["status"] for release in await List(config).run()] == [status]:
            return
        await asyncio.sleep(0.05)
