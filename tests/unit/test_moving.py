"""What moves the project to another version of Helm, and says which versions are supported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import HELM_FLAGS, flags_of
from tests.unit.conftest import SCRIPTS, Script

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.skipif(not SCRIPTS.is_dir(), reason="no checkout here")


# The page of supported versions, and other texts that name them.


def test_the_page_of_supported_versions_is_up_to_date(script: Script) -> None:
    supported = script("supported")
    assert supported.PAGE.read_text() == supported.written(), "run ./scripts/dev supported"
    versions = script("versions")
    for version in (versions.helm(), versions.kubernetes(), versions.client()):
        assert version[1:] in supported.tables()


def test_the_readme_names_the_helm_and_counts_its_flags(script: Script) -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    named = re.search(r"all (\d+) flags of helm (\d+\.\d+\.\d+)", text)
    assert named
    assert int(named[1]) == sum(len(flags_of(command)) for command in HELM_FLAGS)
    assert f"v{named[2]}" == script("versions").helm()


# Moving.


def test_what_is_no_version_changes_nothing() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "move_helm.py", "latest"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "move-helm: 'latest' is no version: write one as 4.3.1\n"


@pytest.mark.skipif(shutil.which("go") is None, reason="needs the toolchain: run through ./scripts/dev")
def test_a_version_that_is_not_there_changes_nothing(script: Script) -> None:
    changed = script("move_helm").CHANGED
    before = {path: path.read_bytes() for path in changed if path.exists()}
    done = subprocess.run(
        [sys.executable, SCRIPTS / "move_helm.py", "4.999.0"],
        capture_output=True, text=True, check=False, env=os.environ | {"GOPROXY": "off", "GOFLAGS": "-mod=mod"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "Helm v4.999.0 can not be had" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in changed if path.exists()} == before


@pytest.mark.parametrize("keep", [False, True])
def test_what_fails_puts_every_file_back(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, keep: bool
) -> None:
    there, new = tmp_path / "there", tmp_path / "new"
    there.write_text("before")
    move = script("move_helm")
    monkeypatch.setattr(move, "CHANGED", (there, new))

    def fail() -> None:
        with move.unchanged_on_failure(keep=keep):
            there.write_text("after")
            new.write_text("new")
            raise SystemExit("does not build")

    with pytest.raises(SystemExit, match="does not build"):
        fail()
    assert there.read_text() == ("after" if keep else "before")
    assert new.exists() == keep


def test_citations_are_read_whole(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = script("helm_report")
    monkeypatch.setattr(report, "ROOT", tmp_path)
    (tmp_path / "go").mkdir()
    (tmp_path / "go" / "a.go").write_text(
        "// one (helm: pkg/action/a.go, first and Second).\n"
        "// two (helm: pkg/action/b.go,\n\t// third: because of it)\n"
        "// (helm: pkg/a/c.go, d.go; Makefile)\n// helm: not a place\n"
    )
    assert [(each.ours, str(each)) for each in report.citations()] == [
        ("go/a.go:1", "pkg/action/a.go, first"),
        ("go/a.go:1", "pkg/action/a.go, Second"),
        ("go/a.go:2", "pkg/action/b.go, third"),
        ("go/a.go:4", "pkg/a/c.go"),
        ("go/a.go:4", "pkg/a/d.go"),
        ("go/a.go:4", "Makefile"),
    ]


def test_the_report_tells_flags_texts_and_places(script: Script) -> None:
    report = script("helm_report")

    def helm(flags: list[dict[str, str]], said: str) -> dict[str, object]:
        return {"helm x": {"command": "helm x", "use": "x", "flags": flags, "help": said}}

    old = {"name": "old", "type": "bool", "default": "false", "usage": "o"}
    same = {"name": "same", "type": "int", "default": "1", "usage": "s"}
    differs = {
        "cited": [
            {"file": "pkg/a.go", "symbol": "f", "state": "changed", "ours": "go/a.go:1"},
            {"file": "pkg/b.go", "symbol": "", "state": "same", "ours": "go/b.go:1"},
        ],
        "gone": [{"file": "pkg/a.go", "text": "has no deployed releases"}],
        "new": [{"file": "pkg/a.go", "text": "a new one"}],
    }
    moved = report.Moved(
        "v4.2.4", "v4.3.1", helm([old, same], "says this"), helm([same | {"default": "2"}], "says that"), [], differs
    )
    told = list(report.report(moved))
    assert "- `helm x --old` is gone" in told
    assert "- `helm x --same`: default `1` → `2`" in told
    assert "  -says this" in told
    assert "  +says that" in told
    assert "- pkg/a.go, f: changed (go/a.go:1)" in told
    assert not [line for line in told if "pkg/b.go" in line]
    [gone] = [line for line in told if "has no deployed releases" in line]
    assert " — ours: " in gone
    assert "go/actions/" in gone
    assert "- pkg/a.go: `a new one`" in told
