"""Writes the tables of docs/supported-versions.md from what the project is built from: ./scripts/dev supported."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import build
import versions

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "supported-versions.md"
_MARKED: Final = re.compile(r"(?<=<!-- made by scripts/supported.py -->\n).*?(?=<!-- until here -->)", re.S)


def tables() -> str:
    """The tables, as Markdown."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pythons = [found[1] for each in project["classifiers"] if (found := re.search(r":: (3\.\d+)$", each))]
    major, minor = (int(part) for part in versions.client()[1:].split(".")[:2])
    yield ""
    yield "| what | versions | why these |"
    yield "|---|---|---|"
    yield f"| Helm | {versions.helm()[1:]}, linked in | `go/go.mod` requires it |"
    range_ = f"{major}.{minor - 3} to {major}.{minor}; the tests run on {versions.kubernetes()[1:]}"
    rule = f"Helm's rule: the client's version ({versions.client()[1:]}) and the three minor versions before it"
    yield f"| Kubernetes | {range_} | {rule} |"
    yield f"| Python | {', '.join(pythons)} | `requires-python` is `{project['requires-python']}` |"
    yield f"| glibc | {build.GLIBC} or newer | what the library is linked against |"
    yield ""


def written() -> str:
    """The page as it should be."""
    return _MARKED.sub(lambda _: tables(), PAGE.read_text())


def write() -> None:
    """Bring the page up to date."""
    PAGE.write_text(written())


if __name__ == "__main__":
    write()
