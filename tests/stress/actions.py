"""What is done to a release while it is killed, and what is made before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from helm_sdkpy import Configuration, Install, Rollback, Uninstall, Upgrade
from tests.stress.workload import FIRST, SECOND

TIMEOUT: Final = 60

Call = Callable[[Configuration, str], Awaitable[Any]]


async def first(config: Configuration, release: str) -> Any:
    """Install the first chart."""
    return await Install(config).run(release, FIRST.archive(), wait=True, timeout=TIMEOUT)


async def second(config: Configuration, release: str) -> Any:
    """Upgrade to the second chart."""
    return await Upgrade(config).run(release, SECOND.archive(), wait=True, timeout=TIMEOUT)


@dataclass(frozen=True)
class Action:
    """What is done, and how many revisions there are before it."""

    call: Call
    before: int


ACTIONS: Final[dict[str, Action]] = {
    "install": Action(first, 0),
    "upgrade": Action(second, 1),
    "rollback": Action(lambda c, r: Rollback(c).run(r, 1, wait=True, timeout=TIMEOUT), 2),
    "uninstall": Action(lambda c, r: Uninstall(c).run(r, wait=True, timeout=TIMEOUT), 1),
}
