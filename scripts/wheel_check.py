"""Holds the wheels in `dist/` against what they promise, and runs them in fresh environments of every Python there is.

Looked at: size, tag (auditwheel), mode of the library, the building machine's paths, the bill of materials, licences.
Run: a template, an install on the test cluster and the helm command, from a wheel that pip installed alone.
With `--twice` they are built once more first, by a clone elsewhere with a toolchain of its own, and compared.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import build
from toolchain import run
from wheel import DIST, DISTRIBUTIONS, made

# For each distribution, how large its wheels may be, and where in them the one file is that was built in Go.
LIMITS = {"helm-sdkpy": 20_000_000, "helm-sdkpy-testing": 60_000_000}
BUILT = {
    "helm-sdkpy": r"helm_sdkpy/_lib/[^/]+/libhelm_sdkpy\.so",
    "helm-sdkpy-testing": r"helm_sdkpy_testing/_bin/[^/]+/testcluster",
}
PYTHONS = [f"3.{minor}" for minor in range(11, 20)]
PROGRAM = Path(__file__).with_name("wheel_program.py")
CHART = build.ROOT / "examples" / "charts" / "shop"


def main(arguments: list[str]) -> None:
    """Check all wheels, then run the one for this machine."""
    parser = argparse.ArgumentParser(prog="./scripts/dev wheel-check", description=__doc__)
    parser.add_argument("--look", action="store_true", help="only look at the wheels, run nothing")
    parser.add_argument("--twice", action="store_true", help="build them again elsewhere: each byte must be the same")
    options = parser.parse_args(arguments)
    wheels = {name: made(name, "*.whl") for name in DISTRIBUTIONS}
    for name, found in wheels.items():
        if not found:
            raise SystemExit(f"there is no wheel of {name} in {DIST}: ./scripts/dev wheel makes them")
    problems = [
        f"{wheel.name}: {problem}" for name, found in wheels.items() for wheel in found for problem in look(name, wheel)
    ]
    if problems:
        raise SystemExit("\n".join(problems))
    print(f"{sum(map(len, wheels.values()))} wheels are as they should be")
    if options.twice:
        build_again({name: [wheel.name for wheel in found] for name, found in wheels.items()})
    if not options.look:
        here = build.machine_of(build.PLATFORM)
        try_everywhere(next(wheel for wheel in wheels["helm-sdkpy"] if wheel.name.endswith(f"_{here}.whl")))


def look(name: str, wheel: Path) -> Iterator[str]:
    """What is wrong with the content of a distribution's wheel."""
    if wheel.stat().st_size > LIMITS[name]:
        yield f"is larger than {LIMITS[name]} bytes: {wheel.stat().st_size}"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        libraries = [each for each in names if re.search(r"/_(lib|bin)/", each)]
        if len(libraries) != 1 or not re.fullmatch(BUILT[name], libraries[0]):
            yield f"has not just one file that was built: {libraries}"
            return
        if stat.S_IMODE(archive.getinfo(libraries[0]).external_attr >> 16) != 0o755:
            yield f"{libraries[0]} is no program: its mode is not 0755"
        for each in names:
            if found := re.search(machine_paths(), archive.read(each)):
                yield f"{each} tells a path of this machine: {found[0].decode(errors='replace')}"
        with tempfile.TemporaryDirectory() as directory:
            yield from _parts(archive, Path(archive.extract(libraries[0], directory)))
    yield from _tag(wheel)


def machine_paths() -> bytes:
    """A pattern of the paths that only the building machine has."""
    places = {build.ROOT, build.ROOT.parent, Path.home(), Path(tempfile.gettempdir()) / "go-build"}
    places |= {place.resolve() for place in places}
    texts = sorted(f"{place}/" for place in places if place != Path("/"))
    return b"|".join(re.escape(text.encode()) + rb"[^\0\n\"]{0,80}" for text in texts)


def _parts(archive: zipfile.ZipFile, library: Path) -> Iterator[str]:
    told = subprocess.run(["go", "version", "-m", "-json", str(library)], capture_output=True, text=True, check=True)
    info = json.loads(told.stdout)
    parts = {f"{module['Path']}@{module['Version']}" for module in (m.get("Replace", m) for m in info["Deps"])}
    parts.add(f"std@{info['GoVersion'].split(maxsplit=1)[0].removeprefix('go')}")
    names = archive.namelist()
    [bill] = [name for name in names if re.fullmatch(r"[^/]+\.dist-info/sboms/[^/]+\.json", name)]
    listed = {f"{each['name']}@{each['version']}" for each in json.loads(archive.read(bill))["components"]}
    if listed != parts:
        yield f"{bill} is not what is linked in: {sorted(listed ^ parts)}"
    [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
    files = set(re.findall(r"^License-File: (.+)$", archive.read(metadata).decode(), re.M))
    directory = metadata.removesuffix("METADATA") + "licenses/"
    for part in sorted(parts):
        texts = [name for name in files if name.startswith(f"third-party/{part}/")]
        if not any(archive.read(directory + name).strip() for name in texts):
            yield f"has no licence text of {part}"
    if "LICENSE" not in files:
        yield "has no licence of its own"


def _tag(wheel: Path) -> Iterator[str]:
    auditwheel = [str(Path(sys.executable).with_name("auditwheel")), "show", str(wheel)]
    done = subprocess.run(auditwheel, capture_output=True, text=True, check=False)
    said = " ".join(done.stdout.split())
    machine = re.sub(r".*-none-manylinux2014_(\w+)\.whl", r"\1", wheel.name)
    # A program that is linked statically asks for less than the tag says.
    told = re.search(rf'consistent with the following platform tag: "manylinux_2_(\d+)_{machine}"', said)
    if not told or int(told[1]) > 17:
        yield f"auditwheel does not agree with the tag: {said or done.stderr}"


def build_again(wheels: dict[str, list[str]]) -> None:
    """Build the same wheels from a clone of the checkout, and hold them against those in `dist/`.

    It has its own toolchain and links everything anew; what Go has compiled once, it takes from Go's own cache.
    """
    own = ("HELM_SDKPY_", "ZIG_", "VIRTUAL_ENV", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "a clone elsewhere"
        run(["git", "clone", "--quiet", str(build.ROOT), str(clone)], "clone the checkout")
        for name, files in wheels.items():
            platforms = [f"linux-{machine}" for machine in build.GO_MACHINES if any(machine in file for file in files)]
            command = [str(clone / "scripts" / "dev"), "wheel", "--only", name, *platforms]
            if subprocess.run(command, env=environment, check=False).returncode:
                raise SystemExit(f"the second build of {name} failed (see above)")
            problems += [problem for path in made(name) for problem in _differences(path, clone / "dist" / path.name)]
    if problems:
        raise SystemExit("\n".join(problems))
    print("two builds are the same, byte for byte", flush=True)


def _differences(first: Path, second: Path) -> Iterator[str]:
    if first.read_bytes() == second.read_bytes():
        return
    yield f"{first.name} is not what the last commit's build elsewhere is, in:"
    if first.suffix == ".whl":
        with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
            parts = [{(each.filename, each.CRC, each.external_attr) for each in it.infolist()} for it in (one, other)]
        yield from sorted(f"  {name}" for name in {part[0] for part in parts[0] ^ parts[1]})


def try_everywhere(wheel: Path) -> None:
    """Install a wheel alone into a fresh environment of each Python and use it."""
    if not os.environ.get("HELM_SDKPY_TESTCLUSTER"):
        os.environ["HELM_SDKPY_TESTCLUSTER"] = str(build.cluster().output)
    for python in pythons():
        with tempfile.TemporaryDirectory() as directory:
            began = time.monotonic()
            _run([str(python), "-m", "venv", directory])
            own = str(Path(directory) / "bin" / "python")
            _run([own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)])
            installed = time.monotonic()
            told = _run([own, "-W", "error", str(PROGRAM), str(CHART), "install"], directory)
            command = _run([str(Path(directory) / "bin" / "helm-sdkpy"), "version", "--short"], directory)
        print(f"{told.strip()}; helm-sdkpy version: {command.strip()}", end=" ")
        print(f"(installed in {installed - began:.0f} s, run in {time.monotonic() - installed:.0f} s)", flush=True)


def pythons() -> list[Path]:
    """One interpreter of each supported version that the machine has."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    # Pyenv's shims on PATH are slow, and start what the directory asks for; the versions themselves lie beside them.
    directories = [place for text in os.environ["PATH"].split(os.pathsep) if (place := Path(text)) != pyenv / "shims"]
    found: dict[str, Path] = {}
    for path in [
        *pyenv.glob("versions/3.*/bin/python3.*"),
        *(each / f"python{v}" for v in PYTHONS for each in directories),
    ]:
        version = path.name.removeprefix("python")
        if version in PYTHONS and version not in found and path.is_file():
            able = [str(path), "-Ic", "import venv, ensurepip"]
            if not subprocess.run(able, capture_output=True, check=False).returncode:
                found[version] = path
    return [found[version] for version in PYTHONS if version in found]


def _run(command: list[str], directory: str | None = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
