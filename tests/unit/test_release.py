"""A release's tag, held against what the packages and the changelog say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.conftest import SCRIPTS, Script

pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="no checkout here")


def release(root: Path, changelog: str, version: str = "1.2.3") -> None:
    (root / "testing").mkdir()
    for file in (root / "pyproject.toml", root / "testing" / "pyproject.toml"):
        file.write_text(f'[project]\nname = "x"\nversion = "{version}"\n')
    (root / "CHANGELOG.md").write_text(changelog)


NEWS = "# Changelog\n## Unreleased\n## 1.2.3 - 2026-12-01\n### Added\n- This.\n\n## 1.2.2 - 2026-11-01\n- That.\n"


def test_a_tag_that_all_agree_on(script: Script, tmp_path: Path) -> None:
    release(tmp_path, NEWS)
    assert script("release").problems("v1.2.3", tmp_path) == []
    assert script("release").news("v1.2.3", tmp_path) == "### Added\n- This."


@pytest.mark.parametrize(
    ("tag", "problem"),
    [("1.2.3", "is no tag of a release"), ("v1.2.3.dev0", "is no tag"), ("v1.2.4", "pyproject.toml says 1.2.3"),
     ("v1.2.4", "testing/pyproject.toml says 1.2.3"), ("v1.2.4", 'no section "## 1.2.4')],
)  # fmt: skip
def test_a_tag_that_is_refused(script: Script, tmp_path: Path, tag: str, problem: str) -> None:
    release(tmp_path, NEWS)
    assert [each for each in script("release").problems(tag, tmp_path) if problem in each]


def test_before_a_release_the_unreleased_is_news(script: Script, tmp_path: Path) -> None:
    release(tmp_path, "## Unreleased\n- Soon.\n", "1.3.0rc1")
    assert script("release").problems("v1.3.0rc1", tmp_path) == []
    assert script("release").news("v1.3.0rc1", tmp_path) == "- Soon."
