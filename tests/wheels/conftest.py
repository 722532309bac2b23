"""Virtual environments far from the checkout, into which the built wheels are installed by pip alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHEELS = ROOT / "dist"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


class Environment:
    """A virtual environment, and what runs in it as it would for somebody who has no checkout."""

    def __init__(self, python: Path, directory: Path) -> None:
        self.directory = directory
        self._run([str(python), "-m", "venv", str(directory)], directory.parent)

    def install(self, *what: str) -> None:
        """Install with pip, wheels of this project from the checkout's and all else from the package index."""
        self.run("-m", "pip", "install", "--quiet", "--find-links", str(WHEELS), *what)

    def run(self, *arguments: str, directory: Path | None = None, fails: bool = False) -> str:
        """Run its Python; gives what was printed."""
        return self._run([str(self.directory / "bin" / "python"), *arguments], directory or self.directory, fails)

    def command(self, *arguments: str) -> list[str]:
        """The command line of its Python."""
        return [str(self.directory / "bin" / "python"), *arguments]

    @staticmethod
    def surroundings() -> dict[str, str]:
        """The environment variables of a user, without those by which this project's recipes find their things."""
        own = ("HELM", "PYTEST", "PYTHON", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if not name.startswith(own)}

    def _run(self, command: Sequence[str], directory: Path, fails: bool = False) -> str:
        done = subprocess.run(
            command, cwd=directory, env=self.surroundings(), capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) == fails, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def find_python(version: str) -> Path | None:
    """An interpreter of a version: this one, pyenv's, or on PATH."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        return Path(getattr(sys, "_base_executable", sys.executable))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    # pyenv's own shims refuse a version that the current directory does not ask for.
    candidates = [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python3"))]
    candidates += filter(None, [shutil.which(f"python{version}")])
    for candidate in candidates:
        if subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False).returncode == 0:
            return Path(candidate)
    return None


@pytest.fixture(scope="session", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> Path:
    """Each Python that this machine has of those supported."""
    found = find_python(request.param)
    if found is None:
        pytest.skip(f"this machine has no Python {request.param}")
    return found
