"""Builds the wheels of every platform and the source distribution into `dist/`: [PLATFORM…], such as linux-aarch64."""

from __future__ import annotations

import hashlib
import os
import sys

import build
from toolchain import run
from wheel_hook import WANTED

DIST = build.ROOT / "dist"


def main(targets: list[str]) -> None:
    """Build, and say what came out."""
    for old in DIST.glob("helm_sdkpy-*"):
        old.unlink()
    hatchling = [sys.executable, "-m", "hatchling", "build", "--directory", str(DIST), "--target"]
    run([*hatchling, "sdist"], "make the source distribution")
    for target in targets or [f"linux-{machine}" for machine in build.GO_MACHINES]:
        build.build(build.library(target))  # here, where its progress is seen
        os.environ[WANTED] = target
        run([*hatchling, "wheel"], f"make the wheel for {target}")
    for path in sorted(DIST.glob("helm_sdkpy-*")):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.stat().st_size:>10,} bytes  {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
