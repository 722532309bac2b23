"""What holds for each code block of the documentation, so that none escapes those that run them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests import pages
from tests.pages import Block

NOT_RUN: Final = {"README.md": 2, "docs/how-to/console.md": 1, "docs/coming-from/pyhelm3.md": 1}
"""How many blocks of a page are not run by the tests. Each says why in the page's source."""

BLOCKS: Final = {pages.name(page): list(pages.blocks(page)) for page in pages.pages()}


def test_what_is_not_run_is_known() -> None:
    """A block that is not run is a decision: it is counted here too."""
    not_run = [block for blocks in BLOCKS.values() for block in blocks if block.not_run]
    assert Counter(pages.name(block.page) for block in not_run) == NOT_RUN, [
        f"{block.where}: {block.not_run}" for block in not_run
    ]


@pytest.mark.parametrize("page", BLOCKS)
def test_each_block_has_a_language_that_is_run(page: str) -> None:
    """What is no code says so with ```text; indented blocks can not."""
    known = pages.PYTHON | pages.SHELL | pages.PARSED | pages.TEXT
    unknown = [f"{block.where}: {block.language or 'no language'}" for block in BLOCKS[page]]
    assert not [each for each, block in zip(unknown, BLOCKS[page], strict=True) if block.language not in known]


@pytest.mark.parametrize("page", BLOCKS)
def test_what_a_block_prints_comes_after_it(page: str) -> None:
    code: Block | None = None
    for block in BLOCKS[page]:
        if block.title == pages.OUTPUT:
            assert block.language in ("text", "json", "yaml"), block.where
            assert code is not None, f"{block.where}: output of no block"
            assert code.language in pages.PYTHON | {"bash"}, f"{block.where}: output of {code.language}"
            assert not code.written, f"{block.where}: output of a file"
        code = block if not block.setup and block.title != pages.OUTPUT else None


@pytest.mark.parametrize("page", BLOCKS)
def test_each_file_is_used(page: str) -> None:
    """A block with a title is the content of a file, with which a later one does something."""
    for index, block in enumerate(BLOCKS[page]):
        if block.written and not block.not_run:
            after = "\n".join(later.source for later in BLOCKS[page][index + 1 :] if later.language not in pages.TEXT)
            assert _uses(after, Path(block.title)), f"{block.where}: nothing uses {block.title}"


def _uses(source: str, file: Path) -> bool:
    found_by_pytest = file.name in ("conftest.py", "pyproject.toml") or file.name.startswith("test_")
    # A file of a chart is used with the chart.
    names = {file.name, file.stem, *file.parts[:-1]}
    return any(each in source for each in names) or (found_by_pytest and "pytest" in source)


def test_what_a_page_says_of_its_blocks_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n"
        "<!-- setup bash\nmkdir charts\n-->\n\n"
        "<!-- not run: needs an EKS cluster -->\n"
        "```bash\nkubectl get pods\n```\n\n"
        "!!! note\n\n"
        '    ```python title="app.py"\n    if True:\n        pass\n    ```\n\n'
        "- An item\n\n"
        "    ```yaml\n    a: 1\n    ```\n\n"
        "<!-- until: running -->\n<!-- exits: 130 -->\n"
        "```console\n$ serve\nrunning\n```\n"
        "\n    indented\n"
    )
    setup, not_run, file, item, server, indented = pages.blocks(page)
    assert (setup.setup, setup.language, setup.source, setup.line) == (True, "bash", "mkdir charts\n", 3)
    assert (not_run.not_run, not_run.line, not_run.where) == ("needs an EKS cluster", 8, "page.md:8")
    assert (file.title, file.written, file.source, file.line) == ("app.py", True, "if True:\n    pass\n", 14)
    assert (item.language, item.source) == ("yaml", "a: 1\n")
    assert (server.until, server.exits, server.not_run) == ("running", 130, "")
    assert (indented.language, indented.source) == ("", "indented\n")


def test_what_is_said_of_no_block_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("<!-- not run: why -->\n\nA paragraph.\n\n```bash\ntrue\n```\n")
    with pytest.raises(ValueError, match="said of no block"):
        list(pages.blocks(page))
