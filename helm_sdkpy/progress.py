"""Ready-made displays over events: a line for each release that says what it does and what it waits for.

    with progress.display() as show:

        async def deploy(name: str, chart: str) -> Release:
            with show(name) as on_event:
                return await Install(config).run(name, chart, on_event=on_event)

        await asyncio.gather(*(deploy(name, chart) for name, chart in charts.items()))

`on_event=show(name)` alone works too; without the `with` a line is not told how its operation ended.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TextIO, TypeAlias

from .events import Event, HookEvent, Resource, ResourceEvent

if TYPE_CHECKING:
    # An optional extra: imported at run time only where it is used.
    from rich.console import Console, RenderableType

State: TypeAlias = Literal["running", "done", "failed", "cancelled", "unknown"]
"""How far an operation is; `unknown` is one whose display ended and that was not told how it did itself."""

LAST_LINES = 5
"""How many of the last lines of hooks and warnings are shown below a failure."""


def display(stream: TextIO | None = None) -> Display:
    """The display that suits the stream: `rich` on a terminal where rich is installed, else `plain`.

    Args:
        stream: Where to write. Default: standard output.

    Example:
        >>> with progress.display() as show:
        ...     await Install(config).run("shop", chart, on_event=show("shop"))
    """
    out: TextIO = sys.stdout if stream is None else stream
    terminal = out.isatty() and os.environ.get("TERM") != "dumb"
    if terminal and importlib.util.find_spec("rich") is not None:
        from rich.console import Console  # noqa: PLC0415 - an optional extra

        return rich(Console(file=out))
    return plain(out)


def plain(stream: TextIO | None = None) -> Display:
    """A display of lines with the time of day, for logs and pipes: one when something changed that is worth a line.

    Args:
        stream: Where to write. Default: standard output.
    """
    return _Plain(sys.stdout if stream is None else stream)


def rich(console: Console | None = None) -> Display:
    """A display of a table that is drawn anew in place. Needs the extra `helm-sdkpy[progress]`.

    Args:
        console: A `rich.console.Console`. Default: one of its own on standard output.

    Raises:
        ImportError: rich is not installed.
    """
    return _Rich(console)


class Line:
    """What is known of one operation, from its events. Call it with each of them: it is an `on_event`.

    As a context manager around the operation it also knows how that ended, and lets errors through.

    Attributes:
        name: What the line is about: the release.
        phase: What the operation does now, in the words of the `phase` events.
        state: How far it is.
        error: The message of the error that ended it, if one did.
        notes: The last lines that hooks wrote, and the last warnings.
    """

    def __init__(self, name: str, changed: Callable[[Line, Event | None], None], lock: threading.RLock) -> None:
        self.name = name
        self.phase = ""
        self.state: State = "running"
        self.error = ""
        self.notes: deque[str] = deque(maxlen=LAST_LINES)
        self._changed = changed
        self._lock = lock
        self._began = time.monotonic()
        self._ended: float | None = None
        self._objects: dict[tuple[str, ...], _Object] = {}
        self._hook: _Object | None = None
        self._removes = False

    def __call__(self, event: Event) -> None:
        """Take an event."""
        with self._lock:
            match event["type"]:
                case "phase":
                    self._enter(event["phase"])
                case "resource":
                    self._see(event)
                case "hook":
                    self._see_hook(event)
                case "warning":
                    self.notes.append(f"warning: {event['message']}")
                case "log":
                    if event["level"] in {"warning", "error"}:
                        self.notes.append(event["message"])
            self._changed(self, event)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is None:
            self.end("done")
        elif isinstance(exc, (asyncio.CancelledError, KeyboardInterrupt)):
            self.end("cancelled")
        else:
            self.end("failed", str(exc) or type(exc).__name__)

    def end(self, state: State, error: str = "") -> None:
        """Say how the operation ended, where the line is not used as a context manager."""
        with self._lock:
            if self._ended is None:
                self.state, self.error, self._ended = state, error, time.monotonic()
                self._changed(self, None)

    @property
    def elapsed(self) -> float:
        """Seconds since the operation began, until it ended."""
        return (self._ended or time.monotonic()) - self._began

    @property
    def counts(self) -> tuple[int, int] | None:
        """How many of the objects are as they should be (ready, or gone), of how many. None where nobody looks."""
        objects = self._objects.values()
        if all(found.status is None for found in objects):
            return None
        return (len(objects) if self.state == "done" else sum(map(self._is_settled, objects))), len(objects)

    @property
    def ready(self) -> str:
        """The counts as a text: `2/5`; where readiness is not looked at, `5 applied` or `5 deleted`."""
        if (counts := self.counts) is not None:
            return f"{counts[0]}/{counts[1]}"
        return f"{len(self._objects)} {'deleted' if self._removes else 'applied'}" if self._objects else ""

    @property
    def waiting_for(self) -> str:
        """What is not as it should be, and why: the hook that runs, or the first such object and how many more."""
        if self.state == "done":
            return ""
        if self._hook is not None:
            return str(self._hook)
        waiting = [found for found in self._objects.values() if found.status and not self._is_settled(found)]
        if not waiting:
            return ""
        waiting.sort(key=lambda found: found.status != "failed")
        return f"{waiting[0]}{f' (and {len(waiting) - 1} more)' if waiting[1:] else ''}"

    def _is_settled(self, found: _Object) -> bool:
        return found.status == ("not_found" if self._removes else "ready")

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._hook = None
        if phase == "deleting":
            # What was applied before is not what is waited for now.
            self._removes = True
            self._objects.clear()

    def _see(self, event: ResourceEvent) -> None:
        resource = event["resource"]
        key = (resource["api_version"], resource["kind"], resource.get("namespace", ""), resource["name"])
        if self._hook is not None:
            # The hook itself: it belongs to no release.
            if "status" in event:
                self._hook.message = event.get("message", "")
        elif "status" in event:
            found = self._objects.setdefault(key, _Object(resource))
            found.status, found.message = event["status"], event.get("message", "")
        elif event.get("action") == "deleted" and not self._removes:
            self._objects.pop(key, None)
        elif self.phase in {"crds", "applying", "deleting"}:
            self._objects.setdefault(key, _Object(resource))

    def _see_hook(self, event: HookEvent) -> None:
        message = event.get("message", "")
        match event.get("status"):
            case "started" if "resource" in event:
                self._hook = _Object(event["resource"])
            case "failed":
                self.notes.append(f"{_label(event.get('resource'))} failed{f': {message}' if message else ''}")
                self._hook = None
            case "succeeded":
                self._hook = None
            case _ if message:
                self.notes.append(message)
            case _:
                pass


class Display:
    """Shows lines while it is entered. Made by `display`, `plain` or `rich`.

    Attributes:
        lines: The lines in the order in which they were asked for.
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._lock = threading.RLock()

    def __call__(self, name: str) -> Line:
        """Add a line for an operation on the release of that name."""
        with self._lock:
            self.lines.append(Line(name, self._changed, self._lock))
            return self.lines[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for line in self.lines:
            line.end("unknown")

    def _changed(self, line: Line, event: Event | None) -> None:
        """The line took an event, or ended (None)."""


class _Object:
    """An object of the cluster, and what was last heard of it."""

    def __init__(self, resource: Resource) -> None:
        self.label = _label(resource)
        self.status: str | None = None
        self.message = ""

    def __str__(self) -> str:
        return f"{self.label}: {self.message}" if self.message else self.label


class _Plain(Display):
    """Writes a line when something changed that is worth one, however many objects a release has."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._written: dict[Line, tuple[str, int]] = {}

    def _changed(self, line: Line, event: Event | None) -> None:
        if event is None:
            self._end(line)
        elif event["type"] == "phase":
            # Of a hook's phase, the hook itself is told.
            if not event["phase"].startswith(("pre-", "post-")):
                self._write(line, line.phase)
        elif event["type"] == "resource":
            if self._is_worth_a_line(line):
                self._write(line, f"{line.phase} {line.ready}", line.waiting_for)
        elif event["type"] == "hook" and "status" in event:
            what = f"{line.phase} {event['status']}"
            self._write(line, what, _label(event.get("resource")), event.get("message", ""))
        elif event["type"] != "log" or event["level"] in {"warning", "error"}:
            self._write(line, "|", event.get("message", ""))

    def _is_worth_a_line(self, line: Line) -> bool:
        """Another twentieth of the objects, or one of the last, is as it should be."""
        if line.counts is None:
            return False
        ready, total = line.counts
        phase, before = self._written.get(line, ("", -1))
        if phase == line.phase and (ready == before or (abs(ready - before) < total / 20 and total - ready > 2)):
            return False
        self._written[line] = (line.phase, ready)
        return True

    def _end(self, line: Line) -> None:
        if line.state == "unknown":
            return
        self._write(line, f"{line.state} in {line.elapsed:.1f} s", line.ready, line.error or line.waiting_for)

    def _write(self, line: Line, what: str, *more: str) -> None:
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="milliseconds")[11:23]
        width = max(len(other.name) for other in self.lines)
        text = "  ".join(part for part in (what, *more) if part)
        print(f"{now}  {line.name:<{width}}  {text}", file=self._stream, flush=True)


class _Rich(Display):
    """Draws the table anew ten times a second, from a thread of rich's: an event costs no drawing."""

    _GLYPHS: ClassVar[dict[State, str]] = {
        "running": "",
        "done": "[green]✔[/]",
        "failed": "[red]✘[/]",
        "cancelled": "[yellow]■[/]",
        "unknown": "·",
    }

    def __init__(self, console: Console | None) -> None:
        from rich.live import Live  # noqa: PLC0415 - an optional extra
        from rich.spinner import Spinner  # noqa: PLC0415

        super().__init__()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(get_renderable=self._draw, console=console, refresh_per_second=10)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        self._live.stop()

    def _draw(self) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, expand=True, header_style="dim", pad_edge=False)
        table.add_column(width=1)
        table.add_column("release", no_wrap=True, style="bold")
        table.add_column("phase", no_wrap=True, min_width=12)
        table.add_column("ready", no_wrap=True, justify="right", min_width=9)
        table.add_column("waiting for", no_wrap=True, ratio=1, style="dim")
        table.add_column("time", no_wrap=True, justify="right", min_width=7)
        below: list[Text] = []
        with self._lock:
            for line in self.lines:
                running = line.state == "running"
                table.add_row(
                    self._spinner if running else self._GLYPHS[line.state],
                    Text(line.name),
                    Text(line.phase if running or line.state == "unknown" else line.state),
                    Text(line.ready),
                    Text(line.waiting_for),
                    f"{line.elapsed:.1f} s",
                )
                if line.state == "failed":
                    below.append(Text.assemble("  ", (f"{line.name}: ", "bold"), (line.error, "red")))
                    below.extend(Text(f"    {note}", style="dim") for note in line.notes)
        return Group(table, *below)


def _label(resource: Resource | None) -> str:
    return f"{resource['kind']} {resource['name']}" if resource else "hook"
