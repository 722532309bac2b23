"""Reads the code blocks of the documentation's pages, as the pages' own source says how each is run.

`tests/unit/test_pages.py` holds the rules, `tests/integration/test_pages.py` runs the blocks.

Not pytest-examples: it runs blocks of Python alone, each as a module of its own in the process of the tests. Pages here
go on from block to block, await at the top level, start programs, and have commands with what these print.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[1]

PYTHON: Final = frozenset({"python"})
SHELL: Final = frozenset({"bash", "console"})
PARSED: Final = frozenset({"yaml", "json", "toml", "dockerfile"})
TEXT: Final = frozenset({"text", "mermaid", "gotmpl"})
"""No code, or code of which only a chart makes something: shown, compared, written to a file; never run by itself."""

OUTPUT: Final = "Output"
"""The title of a block that holds what the block before it prints."""

_SETUP: Final = re.compile(r"<!-- setup (\w+)\n(.*?)-->", re.S)
_SAID: Final = re.compile(r"<!-- (not run|until|exits|needs): (.*?) -->", re.S)
_TITLE: Final = re.compile(r"""title=(["'])(.*?)\1""")
_CONTAINER: Final = re.compile(r"(!!!|\?\?\?\+?|===|:::)\s")


@dataclass(frozen=True)
class Block:
    """A code block of a page, or a comment that prepares something for the blocks after it."""

    page: Path
    line: int
    """Of its first line of code."""
    language: str
    """Empty: it is indented, or says none."""
    source: str
    title: str = ""
    setup: bool = False
    """It is a comment, which readers do not see."""
    not_run: str = ""
    """Why it is not run."""
    until: str = ""
    """It goes on until the page ends; the blocks after it run once it has written this."""
    exits: int = 0
    """The exit code of a program, or of the last command of the block."""
    needs: str = ""
    """A variable or a program without which it is not run."""

    @property
    def where(self) -> str:
        """`docs/watching.md:12`."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def written(self) -> bool:
        """Whether it is the content of a file, which its title names."""
        return bool(self.title) and self.title != OUTPUT and self.language not in SHELL


def pages() -> list[Path]:
    """Every page: README.md and all that is below docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(page: Path) -> str:
    """`docs/watching.md`."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in their order."""
    said: dict[str, str] = {}
    for token in MarkdownIt("commonmark").parse(_flat(page.read_text())):
        line = (token.map or [0])[0] + 1
        if token.type == "html_block":
            said |= dict(_SAID.findall(token.content))
            for language, source in _SETUP.findall(token.content):
                yield Block(page, line + 1, language, source, setup=True)
        elif token.type in ("fence", "code_block"):
            language, _, rest = token.info.strip().partition(" ")
            title = _TITLE.search(rest)
            yield Block(
                page,
                line + (token.type == "fence"),
                language,
                token.content,
                title=title[2] if title else "",
                not_run=said.pop("not run", ""),
                until=said.pop("until", ""),
                exits=int(said.pop("exits", "0")),
                needs=said.pop("needs", ""),
            )
        if token.type in ("paragraph_open", "heading_open") and said:
            raise ValueError(f"{page.relative_to(ROOT)}:{line}: {said} is said of no block")
    if said:
        raise ValueError(f"{page.relative_to(ROOT)}: {said} is said of no block")


def _flat(text: str) -> str:
    """The page without the indentation of admonitions, tabs and the like, which CommonMark takes for code."""
    flat: list[str] = []
    inside: list[int] = []
    for line in text.splitlines():
        indented = len(line) - len(line.lstrip())
        while inside and line.strip() and indented < inside[-1]:
            inside.pop()
        flat.append(line[inside[-1] :] if inside else line)
        if _CONTAINER.match(line.lstrip()):
            inside.append(indented + 4)
    return "\n".join(flat)
