"""Every page of the built site, opened as a file in a real browser, on a desktop's width and on a phone's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from playwright.async_api import Browser

from tests.browser import DESKTOP, PHONE, chromium, overflow, watch
from tests.docs.site import SITE, pages

AT_ONCE = 2
PATIENCE = 180_000
"""Milliseconds until a page that does not load is given up: a busy machine takes its time."""


async def test_no_page_is_too_wide_or_has_errors() -> None:
    remaining = iter(pages())
    wrong: list[str] = []
    async with chromium() as browser, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_look(browser, remaining, wrong))
    assert not wrong, "\n".join(wrong)


async def _look(browser: Browser, remaining: Iterator[Path], wrong: list[str]) -> None:
    page = await browser.new_page()
    page.set_default_timeout(PATIENCE)
    problems = watch(page, origin=SITE.as_uri())
    for file in remaining:
        await page.goto(file.as_uri())
        for width, height in (DESKTOP, PHONE):
            await page.set_viewport_size({"width": width, "height": height})
            problems += [f"{width} px: {each}" for each in await overflow(page)]
        wrong += [f"{file.relative_to(SITE)}: {each}" for each in problems]
        problems.clear()


async def test_search_works_in_pages_that_are_files() -> None:
    async with chromium() as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE)
        problems = watch(page, origin=SITE.as_uri())
        await page.goto((SITE / "index.html").as_uri())
        await page.keyboard.press("/")
        await page.wait_for_function("document.activeElement !== document.body")
        await page.keyboard.insert_text("get_version")
        # What was found is in a closed shadow root: only that Enter leads to it can be seen.
        async with asyncio.timeout(60):
            while page.url.endswith("index.html"):
                await page.keyboard.press("Enter")
                await page.wait_for_timeout(100)
        assert page.url.startswith((SITE / "reference" / "configuration.html").as_uri())
        assert not problems
