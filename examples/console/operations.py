"""Runs the operations that pages ask for, each a task of its own that a cancel ends."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from helm_sdkpy import Configuration, HelmError, Install, ReleaseTest, Rollback, Run, Uninstall, Upgrade
from helm_sdkpy.events import Event, HookEvent, Resource

from .failures import told
from .feed import Feed
from .objects import Objects

Kind = Literal["install", "upgrade", "rollback", "uninstall", "test"]
KINDS: Final[tuple[Kind, ...]] = ("install", "upgrade", "rollback", "uninstall", "test")

FINISHED: Final = 50
"""How many operations that ended are kept."""

LINES: Final = 500
"""How many lines of an operation's log are kept."""

WIDTH: Final = 4000
"""How many characters of a line are kept."""

RUNNING: Final = 200
"""How many operations may run at once."""


@dataclass(frozen=True)
class Wanted:
    """What a page asks for."""

    kind: Kind
    release: str
    chart: str = ""
    """The chart's name for the page."""
    source: str = ""
    """Where the chart is."""
    values: str = ""
    """YAML, as the user wrote it."""
    wait: bool = True
    timeout: float = 300
    rollback_on_failure: bool = False
    revision: int = 0
    keep_history: bool = False


class Busy(Exception):
    """So many operations run that no other may begin."""


@contextlib.contextmanager
def values_file(values: str) -> Generator[str]:
    """A file with the values: they mean to Helm what they mean in a file of the user's, and no parser here differs."""
    with tempfile.TemporaryDirectory(prefix="console-") as directory:
        path = Path(directory) / "values.yaml"
        path.write_text(values, encoding="utf-8")
        yield str(path)


def begin(config: Configuration, wanted: Wanted, values: str) -> Run[Any]:
    """The action of an operation."""
    timeout = wanted.timeout
    match wanted.kind:
        case "install":
            return Install(config).stream(
                wanted.release,
                wanted.source,
                values_files=values,
                wait=wanted.wait,
                timeout=timeout,
                rollback_on_failure=wanted.rollback_on_failure,
            )
        case "upgrade":
            return Upgrade(config).stream(
                wanted.release,
                wanted.source,
                values_files=values,
                # What the page shows is all of the values: without this an empty text would mean the last revision's.
                reset_values=True,
                # Where no revision was ever deployed, an install that failed is what is mended.
                install=True,
                wait=wanted.wait,
                timeout=timeout,
                rollback_on_failure=wanted.rollback_on_failure,
            )
        case "rollback":
            return Rollback(config).stream(wanted.release, wanted.revision, wait=wanted.wait, timeout=timeout)
        case "uninstall":
            return Uninstall(config).stream(
                wanted.release, wait=wanted.wait, timeout=timeout, keep_history=wanted.keep_history
            )
        case "test":
            return ReleaseTest(config).stream(wanted.release, timeout=timeout, logs=True)


class Operation:
    """One operation, and what the feed says of it under `operation/N` and `line/N/…`."""

    def __init__(self, number: int, wanted: Wanted, feed: Feed, objects: Objects) -> None:
        self.number = number
        self.wanted = wanted
        self.task: asyncio.Task[None] | None = None
        self._feed = feed
        self._objects = objects
        self._lines: list[str] = []
        self._line = 0
        self._heard: set[str] = set()
        self._told: dict[str, Any] = {
            "id": number,
            "kind": wanted.kind,
            "release": wanted.release,
            "chart": wanted.chart,
            "state": "running",
            "phase": "",
            "message": "",
            "ready": 0,
            "total": 0,
            "started": _now(),
            "ended": None,
            "revision": None,
            "error": None,
        }
        self._tell()

    @property
    def ended(self) -> bool:
        """Whether it ended."""
        return self._told["ended"] is not None

    def take(self, event: Event) -> None:
        """Take what it says of itself."""
        release = self.wanted.release
        self._objects.take(release, event, self._told["phase"])
        match event["type"]:
            case "phase":
                self.log("phase", event["phase"], event.get("message", ""))
                self._tell(phase=event["phase"], message="")
            case "resource":
                if action := event.get("action"):
                    self.log("object", _label(event["resource"]), action)
                ready, total = self._objects.ready(release)
                self._tell(ready=ready, total=total, message=self._objects.waited_for(release))
            case "hook":
                self._take_hook(event)
            case "warning":
                self.log("warning", "API server", event["message"])
            case "log":
                self.log("warning" if event["level"] in ("warning", "error") else "log", "helm", event["message"])

    def log(self, kind: str, source: str, text: str) -> None:
        """Add a line to its log."""
        self._line += 1
        key = f"line/{self.number}/{self._line}"
        self._feed.put(
            key,
            {
                "operation": self.number,
                "number": self._line,
                "time": _now(),
                "kind": kind,
                "source": source,
                "text": text[:WIDTH],
            },
        )
        self._lines.append(key)
        if len(self._lines) > LINES:
            self._feed.remove(self._lines.pop(0))

    def cancelling(self) -> None:
        """It is being cancelled."""
        self._tell(state="cancelling")

    def end(self, state: str, error: BaseException | None = None, result: Mapping[str, Any] | None = None) -> None:
        """It ended."""
        known = error.details if isinstance(error, HelmError) else result or {}
        # What the containers of a release's tests wrote comes with the outcome too, and where the annotation
        # helm.sh/hook-output-log-policy keeps it from the events, there alone.
        for each in known.get("logs", []):
            source = f"{each['pod']} {each['container']}".strip() or f"{each['kind']} {each['test']}"
            if each["log"] and source not in self._heard:
                self.log("output", source, each["log"].rstrip("\n"))
            if each.get("error"):
                self.log("warning", source, f"its log could not be had: {each['error']}")
        ready, total = self._objects.ready(self.wanted.release)
        self._tell(
            state=state,
            ended=_now(),
            error=None if error is None else told(error),
            revision=(result or {}).get("version"),
            message="",
            ready=ready,
            total=total,
        )

    def forget(self) -> None:
        """Remove what the feed says of it."""
        for key in self._lines:
            self._feed.remove(key)
        self._feed.remove(f"operation/{self.number}")

    def _take_hook(self, event: HookEvent) -> None:
        resource, status, message = event.get("resource"), event.get("status"), event.get("message", "")
        source = _label(resource) if resource else "hook"
        if status is None:
            # A line that the hook wrote.
            where = [str(event.get("fields", {}).get(name, "")) for name in ("pod", "container")]
            source = " ".join(where).strip() or source
            self._heard.add(source)
            self.log("output", source, message)
        else:
            text = f"{event.get('phase', 'hook')} {status}"
            self.log("failed" if status == "failed" else "hook", source, f"{text}: {message}" if message else text)

    def _tell(self, **changed: Any) -> None:
        self._told = {**self._told, **changed}
        self._feed.put(f"operation/{self.number}", self._told)


def _label(resource: Resource) -> str:
    return f"{resource['kind']} {resource['name']}"


def _now() -> int:
    return round(time.time() * 1000)


class Operations:
    """All operations of the console.

    Args:
        config: Where they work.
        feed: Where they tell what they do.
        objects: Where they tell how the objects are.
        changed: Called with the release's name when one began or ended.
    """

    def __init__(self, config: Configuration, feed: Feed, objects: Objects, changed: Callable[[str], None]) -> None:
        self._config = config
        self._feed = feed
        self._objects = objects
        self._changed = changed
        self._all: dict[int, Operation] = {}
        self._number = 0

    def start(self, wanted: Wanted) -> int:
        """Start an operation; gives its number.

        Raises:
            Busy: Too many run.
        """
        if len(self._running()) >= RUNNING:
            raise Busy(f"{RUNNING} operations run already")
        self._number += 1
        operation = Operation(self._number, wanted, self._feed, self._objects)
        self._all[self._number] = operation
        self._objects.forget_hooks(wanted.release)
        operation.task = asyncio.create_task(self._run(operation))
        self._forget_old()
        self._changed(wanted.release)
        return self._number

    def works_on(self, release: str) -> bool:
        """Whether an operation on the release runs."""
        return any(operation.wanted.release == release for operation in self._running())

    def cancel(self, number: int) -> bool:
        """Cancel an operation; False where there is none that runs."""
        operation = self._all.get(number)
        if operation is None or operation.ended or operation.task is None:
            return False
        # Once: a second cancel would not wait for what the first one puts right.
        if not operation.task.cancelling():
            operation.cancelling()
            operation.task.cancel()
        return True

    def clear(self) -> None:
        """Forget those that ended."""
        for number in [number for number, operation in self._all.items() if operation.ended]:
            self._all.pop(number).forget()

    async def close(self) -> list[str]:
        """Cancel what runs, and wait until it has ended; gives what it was."""
        running = self._running()
        for operation in running:
            self.cancel(operation.number)
        tasks = [operation.task for operation in running if operation.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        return [f"{operation.wanted.kind} of {operation.wanted.release}" for operation in running]

    def _running(self) -> list[Operation]:
        return [operation for operation in self._all.values() if not operation.ended]

    async def _run(self, operation: Operation) -> None:
        wanted = operation.wanted
        try:
            with values_file(wanted.values) as values:
                async with begin(self._config, wanted, values) as run:
                    async for event in run:
                        operation.take(event)
                    result = await run
        except asyncio.CancelledError:
            operation.end("cancelled")
        except Exception as error:
            operation.end("failed", error)
        else:
            operation.end("done", result=result)
        finally:
            self._changed(wanted.release)

    def _forget_old(self) -> None:
        ended = [number for number, operation in self._all.items() if operation.ended]
        for number in ended[: max(0, len(ended) - FINISHED)]:
            self._all.pop(number).forget()
