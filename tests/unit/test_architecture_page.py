"""docs/architecture.md and its picture show the code as it is: every part, and arrows that are imports."""

from __future__ import annotations

import ast
import graphlib
import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import pytest

from helm_sdkpy import _ffi

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "architecture.md").read_text()
PICTURE: Final = ROOT / "docs" / "architecture.svg"
SVG: Final = "{http://www.w3.org/2000/svg}"

if not (ROOT / "go").is_dir():
    pytest.skip("no Go sources here", allow_module_level=True)


def parts() -> set[str]:
    """Every Python module and Go package, the sub-packages counted with the one that they are in."""
    python = {str(path.relative_to(ROOT)) for path in (ROOT / "helm_sdkpy").glob("*.py") if path.name != "__init__.py"}
    packages = {f"helm_sdkpy/{path.parent.name}" for path in (ROOT / "helm_sdkpy").glob("[a-z]*/__init__.py")}
    go = {f"go/{path.relative_to(ROOT / 'go').parts[0]}" for path in (ROOT / "go").glob("*/**/*.go")} | {"go/tools"}
    return python | packages | go


def in_picture() -> dict[str, str]:
    """The boxes that stand for code, with what is written in them."""
    return {
        str(group.get("data-path")): "".join(group.find(f"{SVG}text").itertext())  # pyright: ignore[reportOptionalMemberAccess]
        for group in ElementTree.parse(PICTURE).iter(f"{SVG}g")
        if group.get("data-path")
    }


def arrows() -> list[tuple[str, str]]:
    """The arrows between parts."""
    paths = ElementTree.parse(PICTURE).iter(f"{SVG}path")
    return [(str(path.get("data-from")), str(path.get("data-to"))) for path in paths if path.get("data-from")]


def imports(part: str) -> set[str]:
    """The parts that one imports."""
    if part.startswith("go/"):
        texts = (path.read_text() for path in (ROOT / part).rglob("*.go") if not path.name.endswith("_test.go"))
        module = r'"github\.com/helm-sdkpy/helm-sdkpy/(go/\w+)'
        return {found for text in texts for found in re.findall(module, text)}
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / part).read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module} if node.module else {each.name for each in node.names}
    return {f"helm_sdkpy/{name}.py" for name in names}


def test_the_picture_has_no_part_that_is_not_there() -> None:
    shown = in_picture()
    assert set(shown) <= parts()
    for path, name in shown.items():
        assert name in {path, Path(path).stem}


def test_every_part_is_in_the_table() -> None:
    table = PAGE.partition("## The parts\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.*?) \|", table, re.M)
    named = {name.rstrip("/") for cell in cells for name in re.findall(r"`([\w/.]+)`", cell)}
    assert {name if name.startswith("go/") else f"helm_sdkpy/{name}" for name in named} == parts()


def test_every_part_of_the_library_is_in_the_picture() -> None:
    beside = {"go/cmd", "go/internal", "go/tools"}
    assert set(in_picture()) == parts() - beside


@pytest.mark.parametrize(("user", "used"), arrows())
def test_an_arrow_is_an_import(user: str, used: str) -> None:
    assert used in imports(user)


def test_dependencies_point_one_way() -> None:
    files = {part for part in parts() if part.endswith(".py")}
    graphlib.TopologicalSorter({part: imports(part) & files for part in files}).prepare()


def test_the_picture_says_in_words_what_it_shows() -> None:
    root = ElementTree.parse(PICTURE).getroot()
    labels = str(root.get("aria-labelledby")).split()
    texts = {str(element.get("id")): "".join(element.itertext()) for element in root}
    assert root.get("role") == "img"
    assert all(len(texts[label]) > 20 for label in labels)
    assert re.search(r"!\[[^]]{100,}\]\(architecture\.svg\)", PAGE)
    steps = {element.text for element in root.iter(f"{SVG}text") if (element.text or "").isdecimal()}
    listed = re.findall(r"^(\d+)\. ", PAGE.partition("## The way of one call\n")[2].partition("\n## ")[0], re.M)
    assert steps == set(listed)


def test_the_files_that_the_page_names_are_there() -> None:
    table = PAGE.partition("## Where it departs")[2].partition("\n## ")[0]
    for row in re.findall(r"^\|.*\| ([^|]+) \|$", table, re.M)[1:]:
        directory = ""
        for name in re.findall(r"`([\w/.]+)`", row):
            directory = name.rpartition("/")[0] or directory if name.endswith(".go") else ""
            path = ROOT / "go" / (name if "/" in name or not name.endswith(".go") else f"{directory}/{name}")
            assert path.exists(), f"the page names {name}"


def test_the_c_functions_are_those_that_are_declared() -> None:
    shown = set(re.findall(r"^(?:char \*|void  |int   )(helm_sdkpy_\w+)\(", PAGE, re.M))
    declared = set(re.findall(r"helm_sdkpy_\w+", _ffi._DECLARATIONS))  # pyright: ignore[reportPrivateUsage]
    assert shown == declared | {"helm_sdkpy_main"}
