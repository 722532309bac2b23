"""The JSON of the Go request and result structs is what the TypedDicts and signatures of Python say, both ways.

`go/actions/schema_test.go` tells the structs by reflection in `testdata/schema.json`, and holds that file to them.
"""

from __future__ import annotations

import inspect
import json
import os
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal, NotRequired, Required, Union

import pytest

from helm_sdkpy import exceptions, results
from tests.commands import COMMANDS, GO_ACTIONS, WIRE_ONLY

SCHEMA_FILE: Final = GO_ACTIONS / "testdata" / "schema.json"
SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA_FILE.read_text()) if SCHEMA_FILE.is_file() else {}
pytestmark = pytest.mark.skipif(not SCHEMA, reason="no Go sources here")

ALWAYS_THERE: Final[dict[str, set[str]]] = {
    # Helm loads no chart without them (helm: pkg/chart/v2/metadata.go, Validate).
    "v2.Metadata": {"name", "version", "apiVersion"},
    # Every record has one.
    "actions.Info": {"status"},
}
"""Keys that Go would leave out where they are empty, and that never are."""

ONE_OR_MANY: Final = {"package", "pull"}
"""Commands whose method gives the one thing where one was asked for, and else a list."""


def operation(command: str) -> str:
    """The Go function of a command."""
    found = [name for name in SCHEMA["results"] if name.lower() == command.replace(" ", "")]
    if not found:
        pytest.skip("go/actions/schema_test.go has still to name it, and fails until then")
    return found[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_result(command: str) -> None:
    hint = typing.get_type_hints(COMMANDS[command])["return"]
    schema = SCHEMA["results"][operation(command)]
    if command in ONE_OR_MANY:
        arms = _arms(hint)
        hint = next((arm for arm in arms if typing.get_origin(arm) is list), list[arms[0]])
    assert list(_differences(schema, hint, command)) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_request(command: str) -> None:
    fields = SCHEMA["types"].get(SCHEMA["requests"][operation(command)], {})
    hints = _parameters(command)
    for name, field in fields.items():
        if name not in WIRE_ONLY and field["schema"] != "any":
            kind = field["schema"] if isinstance(field["schema"], str) else next(iter(field["schema"]))
            assert kind in _kinds(hints[name]), f"{name} is {kind} in Go, and in Python {hints[name]}"


def test_every_typed_dict_is_a_result_of_some_command_or_part_of_an_error() -> None:
    seen: set[str] = set()
    _collect(typing.get_type_hints(exceptions.WaitTimeoutError.not_ready.fget)["return"], seen)
    for command in COMMANDS:
        _collect(typing.get_type_hints(COMMANDS[command])["return"], seen)
    declared = {name for name, value in vars(results).items() if typing.is_typeddict(value)}
    assert declared == seen & declared
    assert len(declared) > 20


@pytest.mark.parametrize(
    ("schema", "hint"),
    [
        ("string", int),
        ("integer", str),
        ("boolean", list[str]),
        ({"list": "string"}, str),
        ({"list": "string"}, list[int]),
        ({"mapping": "string"}, dict[str, int]),
        ("v1.HookExecution", results.Maintainer),
        ("v2.Maintainer", results.HookExecution),
        ("v1.HookExecution", str),
    ],
)
def test_a_difference_is_seen(schema: Any, hint: Any) -> None:
    assert list(_differences(schema, hint, "")) != []


def _differences(schema: Any, hint: Any, path: str) -> typing.Iterator[str]:
    hint = _plain(hint)
    match schema:
        case "any":
            return
        case "string" | "integer" | "number" | "boolean":
            if schema not in _kinds(hint) or len(_kinds(hint) - {"null"}) > 2:
                yield f"{path} is {schema} in Go, and in Python {hint}"
        case {"list": item}:
            if typing.get_origin(hint) is not list:
                yield f"{path} is a list in Go, and in Python {hint}"
            else:
                yield from _differences(item, typing.get_args(hint)[0], f"{path}[]")
        case {"mapping": item}:
            if typing.get_origin(hint) is not dict:
                yield f"{path} is a mapping in Go, and in Python {hint}"
            elif item != "any":
                yield from _differences(item, typing.get_args(hint)[1], f"{path}{{}}")
        case _:
            if not typing.is_typeddict(hint):
                yield f"{path} is {schema} in Go, and in Python {hint}"
            else:
                yield from _differences_of_keys(schema, hint, path)


def _differences_of_keys(name: str, hint: Any, path: str) -> typing.Iterator[str]:
    ours = _keys(hint)
    theirs: dict[str, Any] = SCHEMA["types"][name]
    if set(ours) != set(theirs):
        yield f"{path}: Go alone has {sorted(set(theirs) - set(ours))}, Python alone {sorted(set(ours) - set(theirs))}"
    for key in set(ours) & set(theirs):
        required, kind = ours[key]
        always = not theirs[key].get("optional") or key in ALWAYS_THERE.get(name, set())
        if required != always:
            yield f"{path}.{key} is {'always' if always else 'not always'} there in Go, and else in Python"
        yield from _differences(theirs[key]["schema"], kind, f"{path}.{key}")


def _keys(hint: Any) -> dict[str, tuple[bool, Any]]:
    """Each key of a TypedDict (all of one are total, or none): whether it is always there, and its type."""
    found: dict[str, tuple[bool, Any]] = {}
    for key, kind in typing.get_type_hints(hint, include_extras=True).items():
        origin = typing.get_origin(kind)
        required = hint.__total__ if origin not in (NotRequired, Required) else origin is Required
        found[key] = (required, typing.get_args(kind)[0] if origin in (NotRequired, Required) else kind)
    return found


def _arms(hint: Any) -> list[Any]:
    return list(typing.get_args(hint)) if typing.get_origin(hint) in (Union, types.UnionType) else [hint]


def _plain(hint: Any) -> Any:
    """The type without None: a pointer of Go's may be null."""
    arms = [arm for arm in _arms(hint) if arm is not type(None)]
    return arms[0] if len(arms) == 1 else hint


_KINDS: Final[dict[Any, set[str]]] = {
    bool: {"boolean"},
    int: {"integer", "number"},
    float: {"number"},
    timedelta: {"number"},
    str: {"string"},
    bytes: {"string"},
    os.PathLike: {"string"},
    type(None): {"null"},
    list: {"list"},
    Sequence: {"list"},
    dict: {"mapping"},
    Mapping: {"mapping"},
}


def _kinds(hint: Any) -> set[str]:
    """What a type is in JSON."""
    found: set[str] = set()
    for arm in _arms(hint):
        origin = typing.get_origin(arm) or arm
        found |= {"string"} if origin is Literal else _KINDS.get(origin, set())
    return found


def _parameters(command: str) -> dict[str, Any]:
    """The type of each keyword of a command's method."""
    run = COMMANDS[command]
    hints = typing.get_type_hints(run)
    [unpacked] = typing.get_args(hints["options"])
    leading = {name: hints[name] for name in inspect.signature(run).parameters if name not in {"self", "options"}}
    return {**leading, **typing.get_type_hints(unpacked)}


def _collect(hint: Any, seen: set[str]) -> None:
    if typing.is_typeddict(hint):
        seen.add(hint.__name__)
        for _, kind in _keys(hint).values():
            _collect(kind, seen)
    for arm in typing.get_args(hint):
        _collect(arm, seen)
