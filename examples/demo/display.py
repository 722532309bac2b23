"""What the demo shows: headings, tables and errors, in colour on a terminal and as plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from helm_sdkpy import HelmError, progress


class Screen(Protocol):
    """Where the demo shows what it does."""

    def heading(self, title: str) -> None:
        """Begin a step."""
        ...

    def call(self, code: str) -> None:
        """Show the code that the step is about."""
        ...

    def say(self, text: str) -> None:
        """Say something about the step."""
        ...

    def error(self, error: Exception) -> None:
        """Show an error as a program sees it."""
        ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show a table."""
        ...

    def live(self) -> progress.Display:
        """A live display of operations."""
        ...


def screen() -> Screen:
    """The screen that suits standard output."""
    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return _Terminal() if terminal else _Plain()


def describe(error: Exception) -> list[tuple[str, str]]:
    """What a program can tell from an error."""
    facts = [("raised", " and ".join(_classes(error))), ("message", str(error))]
    if isinstance(error, HelmError):
        facts.insert(1, (".code", error.code))
        about = next((name for name in ("field", "resource", "not_ready") if name in error.details), None)
        if about is not None:
            facts.append((f".details[{about!r}]", str(error.details[about])))
    return facts


def _classes(error: Exception) -> list[str]:
    """The classes that `except` may name: where the error's own was made of two, those."""
    if isinstance(error, HelmError) and len(type(error).__bases__) > 1:
        return [kind.__name__ for kind in type(error).__bases__]
    return [type(error).__name__]


class _Terminal:
    def __init__(self) -> None:
        self._console = Console(highlight=False)

    def heading(self, title: str) -> None:
        self._console.print()
        self._console.print(Text.assemble(("▌ ", "cyan"), (title, "bold")))

    def call(self, code: str) -> None:
        self._console.print(Padding(Text(code, style="cyan"), (0, 0, 0, 2)))

    def say(self, text: str) -> None:
        self._console.print(Padding(Text(text), (0, 0, 0, 2)))

    def error(self, error: Exception) -> None:
        grid = Table.grid(padding=(0, 2))
        for name, value in describe(error):
            grid.add_row(Text(f"  {name}", style="dim"), Text(value, style="red"))
        self._console.print(grid)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 3, 0, 0))
        table.add_column()
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row("", *map(Text, row))
        self._console.print(table)

    def live(self) -> progress.Display:
        return progress.rich(self._console)


class _Plain:
    def heading(self, title: str) -> None:
        self._print(f"== {title}")

    def call(self, code: str) -> None:
        self._print(f">> {code}")

    def say(self, text: str) -> None:
        self._print(f"   {text}")

    def error(self, error: Exception) -> None:
        for name, value in describe(error):
            self._print(f"   {name:<8}  {value}")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        for row in (columns, *rows):
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            self._print(f"   {'  '.join(cells)}".rstrip())

    def live(self) -> progress.Display:
        return progress.plain()

    def _print(self, text: str) -> None:
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")[11:23]
        print(f"{now}  {text}", flush=True)
