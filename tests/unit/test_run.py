"""What `stream` gives: events to iterate over, a result to await, and a block that owns the operation."""

# ruff: noqa: PT012 - the blocks are what is tested
from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from helm_sdkpy import Configuration, Install, InstallError, Run, ValidationError, WaitTimeoutError
from helm_sdkpy.events import Event, OnEvent

from .conftest import Wire
from .test_operation import never, phase, until


def stream(wire: Wire, **call: Any) -> Run[Any]:
    return Run("Install.stream", lambda take: wire.run(on_event=take, **call))


def two_phases(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(phase(op, 1), phase(op, 2))
        wire.library.done(op, {"name": "shop"})

    wire.library.on_start = start


@pytest.fixture(autouse=True)
async def _no_task_is_left() -> AsyncIterator[None]:  # pyright: ignore[reportUnusedFunction]
    before = asyncio.all_tasks()
    yield
    await until(lambda: asyncio.all_tasks() <= before | {asyncio.current_task()})


async def test_events_then_the_result(wire: Wire) -> None:
    two_phases(wire)
    async with stream(wire) as run:
        seen = [event async for event in run]
        assert await run == {"name": "shop"}
        assert await run == {"name": "shop"}
    assert [event["type"] == "phase" and event["phase"] for event in seen] == ["phase-1", "phase-2"]
    assert await run == {"name": "shop"}
    assert run.dropped == 0


async def test_the_result_alone(wire: Wire) -> None:
    two_phases(wire)
    async with stream(wire) as run:
        assert await run == {"name": "shop"}
        # What happened can still be looked at.
        assert len([event async for event in run]) == 2


async def test_events_come_while_it_runs(wire: Wire) -> None:
    def start(op: int, request: dict[str, Any]) -> None:
        wire.library.emit(phase(op, 1))

    wire.library.on_start = start
    async with stream(wire) as run:
        async for event in run:
            assert event["type"] == "phase"
            if event["phase"] == "phase-1":
                wire.library.emit(phase(1, 2))
            else:
                wire.library.done(1, "done")
        assert await run == "done"


async def test_leaving_the_loop_ends_nothing(wire: Wire) -> None:
    two_phases(wire)
    async with stream(wire) as run:
        async for _ in run:
            break
        assert await run == {"name": "shop"}
    assert wire.library.cancelled == []


async def test_leaving_the_block_cancels_and_waits(wire: Wire) -> None:
    ended = False

    async def end(op: int) -> None:
        nonlocal ended
        await asyncio.sleep(0.05)
        ended = True
        wire.library.done(op, error={"code": "cancelled", "message": "off"})

    ends: list[asyncio.Task[None]] = []
    wire.library.on_start = never
    wire.library.on_cancel = lambda op: ends.append(asyncio.create_task(end(op)))
    async with stream(wire) as run:
        await until(lambda: wire.library.started)
    assert ended
    assert wire.library.cancelled == [1]
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    assert [event async for event in run] == []
    with pytest.raises(RuntimeError, match=r"Install\.stream\(\) was cancelled: its block was left"):
        await run


async def test_leaving_the_block_at_once_starts_nothing(wire: Wire) -> None:
    async with stream(wire):
        pass
    assert wire.library.started == []


async def test_an_exception_of_the_block_cancels_too(wire: Wire) -> None:
    wire.library.on_start = never
    with pytest.raises(ZeroDivisionError):
        async with stream(wire):
            await until(lambda: wire.library.started)
            raise ZeroDivisionError
    assert wire.library.cancelled == [1]


def timed_out(wire: Wire) -> None:
    wire.library.on_start = lambda op, request: wire.library.done(
        op, error={"code": "wait_timeout", "message": "not ready", "details": {}}
    )


async def test_an_error_is_raised_by_the_await(wire: Wire) -> None:
    timed_out(wire)
    async with stream(wire) as run:
        assert [event async for event in run] == []
        with pytest.raises(WaitTimeoutError):
            await run
    with pytest.raises(WaitTimeoutError):
        await run


async def test_an_error_that_nobody_awaited_is_raised_by_the_block(wire: Wire) -> None:
    timed_out(wire)
    with pytest.raises(InstallError, match="not ready"):
        async with stream(wire) as run:
            async for _ in run:
                pass


async def test_a_blocks_own_exception_goes_before_the_operations(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    timed_out(wire)
    with pytest.raises(ZeroDivisionError):
        async with stream(wire) as run:
            async for _ in run:
                pass
            raise ZeroDivisionError
    assert "Install.stream() failed while its block was left by an exception: not ready" in caplog.text


async def test_cancelling_the_task_cancels_the_operation(wire: Wire) -> None:
    wire.library.on_start = never

    async def iterate() -> None:
        async with stream(wire) as run:
            async for _ in run:
                pass

    async def wait() -> None:
        async with stream(wire) as run:
            await run

    for number, way in enumerate((iterate, wait), 1):
        task = asyncio.create_task(way())
        await until(lambda number=number: len(wire.library.started) == number)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert wire.library.cancelled == list(range(1, number + 1))


async def test_a_second_cancel_does_not_wait(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.library.on_start, wire.library.on_cancel = never, lambda op: None

    async def wait() -> None:
        async with stream(wire) as run:
            await run

    task = asyncio.create_task(wait())
    await until(lambda: wire.library.started)
    task.cancel()
    await until(lambda: wire.library.cancelled)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "was cancelled twice and not waited for" in caplog.text
    wire.library.done(1)


async def test_a_timeout_around_the_await_leaves_the_operation_to_the_block(wire: Wire) -> None:
    wire.library.on_start = never
    async with stream(wire) as run:
        await until(lambda: wire.library.started)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await run
        assert wire.library.cancelled == []
        wire.library.done(1, "late")
        assert await run == "late"


async def test_an_error_after_an_await_that_was_given_up_is_raised(wire: Wire) -> None:
    wire.library.on_start = never
    with pytest.raises(WaitTimeoutError):
        async with stream(wire) as run:
            await until(lambda: wire.library.started)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await run
            wire.library.done(1, error={"code": "wait_timeout", "message": "not ready"})
            async for _ in run:
                pass


async def test_a_failing_task_group_cancels_it(wire: Wire) -> None:
    wire.library.on_start = never

    async def watch() -> None:
        async with stream(wire) as run:
            async for _ in run:
                pass

    async def fail() -> None:
        await until(lambda: wire.library.started)
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            group.create_task(fail())
    assert raised.group_contains(ZeroDivisionError)
    assert wire.library.cancelled == [1]


def test_the_loops_end_waits_for_it(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """What `asyncio.run` cancels when it ends is cancelled once, and waited for."""
    wire.library.on_start = never

    async def watch() -> None:
        async with stream(wire) as run:
            async for _ in run:
                pass

    async def main() -> None:
        main.task = asyncio.create_task(watch())  # type: ignore[attr-defined]
        await until(lambda: wire.library.started)

    asyncio.run(main())
    assert wire.library.cancelled == [1]
    assert "cancelled twice" not in caplog.text


async def test_events_that_nobody_takes_are_bounded() -> None:
    def state(number: int) -> Any:
        resource = {"api_version": "v1", "kind": "Pod", "namespace": "web", "name": f"p{number % 10}"}
        return {"type": "resource", "resource": resource, "status": "in_progress", "message": str(number)}

    async def start(take: OnEvent) -> str:
        for number in range(3000):
            take(state(number))
        return "done"

    async with Run("Install.stream", start) as run:
        assert await run == "done"
        left: list[Event] = [event async for event in run]
    assert len(left) <= 1024
    assert run.dropped > 0
    newest = {event["resource"]["name"]: event.get("message") for event in left if event["type"] == "resource"}
    assert newest == {f"p{each}": str(2990 + each) for each in range(10)}


async def test_two_loops_share_the_events(wire: Wire) -> None:
    two_phases(wire)
    seen: list[Event] = []

    async def watch(run: Run[Any]) -> None:
        async for event in run:
            seen.append(event)

    async with stream(wire) as run:
        await asyncio.gather(watch(run), watch(run))
    assert len(seen) == 2


async def test_misuse_is_said(wire: Wire) -> None:
    two_phases(wire)
    run = stream(wire)
    with pytest.raises(RuntimeError, match="has not begun: use it as `async with"):
        await run
    with pytest.raises(RuntimeError, match="has not begun"):
        await anext(run)
    async with run:
        await run
    with pytest.raises(RuntimeError, match="entered once"):
        await run.__aenter__()


# Of the public classes


async def test_stream_takes_what_run_takes(client: Wire) -> None:
    two_phases(client)
    called: list[Event] = []
    async with Configuration(namespace="web") as config:
        async with Install(config).stream("shop", "./shop", {"a": 1}, timeout=5, on_event=called.append) as run:
            seen = [event async for event in run]
        assert await run == {"name": "shop"}
    assert called == seen
    assert len(seen) == 2
    [(action, _, _, request)] = client.library.started
    assert action == "install"
    assert request["listen"] is True
    assert request["arguments"] == {
        "release_name": "shop", "chart_path": "./shop", "values": {"a": 1}, "timeout": 5, "wait": "watcher",
    }  # fmt: skip


async def test_arguments_are_refused_as_by_run(client: Wire) -> None:
    async with Configuration(namespace="web") as config:
        for wrong, error in (
            ({"atomic": True}, TypeError),
            ({"timeout": "5m"}, ValidationError),
            (
                {"on_event": 3},
                ValidationError,
            ),
        ):
            given: dict[str, Any] = wrong
            with pytest.raises(error):
                async with Install(config).stream("shop", "./shop", **given) as run:
                    await run


async def test_an_on_event_that_fails_is_logged_and_takes_nothing_away(
    client: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    two_phases(client)

    def fails(event: Event) -> None:
        raise ZeroDivisionError

    async with (
        Configuration(namespace="web") as config,
        Install(config).stream("shop", "./shop", on_event=fails) as run,
    ):
        assert len([event async for event in run]) == 2
    assert "ZeroDivisionError" in caplog.text


def test_nothing_warns_in_development_mode() -> None:
    code = """
import asyncio
from helm_sdkpy import HelmError, Run

async def waits(take):
    take({"type": "phase", "phase": "rendering", "time": ""})
    await asyncio.sleep(30)

async def fails(take):
    raise HelmError("no")

async def main():
    Run("never entered", waits)
    async with Run("left", waits) as run:
        async for event in run:
            break
    try:
        async with Run("failed", fails):
            await asyncio.sleep(0)
    except HelmError:
        pass
    else:
        raise AssertionError
    try:
        async with asyncio.timeout(0.01), Run("timed out", waits) as run:
            await run
    except TimeoutError:
        pass

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
