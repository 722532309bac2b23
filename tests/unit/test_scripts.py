"""What `./scripts/dev` does where something is missing, and when things are built."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The part of a checkout that sets up the toolchain, at a path with a space."""
    checkout = tmp_path / "a checkout"
    (checkout / "requirements").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", checkout / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements" / "toolchain.txt", checkout / "requirements")
    shutil.copy(ROOT / "justfile", checkout)
    return checkout


def dev(checkout: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "dev"], env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("setting up")]


def test_no_index_is_said_in_one_line(checkout: Path) -> None:
    environment = os.environ | {"PIP_INDEX_URL": "http://127.0.0.1:9/none", "PIP_RETRIES": "0", "PIP_FIND_LINKS": ""}
    environment["HELM_SDKPY_PYTHON"] = sys.executable
    done = dev(checkout, environment)
    assert done.returncode == 1
    assert len(lines(done.stderr)) == 1, done.stderr
    assert "could not install the toolchain from the package index (is it reachable?" in done.stderr
    # Nothing that was begun is taken for whole the next time.
    assert not list(checkout.glob(".toolchain/*/ready"))


def test_no_python_is_said_in_one_line(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("dirname", "sh"):
        (path / name).symlink_to(str(shutil.which(name)))
    old = path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # as one that is too old answers
    old.chmod(0o755)
    script = (checkout / "scripts" / "dev").read_text()
    # The machine's own Pythons are out of this test's reach.
    (checkout / "scripts" / "dev").write_text(script.replace("/usr/local/bin/python3 /usr/bin/python3 ", ""))
    done = dev(checkout, {"PATH": str(path), "HOME": str(tmp_path)})
    assert done.returncode == 1
    assert len(lines(done.stderr)) == 1, done.stderr
    assert "no Python 3.11 or newer" in done.stderr


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build script, working under a directory of the test's own."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    spec = importlib.util.spec_from_file_location("build_script", ROOT / "scripts" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "build_script", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "BUILD", tmp_path / ".build")
    return module


def artifact(build: ModuleType, tmp_path: Path, command: str = 'echo x >> log; cp source "$0"') -> object:
    return build.Artifact(
        output=tmp_path / "out" / "thing",
        sources=[tmp_path / "source"],
        command=["sh", "-c", command, "{output}"],
        directory=tmp_path,
    )


def test_built_when_the_content_changed(build: ModuleType, tmp_path: Path) -> None:
    source, output, log = tmp_path / "source", tmp_path / "out" / "thing", tmp_path / "log"
    source.write_text("one")
    build.build(artifact(build, tmp_path))
    assert output.read_text() == "one"
    os.utime(source)  # a new time is no new content
    build.build(artifact(build, tmp_path))
    assert log.read_text() == "x\n"
    source.write_text("two")
    build.build(artifact(build, tmp_path))
    assert output.read_text() == "two"
    source.write_text("one")  # a content of before is kept
    build.build(artifact(build, tmp_path))
    assert output.read_text() == "one"
    assert log.read_text() == "x\nx\n"


def test_a_failed_build_leaves_what_was_there(build: ModuleType, tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "out" / "thing"
    source.write_text("one")
    build.build(artifact(build, tmp_path))
    with pytest.raises(SystemExit, match="building thing failed"):
        build.build(artifact(build, tmp_path, 'echo half > "$0"; exit 1'))
    assert output.read_text() == "one"
    assert not list((tmp_path / ".build" / "cache").glob("*.*"))
    build.build(artifact(build, tmp_path))
    assert output.read_text() == "one"
