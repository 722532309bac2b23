"""The surface that users see: the drop-in target's signatures, helm's flags, the Go side's requests, run-time types."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

import helm_sdkpy
from helm_sdkpy import events, options, results
from helm_sdkpy._action import ALIASES, RULES
from tests.commands import (
    COMMANDS,
    GO_ACTIONS,
    NO_COMMANDS,
    PYTHON_ONLY,
    WIRE_ONLY,
    flags_of,
    keyword_of,
    keywords,
    kind_of,
    request_fields,
)

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
# The two defaults that are helm's and not the drop-in target's (design, "Names and options").
CHANGED_DEFAULTS = {
    ("Install", "server_side_apply"): None,
    ("Install", "disable_openapi_validation"): False,
    ("Upgrade", "disable_openapi_validation"): False,
}


def reference(name: str) -> Any:
    file = REFERENCE / name
    if not file.is_file():
        pytest.skip(f"{file} is not on this machine")
    return json.loads(file.read_text())


def test_all_is_sorted_and_there() -> None:
    names = helm_sdkpy.__all__
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    assert all(hasattr(helm_sdkpy, name) for name in names)
    public = {
        name for name, value in vars(helm_sdkpy).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public <= set(names)


def test_reference_names() -> None:
    wanted = set(reference("helm-sdkpy-0.1.32-signatures.json"))
    assert wanted <= set(helm_sdkpy.__all__)


def test_reference_signatures() -> None:
    checked = 0
    for name, known in reference("helm-sdkpy-0.1.32-signatures.json").items():
        ours = getattr(helm_sdkpy, name, None)
        if ours is None or known["kind"] != "class":
            continue
        for method, signature in known["methods"].items():
            function = getattr(ours, method)
            assert inspect.iscoroutinefunction(function) == signature["async"], f"{name}.{method}"
            parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
            leading = parameters[: len(signature["params"])]
            # What we have besides comes after, by keyword.
            assert all(each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) for each in parameters[len(leading) :])
            for ours_, theirs in zip(leading, signature["params"], strict=True):
                where = f"{name}.{method}({theirs['name']})"
                assert ours_.name == theirs["name"], where
                assert ours_.kind.name.lower() == theirs["kind"], where
                default = CHANGED_DEFAULTS.get((name, ours_.name), theirs.get("default", inspect.Parameter.empty))
                assert ours_.default == default, where
                assert type(ours_.default) is type(default), where
                checked += 1
    assert checked > 60


def test_reference_bases() -> None:
    for name, known in reference("helm-sdkpy-0.1.32-signatures.json").items():
        ours = getattr(helm_sdkpy, name, None)
        if ours is not None and known["kind"] == "class":
            assert set(known["bases"]) <= {base.__name__ for base in ours.__mro__[1:]}, name


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - NO_COMMANDS))
def test_every_flag_is_a_keyword(command: str) -> None:
    wanted = {keyword_of(flag) for flag in flags_of(command)}
    assert wanted <= keywords(command), f"helm {command}"


def test_every_root_flag_is_a_keyword_of_configuration() -> None:
    wanted = {keyword_of(flag) for flag in flags_of("")}
    assert len(wanted) > 10
    assert wanted <= set(inspect.signature(helm_sdkpy.Configuration).parameters)


@pytest.mark.parametrize("command", COMMANDS)
def test_keywords_are_the_fields_of_the_go_request(command: str) -> None:
    if not GO_ACTIONS.is_dir():
        pytest.skip("no Go sources here")
    assert keywords(command) - PYTHON_ONLY == request_fields(command) - WIRE_ONLY


@pytest.mark.parametrize("command", COMMANDS)
def test_every_keyword_has_a_rule(command: str) -> None:
    rules = set(kind_of(command)._encoders) | set(RULES) | set(ALIASES) | {"deadline", "on_event"}
    assert keywords(command) <= rules


def test_type_hints_are_there_at_run_time() -> None:
    for name in helm_sdkpy.__all__:
        value = getattr(helm_sdkpy, name)
        members = [value, *vars(value).values()] if isinstance(value, type) else [value]
        for member in members:
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if inspect.isfunction(function):
                hints = typing.get_type_hints(function)
                parameters = set(inspect.signature(function).parameters) - {"self", "cls"}
                assert parameters | {"return"} <= set(hints), f"{name}: {function.__qualname__}"
    for module in (options, results, events):
        for value in vars(module).values():
            if typing.is_typeddict(value):
                typing.get_type_hints(value)


def test_every_public_thing_has_a_docstring_with_its_arguments() -> None:
    for command, run in COMMANDS.items():
        text = inspect.getdoc(run) or ""
        for section in ("Args:", "Returns:", "Raises:", "Example:"):
            assert section in text, command
        for name in inspect.signature(run).parameters:
            if name != "self":
                assert re.search(rf"^ +\**{name}: ", text, re.M), f"helm {command}: {name}"
    source = Path(options.__file__).read_text()
    for name in re.findall(r"^    (\w+): ", source, re.M):
        assert re.search(rf'^    {name}: .*\n    """.*', source, re.M), f"options.py: {name} says nothing"


def test_every_action_can_be_streamed() -> None:
    for name in helm_sdkpy.__all__:
        kind = getattr(helm_sdkpy, name)
        if isinstance(kind, type) and hasattr(kind, "run"):
            assert {"run", "stream"} <= set(vars(kind)), f"{name}: `stream = streamed(run)` is missing"
            run, stream = inspect.signature(vars(kind)["run"]), inspect.signature(vars(kind)["stream"])
            assert list(stream.parameters.values()) == list(run.parameters.values())
            result = typing.get_type_hints(vars(kind)["stream"])["return"]
            assert result == helm_sdkpy.Run[typing.get_type_hints(vars(kind)["run"])["return"]]
            assert f"{kind.__name__}.run" in (inspect.getdoc(vars(kind)["stream"]) or "")


def test_import_is_light() -> None:
    heavy = ("cffi", "pycparser", "rich", "pytest", "importlib.metadata", "email")
    code = f"import sys, helm_sdkpy; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_version_is_the_packages() -> None:
    assert re.match(r"\d+\.\d+\.\d+", helm_sdkpy.__version__)
