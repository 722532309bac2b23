"""A repository on helm's list with an index as large as those of public repositories."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

CHARTS = 1000
VERSIONS = 20
INDEX = Path("cache", "repository", "public-index.yaml")
LIST = Path("config", "repositories.yaml")


def put(home: Path) -> None:
    """Write the list and the index where a side has its home."""
    for path in (LIST, INDEX):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
    (home / LIST).write_text(
        "apiVersion: v1\nrepositories:\n- name: public\n  url: https://charts.example\n", encoding="utf-8"
    )
    (home / INDEX).write_text("".join(_index()), encoding="utf-8")


def touch(home: Path) -> None:
    """Make the index another one for everybody who has read it."""
    os.utime(home / INDEX)


def _index() -> Iterator[str]:
    """As `helm repo index` writes it."""
    yield "apiVersion: v1\nentries:\n"
    for number in range(CHARTS):
        kind = ("web", "database", "queue", "proxy")[number % 4]
        name = f"chart-{number:03}-{kind}"
        description = f"Chart {number} of many, a {kind} with a description as long as such descriptions mostly are"
        yield f"  {name}:\n"
        for version in reversed(range(VERSIONS)):
            yield (
                f"  - apiVersion: v2\n    appVersion: 2.{version}.0\n"
                f'    created: "2026-01-{version + 1:02}T10:00:00.123456789Z"\n'
                f"    description: {description}\n    digest: {'0123456789abcdef' * 4}\n"
                f"    home: https://charts.example/{name}\n    icon: https://charts.example/{name}.png\n"
                f"    keywords:\n    - {kind}\n    - {json.dumps(name)}\n    - http\n"
                f"    maintainers:\n    - email: one@charts.example\n      name: One\n"
                f"    name: {name}\n    sources:\n    - https://git.example/{name}\n"
                f"    - https://git.example/charts/{name}\n    type: application\n"
                f"    urls:\n    - https://charts.example/{name}-1.{version}.0.tgz\n    version: 1.{version}.0\n"
            )
    yield 'generated: "2026-01-21T10:00:00.123456789Z"\n'
