"""Holds a release's tag against what the packages and the changelog say, and prints what is new in it.

The version stands in pyproject.toml; a tag is that version after a `v`. The release workflow asks before it builds.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


def problems(tag: str, root: Path = ROOT) -> list[str]:
    """Why a tag can not be released; nothing where it can."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        return [f"{tag!r} is no tag of a release: v1.2.3, or v1.2.3rc1 before it"]
    found: list[str] = []
    for file in [root / "pyproject.toml", *sorted(root.glob("*/pyproject.toml"))]:
        version = tomllib.loads(file.read_text())["project"]["version"]
        if version != tag[1:]:
            found.append(f"{file.relative_to(root)} says {version}, the tag is {tag}")
    if not news(tag, root):
        found.append(f'CHANGELOG.md has no section "## {tag[1:]} - YYYY-MM-DD" with anything in it')
    return found


def news(tag: str, root: Path = ROOT) -> str:
    """The changelog's section of a version; of a version before the release, what is unreleased."""
    final = not re.search(r"[a-z]\d+$", tag)
    title = rf"{re.escape(tag[1:])} - \d{{4}}-\d\d-\d\d" if final else "Unreleased"
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", (root / "CHANGELOG.md").read_text(), re.M | re.S)
    return found[1].strip() if found else ""


def main(arguments: list[str]) -> int:
    """Print the news of the tag, or what is wrong with it."""
    if len(arguments) != 1:
        print("usage: ./scripts/dev release-news TAG", file=sys.stderr)
        return 2
    wrong = problems(arguments[0])
    for line in wrong:
        print(f"release: {line}", file=sys.stderr)
    if not wrong:
        print(news(arguments[0]))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
