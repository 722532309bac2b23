"""helm-sdkpy 0.1.32 in an environment of its own: both packages are called `helm_sdkpy`, and it needs Python 3.12."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PINS = Path(__file__).parent / "old" / "requirements.txt"
OLDEST = (3, 12)


class Absent(Exception):
    """There is no such environment on this machine; the message says why."""


def interpreter(environment: Path) -> Path:
    """The interpreter of the environment, which is made where it is missing or its pins have changed.

    Raises:
        Absent: It can not be made here.
    """
    python = environment / "bin" / "python"
    stamp = environment / "helm-sdkpy.digest"
    digest = hashlib.sha256(PINS.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == digest:
        return python
    base = next(_interpreters(), None)
    if base is None:
        raise Absent("no Python 3.12 or newer on this machine")
    uv = ["uv", "--quiet", "--no-config"]
    for command in (
        [*uv, "venv", "--clear", "--python", str(base), str(environment)],
        [*uv, "pip", "sync", "--python", str(python), "--require-hashes", str(PINS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Absent(f"`{' '.join(command[:5])} …` failed: {done.stderr.strip()}")
    stamp.write_text(digest)
    return python


def _interpreters() -> Iterator[Path]:
    """Interpreters that are new enough, the likeliest first."""
    found = [Path(sys.executable).resolve()]
    found += [Path(path) for minor in range(12, 16) if (path := shutil.which(f"python3.{minor}"))]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found += sorted(pyenv.glob("versions/3.1[2-9].*/bin/python3"))
    test = f"import sys, venv; sys.exit(sys.version_info < {OLDEST})"
    for path in found:
        # A shim of pyenv's is there for versions that the current directory does not ask for, and fails.
        if subprocess.run([path, "-Sc", test], capture_output=True, check=False).returncode == 0:
            yield path
