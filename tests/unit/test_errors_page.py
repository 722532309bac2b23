"""docs/errors.md has a row for every code, with its class and a test that is there and names it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from helm_sdkpy.exceptions import CAUSES
from tests.commands import GO_ACTIONS

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| .* \| .* \| (.*) \|$", re.M)
ROWS = {code: (kind, tests) for code, kind, tests in ROW.findall((ROOT / "docs" / "errors.md").read_text())}


def codes_of_go() -> set[str]:
    return set(re.findall(r'^\tcode\w+ += "(\w+)"', (GO_ACTIONS / "codes.go").read_text(), re.M))


def test_every_code_has_a_row() -> None:
    if not GO_ACTIONS.is_dir():
        pytest.skip("no Go sources here")
    assert set(ROWS) == set(CAUSES) | codes_of_go()


@pytest.mark.parametrize("code", ROWS)
def test_row(code: str) -> None:
    shown, tests = ROWS[code]
    cause = CAUSES.get(code)
    assert shown == (f"`{cause.__name__}`" if cause else "the action's")
    named = re.findall(r"`([\w/]+\.py)::(\w+)(?:\[(\w+)\])?`", tests)
    assert named
    for file, name, case in named:
        path = ROOT / "tests" / file if file.startswith("unit/") else ROOT / "tests" / "integration" / file
        found = re.search(
            rf"^(?:async )?def {name}\(.*?(?=^(?:async def|def|@|class) |\Z)", path.read_text(), re.M | re.S
        )
        assert found, f"{file} has no {name}"
        if case:
            assert case == code
            assert f'    "{code}": Cause(' in path.read_text()
        else:
            kinds = [] if cause is None else [cause, *cause.__subclasses__()]
            words = [f'"{code}"', *(kind.__name__ for kind in kinds)]
            assert any(word in found[0] for word in words), f"{file}::{name} says nothing of {code}"
