"""A console that serves a namespace of the test's own, and browsers in it.

The tests of this directory share one event loop, so that they can share one browser, which takes longer to start than
most of them need.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from helm_sdkpy import Configuration
from tests.browser import chromium
from tests.integration.console.user import CHARTS, Served, User, serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A browser; each user has a context, hence cookies, of their own in it."""
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def served(helm_config: Configuration) -> AsyncIterator[Served]:
    """The console, in the tests' loop."""
    async with serving(helm_config, CHARTS) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="session")
async def user(browser: Browser, served: Served) -> AsyncIterator[User]:
    """Somebody who opened the console's link."""
    async with User.visit(browser, served) as user:
        yield user
        assert user.troubles() == []
