"""Runs the aarch64 wheel of `dist/` on this machine: under qemu-user, with Debian's Python for arm64.

Needs qemu-aarch64 (Debian: apt install qemu-user), apt-get and dpkg-deb with a mirror of Debian that has arm64, and the
package index. Nothing is installed on the machine: packages are unpacked below `.build/aarch64`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import build
from toolchain import run
from wheel import DIST
from wheel_check import CHART, PROGRAM

PLACE = build.BUILD / "aarch64"
ROOT = PLACE / "root"
SITE = PLACE / "site"


def main() -> None:
    """Unpack, install and try."""
    qemu = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    lacking = [name for name, found in {"qemu-aarch64": qemu, "apt-get": shutil.which("apt-get")}.items() if not found]
    if lacking or not qemu:
        raise SystemExit(f"{' and '.join(lacking)} needed: a Debian or Ubuntu with `apt install qemu-user`")
    wheels = sorted(DIST.glob("helm_sdkpy-*_aarch64.whl"))
    if not wheels:
        raise SystemExit(f"there is no wheel for aarch64 in {DIST}: ./scripts/dev wheel makes it")
    if not (PLACE / "ready").exists():
        unpack()
    python = (ROOT / "usr" / "bin" / "python3").readlink().name  # python3.11
    install(wheels[-1], python.removeprefix("python"))
    # What the program asks for by its whole path is looked for below -L first.
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(SITE),
        "PYTHONHOME": str(ROOT / "usr"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [qemu, "-L", str(ROOT), str(ROOT / "usr" / "bin" / python), "-S", "-W", "error", str(PROGRAM), str(CHART)]
    done = subprocess.run(command, env=environment, cwd=PLACE, check=False)
    if done.returncode:
        raise SystemExit(f"the aarch64 wheel does not run: exit code {done.returncode}")
    library = next(SITE.glob("helm_sdkpy/_lib/*/libhelm_sdkpy.so"))
    done = subprocess.run([qemu, "-L", str(ROOT), str(library), "version", "--short"], env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"the aarch64 library is not the helm command: exit code {done.returncode}")


def unpack() -> None:
    """Get Debian's Python for arm64 with all that it needs, by an apt that knows nothing of this machine's packages."""
    shutil.rmtree(PLACE, ignore_errors=True)
    for directory in ("state/lists/partial", "cache/archives/partial", "root"):
        (PLACE / directory).mkdir(parents=True)
    (PLACE / "state" / "status").touch()
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures::": "arm64",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Dir::State": PLACE / "state",
        "Dir::State::status": PLACE / "state" / "status",
        "Dir::Cache": PLACE / "cache",
    }
    settings = PLACE / "apt.conf"
    settings.write_text(
        "#clear APT::Architectures;\n" + "".join(f'{name} "{value}";\n' for name, value in options.items())
    )
    apt = ["env", f"APT_CONFIG={settings}", "apt-get", "--quiet", "--quiet"]
    print("getting Debian's Python for arm64 …", file=sys.stderr, flush=True)
    run([*apt, "update"], "read the mirror's lists of packages for arm64")
    run([*apt, "--yes", "--download-only", "install", "python3"], "get Debian's Python for arm64")
    for package in sorted((PLACE / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "--extract", str(package), str(ROOT)], f"unpack {package.name}")
    (PLACE / "ready").touch()


def install(wheel: Path, version: str) -> None:
    """Install the wheel and what it depends on as pip would on such a machine."""
    shutil.rmtree(SITE, ignore_errors=True)
    uv = ["uv", "--quiet", "--no-config", "pip", "install", "--target", str(SITE), "--only-binary", ":all:"]
    run(
        [*uv, "--python-platform", "aarch64-manylinux_2_28", "--python-version", version, str(wheel)],
        "install the wheel for aarch64 (is the package index reachable?)",
    )


if __name__ == "__main__":
    main()
