"""The examples of the docstrings run, each method's own, in a directory with the chart that they name."""

from __future__ import annotations

import ast
import doctest
import inspect
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

import helm_sdkpy
from helm_sdkpy import Configuration, Install
from tests.commands import COMMANDS

SHOP: Final = Path(__file__).parents[2] / "examples" / "charts" / "shop"

RUN: Final = (
    "get all", "get hooks", "get manifest", "get metadata", "get notes", "get values", "history", "install",
    "lint", "list", "rollback", "show chart", "show crds", "show readme", "show values", "status", "template",
    "uninstall", "upgrade",
)  # fmt: skip
"""Commands whose example needs neither a server nor a file beside the chart ./shop."""


def blocks(command: str) -> list[str]:
    """The code of a method's example."""
    return [example.source for example in doctest.DocTestParser().get_examples(inspect.getdoc(COMMANDS[command]) or "")]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_is_python_that_names_what_there_is(command: str) -> None:
    code = blocks(command)
    assert code
    for source in code:
        tree = compile(source, command, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id[:1].isupper()}
        assert all(hasattr(helm_sdkpy, name) or name == "Path" for name in names), names


@pytest.mark.parametrize("command", RUN)
async def test_example_runs(
    command: str, helm_config: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SHOP, tmp_path / "shop")
    shutil.make_archive("cart", "gztar", SHOP.parent, "shop")
    (tmp_path / "cart.tar.gz").rename(tmp_path / "cart.tgz")
    if command != "install":
        await Install(helm_config).run("shop", "./shop", wait=False)
        for _ in range(2):
            await helm_sdkpy.Upgrade(helm_config).run("shop", "./shop", wait=False)
    names: dict[str, Any] = {**vars(helm_sdkpy), "config": helm_config, "yaml": pytest.importorskip("yaml")}
    for source in blocks(command):
        code = compile(source, command, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        found: Any = eval(code, names)
        if inspect.isawaitable(found):
            await found
