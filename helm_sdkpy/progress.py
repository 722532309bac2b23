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
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TextIO, TypeAlias

from .events import Event, HookEvent, Resource, ResourceEvent
from .exceptions import HelmError

if TYPE_CHECKING:
    # An optional extra: imported at run time only where it is used.
    from rich.console import Console, RenderableType

State: TypeAlias = Literal["running", "done", "failed", "cancelled", "unknown"]
"""How far an operation is; `unknown` is one whose display ended and that was not told how it did itself."""

LAST_LINES = 5
"""How many of the last lines of hooks, containers and warnings are shown below a failure; the others are counted."""

PLAIN_SECONDS = 1.0
"""How often a plain display writes a line for one release, at most."""


def display(stream: TextIO | None = None) -> Display:
    """The display that suits the stream: `rich` on a terminal where rich is installed, else `plain`.

    Args:
        stream: Where to write. Default: standard output.

    Returns:
        The display. Call it with a name for each operation.

    Example:
        >>> with progress.display() as show:
        ...     release = await Install(config).run("shop", "./shop", on_event=show("shop"))
    """
    out: TextIO = sys.stdout if stream is None else stream
    terminal = out.isatty() and os.environ.get("TERM") != "dumb"
    if terminal and importlib.util.find_spec("rich") is not None:
        from rich.console import Console  # noqa: PLC0415 - an optional extra

        return rich(Console(file=out))
    return plain(out)


def plain(stream: TextIO | None = None, *, every: float = PLAIN_SECONDS) -> Display:
    """A display of lines with the time of day, for logs and pipes: what changed, now and then.

    Notes and ends are written at once.

    Args:
        stream: Where to write. Default: standard output.
        every: Seconds between two lines for the same release, at least. Default: 1.

    Returns:
        The display. Call it with a name for each operation.

    Example:
        >>> with progress.plain(every=5) as show, show("shop") as line:
        ...     release = await Install(config).run("shop", "./shop", on_event=line)
    """
    return _Plain(sys.stdout if stream is None else stream, every)


def rich(console: Console | None = None) -> Display:
    """A display of a table that is drawn anew in place. Needs the extra `helm-sdkpy[progress]`.

    Args:
        console: A `rich.console.Console`. Default: the one that rich itself uses, on standard output.

    Returns:
        The display. Call it with a name for each operation.

    Raises:
        ImportError: rich is not installed; the message says how to install it.

    Example:
        >>> with progress.rich() as show, show("shop") as line:
        ...     await Install(config).run("shop", "./shop", on_event=line)
    """
    if importlib.util.find_spec("rich") is None:
        raise ImportError("progress.rich() needs rich: pip install 'helm-sdkpy[progress]', or use progress.plain()")
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
        folded: How many such lines came before these.
        warnings: How many warnings there were, of the API server and of Helm.

    Example:
        >>> with progress.plain() as show:
        ...     line = show("shop")
        ...     async with Install(config).stream("shop", "./shop") as run:
        ...         async for event in run:
        ...             line(event)
        ...     line.end("done")
        >>> line.state, line.warnings
        ('done', 0)
    """

    def __init__(self, name: str, shown: Display) -> None:
        self.name = name
        self.phase = ""
        self.state: State = "running"
        self.error = ""
        self.notes: deque[str] = deque(maxlen=LAST_LINES)
        self.folded = 0
        self.warnings = 0
        self._shown = shown
        self._began = time.monotonic()
        self._ended: float | None = None
        self._objects: dict[tuple[str, ...], _Object] = {}
        self._hook: _Object | None = None
        self._removes = False

    def __call__(self, event: Event) -> None:
        """Take an event."""
        with self._shown.lock:
            match event["type"]:
                case "phase":
                    self._enter(event["phase"])
                case "resource":
                    self._see(event)
                case "hook":
                    self._see_hook(event)
                case "warning":
                    self.warnings += 1
                    self._note(f"warning: {event['message']}")
                case "log":
                    if event["level"] in {"warning", "error"}:
                        self.warnings += event["level"] == "warning"
                        self._note(event["message"])
            self._shown.changed(self)

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
            with self._shown.lock:
                self._note_logs(exc)
                self.end("failed", str(exc) or type(exc).__name__)

    def end(self, state: State, error: str = "") -> None:
        """Say how the operation ended, where the line is not used as a context manager.

        Args:
            state: `"done"`, `"failed"`, `"cancelled"` or `"unknown"`. The first end counts.
            error: The message of the error that ended it. Default: none.
        """
        with self._shown.lock:
            if self._ended is None:
                self.state, self.error, self._ended = state, error, time.monotonic()
                self._shown.ended(self)

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
            self._see_status(key, event)
        elif event.get("action") == "deleted" and not self._removes:
            self._objects.pop(key, None)
        elif self.phase in {"crds", "applying", "deleting"}:
            self._objects.setdefault(key, _Object(resource))

    def _see_status(self, key: tuple[str, ...], event: ResourceEvent) -> None:
        status = event.get("status")
        if key not in self._objects and (self._removes or status in {"terminating", "not_found"}):
            # A hook of an earlier run that is being deleted, which Helm waits for too.
            return
        found = self._objects.setdefault(key, _Object(event["resource"]))
        found.status, found.message = status, event.get("message", "")

    def _see_hook(self, event: HookEvent) -> None:
        message = event.get("message", "")
        match event.get("status"):
            case "started" if "resource" in event:
                self._hook = _Object(event["resource"])
            case "failed":
                self._hook = None
                self._note(f"{_label(event.get('resource'))} failed{f': {message}' if message else ''}")
            case "succeeded":
                self._hook = None
            case _ if message:
                self._note(message)
            case _:
                pass

    def _note_logs(self, exc: BaseException) -> None:
        """Note what the containers wrote that were not ready, as the error's details tell it."""
        if not isinstance(exc, HelmError):
            return
        for found in exc.details.get("not_ready", ()):
            for log in found.get("logs", ()):
                lines: list[str] = log["lines"]
                # The last ones of each container: all of one would take the place of the others.
                for text in lines[-LAST_LINES:]:
                    if text in self.notes:  # A hook's, which came as events too.
                        continue
                    self._note(f"{log['pod']} {log['container']}: {text}")

    def _note(self, text: str) -> None:
        self.folded += len(self.notes) == LAST_LINES
        self.notes.append(text)
        self._shown.noted(self, text)


class Display:
    """Shows lines while it is entered. Made by `display`, `plain` or `rich`.

    Attributes:
        lines: The lines in the order in which they were asked for.

    Example:
        >>> with progress.plain() as show, show("shop") as line:
        ...     await Install(config).run("shop", "./shop", on_event=line)
        >>> [each.state for each in show.lines]
        ['done']
    """

    def __init__(self) -> None:
        self.lines: list[Line] = []
        # Events come in the caller's loop; a table is drawn by a thread of its own.
        self.lock = threading.RLock()

    def __call__(self, name: str) -> Line:
        """Add a line for an operation on the release of that name."""
        with self.lock:
            self.lines.append(Line(name, self))
            return self.lines[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for line in self.lines:
            line.end("unknown")

    def changed(self, line: Line) -> None:
        """Called by a line that took an event."""

    def noted(self, line: Line, text: str) -> None:
        """Called by a line when there is a note more."""

    def ended(self, line: Line) -> None:
        """Called by a line when its operation ended."""


class _Object:
    """An object of the cluster, and what was last heard of it."""

    def __init__(self, resource: Resource) -> None:
        self.label = _label(resource)
        self.status: str | None = None
        self.message = ""

    def __str__(self) -> str:
        return f"{self.label}: {self.message}" if self.message else self.label


class _Plain(Display):
    """Writes at once what is said but once, and of what changes all the time a line now and then."""

    def __init__(self, stream: TextIO, every: float) -> None:
        super().__init__()
        self._stream = stream
        self._every = every
        self._written: dict[Line, str] = {}
        self._due: dict[Line, asyncio.TimerHandle] = {}

    def changed(self, line: Line) -> None:
        if line in self._due:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._write_state(line)
        else:
            self._due[line] = loop.call_later(self._every, self._write_state, line)

    def noted(self, line: Line, text: str) -> None:
        self._write(line, f"| {text}")

    def _write_state(self, line: Line) -> None:
        with self.lock:
            self._due.pop(line, None)
            state = "  ".join(part for part in (f"{line.phase} {line.ready}".rstrip(), line.waiting_for) if part)
            if state != self._written.get(line) and line.state == "running":
                self._written[line] = state
                self._write(line, state)

    def ended(self, line: Line) -> None:
        if (due := self._due.pop(line, None)) is not None:
            due.cancel()
        if line.state == "unknown":
            return
        about = (line.ready, _warnings(line), line.error or line.waiting_for)
        self._write(line, "  ".join([f"{line.state} in {line.elapsed:.1f} s", *filter(None, about)]))

    def _write(self, line: Line, text: str) -> None:
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")[11:23]
        width = max(len(other.name) for other in self.lines)
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
        from rich import get_console  # noqa: PLC0415 - an optional extra
        from rich.live import Live  # noqa: PLC0415
        from rich.spinner import Spinner  # noqa: PLC0415

        super().__init__()
        self._spinner = Spinner("dots", style="cyan")
        self._console = console or get_console()
        self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=10)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(exc_type, exc, traceback)
        self._live.stop()

    def __rich__(self) -> RenderableType:
        """What it shows now: `console.print(show)`."""
        return self._draw()

    def _draw(self) -> RenderableType:
        from rich.console import Group  # noqa: PLC0415
        from rich.padding import Padding  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        # Not the whole width: a `^C` of the terminal's would wrap, and the table be drawn anew a line too low.
        table = Table(box=None, width=self._console.width - 3, header_style="dim", pad_edge=False)
        table.add_column(width=1)
        table.add_column("release", no_wrap=True, style="bold")
        table.add_column("phase", no_wrap=True, min_width=12)
        table.add_column("ready", no_wrap=True, justify="right", min_width=9)
        table.add_column("waiting for", no_wrap=True, ratio=1, style="dim")
        table.add_column("time", no_wrap=True, justify="right", min_width=7)
        below: list[Padding] = []
        with self.lock:
            for line in self.lines:
                running = line.state == "running"
                table.add_row(
                    self._spinner if running else self._GLYPHS[line.state],
                    Text(line.name),
                    Text(line.phase if running or line.state == "unknown" else line.state),
                    Text(line.ready),
                    Text("  ".join(filter(None, (line.waiting_for, _warnings(line))))),
                    f"{line.elapsed:.1f} s",
                )
                if line.state == "failed":
                    error = Text.assemble((f"{line.name}: ", "bold"), (line.error, "red"))
                    below.append(Padding(error, (0, 3, 0, 3), expand=False))
                    if line.folded:
                        more = f"… {line.folded} {'line' if line.folded == 1 else 'lines'} more"
                        below.append(Padding(Text(more, style="dim italic"), (0, 3, 0, 5), expand=False))
                    below.extend(Padding(Text(note, style="dim"), (0, 3, 0, 5), expand=False) for note in line.notes)
        return Group(table, *below)


def _warnings(line: Line) -> str:
    return f"{line.warnings} {'warning' if line.warnings == 1 else 'warnings'}" if line.warnings else ""


def _label(resource: Resource | None) -> str:
    return f"{resource['kind']} {resource['name']}" if resource else "hook"
