"""An action under way whose events are iterated over: what `stream`, the twin of `run`, gives."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, cast

from ._event_queue import EventQueue
from .events import Event, OnEvent

logger: Final = logging.getLogger("helm_sdkpy")

A = TypeVar("A")
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Run(Generic[R_co]):
    """An action under way, from `stream`: iterate over it for its events, await it for its result.

    The block owns the operation. Leaving it before the operation has ended cancels the operation, and waits for that as
    a cancelled `run` does. An error of the operation is raised by the `await`, or at the end of the block where it was
    never awaited. Leaving the loop alone, by `break`, ends nothing.

    Events that nobody takes are kept, 1024 at most: then states of resources that a newer one follows are dropped, and
    where that is not enough the oldest events.

    Example:
        >>> async with Install(config).stream("shop", "./shop") as run:
        ...     async for event in run:
        ...         if event["type"] == "phase":
        ...             print(event["phase"])
        ...     release = await run
        loading
        rendering
        applying
        waiting
        >>> release["info"]["status"]
        'deployed'
    """

    def __init__(self, name: str, start: Callable[[OnEvent], Coroutine[Any, Any, R_co]]) -> None:
        self._name = name
        self._start = start
        self._task: asyncio.Task[R_co] | None = None
        self._events = EventQueue()
        self._more = asyncio.Event()
        self._told = False
        self._left = False

    @property
    def dropped(self) -> int:
        """How many events were dropped because nobody took them in time.

        Example:
            >>> async with Install(config).stream("shop", "./shop") as run:
            ...     await run
            >>> run.dropped
            0
        """
        return self._events.dropped

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RuntimeError(f"{self._name}(): a stream is entered once; call it again for another operation")
        self._task = asyncio.create_task(self._start(self._take))
        self._task.add_done_callback(self._end)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task = self._entered()
        if not task.done():
            self._left = True
            # Where the whole loop is being shut down it is cancelled already, and a second time ends the wait for it.
            if not task.cancelling():
                task.cancel()
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                # As a second cancel of `run`: it is not waited for any longer, and says so in the log.
                task.cancel()
                await asyncio.wait([task])
                raise
        if self._told or task.cancelled():
            return
        if (failed := task.exception()) is None:
            return
        if exc is None:
            raise failed
        # What left the block goes on; the operation's own failure would be lost otherwise.
        logger.warning("%s() failed while its block was left by an exception: %s", self._name, failed)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        task = self._entered()
        while (event := self._events.get()) is None:
            if task.done():
                raise StopAsyncIteration
            self._more.clear()
            await self._more.wait()
        return cast("Event", event)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self._result().__await__()

    async def _result(self) -> R_co:
        task = self._entered()
        # Not the task itself: a timeout around the await ends the await, and the block decides about the operation.
        await asyncio.wait([task])
        self._told = True
        if task.cancelled() and self._left:
            raise RuntimeError(f"{self._name}() was cancelled: its block was left before it had ended")
        return task.result()

    def _entered(self) -> asyncio.Task[R_co]:
        if self._task is None:
            raise RuntimeError(f"{self._name}() has not begun: use it as `async with ….stream(…) as run:`")
        return self._task

    def _take(self, event: Event) -> None:
        self._events.put(cast("dict[str, Any]", event))
        self._more.set()

    def _end(self, task: asyncio.Task[R_co]) -> None:
        self._more.set()


def streamed(run: Callable[Concatenate[A, P], Coroutine[Any, Any, R]]) -> Callable[Concatenate[A, P], Run[R]]:
    """Make the `stream` that belongs to a `run`: the same arguments, and a `Run` of the same result."""

    @functools.wraps(run)
    def stream(self: A, *args: P.args, **kwargs: P.kwargs) -> Run[R]:
        on_event = cast("OnEvent | None", kwargs.get("on_event"))

        def start(take: OnEvent) -> Coroutine[Any, Any, R]:
            kwargs["on_event"] = take if on_event is None else _both(take, on_event)
            return run(self, *args, **kwargs)

        return Run(f"{type(self).__name__}.stream", start)

    kind = run.__qualname__.rpartition(".")[0]
    stream.__name__ = "stream"
    stream.__qualname__ = f"{kind}.stream"
    stream.__doc__ = DOCSTRING.format(kind=kind)
    result = Run[run.__annotations__["return"]]
    stream.__annotations__ = {**run.__annotations__, "return": result}
    vars(stream)["__signature__"] = inspect.signature(run).replace(return_annotation=result)
    return stream


DOCSTRING: Final = """Do what `{kind}.run` does, and give its events while it happens.

Args: the same as of `{kind}.run`. An `on_event` is called too.

Returns:
    A `Run`: `async with` begins and ends the operation, `async for` gives its events, `await` its result.
"""


def _both(take: OnEvent, on_event: OnEvent) -> OnEvent:
    """Give each event to both; one that is not callable is left for `run` to refuse."""
    if not callable(on_event):
        return on_event

    def tell(event: Event) -> object:
        take(event)
        return on_event(event)

    return tell
