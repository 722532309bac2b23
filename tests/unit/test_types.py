"""Users' type checkers see what is there: pyright in strict mode on a program that is right and on one that is not."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import helm_sdkpy
from helm_sdkpy.options import EventOptions
from tests.commands import COMMANDS, keywords, kind_of

ROOT: Final = Path(__file__).parents[2]
TYPES: Final = ROOT / "tests" / "types"


def reports(name: str, directory: Path) -> dict[int, set[str]]:
    """The lines of a file that pyright reports in a user's project, and by which rules."""
    shutil.copy(TYPES / name, directory)
    options = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": [str(ROOT)], "include": [name]}
    (directory / "pyrightconfig.json").write_text(json.dumps(options))
    command = [sys.executable, "-m", "pyright", "--project", str(directory), "--outputjson"]
    done = subprocess.run([*command, "--pythonpath", sys.executable], capture_output=True, text=True, check=False)
    found: defaultdict[int, set[str]] = defaultdict(set)
    for report in json.loads(done.stdout)["generalDiagnostics"]:
        found[report["range"]["start"]["line"] + 1].add(report.get("rule", report["severity"]))
    return dict(found)


def test_the_consumer_has_no_error(tmp_path: Path) -> None:
    assert reports("consumer.py", tmp_path) == {}


def test_mistakes_are_errors(tmp_path: Path) -> None:
    wanted = {
        number: set(marks[1].split())
        for number, line in enumerate((TYPES / "mistakes.py").read_text().splitlines(), 1)
        if (marks := re.search(r"  # error: ([\w ]+)$", line))
    }
    assert len(wanted) > 30
    found = reports("mistakes.py", tmp_path)
    assert set(found) == set(wanted)
    assert {line: found[line] for line in wanted if not found[line] & wanted[line]} == {}


def test_the_consumer_uses_every_keyword_of_every_action() -> None:
    used: defaultdict[str, set[str]] = defaultdict(set)
    for call in ast.walk(ast.parse((TYPES / "consumer.py").read_text())):
        match call:
            case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id=kind)), attr=method), keywords=given):
                used[f"{kind}.{method}"] |= {each.arg for each in given if each.arg}
            case _:
                pass
    # One family, whose types are checked once: who takes the one takes the other.
    family = set(EventOptions.__annotations__)
    for command, run in COMMANDS.items():
        leading = _leading(run) | family - {"on_event"}
        missing = keywords(command) - used[f"{kind_of(command).__name__}.{run.__name__}"] - leading
        assert not missing, f"helm {command}: {sorted(missing)}"


def _leading(run: Any) -> set[str]:
    """What is given by its place."""
    return {name for name, each in inspect.signature(run).parameters.items() if each.default is each.empty}


def test_py_typed_is_shipped() -> None:
    assert (Path(helm_sdkpy.__file__).parent / "py.typed").is_file()
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["helm_sdkpy"]  # with all that is in it
