"""A library that speaks the wire without Kubernetes: what `_operation.py` is tested against."""

from __future__ import annotations

import functools
import importlib
import json
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

import pytest

from helm_sdkpy import _action, configuration
from helm_sdkpy._connection import Connection
from helm_sdkpy._ffi import Library
from helm_sdkpy._operation import Call, Operations
from helm_sdkpy.exceptions import HelmError, InstallError

SCRIPTS: Final = Path(__file__).parents[2] / "scripts"

Script = Callable[[str], ModuleType]
Start = Callable[[int, dict[str, Any]], dict[str, Any] | None]


class FakeLibrary:
    """Does nothing by itself: a test says what a start does, and sends events."""

    def __init__(self) -> None:
        self.batches: queue.Queue[dict[str, Any]] = queue.Queue()
        self.on_start: Start = lambda op, request: self.done(op)
        self.on_cancel: Callable[[int], None] = lambda op: self.done(op, error={"code": "cancelled", "message": "off"})
        self.on_create: Callable[[dict[str, Any]], dict[str, Any]] = lambda options: {"handle": 7}
        self.on_reply: Callable[[int, dict[str, Any]], None] = lambda op, reply: None
        self.started: list[tuple[str, int, int, dict[str, Any]]] = []
        self.start_thread: int = 0
        self.cancelled: list[int] = []
        self.stopped: list[str] = []
        self.cancel_thread: int = 0
        self.created: list[dict[str, Any]] = []
        self.destroyed: list[int] = []
        self.reached = threading.Semaphore(0)

    def emit(self, *events: dict[str, Any]) -> None:
        self.batches.put({"events": list(events)})

    def done(self, op: int, result: Any = None, error: Any = None, **more: Any) -> None:
        outcome = {"error": error} if error is not None else {"result": result}
        self.emit({"op": op, "type": "done", **outcome, **more})

    def start(self, action: str, config: int, op: int, request: bytes) -> str:
        asked = json.loads(request)
        self.started.append((action, config, op, asked))
        self.start_thread = threading.get_ident()
        answer = self.on_start(op, asked) or {}
        self.reached.release()
        return json.dumps(answer)

    def cancel(self, op: int) -> str:
        self.cancelled.append(op)
        self.cancel_thread = threading.get_ident()
        self.on_cancel(op)
        return "{}"

    def stop(self, op: int, reason: bytes) -> str:
        self.stopped.append(json.loads(reason))
        return self.cancel(op)

    def reply(self, op: int, reply: bytes) -> str:
        self.on_reply(op, json.loads(reply))
        return "{}"

    def config_create(self, options: bytes) -> str:
        asked = json.loads(options)
        self.created.append(asked)
        return json.dumps(self.on_create(asked))

    def config_destroy(self, config: int) -> str:
        self.destroyed.append(config)
        return "{}"

    def next_events(self) -> str:
        return json.dumps(self.batches.get())

    def shutdown(self, seconds: float) -> str:
        self.batches.put({"events": [], "shutdown": True})
        return '{"abandoned": 0}'


class FakeLoader:
    """Loads a FakeLibrary, as often as asked."""

    def __init__(self, library: FakeLibrary) -> None:
        self.library = cast("Library", library)
        self.is_loaded = False
        self.is_inherited = False
        self.failure: HelmError | None = None

    def load(self) -> Library:
        if self.failure is not None:
            raise self.failure
        self.is_loaded = True
        return self.library

    def loaded(self) -> Library | None:
        return self.library if self.is_loaded else None

    def inherited(self) -> bool:
        return self.is_inherited

    def check_process(self, action: type[HelmError] = HelmError) -> None:
        if self.is_inherited:
            raise action("forked", code="forked")


class Wire:
    """The package's operations over a FakeLibrary."""

    def __init__(self) -> None:
        self.library = FakeLibrary()
        self.loader = FakeLoader(self.library)
        self.operations = Operations(self.loader)
        self.connection = Connection({"namespace": "web"}, self.loader)

    async def run(self, **call: Any) -> Any:
        connection = call.pop("connection", self.connection)
        settings: dict[str, Any] = {
            "action": "install", "error": InstallError, "arguments": {}, "release": "shop", "namespace": "web",
        }  # fmt: skip
        return await self.operations.run(connection, Call(**(settings | call)))


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.operations.shutdown()


@pytest.fixture
def client(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """The package's public classes over a FakeLibrary."""
    monkeypatch.setattr(_action, "operations", wire.operations)
    monkeypatch.setattr(configuration, "Connection", functools.partial(Connection, loading=wire.loader))
    return wire


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """Imports a script by its name, as the scripts import each other, and forgets them all afterwards."""
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    before = dict(sys.modules)
    for path in SCRIPTS.glob("*.py"):
        sys.modules.pop(path.stem, None)
    yield importlib.import_module
    for path in SCRIPTS.glob("*.py"):
        sys.modules.pop(path.stem, None)
        if path.stem in before:
            sys.modules[path.stem] = before[path.stem]
