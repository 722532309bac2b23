"""Makes the toolchain under the checkout from the package index, then becomes `just`.

Go, zig (as C compiler), uv and just all come as wheels, pinned and hashed in `requirements/toolchain.txt`.
Needs nothing but the standard library of Python 3.11, since it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOUSE = ROOT / ".toolchain"
PINS = ROOT / "requirements" / "toolchain.txt"


def main(arguments: list[str]) -> None:
    """Make sure of the toolchain and hand over to just."""
    toolchain = HOUSE / hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]
    if not (toolchain / "ready").exists():
        with _lock():
            if not (toolchain / "ready").exists():
                _make(toolchain)
    environment = _environment(toolchain)
    just = toolchain / "bin" / "just"
    os.execve(just, [str(just), "--justfile", str(ROOT / "justfile"), *arguments], environment)


def _environment(toolchain: Path) -> dict[str, str]:
    """The environment that every recipe runs in; what the user has set stays, except where it would pick another Go."""
    environment = dict(os.environ)
    environment["PATH"] = f"{toolchain / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["HELM_SDKPY_TOOLCHAIN"] = str(toolchain)
    # A GOROOT of the machine's own Go would make ours read the wrong standard library.
    environment.pop("GOROOT", None)
    environment.pop("VIRTUAL_ENV", None)
    environment["GOTOOLCHAIN"] = "local"
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if not environment.get("HOME"):
        # Go and zig refuse to work without a place for their caches.
        environment["HOME"] = str(HOUSE / "home")
    environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(HOUSE / "zig"))
    # uv does not read pip's settings: where pip has an index or a certificate of its own, hand them on.
    for pip, uv in {
        "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
        "PIP_EXTRA_INDEX_URL": "UV_INDEX",
        "PIP_CERT": "SSL_CERT_FILE",
    }.items():
        if pip in environment:
            environment.setdefault(uv, environment[pip])
    return environment


@contextlib.contextmanager
def _lock() -> Generator[None]:
    HOUSE.mkdir(exist_ok=True)
    with (HOUSE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(toolchain: Path) -> None:
    """Build the toolchain in place; `ready` is written last, so a half-made one is made again."""
    print("setting up the toolchain (go, zig, uv, just) from the package index …", file=sys.stderr, flush=True)
    shutil.rmtree(toolchain, ignore_errors=True)
    # The venv must not be made from the one that it replaces.
    python = getattr(sys, "_base_executable", sys.executable)
    try:
        run([python, "-m", "venv", str(toolchain)], "make a virtual environment")
        install = [str(toolchain / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(
            [*install, "--require-hashes", "--only-binary", ":all:", "-r", str(PINS)],
            "install the toolchain from the package index (is it reachable? see `pip config list`)",
        )
        _zig_compilers(toolchain)
        link = HOUSE / "python"
        fresh = HOUSE / f"python.{os.getpid()}"
        fresh.symlink_to(toolchain / "bin" / "python")
        fresh.replace(link)
        (toolchain / "ready").touch()
    except OSError as error:
        raise SystemExit(f"scripts/dev: could not make the toolchain under {HOUSE}: {error}") from error


def _zig_compilers(toolchain: Path) -> None:
    """Put `zig-cc` on PATH: one word without a space, whatever the checkout's path is, as CC wants it."""
    zig = next(toolchain.glob("lib/python*/site-packages/ziglang/zig"))
    script = toolchain / "bin" / "zig-cc"
    relative = zig.relative_to(toolchain)
    script.write_text(f'#!/bin/sh\nexec "$HELM_SDKPY_TOOLCHAIN/{relative}" cc "$@"\n')
    script.chmod(0o755)


def run(command: list[str], purpose: str, directory: Path = ROOT) -> None:
    """Run a command whose output nobody needs; where it fails, say in one line what could not be done and why."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"scripts/dev: could not {purpose}: {_reason(done.stderr + done.stdout)}")


def _reason(output: str) -> str:
    """The line of a command's output that says best why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if any("No space left" in line for line in lines):
        return "the disk is full: free some space and run it again"
    telling = [line for line in lines if "rror" in line or "ailed" in line]
    return (telling or lines or ["no output"])[-1]


if __name__ == "__main__":
    main(sys.argv[1:])
