"""OpenPGP keys for tests: those of Helm's own tests, read where Go keeps the module."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]


@functools.cache
def helm_source() -> Path:
    """The directory of the Helm module that the library is built of; skips the test where it is not on this machine."""
    toolchains = [os.environ.get("HELM_SDKPY_TOOLCHAIN", ""), *map(str, sorted((ROOT / ".toolchain").glob("*/")))]
    places = [str(Path(each) / "bin") for each in toolchains if each]
    go = shutil.which("go", path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if go is None:
        pytest.skip("there is no Go here, which knows where Helm's test keys are")
    asked = subprocess.run(
        [go, "list", "-m", "-f", "{{.Dir}}", "helm.sh/helm/v4"],
        cwd=ROOT / "go",
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = Path(asked.stdout.strip() or "/nonexistent")
    if not found.is_dir():
        pytest.skip(f"Helm's sources, which hold its test keys, are not on this machine: {asked.stderr}")
    return found


@dataclass(frozen=True)
class Key:
    """A key with the files that hold it."""

    secret: str
    """Below the module's directory."""
    public: str
    name: str
    passphrase: str | None = None

    @property
    def secring(self) -> Path:
        """The file with the secret key."""
        return helm_source() / self.secret

    @property
    def pubring(self) -> Path:
        """A file with the public key."""
        return helm_source() / self.public


_KEYS: Final = "pkg/provenance/testdata"
OPEN: Final = Key(f"{_KEYS}/helm-test-key.secret", f"{_KEYS}/helm-test-key.pub", "helm-testing@helm.sh")
"""A key without a passphrase."""
LOCKED: Final = Key(f"{_KEYS}/helm-password-key.secret", f"{_KEYS}/helm-password-key.secret", "fake@helm.sh", "secret")
"""A key with one. Its file serves as the keyring of whoever does not know the other key."""


def formats() -> dict[str, Callable[[], Path]]:
    """The forms that a keyring of the open key may have."""
    return {kind: lambda kind=kind: helm_source() / _KEYS / f"helm-test-key.{kind}" for kind in ("pub", "asc", "kbx")}
