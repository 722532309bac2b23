"""Runs what a campaign has to do, some of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

Task = TypeVar("Task")


class Ended(Protocol):
    """How a task of a campaign ended."""

    @property
    def defects(self) -> Sequence[str]:
        """What was not as it should be."""
        ...


Outcome = TypeVar("Outcome", bound=Ended)


async def run_all(
    todo: Sequence[Task],
    *,
    at_once: int,
    run: Callable[[Task], Awaitable[Outcome]],
    outcomes: list[Outcome],
    say: Callable[[str], None],
    every: int,
) -> None:
    """Run each task, so many at once; tell of defects as they come, and how far it is."""
    waiting = iter(todo)

    async def worker() -> None:
        for one in waiting:
            outcome = await run(one)
            outcomes.append(outcome)
            if outcome.defects:
                say(str(outcome))
            if len(outcomes) % every == 0:
                say(f"{len(outcomes)} of {len(todo)}")

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
