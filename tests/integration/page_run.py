"""Runs the blocks of one page in their order, each with what those before it made."""

from __future__ import annotations

import ast
import contextlib
import doctest
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn

import pytest
import yaml

from tests import pages
from tests.integration import page_session
from tests.integration.page_place import Place
from tests.pages import Block

LONGEST: Final = 300.0
"""Seconds for one block: an installation into an empty environment is the longest."""

_COMPARED: Final = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

_PYTEST: Final = (
    "-q -W error -p no:cacheprovider --rootdir . -c /dev/null "
    "-o asyncio_mode=auto -o asyncio_default_fixture_loop_scope=function"
)
"""Nothing of this project's own settings, and none of a page's."""

_SHELL: Final = """
state=$1; shift
[ ! -f "$state" ] || . "$state"
trap '{ declare -px; printf "cd %q\\n" "$PWD"; } >"$state"' EXIT
set -eo pipefail
"""
"""A block of bash goes on where the one before it ended: in its directory, with the variables that it exported."""


class Page:
    """The run of a page: a session of Python, a shell, and what runs until the page ends."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.counted: Counter[str] = Counter()
        self._environment = place.environment()
        self._printed = ""
        self._session: subprocess.Popen[str] | None = None
        self._groups: list[subprocess.Popen[bytes]] = []
        self._files: set[Path] = set()
        self._scripts = 0

    def __enter__(self) -> Page:
        self.place.prepare()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for started in reversed(self._groups):
            _end(started)
        if self._session is not None:
            assert self._session.stdin is not None
            self._session.stdin.close()  # It ends by itself.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._session.wait(10)
            _end(self._session)
            assert self._session.stdout is not None
            self._session.stdout.close()
        self.place.remove()

    def run(self, block: Block) -> None:
        """Run one block; what goes wrong fails the test with the block's place in the page."""
        if block.not_run or not _there(block.needs):
            self.counted["not run"] += 1
            return
        source = self.place.there(block.source)
        if block.language in pages.PARSED:
            PARSERS[block.language](block, source)
        if block.title == pages.OUTPUT:
            self._compare(block, block.source, self._printed)
            kind = "outputs compared"
        elif block.written:
            self._write(block, source)
            kind = "files"
        elif block.language in pages.PYTHON:
            self._printed = self._tests(block, source) if _has_tests(source) else self._python(block, source)
            kind = "run"
        elif block.language == "bash":
            self._printed = self._bash(block, source, block.exits)
            kind = "run"
        elif block.language == "console":
            self._console(block)
            kind = "run"
        else:
            kind = "parsed" if block.language in pages.PARSED else "text"
        self.counted["setup" if block.setup else kind] += 1

    def _write(self, block: Block, source: str) -> None:
        path = self.place.here / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        # Where the title was there before, the file goes on.
        before = f"{path.read_text()}\n" if path in self._files else ""
        path.write_text(before + source)
        self._files.add(path)

    def _python(self, block: Block, source: str) -> str:
        if self._session is None:
            self._session = subprocess.Popen(
                [sys.executable, "-W", "error", page_session.__file__, str(self.place.described)],
                cwd=self.place.here,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        session = self._session
        assert session.stdin is not None
        assert session.stdout is not None
        print(
            json.dumps({"source": source, "file": str(block.page), "line": block.line}), file=session.stdin, flush=True
        )
        # Killed, it answers with nothing.
        clock = threading.Timer(LONGEST, session.kill)
        clock.start()
        answer = session.stdout.readline()
        clock.cancel()
        if not answer:
            _fail(block, f"took longer than {LONGEST:.0f} s, or ended the process ({session.poll()})")
        answered: dict[str, Any] = json.loads(answer)
        if bool(answered["error"]) != bool(block.exits):
            _fail(block, answered["printed"], answered["error"] or "ended without an error")
        last = answered["error"].strip().splitlines()[-1] if answered["error"] else ""
        return answered["printed"] + last

    def _tests(self, block: Block, source: str) -> str:
        """Tests are for pytest."""
        file = self.place.here / f"test_line_{block.line}.py"
        file.write_text(source)
        return self._bash(block, f"{sys.executable} -m pytest {_PYTEST} {file.name}", block.exits)

    def _console(self, block: Block) -> None:
        commands = list(_commands(block.source))
        if not commands:
            _fail(block, "no line begins with `$ `")
        for number, (command, want) in enumerate(commands, 1):
            source = self.place.there(command)
            if number == len(commands) and block.until:
                got = self._serve(block, source)
                more = "\n…"  # It goes on.
            else:
                got = self._bash(block, source, block.exits if number == len(commands) else 0)
                more = ""
            if want.strip():
                self._compare(block, want + more, got, f"$ {command}")

    def _bash(self, block: Block, source: str, exits: int) -> str:
        if block.until and block.language == "bash":
            return self._serve(block, source)
        process, output = self._start(source)
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            _fail(block, f"took longer than {LONGEST:.0f} s:", source, output.read_text())
        if code != exits:
            _fail(block, f"exit code {code}, not {exits}:", source, output.read_text())
        return output.read_text()

    def _serve(self, block: Block, source: str) -> str:
        """Start what goes on until the page ends, and give what it wrote until it was there."""
        process, output = self._start(source)
        until = self.place.there(block.until)
        end = time.monotonic() + LONGEST
        while until not in output.read_text():
            if process.poll() is not None or time.monotonic() > end:
                _fail(block, f"{block.until!r} was not written ({process.poll()}):", source, output.read_text())
            time.sleep(0.02)
        return output.read_text()

    def _start(self, source: str) -> tuple[subprocess.Popen[bytes], Path]:
        self._scripts += 1
        script = self.place.root / f"{self._scripts}.sh"
        script.write_text(_SHELL + source)
        output = script.with_suffix(".txt")
        # A file and no pipe: what the block leaves running would hold it open.
        with output.open("wb") as written:
            process = subprocess.Popen(
                ["bash", str(script), str(self.place.root / "state")],
                cwd=self.place.here,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._groups.append(process)
        return process, output

    def _compare(self, block: Block, want: str, got: str, *command: str) -> None:
        shown = self.place.said(got)
        # A line of its own stands for any number of lines, none among them.
        pattern = re.sub(r"\s*^[ \t]*…$\s*", "…", want, flags=re.M).replace("…", "...")
        if not doctest.OutputChecker().check_output(pattern, shown, _COMPARED):
            _fail(block, *command, "says", want, "but it is", shown)


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _commands(source: str) -> Iterator[tuple[str, str]]:
    """The commands of a session at a terminal, each with what it prints."""
    command: list[str] = []
    printed: list[str] = []
    for line in source.splitlines():
        continued = command and not printed and (line.startswith("> ") or command[-1].endswith("\\"))
        if continued:
            command.append(line.removeprefix("> "))
        elif line.startswith("$ "):
            if command:
                yield "\n".join(command), "\n".join(printed)
            command, printed = [line.removeprefix("$ ")], []
        else:
            printed.append(line)
    if command:
        yield "\n".join(command), "\n".join(printed)


def _has_tests(source: str) -> bool:
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for node in ast.parse(source).body
    )


def _there(needed: str) -> bool:
    """Whether there is a variable or a program; where everything must be there, a program that is not is a failure."""
    if not needed or needed in os.environ or shutil.which(needed):
        return True
    assert needed.isupper() or not os.environ.get("HELM_SDKPY_REQUIRE_ALL"), f"there is no {needed} on this machine"
    return False


def _fail(block: Block, *lines: str) -> NoReturn:
    pytest.fail(f"{block.where} ({block.language}) " + "\n".join(lines), pytrace=False)


def _end(process: subprocess.Popen[Any]) -> None:
    """End a process and what it started, by its session's number."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


def _yaml(block: Block, source: str) -> None:
    list(yaml.safe_load_all(source))


def _json(block: Block, source: str) -> None:
    json.loads(source)


def _toml(block: Block, source: str) -> None:
    tomllib.loads(source)


def _dockerfile(block: Block, source: str) -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "-"], input=source, capture_output=True, text=True, check=False
    )
    if checked.returncode:
        _fail(block, checked.stdout, checked.stderr)


PARSERS: Final[dict[str, Callable[[Block, str], None]]] = {
    "yaml": _yaml,
    "json": _json,
    "toml": _toml,
    "dockerfile": _dockerfile,
}
