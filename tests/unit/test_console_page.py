"""What the console's page is made of: nothing that its policy forbids, and of others only what is written down."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "examples" / "console" / "page"
VENDORED = re.findall(
    r"^\| `(\S+\.js)` \|.*`([^`]+\.LICENSE)`.*`([0-9a-f]{64})` \|$", (PAGE / "vendor/VENDORED.md").read_text(), re.M
)


def test_everything_of_others_is_written_down() -> None:
    there = {path.name for path in (PAGE / "vendor").iterdir()} - {"VENDORED.md"}
    assert there == {name for script, licence, _ in VENDORED for name in (script, licence)}


@pytest.mark.parametrize(("script", "licence", "digest"), VENDORED)
def test_what_is_of_others_is_unchanged(script: str, licence: str, digest: str) -> None:
    assert hashlib.sha256((PAGE / "vendor" / script).read_bytes()).hexdigest() == digest
    assert "Permission" in (PAGE / "vendor" / licence).read_text()


@pytest.mark.parametrize("path", sorted(PAGE.glob("*.html")), ids=lambda path: path.name)
def test_no_script_style_or_address_of_another_in_the_markup(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|https?://", text)
    assert all("src=" in script for script in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("path", sorted(PAGE.rglob("*.js")), ids=lambda path: path.name)
def test_no_script_makes_code_or_markup_of_text(path: Path) -> None:
    assert not re.search(
        r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write", path.read_text()
    )
