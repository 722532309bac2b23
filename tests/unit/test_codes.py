"""The codes of the Go side are the single source: every one has a class."""

from __future__ import annotations

import re

import pytest

from helm_sdkpy.exceptions import CAUSES
from tests.commands import GO_ACTIONS


def test_every_code_has_a_class() -> None:
    if not GO_ACTIONS.is_dir():
        pytest.skip("no Go sources here")
    codes = set(re.findall(r'^\tcode\w+ += "(\w+)"', (GO_ACTIONS / "codes.go").read_text(), re.MULTILINE))
    assert len(codes) > 30
    assert codes - {"helm"} <= set(CAUSES)
