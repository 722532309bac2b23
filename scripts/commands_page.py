"""Writes docs/reference/commands.md, which class and keyword do what a command and a flag of helm do, from the code.

Run by `./scripts/dev python scripts/commands_page.py`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import griffe

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import versions  # noqa: E402
from scripts.griffe_package import options_of, text_of  # noqa: E402
from tests.commands import COMMANDS, HELM_FLAGS, NO_COMMANDS, flags_of, keyword_of  # noqa: E402

PAGE: Final = ROOT / "docs" / "reference" / "commands.md"
ELSEWHERE: Final = {
    "env": "[`Configuration.env`][helm_sdkpy.Configuration.env]",
    "version": "[`get_version`][helm_sdkpy.get_version]",
    "completion": "[the command](command.md)",
}
"""What commands without an action are."""
DEFAULT: Final = re.compile(r"Default: (.+?)\.(?=\s|$)", re.S)


class Keyword:
    """A keyword of a method, as the reference shows it."""

    def __init__(self, name: str, annotation: object, text: str, default: object = "None") -> None:
        self.name = name
        self.annotation = str(annotation).replace("|", r"\|")
        self.required = default is None
        found = DEFAULT.search(text)
        self.default = " ".join(found[1].split()) if found else str(default)


def page() -> str:
    """The whole page."""
    package = griffe.load("helm_sdkpy", search_paths=[ROOT], docstring_parser="google")
    assert isinstance(package, griffe.Module)
    return "\n".join(_lines(package)) + "\n"


def _lines(package: griffe.Module) -> Iterator[str]:
    yield "# Helm's commands and flags"
    yield ""
    yield f"Which method does what a command of helm {versions.helm()[1:]} does, and which keyword stands for a flag."
    yield "Generated from the code by `scripts/commands_page.py`; what each keyword means is behind the method's link."
    yield ""
    yield "| helm | Python | gives |"
    yield "|---|---|---|"
    for command in sorted(COMMANDS, key=lambda command: command in NO_COMMANDS):
        shown = "(no command)" if command in NO_COMMANDS else f"[`helm {command}`](#helm-{command.replace(' ', '-')})"
        yield f"| {shown} | {_link(command)} | {_result(_method(package, command))} |"
    for command, where in ELSEWHERE.items():
        yield f"| `helm {command}` | {where} | |"
    yield ""
    yield "## Flags of every command"
    yield ""
    yield "They are keywords of [`Configuration`][helm_sdkpy.Configuration]."
    yield ""
    yield from _flags("", _keywords(_function(package, "Configuration.__init__")))
    for command in COMMANDS:
        if command in NO_COMMANDS:
            continue
        method = _method(package, command)
        keywords = _keywords(method)
        flags = {keyword_of(flag) for flag in flags_of(command)}
        yield ""
        yield f"## helm {command}"
        yield ""
        arguments = ", ".join(f"`{each.name}`" for each in keywords.values() if each.required)
        yield f"{_link(command)}{f': {arguments}' if arguments else ''}"
        yield ""
        yield from _flags(command, keywords)
        beyond = ", ".join(f"`{name}`" for name, each in keywords.items() if name not in flags and not each.required)
        if beyond:
            yield ""
            yield f"Without a flag: {beyond}."


def _flags(command: str, keywords: dict[str, Keyword]) -> Iterator[str]:
    taken = [flag for flag in HELM_FLAGS[command] if "left_out" not in flag]
    if taken:
        yield "| flag | keyword | type | default |"
        yield "|---|---|---|---|"
    for flag in taken:
        keyword = keywords[keyword_of(flag["name"])]
        yield f"| `--{flag['name']}` | `{keyword.name}` | `{keyword.annotation}` | {keyword.default} |"
    reasons: dict[str, list[str]] = {}
    for flag in HELM_FLAGS[command]:
        if "left_out" in flag:
            reasons.setdefault(flag["left_out"], []).append(f"`--{flag['name']}`")
    if reasons:
        if taken:
            yield ""
        yield "Left out: " + "; ".join(f"{', '.join(flags)} ({reason})" for reason, flags in reasons.items()) + "."


def _method(package: griffe.Module, command: str) -> griffe.Function:
    return _function(package, COMMANDS[command].__qualname__)


def _function(package: griffe.Module, path: str) -> griffe.Function:
    found = package[path]
    found = found.final_target if isinstance(found, griffe.Alias) else found
    assert isinstance(found, griffe.Function)
    return found


def _link(command: str) -> str:
    name = COMMANDS[command].__qualname__
    return f"[`{name}`][helm_sdkpy.{name}]"


def _result(method: griffe.Function) -> str:
    returns = str(method.returns).replace("|", r"\|")
    kind = re.search(r"[A-Z]\w+", returns)
    return f"`{returns}`" if kind is None else f"[`{returns}`][helm_sdkpy.results.{kind[0]}]"


def _keywords(method: griffe.Function) -> dict[str, Keyword]:
    described = method.docstring or (method.parent.docstring if method.parent else None)
    assert described is not None
    texts = {
        each.name: each.description
        for section in described.parsed
        if isinstance(section, griffe.DocstringSectionParameters)
        for each in section.value
    }
    leading = [
        Keyword(each.name, each.annotation, texts.get(each.name, ""), each.default)
        for each in method.parameters
        if each.name not in ("self", "options")
    ]
    options = (Keyword(key.name, key.annotation, text_of(key)) for key in options_of(method))
    return {keyword.name: keyword for keyword in (*leading, *options)}


if __name__ == "__main__":
    PAGE.write_text(page())
