"""The Go request structs are the single source of options: Python has exactly theirs, and every code has a class."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import helm_sdkpy
from helm_sdkpy import options
from helm_sdkpy.exceptions import CAUSES

ACTIONS = Path(__file__).parents[2] / "go" / "actions"
SOURCE = "\n".join(path.read_text() for path in ACTIONS.glob("*.go") if not path.name.endswith("_test.go"))
STRUCTS = dict(re.findall(r"^type (\w+) struct \{\n(.*?)^\}", SOURCE, re.MULTILINE | re.DOTALL))

# docs/architecture.md, "Arguments that are not one to one with the keywords".
WIRE_ONLY = {"chart_archive", "post_renderer_callable"}
# Other names for a field of the wire, and what results always carry (a column of helm's table).
PYTHON_ONLY = {"on_event", "server_side_apply", "history_max", "show_rollback_revision"}


def wire_fields(struct: str) -> set[str]:
    """The JSON names of a struct, those of the families that it embeds among them."""
    fields: set[str] = set()
    for line in STRUCTS[struct].splitlines():
        if name := re.search(r'json:"(\w+)', line):
            fields.add(name[1])
        elif (embedded := line.strip()) in STRUCTS:
            fields |= wire_fields(embedded)
    return fields


def keywords(action: str) -> set[str]:
    """The leading parameters of an action and its options."""
    parameters = set(inspect.signature(getattr(helm_sdkpy, action).run).parameters) - {"self", "options"}
    return parameters | set(getattr(options, f"{action}Options").__optional_keys__)


@pytest.mark.parametrize(
    "action", ["Install", "Upgrade", "Rollback", "Uninstall", "List", "Status", "History", "GetValues"]
)
def test_python_has_what_go_takes(action: str) -> None:
    assert keywords(action) - PYTHON_ONLY == wire_fields(f"{action}Request") - WIRE_ONLY


def test_every_code_has_a_class() -> None:
    codes = set(re.findall(r'^\tcode\w+ += "(\w+)"', (ACTIONS / "codes.go").read_text(), re.MULTILINE))
    assert len(codes) > 30
    assert codes - {"helm"} <= set(CAUSES)
