"""What `_operation.py` promises: order, bounds, cancellation, context, and that one's trouble stays its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import logging
import threading
import time
from typing import Any

import pytest

from helm_sdkpy import _operation
from helm_sdkpy._arguments import Deadline
from helm_sdkpy._connection import Connection
from helm_sdkpy.exceptions import (
    ClusterUnreachableError,
    ConfigurationError,
    DeadlineExceededError,
    HelmError,
    InstallError,
    PostRenderError,
    ReleaseExistsError,
    ReleaseNotFoundError,
    WaitTimeoutError,
)

from .conftest import Wire

REQUEST_ID: contextvars.ContextVar[str] = contextvars.ContextVar("REQUEST_ID", default="none")


def phase(op: int, number: int) -> dict[str, Any]:
    return {"op": op, "type": "phase", "phase": f"phase-{number}"}


def never(op: int, request: dict[str, Any]) -> None:
    """A start of an operation that does not end by itself."""


async def until(condition: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.001)


# Results and errors


async def test_result_and_request(wire: Wire) -> None:
    wire.library.on_start = lambda op, request: wire.library.done(op, {"name": "shop", "large": 2**70})
    result = await wire.run(arguments={"release_name": "shop"})
    assert result == {"name": "shop", "large": 2**70}
    [(action, handle, op, request)] = wire.library.started
    assert (action, handle, op) == ("install", 7, 1)
    assert request["arguments"] == {"release_name": "shop"}
    assert request["listen"] is False


async def test_error_has_both_axes(wire: Wire) -> None:
    details = {"not_ready": [{"kind": "Deployment"}]}
    wire.library.on_start = lambda op, request: wire.library.done(
        op, error={"code": "wait_timeout", "message": "not ready", "details": details}
    )
    with pytest.raises(InstallError, match="not ready") as raised:
        await wire.run()
    assert isinstance(raised.value, WaitTimeoutError)
    assert isinstance(raised.value, TimeoutError)
    assert raised.value.code == "wait_timeout"
    assert raised.value.details == details
    assert raised.value.release == "shop"


async def test_start_refused(wire: Wire) -> None:
    wire.library.on_start = lambda op, request: {"error": {"code": "release_exists", "message": "there", "details": {}}}
    with pytest.raises(ReleaseExistsError):
        await wire.run()


async def test_event_and_end_before_start_returns(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(phase(op, 1))
        wire.library.done(op, "early")
        time.sleep(0.05)

    wire.library.on_start = start
    seen: list[Any] = []
    assert await wire.run(on_event=seen.append) == "early"
    assert [event["phase"] for event in seen] == ["phase-1"]
    assert "op" not in seen[0]


async def test_start_runs_off_the_loop(wire: Wire) -> None:
    await wire.run()
    assert wire.library.start_thread != threading.get_ident()


async def test_library_that_can_not_be_loaded(wire: Wire) -> None:
    wire.loader.failure = HelmError("no file", code="library_not_found")
    with pytest.raises(InstallError, match="no file") as raised:
        await wire.run()
    assert raised.value.code == "library_not_found"


async def test_many_at_once(wire: Wire) -> None:
    wire.library.on_start = lambda op, request: wire.library.done(op, request["arguments"]["n"])
    results = await asyncio.gather(*(wire.run(arguments={"n": n}) for n in range(100)))
    assert results == list(range(100))
    assert len(wire.library.created) == 1


def test_two_loops_in_two_threads_and_repeated_runs(wire: Wire) -> None:
    wire.library.on_start = lambda op, request: wire.library.done(op, request["arguments"]["n"])

    async def several(offset: int) -> list[int]:
        return await asyncio.gather(*(wire.run(arguments={"n": offset + n}) for n in range(20)))

    def thread(offset: int) -> list[int]:
        return [n for again in range(3) for n in asyncio.run(several(offset + 20 * again))]

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first, second = pool.map(thread, (0, 1000))
    assert first == list(range(60))
    assert second == list(range(1000, 1060))
    assert sum(thread.name == "helm-sdkpy-events" for thread in threading.enumerate()) >= 1


# Cancelling


async def test_cancel_tells_the_library_on_the_loop_and_waits_for_the_end(wire: Wire) -> None:
    ended: list[float] = []

    def on_cancel(op: int) -> None:
        def later() -> None:
            ended.append(time.monotonic())
            wire.library.done(op, error={"code": "cancelled", "message": ""})

        threading.Timer(0.1, later).start()

    wire.library.on_start, wire.library.on_cancel = never, on_cancel
    task = asyncio.create_task(wire.run())
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wire.library.cancelled == [1]
    assert wire.library.cancel_thread == threading.get_ident()
    assert ended, "it did not wait for the operation's end"
    assert task.cancelled()


async def test_cancel_of_what_was_done_already_stays_a_cancel(wire: Wire) -> None:
    wire.library.on_start = never
    wire.library.on_cancel = lambda op: wire.library.done(op, "done all the same")
    task = asyncio.create_task(wire.run())
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancel_waits_no_longer_than_a_second(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_operation, "CANCEL_SECONDS", 0.1)
    wire.library.on_start, wire.library.on_cancel = never, lambda op: None
    task = asyncio.create_task(wire.run(cleanup_seconds=0.1))
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.01)
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0.18 < time.monotonic() - began < 0.9
    assert "install of shop in web has not ended 0.2 s after it was cancelled" in caplog.text


async def test_a_deadline_stops_with_a_reason(wire: Wire) -> None:
    ready = [{"kind": "Job", "name": f"j{number}", "status": "in_progress"} for number in range(7)]

    def on_cancel(op: int) -> None:
        details = {"phase": "waiting", "not_ready": ready}
        wire.library.done(op, error={"code": "cancelled", "message": "", "details": details})

    wire.library.on_start, wire.library.on_cancel = never, on_cancel
    with pytest.raises(DeadlineExceededError) as raised:
        await wire.run(deadline=Deadline(0.02, "20 ms"))
    assert isinstance(raised.value, InstallError)
    assert str(raised.value).startswith(
        "install of shop in web was stopped in its phase waiting: its deadline of 20 ms passed (not ready: Job j0: in_p"
    )
    assert str(raised.value).endswith("; and 2 more)")
    assert raised.value.details == {"seconds": 0.02, "phase": "waiting", "not_ready": ready}
    assert wire.library.stopped == ["its deadline of 20 ms passed"]


async def test_a_deadline_that_has_passed_starts_nothing(wire: Wire) -> None:
    with pytest.raises(DeadlineExceededError, match="queued"):
        await wire.run(deadline=Deadline(-1, "yesterday"))
    assert wire.library.started == []


async def test_a_deadline_while_the_executor_is_full(wire: Wire) -> None:
    loop, gate = asyncio.get_running_loop(), threading.Event()
    busy = [loop.run_in_executor(None, gate.wait, 10) for _ in range(64)]
    try:
        with pytest.raises(DeadlineExceededError, match="queued"):
            await wire.run(deadline=Deadline(0.02, "20 ms"))
    finally:
        gate.set()
    await asyncio.gather(*busy)
    assert wire.library.started == []


async def test_what_was_done_before_the_deadline_stopped_it_is_the_result(wire: Wire) -> None:
    wire.library.on_start = never
    wire.library.on_cancel = lambda op: wire.library.done(op, "done all the same")
    assert await wire.run(deadline=Deadline(0.02, "20 ms")) == "done all the same"


async def test_a_deadline_waits_no_longer_than_a_cancel(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_operation, "CANCEL_SECONDS", 0.1)
    wire.library.on_start, wire.library.on_cancel = never, lambda op: None
    with pytest.raises(DeadlineExceededError):
        await asyncio.wait_for(wire.run(deadline=Deadline(0.02, "20 ms"), cleanup_seconds=0.1), 5)
    assert "install of shop in web has not ended 0.2 s after it was cancelled" in caplog.text


async def test_a_cancel_is_a_cancel_though_the_deadline_has_passed(wire: Wire) -> None:
    wire.library.on_start, wire.library.on_cancel = never, lambda op: None
    task = asyncio.create_task(wire.run(deadline=Deadline(0.01, "10 ms")))
    await until(lambda: wire.library.stopped)
    task.cancel()
    wire.library.done(1, error={"code": "cancelled", "message": ""})
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_second_cancel_returns_at_once_and_says_what_runs(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.library.on_start, wire.library.on_cancel = never, lambda op: None
    task = asyncio.create_task(wire.run())
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.9
    assert "install of shop in web was cancelled twice" in caplog.text
    assert wire.library.cancelled == [1]


async def test_timeout_and_task_group_see_their_cancellation(wire: Wire) -> None:
    wire.library.on_start = never

    async def out_of_time() -> None:
        async with asyncio.timeout(None) as deadline:
            task = asyncio.create_task(until(lambda: wire.library.started))
            task.add_done_callback(lambda _: deadline.reschedule(asyncio.get_running_loop().time() + 0.01))
            await wire.run()

    async def fails() -> None:
        await until(lambda: len(wire.library.started) == 2)
        await asyncio.sleep(0.01)
        raise ValueError("the other task failed")

    async def together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wire.run())
            group.create_task(fails())

    with pytest.raises(TimeoutError):
        await out_of_time()
    with pytest.raises(ExceptionGroup):
        await together()
    assert wire.library.cancelled == [1, 2]


async def test_cancel_while_the_handle_is_made_never_starts(wire: Wire) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def create(options: dict[str, Any]) -> dict[str, Any]:
        entered.set()
        go_on.wait(2)
        return {"handle": 7}

    wire.library.on_create = create
    task = asyncio.create_task(wire.run())
    await until(entered.is_set)
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.9
    go_on.set()
    await wire.run()
    assert [op for _, _, op, _ in wire.library.started] == [2]
    assert wire.library.cancelled == []


async def test_cancel_while_the_executor_is_full_never_starts(wire: Wire) -> None:
    release = threading.Event()
    asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
    blocked = asyncio.get_running_loop().run_in_executor(None, release.wait)
    try:
        task = asyncio.create_task(wire.run())
        await asyncio.sleep(0.01)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.9
    finally:
        release.set()
        await blocked
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    assert wire.library.started == []
    assert wire.library.created == []


async def test_cancel_overtakes_the_start(wire: Wire) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def start(op: int, request: dict[str, Any]) -> dict[str, Any]:
        entered.set()
        go_on.wait(2)
        return {"error": {"code": "cancelled", "message": "cancelled before it started"}}

    wire.library.on_start = start
    wire.library.on_cancel = lambda op: go_on.set()
    task = asyncio.create_task(wire.run())
    await until(entered.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wire.library.cancelled == [1]


async def test_cancelled_by_nobody_here_is_still_a_cancellation(wire: Wire) -> None:
    wire.library.on_start = lambda op, request: wire.library.done(op, error={"code": "cancelled", "message": "off"})
    with pytest.raises(asyncio.CancelledError):
        await wire.run()


# Events


async def test_sync_and_async_callbacks_in_order_in_the_callers_context(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        assert request["listen"] is True
        for number in range(20):
            wire.library.emit(phase(op, number))
        wire.library.done(op)

    wire.library.on_start = start
    seen: list[str] = []
    running = 0

    async def slow(event: Any) -> None:
        nonlocal running
        running += 1
        assert running == 1, "the next event came before this one was dealt with"
        await asyncio.sleep(0.001)
        seen.append(f"{REQUEST_ID.get()} {event['phase']} {threading.get_ident()}")
        running -= 1

    token = REQUEST_ID.set("mine")
    try:
        await wire.run(on_event=slow)
        sync: list[str] = []

        def at_once(event: Any) -> None:
            sync.append(f"{REQUEST_ID.get()} {event['phase']} {threading.get_ident()}")

        await wire.run(on_event=at_once)
    finally:
        REQUEST_ID.reset(token)
    wanted = [f"mine phase-{number} {threading.get_ident()}" for number in range(20)]
    assert seen == wanted
    assert sync == wanted


async def test_failing_callback_is_logged_and_changes_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(phase(op, 1), phase(op, 2))
        wire.library.done(op, "fine")

    calls: list[str] = []

    def failing(event: Any) -> None:
        calls.append(event["phase"])
        raise ZeroDivisionError("in the callback")

    wire.library.on_start = start
    assert await wire.run(on_event=failing) == "fine"
    assert calls == ["phase-1", "phase-2"]
    assert "in the callback" in caplog.text


async def test_callback_that_cancels_itself_goes_on(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(phase(op, 1), phase(op, 2))
        wire.library.done(op, "fine")

    calls: list[str] = []

    async def cancelling(event: Any) -> None:
        calls.append(event["phase"])
        raise asyncio.CancelledError

    wire.library.on_start = start
    assert await wire.run(on_event=cancelling) == "fine"
    assert calls == ["phase-1", "phase-2"]


async def test_slow_callback_gets_a_bounded_time_and_none_after_the_return(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_operation, "DELIVERY_SECONDS", 0.1)

    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(*(phase(op, number) for number in range(10)))
        wire.library.done(op, "fine", dropped=3)

    calls: list[str] = []
    unwound: list[str] = []

    async def slow(event: Any) -> None:
        calls.append(event["phase"])
        try:
            await asyncio.sleep(0.04)
        except asyncio.CancelledError:
            unwound.append(event["phase"])
            raise

    wire.library.on_start = start
    began = time.monotonic()
    assert await wire.run(on_event=slow) == "fine"
    assert 0.09 < time.monotonic() - began < 0.9
    at_return = len(calls)
    assert 1 <= at_return <= 4
    assert unwound == calls[-1:]
    await asyncio.sleep(0.15)
    assert len(calls) == at_return
    assert f"too slow for {10 - at_return + 3} events" in caplog.text


async def test_no_callback_after_a_second_cancel(wire: Wire) -> None:
    wire.library.on_start, wire.library.on_cancel = never, lambda op: None
    calls: list[Any] = []
    task = asyncio.create_task(wire.run(on_event=calls.append))
    await until(lambda: wire.library.started)
    wire.library.emit(phase(1, 1))
    await until(lambda: calls)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    wire.library.emit(phase(1, 2))
    wire.library.done(1)
    await asyncio.sleep(0.05)
    assert len(calls) == 1


async def test_events_go_on_while_a_cancelled_operation_ends(wire: Wire) -> None:
    def on_cancel(op: int) -> None:
        wire.library.emit(phase(op, 9))
        wire.library.done(op, error={"code": "cancelled", "message": ""})

    wire.library.on_start, wire.library.on_cancel = never, on_cancel
    calls: list[Any] = []
    task = asyncio.create_task(wire.run(on_event=calls.append))
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event["phase"] for event in calls] == ["phase-9"]


async def test_a_blocked_loop_gets_one_wake_up(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    wakes: list[object] = []
    original = loop.call_soon_threadsafe

    def counting(callback: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(callback, "__name__", "") == "_look":
            wakes.append(callback)
        return original(callback, *args, **kwargs)

    wire.library.on_start = never
    last: list[Any] = []
    task = asyncio.create_task(wire.run(on_event=last.append))
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.02)
    monkeypatch.setattr(loop, "call_soon_threadsafe", counting)
    for number in range(5000):
        wire.library.emit(phase(1, number))
    wire.library.done(1)
    for _ in range(500):
        if wakes:
            break
        time.sleep(0.02)  # noqa: ASYNC251 - the loop is blocked on purpose
    time.sleep(0.3)  # noqa: ASYNC251
    assert len(wakes) == 1
    await task
    assert last[-1]["phase"] == "phase-4999"
    assert len(last) <= 1024


async def test_callbacks_give_the_loop_its_turn(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(*(phase(op, number) for number in range(20)))
        wire.library.done(op)

    wire.library.on_start = start
    in_a_row: list[int] = []
    called = 0

    async def watch() -> None:
        nonlocal called
        while True:
            called = 0
            await asyncio.sleep(0)
            in_a_row.append(called)

    def busy(event: Any) -> None:
        nonlocal called
        called += 1
        time.sleep(_operation.SLICE_SECONDS * 1.1)

    watching = asyncio.create_task(watch())
    await wire.run(on_event=busy)
    watching.cancel()
    assert sum(in_a_row) == 20
    assert max(in_a_row) == 1


def test_operations_of_a_closed_loop_are_cancelled(wire: Wire) -> None:
    wire.library.on_start = never
    loop = asyncio.new_event_loop()
    coroutines = [wire.run(), wire.run()]
    tasks = [loop.create_task(coroutine) for coroutine in coroutines]
    loop.run_until_complete(asyncio.sleep(0.05))
    assert len(wire.library.started) == 2
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    wire.library.emit(phase(1, 1))
    deadline = time.monotonic() + 2
    while sorted(wire.library.cancelled) != [1, 2] and time.monotonic() < deadline:
        time.sleep(0.005)
    assert sorted(wire.library.cancelled) == [1, 2]
    # The thread is alive for others.
    wire.library.on_start = lambda op, request: wire.library.done(op, "alive")
    assert asyncio.run(wire.run()) == "alive"
    for task, coroutine in zip(tasks, coroutines, strict=True):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # pyright: ignore
        coroutine.close()


def test_a_dropped_coroutine_cancels_its_operation(wire: Wire) -> None:
    wire.library.on_start = never
    loop = asyncio.new_event_loop()
    coroutine = wire.run()
    task = loop.create_task(coroutine)
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # pyright: ignore
    coroutine.close()
    assert wire.library.cancelled == [1]


async def test_a_broken_batch_does_not_end_the_thread(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.library.emit({"op": 5}, {"op": 6, "type": "phase"})
    wire.library.batches.put({})
    assert await wire.run() is None
    assert "could not be handed on" in caplog.text


# Calls


async def test_post_renderer(wire: Wire) -> None:
    replies: list[dict[str, Any]] = []

    def start(op: int, request: dict[str, Any]) -> None:
        for number in (1, 2):
            wire.library.emit({"op": op, "type": "call", "call": number, "method": "post_render", "argument": "a: 1"})

    def on_reply(op: int, reply: dict[str, Any]) -> None:
        replies.append(reply)
        if len(replies) == 2:
            wire.library.done(op, "rendered")

    wire.library.on_start, wire.library.on_reply = start, on_reply

    async def rendering(manifest: str) -> str:
        await asyncio.sleep(0)
        return f"{manifest} # {REQUEST_ID.get()}"

    token = REQUEST_ID.set("mine")
    assert await wire.run(post_renderer=rendering) == "rendered"
    assert replies == [{"call": 1, "result": "a: 1 # mine"}, {"call": 2, "result": "a: 1 # mine"}]
    replies.clear()
    assert await wire.run(post_renderer=str.upper) == "rendered"
    assert replies == [{"call": 1, "result": "A: 1"}, {"call": 2, "result": "A: 1"}]
    REQUEST_ID.reset(token)


def dividing(manifest: str) -> str:
    return str(len(manifest) / 0)


def forgetful(manifest: str) -> None:
    """Forgets to return what it made."""


def broken(manifest: str) -> str:
    return "\ud800"


@pytest.mark.parametrize(
    ("renderer", "cause", "says"),
    [
        (dividing, ZeroDivisionError, "ZeroDivisionError: division by zero"),
        (forgetful, TypeError, "must return the manifest, a str, not a NoneType"),
        (broken, UnicodeEncodeError, "UnicodeEncodeError"),
    ],
)
async def test_post_renderer_that_fails(wire: Wire, renderer: Any, cause: type[Exception], says: str) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit({"op": op, "type": "call", "call": 1, "method": "post_render", "argument": "a"})

    wire.library.on_start = start
    wire.library.on_reply = lambda op, reply: wire.library.done(
        op, error={"code": "post_render", "message": f"post render: {reply['error']}", "details": {}}
    )
    with pytest.raises(PostRenderError, match=says) as raised:
        await wire.run(post_renderer=renderer)
    assert isinstance(raised.value, InstallError)
    assert isinstance(raised.value.__cause__, cause)


async def test_a_slow_callback_does_not_hold_up_the_post_renderer(wire: Wire) -> None:
    gate = asyncio.Event()

    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(phase(op, 1))
        wire.library.emit({"op": op, "type": "call", "call": 1, "method": "post_render", "argument": "a"})

    async def waits_for_the_renderer(event: Any) -> None:
        await gate.wait()

    def renders(manifest: str) -> str:
        gate.set()
        return manifest

    wire.library.on_start = start
    wire.library.on_reply = lambda op, reply: wire.library.done(op, reply["result"])
    async with asyncio.timeout(2):
        assert await wire.run(on_event=waits_for_the_renderer, post_renderer=renders) == "a"


# Logs


@pytest.mark.parametrize(
    ("level", "asked"),
    [(10, "debug"), (20, "info"), (30, "warning"), (40, "error"), (60, "")],
)
async def test_log_level_is_the_loggers(wire: Wire, caplog: pytest.LogCaptureFixture, level: int, asked: str) -> None:
    with caplog.at_level(level, "helm_sdkpy"):
        await wire.run()
    assert wire.library.started[0][3]["log_level"] == asked


async def test_log_events_have_release_and_context(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    contexts: list[str] = []

    class Filter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            contexts.append(REQUEST_ID.get())
            return True

    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(
            {"op": op, "type": "log", "level": "info", "message": "100% of it", "fields": {"kind": "Job"}},
            {"op": 0, "type": "log", "level": "error", "message": "nobody's"},
        )
        wire.library.done(op)

    wire.library.on_start = start
    logger = logging.getLogger("helm_sdkpy")
    a_filter = Filter()
    logger.addFilter(a_filter)
    token = REQUEST_ID.set("mine")
    seen: list[Any] = []
    try:
        with caplog.at_level(logging.INFO, "helm_sdkpy"):
            await wire.run(on_event=seen.append)
    finally:
        logger.removeFilter(a_filter)
        REQUEST_ID.reset(token)
    own, nobodys = caplog.records
    assert (own.levelname, own.getMessage(), own.__dict__["release"], own.__dict__["namespace"]) == (
        "INFO", "100% of it", "shop", "web",
    )  # fmt: skip
    assert own.__dict__["fields"] == {"kind": "Job"}
    assert (nobodys.levelname, nobodys.getMessage(), nobodys.__dict__["release"]) == ("ERROR", "nobody's", None)
    assert contexts == ["mine", "none"]
    assert [event["message"] for event in seen] == ["100% of it"]


async def test_a_failing_log_filter_does_not_end_the_thread(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit({"op": op, "type": "log", "level": "error", "message": "m"})
        wire.library.done(op, "fine")

    def failing(record: logging.LogRecord) -> bool:
        raise ZeroDivisionError

    wire.library.on_start = start
    logger = logging.getLogger("helm_sdkpy")
    logger.addFilter(failing)
    try:
        assert await wire.run() == "fine"
    finally:
        logger.removeFilter(failing)


# Configurations


async def test_handle_is_made_again_after_a_failure(wire: Wire) -> None:
    refusal: dict[str, Any] = {"error": {"code": "configuration", "message": "no context", "details": {}}}
    wire.library.on_create = lambda options: refusal
    with pytest.raises(ConfigurationError, match="no context") as raised:
        await wire.run()
    assert isinstance(raised.value, InstallError)
    wire.library.on_create = lambda options: {"handle": 9}
    await wire.run()
    await wire.run()
    assert [options["namespace"] for options in wire.library.created] == ["web", "web"]


async def test_close_cancels_what_runs_and_then_gives_the_handle_back(wire: Wire) -> None:
    wire.library.on_start = never
    task = asyncio.create_task(wire.run())
    await until(lambda: wire.library.started)
    await asyncio.sleep(0.01)
    held: list[int] = []

    def on_cancel(op: int) -> None:
        held.extend(wire.library.destroyed)
        wire.library.done(op, error={"code": "cancelled", "message": ""})

    wire.library.on_cancel = on_cancel
    wire.connection.close()
    with pytest.raises(ConfigurationError, match="closed while install of shop in web ran") as raised:
        await task
    assert isinstance(raised.value, InstallError)
    assert raised.value.code == "configuration_closed"
    assert held == []
    assert wire.library.destroyed == [7]
    wire.connection.close()
    assert wire.library.destroyed == [7]
    with pytest.raises(ConfigurationError, match="make a new one"):
        await wire.run()


async def test_close_while_the_handle_is_made_leaves_none(wire: Wire) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def create(options: dict[str, Any]) -> dict[str, Any]:
        entered.set()
        go_on.wait(2)
        return {"handle": 7}

    wire.library.on_create = create
    task = asyncio.create_task(wire.run())
    await until(entered.is_set)
    wire.connection.close()
    go_on.set()
    with pytest.raises(ConfigurationError):
        await task
    await until(lambda: wire.library.destroyed == [7])
    assert wire.library.started == []


def test_close_from_another_thread_waits_for_the_end(wire: Wire) -> None:
    wire.library.on_start = never
    ended: list[float] = []

    def on_cancel(op: int) -> None:
        def later() -> None:
            ended.append(time.monotonic())
            wire.library.done(op, error={"code": "cancelled", "message": ""})

        threading.Timer(0.1, later).start()

    wire.library.on_cancel = on_cancel

    def thread() -> str:
        with pytest.raises(ConfigurationError):
            asyncio.run(wire.run())
        return "told"

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        told = pool.submit(thread)
        assert wire.library.reached.acquire(timeout=2)
        wire.connection.close()
        wire.connection.wait_idle(1.0)
        assert ended
        assert told.result(2) == "told"


async def test_other_configurations_are_left_alone(wire: Wire) -> None:
    other = Connection({"namespace": "other"}, wire.loader)
    wire.library.on_start = never
    mine, others = asyncio.create_task(wire.run()), asyncio.create_task(wire.run(connection=other))
    await until(lambda: len(wire.library.started) == 2)
    await asyncio.sleep(0.01)
    wire.connection.close()
    with pytest.raises(ConfigurationError):
        await mine
    assert not others.done()
    wire.library.done(next(op for _, _, op, _ in wire.library.started if op not in wire.library.cancelled), "fine")
    assert await others == "fine"


# The end of the interpreter, and forks


async def test_nothing_starts_after_the_shutdown(wire: Wire) -> None:
    await wire.run()
    wire.operations.shutdown()
    with pytest.raises(InstallError, match="shutting down") as raised:
        await wire.run()
    assert raised.value.code == "shutting_down"


async def test_an_executor_that_is_gone_is_a_clear_error(wire: Wire) -> None:
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    asyncio.get_running_loop().set_default_executor(executor)
    with pytest.raises(InstallError, match="shutting down"):
        await wire.run()


async def test_a_fork_is_refused_before_any_lock(wire: Wire) -> None:
    wire.loader.is_inherited = True
    wire.connection._lock.acquire()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(InstallError, match="forked"):
        await wire.run()
    thread = threading.Thread(target=wire.connection.close)
    thread.start()
    thread.join(1)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("code", "cause"), [("release_not_found", ReleaseNotFoundError), ("cluster_unreachable", ClusterUnreachableError)]
)
async def test_codes_become_classes(wire: Wire, code: str, cause: type[HelmError]) -> None:
    wire.library.on_start = lambda op, request: wire.library.done(op, error={"code": code, "message": "m"})
    with pytest.raises(cause):
        await wire.run()
