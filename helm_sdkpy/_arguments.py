"""Checks Python arguments and puts them into the form that the wire has, before anything is sent."""

from __future__ import annotations

import base64
import difflib
import json
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

DEPTH: Final = 100
"""How deep values may be nested; the library's own limit is higher."""


class Refused(Exception):
    """An argument is wrong; the caller makes it the error of its action."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}{'' if reason.startswith('[') else ' '}{reason}")
        self.field = field


Encoder = Callable[[str, Any], Any]
"""Takes a keyword and its value; gives the value for the wire, None where it is the default."""


def flag(field: str, value: object) -> bool | None:
    """A bool, of which False is the default."""
    if not isinstance(value, bool):
        raise Refused(field, f"must be True or False, not {_shown(value)}")
    return value or None


def switch(field: str, value: object) -> bool:
    """A bool of which False is not the default; always sent."""
    if not isinstance(value, bool):
        raise Refused(field, f"must be True or False, not {_shown(value)}")
    return value


def text(field: str, value: object) -> str | None:
    """A str."""
    if not isinstance(value, str):
        raise Refused(field, f"must be a str, not {_shown(value)}")
    _check_unicode(field, value)
    return value or None


def path(field: str, value: object) -> str | None:
    """A path; `-` would be standard input, which nothing reads."""
    if not isinstance(value, (str, os.PathLike)):
        raise Refused(field, f"must be a str or a path, not {_shown(value)}")
    name: str | bytes = os.fspath(cast("str | os.PathLike[str]", value))
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if name.strip() == "-":
        raise Refused(field, 'must not be "-": nothing is read from standard input')
    return text(field, name)


def count(field: str, value: object) -> int | None:
    """An int from 0 on; 0 is sent, because it often is not the default."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refused(field, f"must be an int, not {_shown(value)}")
    if not 0 <= value < 2**31:
        raise Refused(field, f"is {value}: it must be from 0 to 2147483647")
    return value


def number(field: str, value: object) -> float:
    """A finite float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused(field, f"must be a number, not {_shown(value)}")
    if not math.isfinite(value):
        raise Refused(field, f"is {value}: it must be a finite number")
    return value


def seconds(field: str, value: object) -> float:
    """A time span from 0 on."""
    span = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(span, bool) or not isinstance(span, (int, float)):
        raise Refused(field, f"must be seconds (int or float) or a timedelta, not {_shown(value)}")
    # Go's time spans end at 292 years.
    if not 0 <= span < 2**33:
        raise Refused(field, f"is {span}: it must be a number of seconds, 0 or more")
    return span


@dataclass(frozen=True)
class Deadline:
    """When a call has to have ended: the seconds that it has, and how they are told."""

    seconds: float
    shown: str


def deadline(field: str, value: object) -> Deadline:
    """A time span of more than 0, or a moment with a time zone; one that has passed already is no mistake."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise Refused(field, "is a datetime without a time zone: nobody knows when that is")
        return Deadline((value - datetime.now(UTC)).total_seconds(), value.isoformat())
    span = seconds(field, value)
    if not span:
        raise Refused(field, "is 0: it must be more; None is no deadline")
    return Deadline(span, f"{span:g} s")


def texts(field: str, value: object) -> list[str] | None:
    """A str, or several."""
    return _several(field, value, text, "a str or a list of str")


def paths(field: str, value: object) -> list[str] | None:
    """A path, or several."""
    return _several(field, value, path, "a path or a list of paths")


def labels(field: str, value: object) -> dict[str, str | None] | None:
    """A mapping of str to str; None unsets a label."""
    if not isinstance(value, Mapping):
        raise Refused(field, f"must be a mapping of str to str, not {_shown(value)}")
    for key, label in cast("Mapping[object, object]", value).items():
        if not isinstance(key, str) or not (label is None or isinstance(label, str)):
            raise Refused(field, f"must be a mapping of str to str (None unsets a label), not {{{key!r}: {label!r}}}")
        _check_unicode(field, key + (label or ""))
    return dict(cast("Mapping[str, str | None]", value)) or None


def wait(field: str, value: object) -> str:
    """A wait strategy. Always sent: the drop-in target, helm and this library do not agree on the default."""
    if isinstance(value, bool):
        return "watcher" if value else "hookOnly"
    if value in ("watcher", "hookOnly", "legacy"):
        return str(value)
    raise Refused(field, f'is {value!r}: it must be True, False, "watcher", "hookOnly" or "legacy"')


def server_side(field: str, value: object) -> str:
    """A bool in three values."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value in ("true", "false", "auto"):
        return str(value)
    raise Refused(field, f'is {value!r}: it must be True, False or "auto"')


def dry_run(field: str, value: object) -> str | None:
    """What a dry run asks: nobody, or the server."""
    if isinstance(value, bool):
        return "client" if value else None
    if value in ("none", "client", "server"):
        return None if value == "none" else str(value)
    raise Refused(field, f'is {value!r}: it must be True, False, "none", "client" or "server"')


def choice(*names: str) -> Encoder:
    """One of a few names, the first of which is the default."""

    def encode(field: str, value: object) -> str | None:
        if value not in names:
            raise Refused(field, f"is {value!r}: it must be {_alternatives([repr(name) for name in names])}")
        return None if value == names[0] else str(value)

    return encode


def values(field: str, value: object) -> dict[str, Any] | None:
    """A mapping for a chart: a copy of it, so that the caller may change theirs."""
    if not isinstance(value, Mapping):
        raise Refused(field, f"must be a mapping, not {_shown(value)}")
    return cast("dict[str, Any]", json_value(field, cast("object", value))) or None


def json_value(field: str, value: object) -> object:
    """A copy of the value with nothing in it that JSON can not hold.

    Raises:
        Refused: Something in it can not be sent as it is; its path is in the message.
    """
    try:
        return _copy(value, [])
    except _Unfit as unfit:
        raise Refused(field + unfit.where(), unfit.reason) from None


def one_of(field: str, given: Mapping[str, Any]) -> Any:
    """The value of two keywords for the same thing, of which both may be given if they agree.

    Raises:
        Refused: They do not.
    """
    found = {name: value for name, value in given.items() if value is not None}
    if len({json.dumps(value) for value in found.values()}) > 1:
        raise Refused(field, f"is given twice: {' and '.join(f'{name}={value!r}' for name, value in found.items())}")
    return next(iter(found.values()), None)


def exclusive(given: Mapping[str, Any], *fields: str) -> None:
    """Refuse options that exclude each other, as helm's command does."""
    found = [field for field in fields if given.get(field)]
    if len(found) > 1:
        raise Refused(found[1], f"and {found[0]} exclude each other")


def check_names(call: str, given: Iterable[str], known: Collection[str], leading: Iterable[str]) -> None:
    """Refuse an unknown keyword as Python itself does.

    Raises:
        TypeError: Names the keyword and the nearest that there is.
    """
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name.replace("-", "_"), [*known, *leading], n=1)
            hint = f". Did you mean '{near[0]}'?" if near else ""
            raise TypeError(f"{call}() got an unexpected keyword argument '{name}'{hint}")


def archive(content: bytes | bytearray) -> str:
    """The bytes of a chart's archive, as JSON can hold them."""
    return base64.b64encode(content).decode("ascii")


def encode(value: object) -> bytes:
    """Compact JSON; what is encoded was checked before."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class _Unfit(Exception):
    """Something in values can not be sent; collects its path on the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str | int] = []

    def where(self) -> str:
        return "".join(f"[{step!r}]" for step in reversed(self.steps))


def _copy(value: object, within: list[int]) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise _Unfit(f"is {value}, which 64 bits can not hold: use a str")
        return value
    if isinstance(value, str):
        if not value.isascii() and not _encodes(value):
            raise _Unfit("is not valid Unicode (a lone surrogate): decode the bytes that it came from")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Unfit(f"is {value}, which JSON can not hold: use None or a str")
        return value
    if isinstance(value, Mapping):
        return _copy_mapping(cast("Mapping[object, object]", value), within)
    if isinstance(value, (list, tuple)):
        return _copy_list(cast("Sequence[object]", value), within)
    raise _Unfit(f"is a {type(value).__name__}, which JSON can not hold: {_advice(value)}")


def _copy_mapping(mapping: Mapping[object, object], within: list[int]) -> dict[str, object]:
    _enter(mapping, within)
    copied: dict[str, object] = {}
    for key, item in mapping.items():
        if not isinstance(key, str):
            raise _Unfit(f"has the key {key!r}, a {type(key).__name__}: keys must be str")
        if not key.isascii() and not _encodes(key):
            raise _Unfit(f"has the key {key!r}, which is not valid Unicode")
        try:
            copied[key] = _copy(item, within)
        except _Unfit as unfit:
            unfit.steps.append(key)
            raise
    within.pop()
    return copied


def _copy_list(items: Sequence[object], within: list[int]) -> list[object]:
    _enter(items, within)
    copied: list[object] = []
    for index, item in enumerate(items):
        try:
            copied.append(_copy(item, within))
        except _Unfit as unfit:
            unfit.steps.append(index)
            raise
    within.pop()
    return copied


def _enter(container: object, within: list[int]) -> None:
    if id(container) in within:
        raise _Unfit("contains itself")
    if len(within) >= DEPTH:
        raise _Unfit(f"is nested more than {DEPTH} deep")
    within.append(id(container))


def _advice(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return "decode it, or encode it as base64"
    if hasattr(value, "isoformat"):
        return "use .isoformat()"
    if isinstance(value, os.PathLike):
        return "use str()"
    if isinstance(value, (set, frozenset)) or hasattr(value, "__next__"):
        return "use a list"
    return "use a str, int, float, bool, None, list or dict"


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_unicode(field: str, value: str) -> None:
    if not value.isascii() and not _encodes(value):
        raise Refused(field, "is not valid Unicode (a lone surrogate)")


def ignore_rules(field: str, value: object) -> list[dict[str, Any]] | None:
    """What a comparison leaves out: JSON pointers, of all objects or as mappings that select some."""
    items = [cast("object", value)] if isinstance(value, (str, Mapping)) else value
    if isinstance(items, bytes) or not isinstance(items, Sequence):
        raise Refused(field, f"must be a str, a mapping or a list of these, not {_shown(cast('object', value))}")
    return [_ignore_rule(field, item) for item in cast("Sequence[object]", items)] or None


_SELECTORS: Final = ("api_version", "kind", "namespace", "name")


def _ignore_rule(field: str, item: object) -> dict[str, Any]:
    if isinstance(item, str):
        return {"paths": [_pointer(field, item)]}
    if not isinstance(item, Mapping):
        raise Refused(field, f"holds {_shown(item)}: it must hold str and mappings")
    rule = cast("Mapping[object, object]", item)
    for key in rule:
        if key != "paths" and key not in _SELECTORS:
            raise Refused(field, f"has the key {key!r}: it must be one of 'paths', {', '.join(map(repr, _SELECTORS))}")
    paths = rule.get("paths")
    pointers = [cast("object", paths)] if isinstance(paths, str) else paths
    if isinstance(pointers, bytes) or not isinstance(pointers, Sequence) or not pointers:
        raise Refused(field, "has no paths: [''] is the whole object")
    selectors = {key: text(field, rule[key]) for key in _SELECTORS if rule.get(key) is not None}
    return {**selectors, "paths": [_pointer(field, path) for path in cast("Sequence[object]", pointers)]}


def _pointer(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise Refused(field, f"has the path {_shown(value)}: it must be a str")
    _check_unicode(field, value)
    if value and not value.startswith("/"):
        raise Refused(field, f"has the path {value!r}: a JSON pointer begins with /, as /spec/replicas does")
    return value


def _several(field: str, value: object, one: Callable[[str, object], T | None], wanted: str) -> list[T] | None:
    items = [cast("object", value)] if isinstance(value, (str, os.PathLike)) else value
    if isinstance(items, (bytes, Mapping)) or not isinstance(items, Sequence):
        raise Refused(field, f"must be {wanted}, not {_shown(cast('object', value))}")
    found = [one(field, item) for item in cast("Sequence[object]", items)]
    if any(item is None for item in found):
        raise Refused(field, "holds an empty text")
    return cast("list[T]", found) or None


def _alternatives(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(value: object) -> str:
    """The kind of the value, not the value: it may be a secret in the wrong place."""
    return "None" if value is None else f"a {type(value).__name__}"
