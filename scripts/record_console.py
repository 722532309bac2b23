"""Takes the picture of the console in docs/how-to/console.md from a real run, in a real browser.

Run by `./scripts/dev python scripts/record_console.py [DIRECTORY]`. With a directory, pictures of every view in both
widths and both colour schemes go there instead.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.async_api import Browser, expect  # noqa: E402

from helm_sdkpy import Configuration, Install  # noqa: E402
from helm_sdkpy.testing import TestCluster  # noqa: E402
from tests.browser import DESKTOP, PHONE, chromium  # noqa: E402
from tests.integration.console.user import CHARTS, Served, User, serving  # noqa: E402

PICTURE: Final = ROOT / "docs" / "how-to" / "console.png"
SIZE: Final = (1200, 860)
SLOW: Final = "podAnnotations:\n  testcluster/ready-after: 90s\n"


async def busy(user: User) -> None:
    """Have something of everything: what is ready, what runs, and what failed."""
    await Install(user.served.config).run("shop", CHARTS / "shop")
    await user.install("broken")
    await user.ended("failed")
    await user.install("store")
    await user.ended("done")
    await user.install("stack", values="worker:\n  podAnnotations:\n    testcluster/ready-after: 90s\n")
    await expect(user.object("Deployment stack-api")).to_contain_text("ready")
    await expect(user.object("Deployment stack-worker")).to_contain_text("Readiness probe failed")


async def picture(browser: Browser, served: Served) -> None:
    """The one of the documentation: an install under way."""
    user = await User.enter(browser, served, SIZE, color_scheme="light", reduced_motion="reduce")
    await busy(user)
    await user.page.screenshot(path=PICTURE)


async def every(browser: Browser, served: Served, directory: Path) -> None:
    """One of each view, in each width and scheme."""
    user = await User.enter(browser, served, DESKTOP, reduced_motion="reduce")
    page = user.page

    async def take(view: str) -> None:
        schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
        for width, height in (DESKTOP, PHONE):
            await page.set_viewport_size({"width": width, "height": height})
            for scheme in schemes:
                await page.emulate_media(color_scheme=scheme)
                await page.screenshot(path=directory / f"{view}-{width}-{scheme}.png", full_page=True)
        await page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    await take("empty")
    await user.form("shop", values="replicas: many\nservice:\n  port: 70000\n  prot: TCP\n")
    await expect(user.problems).to_have_count(3)
    await take("form")
    await busy(user)
    await take("running")
    await user.link("Helm console").click()
    await take("operations")
    for name in ("broken", "store"):
        await page.get_by_role("navigation").get_by_role("link", name=name).click()
        await expect(user.revision(1)).to_be_visible()
        await take(name)
    await user.install(
        "migrate",
        timeout=4,
        values="podAnnotations: {testcluster/waiting-reason: ImagePullBackOff, testcluster/waiting-message: Back-off}",
    )
    await user.ended("failed")
    await expect(user.revision(1)).to_be_visible()
    await take("failed")
    await page.goto(f"{served.origin}/#/releases/shop/upgrade")
    await expect(page.locator("#chart-about")).not_to_be_empty()
    await user.values.fill("replicas: 3\ngreeting: Good evening\n")
    await user.button("Review changes").click()
    await expect(user.heading("What would change")).to_be_visible()
    await take("diff")
    await page.goto(f"{served.origin}/#/releases/shop")
    await user.button("Uninstall").click()
    await take("question")


async def main(directory: str | None) -> None:
    """Serve a console on a cluster of its own, and look at it."""
    async with (
        TestCluster() as cluster,
        Configuration(namespace="default", kubeconfig=cluster.kubeconfig) as config,
        serving(config, CHARTS) as served,
        chromium() as browser,
    ):
        await (picture(browser, served) if directory is None else every(browser, served, Path(directory)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
