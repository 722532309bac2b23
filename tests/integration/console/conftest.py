"""A console that serves a namespace of the test's own, and browsers in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helm_sdkpy import Configuration
from tests.browser import chromium
from tests.integration.console.user import CHARTS, Served, User, serving


@pytest.fixture
def charts() -> Path:
    """What can be installed: the example charts, unless a test has its own."""
    return CHARTS


@pytest.fixture
async def served(helm_config: Configuration, charts: Path) -> AsyncIterator[Served]:
    """The console, in the test's own loop."""
    async with serving(helm_config, charts) as served:
        yield served


@pytest.fixture
async def user(served: Served) -> AsyncIterator[User]:
    """Somebody who opened the console's link."""
    async with chromium() as browser:
        user = await User.enter(browser, served)
        yield user
        assert user.troubles() == []
