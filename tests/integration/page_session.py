"""Runs the blocks of Python of one page, one after the other, in a process of their own.

Its argument is a file that describes the test cluster. It reads a block a line, as JSON, and answers each with a line:
what it printed, and the error that ended it.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import sys
import traceback
from pathlib import Path
from types import CodeType
from typing import Any

from helm_sdkpy.testing import TestCluster


def main() -> None:
    """Run what standard input says, until it ends."""
    # What a block's programs write by themselves must not be taken for an answer.
    answers = os.dup(1)
    os.dup2(2, 1)
    # For what comments set up; a page's own code makes what it uses.
    cluster = TestCluster.attach(json.loads(Path(sys.argv[1]).read_text()))
    names: dict[str, Any] = {"__name__": "__main__", "_cluster": cluster}
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            block: dict[str, Any] = json.loads(line)
            printed = io.StringIO()
            error: str | None = None
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                try:
                    _run(_compiled(block), names, runner)
                except BaseException:  # Also the SystemExit of a program.
                    error = traceback.format_exc()
            answer = json.dumps({"printed": printed.getvalue(), "error": error})
            os.write(answers, f"{answer}\n".encode())


def _compiled(block: dict[str, Any]) -> CodeType:
    # The lines that a traceback names are the page's.
    source = "\n" * (block["line"] - 1) + block["source"]
    return compile(source, block["file"], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _run(code: CodeType, names: dict[str, Any], runner: asyncio.Runner) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        running: Any = eval(code, names)
        runner.run(running)
    else:
        # Not in a running loop: a program calls asyncio.run.
        exec(code, names)


if __name__ == "__main__":
    main()
