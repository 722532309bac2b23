"""The program of `helm_sdkpy.testing`: a Kubernetes control plane in one binary, for the platform of this wheel."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

__all__ = ["__version__", "binary"]

__version__ = version("helm-sdkpy-testing")


def binary() -> Path:
    """Where the program for this machine is, or would be."""
    return Path(__file__).parent / "_bin" / f"{platform.system().lower()}-{platform.machine()}" / "testcluster"
