"""Builds what the project is made of, each thing only when the content that it is made of changed.

An artifact's digest covers its sources, its command and the toolchain. A build goes to a temporary name and is moved
into place when it is whole; a digest file beside it is written last. So time stamps mean nothing, and an interrupted
build leaves the old artifact or none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import overlay
import versions
from toolchain import run

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
ENVIRONMENT = ROOT / ".venv"
PLATFORM = f"{platform.system().lower()}-{platform.machine()}"
# The oldest glibc that a manylinux2014 wheel may ask for.
GLIBC = "2.17"
# The machines that the library is built for, and what Go calls them.
GO_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
# Kustomize loads Go plugins where it is not told otherwise, which the helm command has no way to ask for; a linker that
# finds that must keep every method of every type.
LIBRARY_TAGS = "kustomize_disable_go_plugin_support"


@dataclass(frozen=True)
class Artifact:
    """One thing that is built: what it is made of, and how."""

    output: Path
    sources: list[Path]
    command: list[str]
    directory: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])
    keep: int = 3
    label: str = ""
    package_flags: list[str] = field(default_factory=list[str])
    """Those of the command that decide which packages are linked in."""

    @property
    def name(self) -> str:
        """What its lock and its place in the cache are called."""
        return self.label or self.output.name

    def digest(self) -> str:
        """The content that decides whether it must be built again."""
        content = hashlib.sha256()
        for part in [*self.command, *sorted(f"{name}={value}" for name, value in self.environment.items())]:
            content.update(part.encode() + b"\0")
        for source in sorted(self.sources):
            content.update(str(source.relative_to(ROOT)).encode() + b"\0" + source.read_bytes() + b"\0")
        return content.hexdigest()


def _go_sources(directory: Path, *, without: tuple[str, ...] = ()) -> list[Path]:
    """What the Go programs of a directory are built of; `without` names what is below it and no part of them."""
    files = [ROOT / "requirements" / "toolchain.txt"]
    for path in directory.rglob("*"):
        parts = path.relative_to(directory).parts
        no_part = path.name.endswith("_test.go") or "testdata" in parts or parts[0] in without
        if path.is_file() and not no_part:
            files.append(path)
    return files


def _flags(**stamps: str) -> str:
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])


def _helm_stamp() -> dict[str, str]:
    """A module build of Helm calls itself v4.3; charts and the User-Agent want the whole version."""
    major, minor = versions.client()[1:].split(".")[:2]
    return {
        "helm.sh/helm/v4/internal/version.version": versions.helm(),
        # helm: Makefile. The version that `.Capabilities.KubeVersion` has where there is no cluster.
        "helm.sh/helm/v4/pkg/chart/common.k8sVersionMajor": major,
        "helm.sh/helm/v4/pkg/chart/common.k8sVersionMinor": minor,
    }


# The distributions of this checkout: the package, and the test cluster's program with the pytest plugin.
DISTRIBUTIONS = [ROOT, ROOT / "testing"]


def _project(directory: Path = ROOT) -> dict[str, Any]:
    """What a distribution says of itself."""
    return tomllib.loads((directory / "pyproject.toml").read_text())["project"]


def _version() -> str:
    """The package's own version."""
    return _project()["version"]


def machine_of(target: str) -> str:
    """The kind of machine of a platform, as zig and Python's tags call it: `x86_64`, `aarch64`."""
    system, _, machine = target.partition("-")
    machine = {"arm64": "aarch64"}.get(machine, machine)
    if system != "linux" or machine not in GO_MACHINES:
        known = ", ".join(f"linux-{name}" for name in GO_MACHINES)
        raise SystemExit(f"scripts/dev: the library can be built for {known}, not for {target}")
    return machine


def library(target: str = PLATFORM) -> Artifact:
    """The shared library that `helm_sdkpy/_ffi.py` loads, for a platform that it need not be built on."""
    return library_with(f"zig-cc -target {machine_of(target)}-linux-gnu.{GLIBC}", target)


def library_with(compiler: str, target: str = PLATFORM, output: Path | None = None, **environment: str) -> Artifact:
    """The same with a C compiler of one's choice, and at another place."""
    go = ROOT / "go"
    # The linker runs in the output's directory, so the map needs its whole path, which must not get into the build id.
    # Zig forgets Go's own -s for a -g of cgo's that comes after it, so it is said once more, last. The entry point
    # makes the library a program too, the helm command (go/shim/executable.c).
    linker = """ -buildid= -extldflags '"-Wl,--version-script={directory}/exports.map,-e,helm_start" -s'"""
    flags = _flags(**_helm_stamp(), **{"main.version": _version()}) + linker
    build = ["go", "build", "-buildmode=c-shared", "-trimpath", "-tags", LIBRARY_TAGS, "-overlay", "{overlay}"]
    return Artifact(
        output=output or ROOT / "helm_sdkpy" / "_lib" / target / "libhelm_sdkpy.so",
        sources=[*_go_sources(go, without=("cmd", "tools")), ROOT / "scripts" / "overlay.py"],
        command=[*build, "-ldflags", flags, "-o", "{output}", "."],
        directory=go / "shim",
        label="libhelm_sdkpy.so" if target == PLATFORM else f"libhelm_sdkpy.so of {target}",
        package_flags=["-tags", LIBRARY_TAGS],
        environment={
            "CGO_ENABLED": "1",
            "CC": compiler,
            "GOOS": "linux",
            "GOARCH": GO_MACHINES[machine_of(target)],
            **environment,
        },
    )


def cluster(target: str = PLATFORM) -> Artifact:
    """The test cluster's one binary, for a platform that it need not be built on."""
    version = versions.kubernetes()
    major, minor = version[1:].split(".")[:2]
    base = "k8s.io/component-base/version"
    flags = _flags(**{f"{base}.gitVersion": version, f"{base}.gitMajor": major, f"{base}.gitMinor": minor})
    return Artifact(
        output=ROOT / "testing" / "helm_sdkpy_testing" / "_bin" / target / "testcluster",
        sources=_go_sources(ROOT / "testcluster"),
        command=["go", "build", "-trimpath", "-ldflags", flags, "-o", "{output}", "."],
        directory=ROOT / "testcluster",
        label="testcluster" if target == PLATFORM else f"testcluster of {target}",
        environment={"CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": GO_MACHINES[machine_of(target)]},
    )


def helm() -> Artifact:
    """The helm command of the same module version: the oracle of the tests."""
    go = ROOT / "go"
    return Artifact(
        output=BUILD / "bin" / "helm",
        sources=[go / "go.mod", go / "go.sum", ROOT / "requirements" / "toolchain.txt"],
        command=[
            "go",
            "build",
            "-trimpath",
            "-ldflags",
            _flags(**_helm_stamp()),
            "-o",
            "{output}",
            "helm.sh/helm/v4/cmd/helm",
        ],
        directory=go,
        environment={"CGO_ENABLED": "0"},
    )


def native() -> Artifact:
    """The benchmarks' program in Go: the same work as the library's, without Python."""
    go = ROOT / "go"
    return Artifact(
        output=BUILD / "bin" / "native",
        sources=_go_sources(go),
        command=["go", "build", "-trimpath", "-ldflags", _flags(**_helm_stamp()), "-o", "{output}", "./cmd/native"],
        directory=go,
        environment={"CGO_ENABLED": "0"},
    )


def tool(package: str) -> Artifact:
    """A linter that `go/tools` pins."""
    tools = ROOT / "go" / "tools"
    return Artifact(
        output=BUILD / "bin" / package.rpartition("/")[2],
        sources=[tools / "go.mod", tools / "go.sum", ROOT / "requirements" / "toolchain.txt"],
        command=["go", "build", "-trimpath", "-o", "{output}", package],
        directory=tools,
        environment={"CGO_ENABLED": "0"},
    )


def build(artifact: Artifact) -> None:
    """Put the artifact in place: as it is, from the cache of earlier contents, or by building it."""
    digest = artifact.digest()
    stamp = artifact.output.with_name(artifact.output.name + ".digest")
    if artifact.output.exists() and _read(stamp) == digest:
        return
    with _lock(artifact.name):
        if artifact.output.exists() and _read(stamp) == digest:
            return
        cached = BUILD / "cache" / f"{artifact.name}-{digest[:16]}"
        if not cached.exists():
            _build(artifact, cached)
        os.utime(cached)
        artifact.output.parent.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        fresh = artifact.output.with_name(f".{artifact.output.name}.{os.getpid()}")
        try:
            os.link(cached, fresh)
        except OSError:
            shutil.copy2(cached, fresh)
        fresh.replace(artifact.output)
        stamp.write_text(digest)
        _prune(artifact)


def _build(artifact: Artifact, cached: Path) -> None:
    print(f"building {artifact.name} (a first build takes minutes) …", file=sys.stderr, flush=True)
    began = time.monotonic()
    cached.parent.mkdir(parents=True, exist_ok=True)
    unfinished = cached.with_name(f"{cached.name}.{os.getpid()}")
    # Everything that the digest covers is said in the command: a user's GOFLAGS must not change what is built.
    environment = os.environ | artifact.environment | {"GOFLAGS": "-buildvcs=false"}
    places = {"{output}": unfinished, "{directory}": artifact.directory}
    if "{overlay}" in artifact.command:
        places["{overlay}"] = overlay.write(BUILD / "overlay", environment)
    command = [_filled(part, places) for part in artifact.command]
    try:
        done = subprocess.run(command, cwd=artifact.directory, env=environment, check=False)
        if done.returncode:
            raise SystemExit(f"scripts/dev: building {artifact.name} failed (see above)")
        unfinished.chmod(0o755)
        unfinished.replace(cached)
    finally:
        for leftover in cached.parent.glob(f"{cached.name}.*"):
            leftover.unlink()
    print(f"built {artifact.name} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def _filled(part: str, places: dict[str, Path]) -> str:
    for name, path in places.items():
        part = part.replace(name, str(path))
    return part


def _prune(artifact: Artifact) -> None:
    """Keep the newest few contents, so that changing branches to and fro does not build."""
    contents = sorted((BUILD / "cache").glob(f"{artifact.name}-*"), key=lambda path: path.stat().st_mtime)
    for old in contents[: -artifact.keep]:
        old.unlink(missing_ok=True)


def environment() -> None:
    """The project's Python environment, exactly as `requirements/dev.txt` pins it."""
    pins = ROOT / "requirements" / "dev.txt"
    python = Path(getattr(sys, "_base_executable", sys.executable))
    # Version, commands and entry points are written when the checkout is installed.
    written = ("version", "scripts", "entry-points")
    installed = repr([_project(directory).get(name) for directory in DISTRIBUTIONS for name in written])
    content = pins.read_bytes() + f"{python}{ROOT}{installed}".encode()
    digest = hashlib.sha256(content).hexdigest()
    stamp = ENVIRONMENT / "helm-sdkpy.digest"
    if _read(stamp) == digest:
        return
    with _lock("environment"):
        if _read(stamp) == digest:
            return
        stamp.unlink(missing_ok=True)
        uv = ["uv", "--quiet", "--no-config"]
        install = [*uv, "pip", "install", "--python", str(ENVIRONMENT / "bin" / "python"), "--no-deps"]
        run([*uv, "venv", "--clear", "--python", str(python), str(ENVIRONMENT)], "make the environment")
        run(
            [*install, "--require-hashes", "--requirement", str(pins)],
            "install the environment from the package index (is it reachable?)",
        )
        # The checkout itself, so that `import helm_sdkpy` and the pytest plugin's entry point work from anywhere.
        editable = [part for directory in DISTRIBUTIONS for part in ("--editable", str(directory))]
        run([*install, "--no-build-isolation", *editable], "install the checkout into its environment")
        stamp.write_text(digest)


def modules() -> None:
    """Every Go module that any recipe needs, so that none needs the network later."""
    stamp = BUILD / "modules.digest"
    files = [path for name in ("go", "testcluster", "go/tools") for path in (ROOT / name).glob("go.*")]
    content = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()
    if _read(stamp) == content:
        return
    for directory in sorted({path.parent for path in files}):
        run(
            ["go", "mod", "download"],
            "download Go modules (is the module proxy reachable? see `go env GOPROXY`)",
            directory,
        )
    BUILD.mkdir(exist_ok=True)
    stamp.write_text(content)


TARGETS: dict[str, Callable[[], None]] = {
    "env": environment,
    "modules": modules,
    "lib": lambda: build(library()),
    "cluster": lambda: build(cluster()),
    "helm": lambda: build(helm()),
    "native": lambda: build(native()),
    "staticcheck": lambda: build(tool("honnef.co/go/tools/cmd/staticcheck")),
    "actionlint": lambda: build(tool("github.com/rhysd/actionlint/cmd/actionlint")),
}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


@contextlib.contextmanager
def _lock(name: str) -> Generator[None]:
    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        for target in sys.argv[1:]:
            TARGETS[target]()
    except KeyboardInterrupt:
        sys.exit(130)
