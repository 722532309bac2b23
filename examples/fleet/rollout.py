"""Makes a release the same in many clusters; what goes wrong in one stops none of the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from helm_sdkpy import Configuration, Ensure, HelmError, Uninstall, progress
from helm_sdkpy.options import ChartSource


@dataclass(frozen=True)
class Outcome:
    """What came of one cluster."""

    result: str
    """What was done (`installed`, `unchanged`, …), or the code of the error."""
    good: bool = False
    revision: int | None = None
    seconds: float = 0.0
    message: str = ""


Operation: TypeAlias = Callable[[Configuration, progress.Line], Awaitable[Outcome]]


class Rollout:
    """A release for many clusters, and how far each of them is.

    Attributes:
        outcomes: By cluster. They are there at any moment, also when the rollout was cancelled half way.
    """

    def __init__(self, clusters: Mapping[str, Configuration], *, at_once: int, deadline: float) -> None:
        self._clusters = clusters
        self._limit = asyncio.Semaphore(at_once)
        self._deadline = deadline
        self.outcomes = {cluster: Outcome("not begun") for cluster in clusters}

    async def ensure(
        self, name: str, chart: ChartSource, values: Mapping[str, Any], set_values: Sequence[str] = ()
    ) -> None:
        """Install it, upgrade it, mend it, or leave it alone: whatever each cluster needs."""

        async def ensure(config: Configuration, line: progress.Line) -> Outcome:
            done = await Ensure(config).run(name, chart, values, set=set_values, deadline=self._deadline, on_event=line)
            return Outcome(done["action"], True, done["release"]["version"])

        await self._everywhere(ensure)

    async def uninstall(self, name: str) -> None:
        """Take it away again."""

        async def uninstall(config: Configuration, line: progress.Line) -> Outcome:
            await Uninstall(config).run(name, ignore_not_found=True, deadline=self._deadline, on_event=line)
            return Outcome("uninstalled", True)

        await self._everywhere(uninstall)

    async def _everywhere(self, do: Operation) -> None:
        # Cancelling the rollout cancels all and waits for all: each leaves its release in order within a second.
        with progress.display() as show:
            async with asyncio.TaskGroup() as group:
                for cluster in self._clusters:
                    group.create_task(self._one(cluster, do, show))

    async def _one(self, cluster: str, do: Operation, show: progress.Display) -> None:
        async with self._limit:
            began = time.monotonic()
            outcome = Outcome("cancelled")
            try:
                with show(cluster) as line:
                    outcome = await do(self._clusters[cluster], line)
            except HelmError as error:
                outcome = Outcome(error.code, message=str(error).partition("\n")[0])
            finally:
                self.outcomes[cluster] = replace(outcome, seconds=time.monotonic() - began)
