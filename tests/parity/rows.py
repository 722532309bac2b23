"""Finds the rows of all parity tables: how many there are, which of them use a flag, and which a quick run takes."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from tests.parity.files import Do, Line
from tests.parity.steps import Helm

SHARE: Final = 3
"""One row in so many is taken in a quick run, besides one of each command."""

Rows = dict[str, Sequence[Any]]


def of_module(module: ModuleType) -> Rows:
    """The rows of a module's tables (`ROWS`, `CASES`, …) by their names."""
    found: Rows = {}
    for table in vars(module).values():
        if isinstance(table, dict):
            for name, steps in cast("dict[object, object]", table).items():
                if isinstance(name, str) and isinstance(steps, (list, tuple)) and commands(cast("list[Any]", steps)):
                    found[name] = cast("list[Any]", steps)
    return found


def all_rows() -> Rows:
    """The rows of every parity test, `MODULE[NAME]` → steps; the comparison's own tests are none."""
    found: Rows = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        if not path.stem.startswith("test_comparing"):
            module = importlib.import_module(f"tests.parity.{path.stem}")
            rows: Rows = getattr(module, "ROWS", None) or of_module(module)
            found |= {f"{path.stem}[{name}]": steps for name, steps in rows.items()}
    return found


def commands(steps: Iterable[object]) -> set[str]:
    """The commands that a row uses."""
    return {step.action for step in steps if isinstance(step, (Do, Helm))} | {
        "command line" for step in steps if isinstance(step, Line)
    }


def flags(steps: Iterable[object]) -> Iterator[tuple[str, str, object]]:
    """Command, keyword and value of each option of a row; of root flags the command is empty."""
    for step in steps:
        if isinstance(step, (Do, Helm)):
            yield from ((step.action, name, value) for name, value in step.options.items())
        if isinstance(step, Do):
            yield from (("", name, value) for name, value in step.config.items())


def quick(rows: Rows) -> set[str]:
    """The same third of the rows each time, and at least one of each command."""
    taken = {name for name in rows if zlib.crc32(name.encode()) % SHARE == 0}
    seen = set[str]().union(*(commands(rows[name]) for name in taken))
    for name in sorted(rows):
        if missing := commands(rows[name]) - seen:
            taken.add(name)
            seen |= missing
    return taken
