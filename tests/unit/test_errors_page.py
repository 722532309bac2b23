"""docs/errors.md has every code that Go or Python gives, with its classes, a real message, its cause and its remedy."""

from __future__ import annotations

import re
from typing import Final

import pytest

from helm_sdkpy import HelmError
from helm_sdkpy.exceptions import CAUSES
from tests import codes

SECTIONS: Final = codes.sections()
ROW: Final = re.compile(r"^\| \[`(\w+)`\]\(#(\w+)\) \| (.*) \|$", re.M)
ROWS: Final = {code: (link, kind) for code, link, kind in ROW.findall(codes.PAGE.read_text())}


def test_every_code_has_a_section_and_a_test() -> None:
    assert set(SECTIONS) == set(ROWS) == set(codes.TESTS)
    assert set(CAUSES) <= set(SECTIONS)
    if codes.GO.is_dir():
        assert codes.of_go() | codes.of_python() == set(SECTIONS) | codes.DEFECTS | codes.UNTOLD


def test_every_class_has_a_code() -> None:
    named = {kind.__name__ for kind in CAUSES.values()}
    assert {kind for _, kind in ROWS.values()} == {f"`{name}`" for name in named} | {"the action's"}


def test_what_is_no_code_of_its_own_is_told() -> None:
    [end] = re.findall(r"^## Defects of the library\n(.*)", codes.PAGE.read_text(), re.M | re.S)
    assert set(re.findall(r"`(\w+)`", end)) >= codes.DEFECTS | codes.UNTOLD


@pytest.mark.parametrize("code", SECTIONS)
def test_section(code: str) -> None:
    section, (link, kind) = SECTIONS[code], ROWS[code]
    assert link == code
    assert len(section.message) > 10
    assert len(section.remedy.split()) > 2
    if (cause := CAUSES.get(code)) is None:
        assert kind == "the action's"
        return
    assert kind == f"`{cause.__name__}`"
    named = re.findall(r"`(\w+)`", section.classes)
    bases = {
        each.__name__
        for each in cause.__mro__[1:]
        if each not in HelmError.__mro__ and each.__name__ not in {"OSError", "EnvironmentError"}
    }
    assert (named[0], set(named[1:])) == (cause.__name__, bases)


@pytest.mark.parametrize("code", codes.TESTS)
def test_the_test_of_a_code_is_there(code: str) -> None:
    file, _, test = codes.TESTS[code].partition("::")
    name, _, case = test.partition("[")
    text = (codes.ROOT / "tests" / file).read_text()
    assert re.search(rf"^(?:async )?def {name}\(", text, re.M)
    if file == "integration/test_error_causes.py":
        assert case == f"{code}]"
        assert f'    "{code}": Cause(' in text
