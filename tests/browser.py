"""A real Chromium for tests that look at pages."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncGenerator
from typing import Final

import pytest
from playwright.async_api import Browser, Error, Page, async_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--no-sandbox",  # root has no sandbox, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 844)


@contextlib.asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Launch the machine's Chromium. Where there is none the test is skipped, or fails if HELM_SDKPY_REQUIRE_ALL=1."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        missing = "no Chromium on PATH (Debian: apt install chromium)"
        if os.environ.get("HELM_SDKPY_REQUIRE_ALL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


def watch(page: Page, *, origin: str) -> list[str]:
    """What goes wrong in the page from now on: errors of its scripts, failed requests, requests to another origin."""
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"script: {_text(error)}"))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}: {request.failure}"))
    page.on(
        "response",
        lambda answer: wrong.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((origin, "data:", "blob:"))
            else wrong.append(f"another origin: {request.url}")
        ),
    )
    return wrong


def _text(error: Error) -> str:
    return error.message


async def overflow(page: Page) -> list[str]:
    """What makes the document wider than the window; empty where nothing does."""
    found: list[str] = await page.evaluate(
        """() => {
            const root = document.documentElement, limit = root.clientWidth;
            if (root.scrollWidth <= limit) return [];
            const clipped = element => {
                for (let at = element.parentElement; at && at !== document.body; at = at.parentElement)
                    if (getComputedStyle(at).overflowX !== "visible") return true;
                return false;
            };
            const wide = [...document.body.querySelectorAll("*")]
                .filter(element => element.getBoundingClientRect().right > limit + 0.5 && !clipped(element))
                .map(element => `${element.tagName.toLowerCase()}.${element.className}: `
                    + `${Math.round(element.getBoundingClientRect().right)} > ${limit}: `
                    + element.textContent.trim().slice(0, 60));
            return [`the document is ${root.scrollWidth} wide in a window of ${limit}`, ...wide];
        }"""
    )
    return found
