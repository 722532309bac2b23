"""The page with helm's commands and flags says what the code has."""

from __future__ import annotations

from scripts import commands_page


def test_the_page_is_as_generated() -> None:
    shown = commands_page.PAGE.read_text()
    assert shown == commands_page.page(), "run ./scripts/dev python scripts/commands_page.py"
