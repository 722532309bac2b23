"""Watches the namespace while pages are open: its releases, and the objects of those that somebody looks at."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any, Final, NoReturn

from helm_sdkpy import Configuration, HelmError, List, Wait
from helm_sdkpy.exceptions import ReleaseNotFoundError
from helm_sdkpy.results import Revision

from .failures import told
from .feed import Feed
from .objects import Objects

EVERY: Final = 3.0
"""Seconds between two looks at the namespace: others may work in it too."""

LOOK: Final = 20.0
"""Seconds for which one look at objects waits until they are ready."""


class Releases:
    """What is in the namespace, under `release/NAME`, and `cluster`.

    Args:
        config: The namespace.
        feed: Where it is told.
        objects: The objects of releases.
        busy: Whether an operation of the console's own works on a release: that tells of the objects then.
    """

    def __init__(self, config: Configuration, feed: Feed, objects: Objects, busy: Callable[[str], bool]) -> None:
        self._config = config
        self._feed = feed
        self._objects = objects
        self._busy = busy
        self._pages: Counter[str] = Counter()
        self._shown: dict[str, str] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._again = asyncio.Event()
        self._listing: asyncio.Task[NoReturn] | None = None

    @contextlib.contextmanager
    def page(self, page: str) -> Generator[None]:
        """A page is open: the namespace is watched as long as one is."""
        # Counted: where a page comes back, its old stream may end after its new one began.
        self._pages[page] += 1
        if self._listing is None:
            self._listing = asyncio.create_task(self._list())
        self._again.set()
        try:
            yield
        finally:
            self._pages[page] -= 1
            if not self._pages[page]:
                del self._pages[page]
                self._shown.pop(page, None)
                self._watch()
            if not self._pages:
                self._rest()

    def look(self, page: str, release: str | None) -> bool:
        """A page shows a release, or none any more; False where there is no such page."""
        if page not in self._pages:
            return False
        if release is None:
            self._shown.pop(page, None)
        else:
            self._shown[page] = release
        self._watch()
        return True

    def changed(self, release: str) -> None:
        """An operation on a release began or ended."""
        self._again.set()
        if (look := self._looks.pop(release, None)) is not None:
            look.cancel()
        self._watch()

    async def close(self) -> None:
        """Watch nothing any more."""
        tasks = [task for task in (self._listing, *self._looks.values()) if task is not None]
        self._shown.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _rest(self) -> None:
        if self._listing is not None:
            self._listing.cancel()
            self._listing = None

    async def _list(self) -> NoReturn:
        while True:
            self._again.clear()
            try:
                found = await List(self._config).run(all=True, deadline=30)
            except HelmError as error:
                self._feed.put("cluster", {"error": told(error)})
            else:
                self._feed.put("cluster", {"error": None})
                self._found(found)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), EVERY)

    def _found(self, revisions: list[Revision]) -> None:
        there = {f"release/{revision['name']}": _row(revision) for revision in revisions}
        for key, row in there.items():
            self._feed.put(key, row)
        for key in self._feed.keys("release/"):
            if key not in there:
                self._feed.remove(key)
        names = {revision["name"] for revision in revisions}
        for key in self._feed.keys("object/"):
            release = key.split("/", 2)[1]
            if release not in names and not self._busy(release):
                self._feed.remove(key)

    def _watch(self) -> None:
        """Look at what pages show, and at nothing else. An operation that runs tells of its objects itself."""
        shown = {release for release in self._shown.values() if not self._busy(release)}
        for release in [release for release in self._looks if release not in shown]:
            self._looks.pop(release).cancel()
        for release in shown - set(self._looks):
            self._looks[release] = asyncio.create_task(self._look_at(release))

    async def _look_at(self, release: str) -> None:
        while True:
            try:
                async with Wait(self._config).stream(release, timeout=LOOK) as run:
                    async for event in run:
                        self._objects.take(release, event)
                    ready = await run
                self._objects.found(release, ready["resources"])
            except ReleaseNotFoundError:
                self._objects.forget(release)
            except HelmError as error:
                self._objects.not_ready(release, error.details.get("not_ready", []))
            await asyncio.sleep(EVERY)


def _row(revision: Revision) -> dict[str, Any]:
    metadata = revision["chart"]["metadata"]
    return {
        "name": revision["name"],
        "revision": revision["revision"],
        "status": revision["status"],
        "updated": revision["updated"],
        "chart": metadata["name"],
        "chart_version": metadata["version"],
        "app_version": revision["app_version"],
        "description": revision["description"],
    }
