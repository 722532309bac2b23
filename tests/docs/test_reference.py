"""Every public name stands in the reference, once, with every keyword that it takes."""

from __future__ import annotations

import importlib
import inspect
import re
from typing import Any, Final

import pytest

import helm_sdkpy
from tests.commands import COMMANDS, keywords
from tests.docs.site import pages

MODULES: Final = ("events", "options", "results", "exceptions", "progress", "configuration", "testing")
NOT_FOR_USERS: Final = {"helm_sdkpy.exceptions.CAUSES", "helm_sdkpy.exceptions.error"}
HEADING: Final = re.compile(r"(?=<h[1-6] id=)")
NAME: Final = re.compile(r'<h[1-6] id="(helm_sdkpy[\w.]+)" class="doc doc-heading">')
KEYWORD: Final = re.compile(r'<li class="doc-section-item field-body">\s*<b><code>(\w+)</code>')
SECTIONS: Final = [
    (named[1], section)
    for page in pages()
    if page.parent.name == "reference"
    for section in HEADING.split(page.read_text())
    if (named := NAME.match(section))
]
"""What stands under the heading of each name, by the name."""


def public() -> dict[str, set[str]]:
    """The paths under which a public name may stand: where it is imported from, and where it is defined."""
    found = {name: {f"helm_sdkpy.{name}"} for name in helm_sdkpy.__all__}
    for name in helm_sdkpy.__all__:
        value: Any = getattr(helm_sdkpy, name)
        if getattr(value, "__name__", None) == name:  # no other name of another thing
            found[name].add(f"{value.__module__}.{name}")
    for module in MODULES:
        path = f"helm_sdkpy.{module}"
        for name in _names(path):
            if f"{path}.{name}" not in NOT_FOR_USERS:
                found.setdefault(name, set()).add(f"{path}.{name}")
    return found


OWN: Final = re.compile(r"^(?:class |def )?([A-Za-z]\w*)(?:\(|: \w+ = | = |:$)", re.M)


def _names(path: str) -> list[str]:
    """What a module has of its own, by its source: aliases of types do not know where they were made."""
    module = importlib.import_module(path)
    return getattr(module, "__all__", None) or OWN.findall(inspect.getsource(module))


PUBLIC: Final = public()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_one_place(name: str) -> None:
    places = [heading for heading, _ in SECTIONS if heading in PUBLIC[name]]
    assert len(places) == 1, places


def test_nothing_else_stands_there() -> None:
    hidden = {heading for heading, _ in SECTIONS if re.search(r"\._[a-z]", heading)} - {"helm_sdkpy.__version__"}
    assert hidden | (NOT_FOR_USERS & {heading for heading, _ in SECTIONS}) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_keyword_of_a_method_is_shown(command: str) -> None:
    [section] = [section for heading, section in SECTIONS if heading == f"helm_sdkpy.{COMMANDS[command].__qualname__}"]
    assert keywords(command) <= set(KEYWORD.findall(section))
