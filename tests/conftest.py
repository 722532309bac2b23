"""What every test is held to."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests import codes

SHOWS: Final = {f"tests/{test}": code for code, test in codes.TESTS.items()}
RECORD: Final = "HELM_SDKPY_RECORD_ERRORS"
"""Names a file to which those messages are written, one JSON object a line, instead of being compared."""


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """The message that docs/errors.md shows for a code is the one that its test raises."""
    if (code := SHOWS.get(pyfuncitem.nodeid)) is None:
        return (yield)
    with codes.heard() as told:
        result = yield
    said = [message for given, message in told if given == code]
    assert said, f"no error of the code {code} was raised, whose message docs/errors.md shows"
    names = {str(pyfuncitem.funcargs[name]): instead for name, instead in NAMES.items() if name in pyfuncitem.funcargs}
    if path := os.environ.get(RECORD):
        with Path(path).open("a") as file:
            file.writelines(json.dumps({"code": code, "message": text, "names": names}) + "\n" for text in said)
        return result
    shown = codes.sections()[code].message
    assert any(codes.is_shown(message, shown, names) for message in said), f"docs/errors.md shows\n{shown}\nnot\n{said}"
    return result


NAMES: Final = {"helm_namespace": "web", "tmp_path": "/srv"}
"""What the page has in place of what only a test has."""
