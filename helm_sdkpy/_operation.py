"""The only module that knows operations: it starts them, hands their events on, cancels them, tells how they ended."""

from __future__ import annotations

import asyncio
import atexit

# asyncio imports it in the first call of an executor; a fork in that moment would leave the child a locked import.
import concurrent.futures.thread  # noqa: F401  # pyright: ignore[reportUnusedImport]
import contextlib
import contextvars
import functools
import inspect
import itertools
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, cast

from . import _arguments
from ._connection import Connection, failure
from ._event_queue import EventQueue
from ._ffi import Library, loader
from .exceptions import HelmError, error

logger: Final = logging.getLogger("helm_sdkpy")
# As every library does it: without a handler of its own, Python would print warnings for users who set up no logging.
logger.addHandler(logging.NullHandler())

CANCEL_SECONDS: Final = 1.0
"""How long a cancelled call waits for its operation to end, besides the clean-up that was asked for."""
DELIVERY_SECONDS: Final = 1.0
"""How long events that still wait when the operation has ended are delivered."""
EXIT_SECONDS: Final = 10.0
"""How long the exit of the interpreter waits for the records of operations that still run."""
NAMED: Final = 5
"""How many objects that were not ready a message names."""
SLICE_SECONDS: Final = 0.005
"""How long callbacks may run in a row before the loop gets its turn."""

_LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a caller asks for."""

    action: str
    error: type[HelmError]
    arguments: Mapping[str, Any]
    release: str | None = None
    namespace: str | None = None
    on_event: Callable[[Any], object] | None = None
    post_renderer: Callable[[str], object] | None = None
    within: Callable[[], object] | None = None
    """Called in the contexts that callbacks and log records get, before they do: makes a span the current one."""
    traceparent: str = ""
    """What requests to the API server say of the span that they belong to."""
    cleanup_seconds: float = 0.0
    deadline: _arguments.Deadline | None = None

    def is_short(self) -> bool:
        """Whether its arguments are names, numbers and switches only: no values, no archive."""
        return all(
            not isinstance(given, (dict, list)) and name != "chart_archive" for name, given in self.arguments.items()
        )


@dataclass(frozen=True)
class Stopped:
    """Why an operation was stopped that its caller did not cancel."""

    code: str
    reason: str


class Loading(Protocol):
    """Where the library comes from: `_ffi.loader`, and in tests something that speaks the same wire."""

    def load(self) -> Library:
        """The library, loading it where that was not done yet; blocks."""
        ...

    def loaded(self) -> Library | None:
        """The library if it is loaded in this process; never blocks."""
        ...

    def check_process(self, action: type[HelmError] = HelmError) -> None:
        """Refuse a process that inherited the library by a fork."""
        ...


class Operations:
    """All operations of the process, and the one thread that collects their events."""

    def __init__(self, loading: Loading) -> None:
        self._loading = loading
        self._numbers = itertools.count(1)
        self._running: dict[int, Operation] = {}
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = False

    async def run(self, connection: Connection, call: Call) -> Any:
        """Run an operation to its end: gives its result, or raises its error.

        Cancelling the task cancels the operation, waits a bounded time for it, and then lets the cancellation through.
        """
        self._loading.check_process(call.error)
        # By now executors take no work. Asking one would have asyncio start a thread for it later, which fails again.
        if not threading.main_thread().is_alive():
            raise failure(call.error, _shutting_down(), call.release)
        operation = Operation(next(self._numbers), connection, call, self)
        connection.enter(operation, call.error)
        self._running[operation.number] = operation
        if call.deadline is not None:
            operation.limit(call.deadline)
        try:
            try:
                if operation.ended():
                    pass  # Its deadline had passed already.
                elif self._starts_at_once(operation):
                    self._start(operation)
                else:
                    # Where the loop's executor is shut down, so is the loop.
                    operation.loop.run_in_executor(None, self._start, operation)
            except RuntimeError as refused:
                operation.finish({"error": _shutting_down(refused)})
            await asyncio.shield(operation.finished)
            await operation.deliver_rest(DELIVERY_SECONDS)
        except asyncio.CancelledError:
            await operation.end_cancelled()
            raise
        finally:
            # Also where the coroutine is dropped without being cancelled: its loop was closed under it.
            operation.cancel()
            operation.close()
        return operation.result()

    def cancel(self, operation: Operation) -> None:
        """Tell the library, which never blocks: this runs on the loop, and the executor may be full."""
        if (library := self._loading.loaded()) is not None:
            if (stopped := operation.stopped) is None:
                library.cancel(operation.number)
            else:
                library.stop(operation.number, _arguments.encode(stopped.reason))

    def reply(self, operation: Operation, answer: bytes) -> None:
        """Answer a call of the operation."""
        if (library := self._loading.loaded()) is not None:
            library.reply(operation.number, answer)

    def forget(self, operation: Operation) -> None:
        """Take an operation that has ended out of the table."""
        self._running.pop(operation.number, None)

    def shutdown(self) -> None:
        """Cancel all, wait for their records, and end the thread. The interpreter is on its way out."""
        library = self._loading.loaded()
        if self._closing or library is None or self._thread is None:
            return
        self._closing = True
        answer: dict[str, Any] = json.loads(library.shutdown(EXIT_SECONDS))
        if answer.get("abandoned"):
            logger.warning("%d operations did not end within %g s of the exit", answer["abandoned"], EXIT_SECONDS)
        self._thread.join(1.0)

    def closing(self) -> bool:
        """Whether the interpreter is on its way out."""
        return self._closing

    def _starts_at_once(self, operation: Operation) -> bool:
        """Whether starting it takes microseconds, so that going to another thread for it would take longer.

        Nothing is to be loaded or read any more, the request is short, and no other operation runs: Go's threads could
        all be busy, and a call from C waits for one of them.
        """
        return (
            self._thread is not None
            and len(self._running) == 1
            and operation.connection.opened
            and operation.call.is_short()
        )

    def _start(self, operation: Operation) -> None:
        """Start an operation. In a worker thread: it may load the library and read the kubeconfig."""
        try:
            if operation.ended():
                return
            if self._closing:
                operation.finish({"error": _shutting_down()})
                return
            library = self._loading.load()
            self._listen(library)
            handle = operation.connection.open(library)
            if not operation.starts():
                return
            answer: dict[str, Any] = json.loads(
                library.start(operation.call.action, handle, operation.number, operation.request())
            )
            if "error" in answer:
                operation.finish(answer)
        except BaseException as raised:  # Whatever it was: the caller waits for it.
            operation.finish({"error": raised})

    def _listen(self, library: Library) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                thread = threading.Thread(target=self._collect, args=(library,), name="helm-sdkpy-events", daemon=True)
                try:
                    thread.start()
                except RuntimeError as refused:
                    raise failure(HelmError, _shutting_down(refused)) from refused
                atexit.register(self.shutdown)
                self._thread = thread

    def _collect(self, library: Library) -> None:
        while True:
            batch: dict[str, Any] = {}
            try:
                batch = json.loads(library.next_events())
            except Exception:
                # Never the end of the thread: every operation waits for it.
                _complain("events of the library could not be read")
                time.sleep(0.1)
            touched: dict[Operation, None] = {}
            for event in batch.get("events", ()):
                try:
                    if (operation := self._take(event)) is not None:
                        touched[operation] = None
                except Exception:
                    _complain("an event of the library could not be handed on")
            for operation in touched:
                self._wake(operation)
            if batch.get("shutdown"):
                return

    def _take(self, event: dict[str, Any]) -> Operation | None:
        operation = self._running.get(event.pop("op", 0))
        if event["type"] == "log":
            _log(event, operation)
        if operation is not None:
            operation.take(event)
        return operation

    def _wake(self, operation: Operation) -> None:
        if operation.wake():
            return
        # The loop was closed under its operations: nobody will ever ask for their results.
        for other in list(self._running.values()):
            if other.loop is operation.loop:
                other.cancel()


class Operation:
    """One operation: what it waits for, and what waits for its caller.

    `take`, `finish` and `wake` run in the thread that collects events (or in the one that starts the operation), all
    else in the caller's loop.
    """

    def __init__(self, number: int, connection: Connection, call: Call, operations: Operations) -> None:
        self.number = number
        self.connection = connection
        self.call = call
        self.loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = self.loop.create_future()
        self.context = contextvars.copy_context()
        if call.within is not None:
            self.context.run(call.within)
        self.log_context = self.context.copy()
        self._operations = operations
        self._outcome: Mapping[str, Any] | None = None
        self._events = EventQueue()
        self._dropped = 0
        self._calls: deque[dict[str, Any]] = deque()
        self._call_error: BaseException | None = None
        self._delivery: asyncio.Task[None] | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._woken = False
        self._closed = False
        # Guards what decides whether a cancel has to be told to the library. Reentrant, because the garbage collector
        # may close the Configuration in the middle of anything.
        self._lock = threading.RLock()
        self._started = False
        self._cancelled = False
        self.stopped: Stopped | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __str__(self) -> str:
        name = f" of {self.call.release}" if self.call.release else ""
        return f"{self.call.action}{name}" + (f" in {self.call.namespace}" if self.call.namespace else "")

    def told(self) -> dict[str, str | None]:
        """What it is, for programs."""
        return {"action": self.call.action, "release": self.call.release, "namespace": self.call.namespace}

    def request(self) -> bytes:
        """The envelope that the library reads."""
        envelope: dict[str, Any] = {
            "listen": self.call.on_event is not None,
            "log_level": _log_level(),
            "arguments": self.call.arguments,
        }
        if self.call.traceparent:
            envelope["traceparent"] = self.call.traceparent
        return _arguments.encode(envelope)

    def about(self) -> dict[str, Any]:
        """What every log record of it carries as attributes."""
        return {**self.told(), "operation": self.number}

    def _say(self, level: int, message: str, *about: object, exc_info: bool = False) -> None:
        """Log, with the call's context variables. A copy: the thread that collects events may be within them."""
        self.context.copy().run(logger.log, level, message, *about, exc_info=exc_info, extra=self.about())

    # In the thread that collects events.

    def take(self, event: dict[str, Any]) -> None:
        """Keep an event for the loop."""
        match event["type"]:
            case "done":
                self._dropped += event.get("dropped", 0)
                self._end(event)
            case "call":
                self._calls.append(event)
            case _ if self.call.on_event is not None and not self._closed:
                self._events.put(event)
            case _:
                pass

    def wake(self) -> bool:
        """Have the loop look, with at most one wake-up under way; False where the loop is closed."""
        if not self._woken:
            self._woken = True
            try:
                self.loop.call_soon_threadsafe(self._look)
            except RuntimeError:
                return False
        return True

    def finish(self, outcome: Mapping[str, Any]) -> None:
        """Say how it ended, from any thread."""
        self._end(outcome)
        self.wake()

    def ended(self) -> bool:
        """Whether it ended."""
        return self._outcome is not None

    def starts(self) -> bool:
        """Whether it may start: False where it was cancelled, and so ended, before the library knew it."""
        with self._lock:
            self._started = not self._cancelled
            return self._started

    def _end(self, outcome: Mapping[str, Any]) -> None:
        if self._outcome is None:
            self._outcome = outcome
            self._operations.forget(self)
            self.connection.leave(self)

    # In the caller's loop, or wherever a Configuration is closed.

    def cancel(self, stopped: Stopped | None = None) -> None:
        """Cancel it, once, if it has not ended. What was not started yet ends at once, whatever the executor does."""
        with self._lock:
            if self._cancelled or self._outcome is not None:
                return
            self._cancelled = True
            self.stopped = stopped
            started = self._started
        if started:
            self._operations.cancel(self)
        else:
            details = {"phase": "queued"}
            self.finish({"error": {"code": "cancelled", "message": "cancelled before it started", "details": details}})

    def stop(self, code: str, reason: str) -> None:
        """Cancel it for a reason that its record tells, and its caller by an error of that code."""
        self.cancel(Stopped(code, reason))

    def limit(self, deadline: _arguments.Deadline) -> None:
        """Stop it when the deadline passes: now, where it has passed."""
        if deadline.seconds > 0:
            self._timer = self.loop.call_later(deadline.seconds, self._expire, deadline)
        else:
            self._expire(deadline)

    def _expire(self, deadline: _arguments.Deadline) -> None:
        self.stop("deadline_exceeded", f"its deadline of {deadline.shown} passed")
        if not self.ended():
            self._timer = self.loop.call_later(self.patience(), self._give_up)

    def _give_up(self) -> None:
        """Wait no longer for an operation that was stopped."""
        if not self.finished.done():
            self._warn_unended(self.patience())
            self.finished.set_result(None)

    def patience(self) -> float:
        """How long an operation that was stopped may take to end."""
        return CANCEL_SECONDS + self.call.cleanup_seconds

    async def end_cancelled(self) -> None:
        """What a cancelled caller waits for: the operation's end, for a bounded time. A second cancel ends the wait."""
        if self.ended():
            return
        self.cancel()
        bound = self.patience()
        began = self.loop.time()
        try:
            await asyncio.wait([self.finished], timeout=bound)
            if self.finished.done():
                await self.deliver_rest(min(DELIVERY_SECONDS, max(0.0, bound - (self.loop.time() - began))))
        except asyncio.CancelledError:
            if not self.finished.done():
                self._say(
                    logging.WARNING,
                    "%s was cancelled twice and not waited for: it is still ending in the background",
                    self,
                )
            raise
        if not self.finished.done():
            self._warn_unended(bound)

    def _warn_unended(self, bound: float) -> None:
        self._say(
            logging.WARNING,
            "%s has not ended %g s after it was cancelled: it still runs in the background",
            self,
            bound,
        )

    async def deliver_rest(self, seconds: float) -> None:
        """Let the callback have what still waits, for a bounded time."""
        if (delivery := self._delivery) is not None:
            await asyncio.wait([delivery], timeout=seconds)
            if not delivery.done():
                delivery.cancel()
                await asyncio.wait([delivery], timeout=seconds)
        self._dropped += self._events.dropped + self._events.clear()
        self._events.dropped = 0
        if self._dropped:
            self._say(
                logging.WARNING, "%s: on_event was too slow for %d events, which were dropped", self, self._dropped
            )
            self._dropped = 0

    def close(self) -> None:
        """The caller is told now: nothing is called any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._events.clear()
        if not self.loop.is_closed():
            for task in (self._delivery, *self._answers):
                if task is not None:
                    task.cancel()

    def result(self) -> Any:
        """The result.

        Raises:
            HelmError: It failed.
            asyncio.CancelledError: It was cancelled, though not by its caller nor by a close.
        """
        outcome = self._outcome or {"error": {"code": "cancelled"}}
        if "error" not in outcome:
            return outcome.get("result")
        return self._raise(outcome["error"])

    def _raise(self, given: Any) -> NoReturn:
        if isinstance(given, HelmError) and not isinstance(given, self.call.error):
            raise error(self.call.error, given.code, str(given), given.details, self.call.release) from given
        if isinstance(given, BaseException):
            raise given
        if given.get("code") == "cancelled":
            if self.stopped is not None:
                raise self._stop_error(self.stopped, given.get("details") or {})
            if self._operations.closing():
                raise failure(self.call.error, _shutting_down(), self.call.release)
            raise asyncio.CancelledError(given.get("message"))
        raised = failure(self.call.error, given, self.call.release)
        if raised.code in ("post_render", "callable_failed"):
            raised.__cause__ = self._call_error
        raise raised

    def _stop_error(self, stopped: Stopped, details: Mapping[str, Any]) -> HelmError:
        if (deadline := self.call.deadline) is None or stopped.code != "deadline_exceeded":
            message = f"the Configuration was closed while {self} ran, which cancelled it"
            return error(self.call.error, stopped.code, message, details, self.call.release)
        details = {"phase": "", **details, "seconds": deadline.seconds}
        phase = f" in its phase {details['phase']}" if details["phase"] else ""
        message = f"{self} was stopped{phase}: {stopped.reason}{_not_ready(details.get('not_ready', ()))}"
        return error(self.call.error, stopped.code, message, details, self.call.release)

    def _look(self) -> None:
        """See what there is. The mark is taken off first: what comes from now on asks for another look."""
        self._woken = False
        while self._calls:
            self._spawn_answer(self._calls.popleft())
        if self._events and self._delivery is None and not self._closed:
            self._delivery = self.loop.create_task(self._deliver(), context=self.context)
        if self._outcome is not None and not self.finished.done():
            self.finished.set_result(None)

    async def _deliver(self) -> None:
        """Call back for each event, in order, and end when there is none."""
        on_event = cast("Callable[[Any], object]", self.call.on_event)
        task = cast("asyncio.Task[None]", asyncio.current_task())
        turn = self.loop.time()
        try:
            while not self._closed and (event := self._events.get()) is not None:
                try:
                    answer = on_event(event)
                    if inspect.isawaitable(answer):
                        await answer
                except asyncio.CancelledError:
                    if task.cancelling():
                        raise
                    self._say(logging.ERROR, "on_event of %s was cancelled from within", self, exc_info=True)
                except Exception:
                    self._say(logging.ERROR, "on_event of %s failed", self, exc_info=True)
                if self.loop.time() - turn > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    turn = self.loop.time()
        finally:
            self._delivery = None

    def _spawn_answer(self, asked: dict[str, Any]) -> None:
        if self._closed:
            return
        task = self.loop.create_task(self._answer(asked), context=self.context.copy())
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, asked: dict[str, Any]) -> None:
        """Ask the Python callable, and hand its answer or its failure back."""
        try:
            if self.call.post_renderer is None:
                raise TypeError(f"the library calls {asked.get('method')!r}, which this operation does not have")
            given = self.call.post_renderer(asked["argument"])
            if inspect.isawaitable(given):
                given = await given
            if not isinstance(given, str):
                raise TypeError(f"post_renderer must return the manifest, a str, not a {type(given).__name__}")
            answer = _arguments.encode({"call": asked["call"], "result": given})
        except BaseException as raised:
            self._call_error = raised
            reason = f"{type(raised).__name__}: {raised}".encode("utf-8", "replace").decode()
            self._operations.reply(self, _arguments.encode({"call": asked["call"], "error": reason}))
            if not isinstance(raised, Exception):
                raise
        else:
            self._operations.reply(self, answer)


def _log(event: Mapping[str, Any], operation: Operation | None) -> None:
    """Hand a log event to Python's logging, with the context variables of the call that it belongs to."""
    extra: dict[str, Any] = dict.fromkeys(("release", "namespace", "action", "operation"))
    if operation is not None:
        extra = operation.about()
    for name in ("release", "namespace"):
        extra[name] = event.get(name) or extra[name]
    extra["fields"] = event.get("fields", {})
    log = functools.partial(
        logger.log, _LEVELS.get(event.get("level", ""), logging.INFO), "%s", event.get("message", ""), extra=extra
    )
    try:
        if operation is None:
            log()
        else:
            operation.log_context.run(log)
    except Exception:
        # A filter of the user's failed. It must not take the other events with it.
        logger.debug("a log message could not be handed on", exc_info=True)


def _not_ready(objects: Sequence[Mapping[str, Any]]) -> str:
    """What was not ready, as a message tells it."""
    told = [f"{one['kind']} {one['name']}: {one.get('message') or one.get('status')}" for one in objects[:NAMED]]
    if more := len(objects) - len(told):
        told.append(f"and {more} more")
    return f" (not ready: {'; '.join(told)})" if told else ""


def _complain(message: str) -> None:
    """Log the exception that is being handled, where not even a broken log may end the thread."""
    with contextlib.suppress(Exception):
        logger.exception(message)


def _log_level() -> str:
    """The least level that the logger lets through; empty where it lets nothing through."""
    return next((name for name, level in _LEVELS.items() if logger.isEnabledFor(level)), "")


def _shutting_down(reason: BaseException | None = None) -> dict[str, Any]:
    message = "Python is shutting down: no operation can be started any more"
    return {"code": "shutting_down", "message": message, "details": {"reason": str(reason)} if reason else {}}


operations = Operations(loader)
"""The process's operations."""
