"""What is done for one Release object: the task that runs, how far it is, when it is time for the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from helm_sdkpy import Configuration, Ensure
from helm_sdkpy.events import Event
from helm_sdkpy.results import EnsureResult

LONGEST_PAUSE = 300


def pause(failures: int) -> int:
    """Seconds until the next attempt: 2, 4, 8, … and five minutes at most."""
    return min(2**failures, LONGEST_PAUSE)


class Work:
    """At most one task at a time, for one generation of the object."""

    def __init__(self) -> None:
        self.generation: int = 0
        self.task: asyncio.Task[EnsureResult] | None = None
        self.says = ""
        """What the task does now."""
        self.failures: int = 0
        """How often in a row it failed."""
        self._next = 0.0

    async def follow(self, generation: int) -> None:
        """Take up another generation of the object: what runs for an older one is cancelled, in the cluster too."""
        if generation != self.generation:
            await self.stop()
            self.generation = generation
            self.failures, self._next = 0, 0.0

    def due(self) -> bool:
        """Whether it is time to look at the release."""
        return self.task is None and time.monotonic() >= self._next

    def begin(self, config: Configuration, name: str, spec: Mapping[str, Any]) -> None:
        """Make the release what the object says."""
        self.says = "begins"
        ensured = Ensure(config).run(
            name,
            spec["chart"],
            spec.get("values"),
            spec.get("version"),
            repo=spec.get("repo"),
            plain_http=spec.get("plainHTTP", False),
            timeout=spec["timeout"],
            on_event=self._see,
        )
        self.task = asyncio.create_task(ensured, name=f"ensure {name}")

    def take(self) -> asyncio.Task[EnsureResult] | None:
        """The task that has ended, once."""
        if self.task is None or not self.task.done():
            return None
        task, self.task = self.task, None
        return task

    def again_in(self, seconds: float) -> None:
        """When to look again."""
        self._next = time.monotonic() + seconds

    async def stop(self) -> None:
        """Cancel what runs, and wait until its release is in order. That takes a second at most."""
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _see(self, event: Event) -> None:
        if event["type"] == "phase":
            self.says = event["phase"]
        elif event["type"] == "resource" and event.get("status") in {"in_progress", "failed"}:
            found = event["resource"]
            self.says = f"{found['kind']} {found['name']}: {event.get('message', '')}"
