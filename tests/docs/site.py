"""Where the built site is, for the tests that look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SITE: Final = ROOT / ".build" / "docs"


def pages() -> list[Path]:
    """Every page that was built."""
    # The page for what a server does not find names its files from the server's root.
    found = sorted(page for page in SITE.rglob("*.html") if page.name != "404.html")
    if not found:
        pytest.fail("there is no site: ./scripts/dev docs builds it and then runs these tests")
    return found
