"""docs/coming-from: every command, flag and keyword that the pages name is there, and no command is left out."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Final

import pytest

import helm_sdkpy
from tests.commands import COMMANDS, HELM_FLAGS, NO_COMMANDS, keywords

RENAMED: Final = {"values": "values_files", "kube-context": "kubecontext"}
"""Keywords that are not called as their flag is."""

PAGES: Final = Path(__file__).parents[2] / "docs" / "coming-from"
COMMAND_TABLE: Final = (PAGES / "helm.md").read_text().partition("## Commands\n")[2].partition("\n## ")[0]
ROWS: Final = re.findall(r"^\| `(helm [^`]*)` \| `([^`]*)` \|$", COMMAND_TABLE, re.M)

OTHER: Final = {"helm env": "config.env()", "helm version": "get_version()"}
"""Commands that are no action."""

SHORT: Final = {"f": "values", "u": "username", "p": "password"}


def takes_no_value(command: str, flag: str) -> bool:
    """Whether a flag of a helm command is a switch."""
    [found] = [each for each in HELM_FLAGS[command.removeprefix("helm ")] if each["name"] == flag]
    return found["type"] == "bool"


def split(line: str) -> tuple[str, list[str], set[str]]:
    """A command line's command, the words that are no flags, and the flags."""
    words = shlex.split(line)
    commands = {f"helm {command}" for command in COMMANDS} | set(OTHER)
    command = max((each for each in commands if line.startswith(each)), key=len)
    rest, flags = words[len(command.split()) :], set[str]()
    arguments: list[str] = []
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            arguments.append(word)
            continue
        name = word.removeprefix("--") if word.startswith("--") else SHORT[word.removeprefix("-")]
        flags.add(name)
        if not takes_no_value(command, name):
            rest.pop(0)
    return command, arguments, flags


@pytest.mark.parametrize(("line", "code"), ROWS)
def test_a_row_says_the_same_twice(line: str, code: str) -> None:
    command, arguments, flags = split(line)
    if command in OTHER:
        assert code == OTHER[command]
        return
    run = COMMANDS[command.removeprefix("helm ")]
    match ast.parse(code, mode="eval").body:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id=kind), args=[ast.Name(id="config")]), attr=method),
            args=given,
            keywords=named,
        ):
            assert getattr(getattr(helm_sdkpy, kind), method) is run
            names = {str(each.arg) for each in named}
            assert names <= keywords(command.removeprefix("helm "))
            by_keyword = {RENAMED.get(flag, flag).replace("-", "_") for flag in flags}
            # What stands by place in the call: the command's words, and flags among the leading parameters.
            places = run.__code__.co_varnames[1 : run.__code__.co_argcount]
            placed = {"destination" if name == "dest_dir" else name for name in places[: len(given)]}
            assert by_keyword <= names | placed
            assert len(arguments) + len(flags) == len(given) + len(named)
        case _:
            pytest.fail(f"{code} is no call of an action")


def test_every_command_has_a_row() -> None:
    shown = {split(line)[0] for line, _ in ROWS}
    assert shown == {f"helm {command}" for command in COMMANDS.keys() - NO_COMMANDS} | set(OTHER)


@pytest.mark.parametrize("page", ["helm.md", "helm-sdkpy-0.1.32.md", "pyhelm3.md"])
def test_classes_that_a_page_names_are_public(page: str) -> None:
    text = (PAGES / page).read_text()
    named = set(re.findall(r"`([A-Z]\w*(?:Error|NotFound))`", text)) - {"TimeoutError", "ConnectionError"}
    theirs = set(re.findall(r"^\| `errors?\.(\w+)`", text, re.M))
    assert named - theirs <= set(helm_sdkpy.__all__)


@pytest.mark.parametrize("page", ["helm.md", "helm-sdkpy-0.1.32.md", "pyhelm3.md"])
def test_keywords_that_a_page_names_are_there(page: str) -> None:
    every = {name for command in COMMANDS for name in keywords(command)} | set(
        helm_sdkpy.Configuration.__init__.__annotations__
    )
    text = re.sub(r"```.*?```", "", (PAGES / page).read_text(), flags=re.S)
    ours = "\n".join(row.rpartition(" | ")[2] if row.startswith("| ") else row for row in text.splitlines())
    assert set(re.findall(r"`(\w+)=[^`]*`", ours)) <= every
