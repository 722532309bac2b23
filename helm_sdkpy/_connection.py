"""A configuration as the library knows it: its handle is made by the first operation and given back after the last."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from . import _arguments
from ._ffi import Library, loader
from .exceptions import ConfigurationError, HelmError, error

logger = logging.getLogger("helm_sdkpy")
NAMED = 5  # operations that the message of a refused close names
CLOSED = "this Configuration is closed: make a new one"


class Running(Protocol):
    """What a connection asks of an operation that uses it."""

    def stop(self, code: str, reason: str) -> None:
        """Cancel it; its caller is told why, by an error of that code."""
        ...

    def told(self) -> dict[str, str | None]:
        """What it is: its `action`, `release` and `namespace`."""
        ...

    def patience(self) -> float:
        """Seconds that it may take to end after it was stopped."""
        ...


class Loading(Protocol):
    """Where the library comes from, as far as a connection asks."""

    def loaded(self) -> Library | None:
        """The library if it is loaded in this process; never blocks."""
        ...

    def inherited(self) -> bool:
        """Whether this process is a fork of the one that loaded the library."""
        ...


class Connection:
    """The handle, made once whoever comes first, and the operations that use it.

    Two locks: one for making the handle, which may read files, and one for everything else, which never waits. The
    second may be asked for by the garbage collector in the middle of anything, hence it is reentrant.
    """

    def __init__(self, options: Mapping[str, Any], loading: Loading = loader) -> None:
        self._options = options
        self._loading = loading
        self._making = threading.Lock()
        self._lock = threading.RLock()
        self._handle: int | None = None
        self._running: set[Running] = set()
        self._when_idle: list[Callable[[], object]] = []
        self.closed = False

    @property
    def opened(self) -> bool:
        """Whether the handle is made, so that `open` does not block."""
        return self._handle is not None and not self.closed

    def open(self, library: Library) -> int:
        """The handle; makes it where that was not done yet. Blocks: called in a worker thread only."""
        with self._making:
            if self._handle is not None:
                return self._handle
            if not self.closed:
                answer: dict[str, Any] = json.loads(library.config_create(_arguments.encode(self._options)))
                if "error" in answer:
                    raise failure(ConfigurationError, answer["error"])
                with self._lock:
                    self._handle = handle = int(answer["handle"])
                    unwanted = self.closed and not self._running
                if not unwanted:
                    return handle
                self._destroy()
        raise error(ConfigurationError, "configuration_closed", CLOSED)

    def env(self, library: Library) -> dict[str, str]:
        """What `helm env` prints for the options; blocks as `open` does."""
        answer: dict[str, Any] = json.loads(library.env(self.open(library)))
        if "error" in answer:
            raise failure(ConfigurationError, answer["error"])
        return answer

    def enter(self, operation: Running, action: type[HelmError]) -> None:
        """Count an operation in."""
        with self._lock:
            if self.closed:
                raise error(action, "configuration_closed", CLOSED)
            self._running.add(operation)

    def leave(self, operation: Running) -> None:
        """Count an operation out; the last one of a closed connection gives the handle back."""
        with self._lock:
            self._running.discard(operation)
            if self._running or not self.closed:
                return
            idle, self._when_idle = self._when_idle, []
        self._destroy()
        for callback in idle:
            callback()

    def close(self, *, cancel: bool = True) -> float:
        """Cancel what runs, and give the handle back when it has ended: at once where nothing runs. Never blocks.

        Gives the seconds that what it cancelled may take to end.

        Raises:
            ConfigurationError: Something runs, and is not to be cancelled. Nothing was changed.
        """
        if self._loading.inherited():
            # A lock may have been held during the fork, and what it guards is the parent's.
            self.closed = True
            return 0.0
        with self._lock:
            running = list(self._running)
            if running and not cancel:
                raise _busy(running)
            self.closed = True
        if not running:
            self._destroy()
        for operation in running:
            operation.stop("configuration_closed", "its Configuration was closed")
        return max((operation.patience() for operation in running), default=0.0)

    def when_idle(self, callback: Callable[[], object]) -> None:
        """Call back, from any thread, when no operation of the closed connection runs any more."""
        if self._loading.inherited():
            callback()
            return
        with self._lock:
            if self._running:
                self._when_idle.append(callback)
                return
        callback()

    def wait_idle(self, seconds: float) -> None:
        """Wait, in a thread without a loop, until no operation runs any more."""
        idle = threading.Event()
        self.when_idle(idle.set)
        idle.wait(seconds)

    def _destroy(self) -> None:
        with self._lock:
            handle, self._handle = self._handle, None
        library = self._loading.loaded()
        if handle is None or library is None:
            return
        answer: dict[str, Any] = json.loads(library.config_destroy(handle))
        if answer.get("abandoned"):
            logger.warning(
                "%d cancelled operations could not be interrupted and still run in the background", answer["abandoned"]
            )


def _busy(running: Sequence[Running]) -> HelmError:
    names = sorted(map(str, running))
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    message = f"this Configuration is not closed, since these still run: {shown}. Await them, or close with cancel=True"
    return error(
        ConfigurationError, "configuration_busy", message, {"running": [operation.told() for operation in running]}
    )


def failure(action: type[HelmError], given: Mapping[str, Any], release: str | None = None) -> HelmError:
    """The exception for an error as the library tells it."""
    return error(
        action,
        given.get("code", "helm"),
        given.get("message", "the library gave no message"),
        given.get("details"),
        release,
    )
