"""The figures and plots of the pages are those of the committed results."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import performance_page

FOUND = performance_page.results()


@pytest.mark.parametrize("path", performance_page.texts(FOUND), ids=lambda path: path.name)
def test_the_tables_are_those_of_the_results(path: Path) -> None:
    shown = path.read_text()
    assert shown == performance_page.texts(FOUND)[path], "run ./scripts/dev python scripts/performance_page.py"


@pytest.mark.parametrize("group", performance_page.GROUPS, ids=lambda group: group.name)
@pytest.mark.parametrize("theme", performance_page.COLOURS)
def test_the_plots_are_those_of_the_results(group: performance_page.Group, theme: str) -> None:
    shown = (performance_page.IMAGES / f"{group.name}-{theme}.svg").read_text()
    assert shown == performance_page.plot(group, theme, FOUND), "run ./scripts/dev python scripts/performance_page.py"
