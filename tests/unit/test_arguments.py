"""What is refused before anything is sent, with the path of what was wrong, and what the rest becomes on the wire."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import pathlib
import re
import types
from typing import Any, cast

import pytest

from helm_sdkpy import _arguments
from helm_sdkpy._arguments import Refused, values


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def loop() -> dict[str, Any]:
    inner: dict[str, Any] = {}
    inner["again"] = {"list": [inner]}
    return {"a": inner}


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"d": value}
    return value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": {"b": [1, math.nan]}}, r"values\['a'\]\['b'\]\[1\] is nan"),
        ({"a": math.inf}, r"values\['a'\] is inf"),
        ({"at": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)}, r"values\['at'\] is a datetime.*isoformat"),
        ({"at": datetime.date(2026, 1, 1)}, r"values\['at'\] is a date"),
        ({"a": {1: "x"}}, r"values\['a'\] has the key 1, a int: keys must be str"),
        ({None: 1}, r"values has the key None"),
        ({"a": [2**64]}, r"values\['a'\]\[0\] is 18446744073709551616, which 64 bits can not hold: use a str"),
        ({"a": -(2**63) - 1}, "which 64 bits can not hold"),
        ({"a": b"x"}, r"values\['a'\] is a bytes.*decode"),
        ({"a": decimal.Decimal("1.5")}, r"values\['a'\] is a Decimal"),
        ({"a": pathlib.Path("x")}, r"values\['a'\] is a PosixPath.*use str"),
        ({"a": {1, 2}}, r"values\['a'\] is a set.*use a list"),
        ({"a": (n for n in ())}, r"values\['a'\] is a generator.*use a list"),
        ({"a": ["\ud800"]}, r"values\['a'\]\[0\] is not valid Unicode"),
        ({"\ud800": 1}, r"values has the key"),
        ({"a": object()}, r"values\['a'\] is a object"),
        (loop(), r"values\['a'\]\['again'\]\['list'\]\[0\] contains itself"),
        (deep(_arguments.DEPTH + 1), "nested more than 100 deep"),
        (deep(100_000), "nested more than 100 deep"),
        ([1], "values must be a mapping, not a list"),
        ("a: 1", "values must be a mapping, not a str"),
    ],
)
def test_values_that_can_not_be_sent(given: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        values("values", given)


def test_values_that_can() -> None:
    shared = {"x": 1}
    given: Any = types.MappingProxyType(
        cast("dict[str, Any]", {
            "none": None, "yes": True, "int": 9007199254740993, "huge": 2**64 - 1, "float": 1.5, "text": "ü",
            "tuple": (1, "a"), "enum": Colour.RED, "level": Level.HIGH, "same": [shared, shared], "empty": {},
        })
    )  # fmt: skip
    sent = json.loads(_arguments.encode(values("values", given)))
    assert sent == {
        "none": None, "yes": True, "int": 9007199254740993, "huge": 2**64 - 1, "float": 1.5, "text": "ü",
        "tuple": [1, "a"], "enum": "red", "level": 3, "same": [{"x": 1}, {"x": 1}], "empty": {},
    }  # fmt: skip
    assert values("values", deep(_arguments.DEPTH)) == deep(_arguments.DEPTH)


def test_values_are_copied() -> None:
    given = {"a": [1]}
    sent = values("values", given)
    given["a"].append(2)
    assert sent == {"a": [1]}


@pytest.mark.parametrize(
    ("encode", "given", "wanted"),
    [
        (_arguments.flag, True, True),
        (_arguments.flag, False, None),
        (_arguments.text, "x", "x"),
        (_arguments.text, "", None),
        (_arguments.path, pathlib.Path("a/b"), "a/b"),
        (_arguments.count, 0, 0),
        (_arguments.seconds, 1.5, 1.5),
        (_arguments.seconds, 0, 0),
        (_arguments.seconds, datetime.timedelta(minutes=2, milliseconds=5), 120.005),
        (_arguments.texts, "a=1", ["a=1"]),
        (_arguments.texts, ("a=1", "b=2"), ["a=1", "b=2"]),
        (_arguments.texts, [], None),
        (_arguments.paths, pathlib.Path("v.yaml"), ["v.yaml"]),
        (_arguments.paths, ["a.yaml", pathlib.Path("b.yaml")], ["a.yaml", "b.yaml"]),
        (_arguments.labels, {"a": "1", "b": None}, {"a": "1", "b": None}),
        (_arguments.wait, True, "watcher"),
        (_arguments.wait, False, "hookOnly"),
        (_arguments.wait, "legacy", "legacy"),
        (_arguments.server_side, True, "true"),
        (_arguments.server_side, False, "false"),
        (_arguments.server_side, "auto", "auto"),
        (_arguments.dry_run, True, "client"),
        (_arguments.dry_run, False, None),
        (_arguments.dry_run, "none", None),
        (_arguments.dry_run, "server", "server"),
        (_arguments.choice("background", "orphan"), "background", None),
        (_arguments.choice("background", "orphan"), "orphan", "orphan"),
    ],
)
def test_encoding(encode: _arguments.Encoder, given: Any, wanted: Any) -> None:
    assert encode("it", given) == wanted


@pytest.mark.parametrize(
    ("encode", "given", "message"),
    [
        (_arguments.flag, "yes", "it must be True or False, not a str"),
        (_arguments.flag, 1, "not a int"),
        (_arguments.text, 5, "must be a str"),
        (_arguments.text, "\udcff", "not valid Unicode"),
        (_arguments.path, "-", "nothing is read from standard input"),
        (_arguments.path, b"x", "must be a str or a path"),
        (_arguments.paths, ["a", "-"], "nothing is read from standard input"),
        (_arguments.count, True, "must be an int"),
        (_arguments.count, -1, "it is -1"),
        (_arguments.count, 2**31, "2147483647"),
        (_arguments.count, 1.0, "must be an int"),
        (_arguments.seconds, -1, "it is -1: it must be a number of seconds, 0 or more"),
        (_arguments.seconds, datetime.timedelta(seconds=-1), "it is -1.0"),
        (_arguments.seconds, math.nan, "it is nan"),
        (_arguments.seconds, math.inf, "it is inf"),
        (_arguments.seconds, True, "must be seconds"),
        (_arguments.seconds, "5m", "must be seconds"),
        (_arguments.texts, [1], "must be a str"),
        (_arguments.texts, {"a": 1}, "must be a str or a list of str"),
        (_arguments.texts, [""], "holds an empty text"),
        (_arguments.labels, {"a": 1}, "mapping of str to str"),
        (_arguments.labels, "a=1", "mapping of str to str"),
        (_arguments.wait, "watch", '"watcher", "hookOnly" or "legacy"'),
        (_arguments.wait, None, '"watcher"'),
        (_arguments.server_side, "yes", '"auto"'),
        (_arguments.dry_run, "all", '"client" or "server"'),
        (_arguments.number, math.nan, "finite"),
        (_arguments.choice("a", "b", "c"), "d", "it is 'd': it must be 'a', 'b' or 'c'"),
    ],
)
def test_refusals(encode: _arguments.Encoder, given: Any, message: str) -> None:
    with pytest.raises(Refused, match=message) as refused:
        encode("it", given)
    assert refused.value.field == "it"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("/spec/replicas", [{"paths": ["/spec/replicas"]}]),
        (["/a", {"paths": "", "kind": "Job"}], [{"paths": ["/a"]}, {"paths": [""], "kind": "Job"}]),
        ({"paths": ["/a", "/b"], "name": "x*", "namespace": None}, [{"paths": ["/a", "/b"], "name": "x*"}]),
        ([], None),
    ],
)
def test_ignore_rules(given: Any, wanted: Any) -> None:
    assert _arguments.ignore_rules("ignore", given) == wanted


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (5, "ignore must be a str, a mapping or a list of these, not a int"),
        ([5], "ignore holds a int"),
        ("spec", "ignore has the path 'spec': a JSON pointer begins with /"),
        ({"kind": "Job"}, "ignore has no paths"),
        ({"paths": ["/a"], "kinds": "Job"}, "ignore has the key 'kinds'"),
        ({"paths": [7]}, "ignore has the path a int"),
        ({"paths": ["/a"], "kind": 1}, "ignore must be a str"),
    ],
)
def test_ignore_rules_that_are_none(given: Any, message: str) -> None:
    with pytest.raises(Refused, match=f"^{re.escape(message)}"):
        _arguments.ignore_rules("ignore", given)


def test_refusals_do_not_show_secrets() -> None:
    with pytest.raises(Refused) as refused:
        _arguments.text("password", ["hunter2"])
    assert "hunter2" not in str(refused.value)


def test_encoding_is_compact_utf8() -> None:
    assert _arguments.encode({"a": [1, "ü"]}) == '{"a":[1,"ü"]}'.encode()
