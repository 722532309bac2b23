"""A user of the console: finds things by their names and roles, as people and screen readers do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from playwright.async_api import Browser, Locator, Page, expect

from examples.console.access import Access
from examples.console.app import About, Console
from examples.console.charts import Charts
from examples.console.command import serve
from helm_sdkpy import Configuration
from tests.browser import DESKTOP, watch

CHARTS = Path(__file__).resolve().parents[3] / "examples" / "charts"

SECONDS = 60_000
"""Milliseconds for what takes a moment: much more than it needs, the machine may be busy."""

expect.set_options(timeout=SECONDS)


@dataclass
class Served:
    """A console that serves, and can stop and begin to serve."""

    console: Console
    access: Access
    config: Configuration
    tokens: list[str] = field(default_factory=list[str])
    port: int = 0
    _serving: asyncio.Task[None] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def link(self) -> str:
        return f"{self.origin}/?token={self.tokens[-1]}"

    def begin(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]

        async def until_ended() -> None:
            with listener:
                await serve(self.console, listener)

        self._serving = asyncio.create_task(until_ended())

    async def end(self) -> None:
        assert self._serving is not None
        self._serving.cancel()
        await asyncio.wait([self._serving])


@contextlib.asynccontextmanager
async def serving(config: Configuration, charts: Path) -> AsyncGenerator[Served]:
    """Serve a console until the block is left."""
    tokens: list[str] = []
    access = Access(tokens.append)
    console = Console(config, Charts(config, charts), access, About(config.namespace, "test cluster", "test"))
    access.renew()
    served = Served(console, access, config, tokens)
    served.begin()
    try:
        yield served
    finally:
        await console.close()
        await served.end()


@dataclass
class User:
    """Somebody with a page of the console open."""

    page: Page
    served: Served
    wrong: list[str]
    """What the browser complained of; a test that makes something go wrong takes it out."""

    @classmethod
    async def enter(cls, browser: Browser, served: Served, size: tuple[int, int] = DESKTOP, **options: Any) -> Self:
        """Open the newest link in a browser of its own."""
        context = await browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        page = await context.new_page()
        page.set_default_timeout(SECONDS)
        wrong = watch(page, origin=served.origin)
        await page.goto(served.link)
        user = cls(page, served, wrong)
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        return user

    @classmethod
    @contextlib.asynccontextmanager
    async def visit(
        cls, browser: Browser, served: Served, size: tuple[int, int] = DESKTOP, **options: Any
    ) -> AsyncGenerator[Self]:
        """Open the newest link, and leave in the end."""
        user = await cls.enter(browser, served, size, **options)
        try:
            yield user
        finally:
            await user.page.context.close()

    def troubles(self) -> list[str]:
        """What went wrong. A page that is left or loaded anew ends its stream, which is no trouble."""
        return [each for each in self.wrong if not ("/api/events" in each and "ERR_ABORTED" in each)]

    def button(self, name: str, within: Page | Locator | None = None) -> Locator:
        return (within or self.page).get_by_role("button", name=name)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name)

    def heading(self, name: str) -> Locator:
        return self.page.get_by_role("heading", name=name, exact=True)

    @property
    def values(self) -> Locator:
        return self.page.get_by_label("Values (YAML)")

    @property
    def problems(self) -> Locator:
        return self.page.locator("#values-problems li")

    @property
    def operation(self) -> Locator:
        """What is said of the newest operation on the release that is shown."""
        return self.page.locator("section.operation")

    @property
    def failure(self) -> Locator:
        return self.operation.locator(".failure")

    @property
    def log(self) -> Locator:
        return self.page.locator("section.written .log")

    def object(self, name: str) -> Locator:
        """The row of an object: `Deployment shop`."""
        return self.page.locator("table.objects tbody tr").filter(has=self.page.get_by_role("rowheader", name=name))

    def revision(self, number: int) -> Locator:
        rows = self.page.locator("table.history tbody tr")
        return rows.filter(has=self.page.get_by_role("rowheader", name=str(number), exact=True))

    async def form(self, chart: str, release: str | None = None, values: str = "", timeout: int | None = None) -> None:
        """Fill in the form for an install, and not send it."""
        await self.link("Install a chart").first.click()
        await self.page.get_by_label("Chart", exact=True).select_option(label=f"{chart} 1.0.0")
        await expect(self.page.get_by_label("Release name")).to_have_value(chart)
        if release is not None:
            await self.page.get_by_label("Release name").fill(release)
        await self.values.fill(values)
        if timeout is not None:
            await self.page.get_by_label("Seconds to wait").fill(str(timeout))

    async def install(
        self, chart: str, release: str | None = None, values: str = "", timeout: int | None = None
    ) -> None:
        """Install by the form; the release is shown then."""
        await self.form(chart, release, values, timeout)
        await self.button("Install").click()
        await expect(self.heading(release or chart)).to_be_visible()

    async def upgrade(self, values: str, timeout: int | None = None) -> None:
        """Upgrade the release that is shown by the form, after a look at what would change."""
        await self.link("Upgrade").click()
        await expect(self.button("Review changes")).to_be_enabled()
        await expect(self.page.locator("#chart-about")).not_to_be_empty()
        await self.values.fill(values)
        if timeout is not None:
            await self.page.get_by_label("Seconds to wait").fill(str(timeout))
        await self.button("Review changes").click()
        await expect(self.heading("What would change")).to_be_visible()
        await self.button("Upgrade").click()

    async def ended(self, state: str) -> None:
        """Wait until the newest operation ended in a state."""
        await expect(self.operation.locator(".badge").first).to_have_text(re.compile(f"{state}$"))

    async def status(self, status: str) -> None:
        """Wait until the release that is shown has a status."""
        await expect(self.page.locator("main .heading .badge").first).to_have_text(re.compile(f"{status}$"))
