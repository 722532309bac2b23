"""Builds the wheels of every platform and the source distribution into `dist/`: [--only NAME] [PLATFORM…].

Both distributions unless one is named: `helm-sdkpy`, `helm-sdkpy-testing`. A platform is such as `linux-aarch64`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import build
from toolchain import run
from wheel_hook import WANTED

DIST = build.ROOT / "dist"
# Where each distribution is, and what of it is built in Go.
DISTRIBUTIONS: dict[str, tuple[Path, Callable[[str], build.Artifact]]] = {
    "helm-sdkpy": (build.ROOT, build.library),
    "helm-sdkpy-testing": (build.ROOT / "testing", build.cluster),
}


def main(arguments: list[str]) -> None:
    """Build, and say what came out."""
    parser = argparse.ArgumentParser(prog="./scripts/dev wheel", description=__doc__)
    parser.add_argument("--only", metavar="NAME", choices=DISTRIBUTIONS, help="the distribution to build")
    parser.add_argument("platforms", metavar="PLATFORM", nargs="*", help="such as linux-aarch64; all if none is named")
    options = parser.parse_args(arguments)
    for name in [options.only] if options.only else DISTRIBUTIONS:
        _build(name, options.platforms or [f"linux-{machine}" for machine in build.GO_MACHINES])


def made(name: str, pattern: str = "*") -> list[Path]:
    """The files of a distribution in `dist/`."""
    return sorted(DIST.glob(f"{name.replace('-', '_')}-{pattern}"))


def _build(name: str, targets: list[str]) -> None:
    directory, artifact = DISTRIBUTIONS[name]
    for old in made(name):
        old.unlink()
    hatchling = [sys.executable, "-m", "hatchling", "build", "--directory", str(DIST), "--target"]
    if directory == build.ROOT:  # nobody wants to compile Kubernetes in a `pip install`
        run([*hatchling, "sdist"], "make the source distribution", directory)
    for target in targets:
        build.build(artifact(target))  # here, where its progress is seen
        os.environ[WANTED] = target
        run([*hatchling, "wheel"], f"make the wheel of {name} for {target}", directory)
    for path in made(name):
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.stat().st_size:>10,} bytes  {path.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
