"""Virtual environments far from the checkout, into which the built wheels are installed by pip alone."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import wheel_hook  # first: it makes the scripts importable by their own names

import wheel  # isort: skip
import wheel_check  # isort: skip

ROOT = Path(wheel_hook.__file__).resolve().parents[1]


class Environment:
    """A virtual environment, and what runs in it as it would for somebody who has no checkout."""

    def __init__(self, python: Path, directory: Path) -> None:
        self.directory = directory
        self._run([str(python), "-m", "venv", str(directory)], directory.parent)

    def install(self, *what: str) -> None:
        """Install with pip, wheels of this project from the checkout's and all else from the package index."""
        self.run("-m", "pip", "install", "--quiet", "--find-links", str(wheel.DIST), *what)

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


@pytest.fixture(scope="session", params=wheel_check.pythons(), ids=str)
def python(request: pytest.FixtureRequest) -> Path:
    """Each Python that this machine has of those supported."""
    if not wheel.made("helm-sdkpy-testing", "*.whl"):
        pytest.fail("there are no wheels: ./scripts/dev wheel makes them")
    return request.param
