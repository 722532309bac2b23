"""Keeps the newest state of everything that pages show, and tells each page what it has not seen."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

PACE: Final = 0.05
"""Seconds in which changes are gathered: however many there are, a page is told no more than twenty times a second."""

REMEMBERED: Final = 1000
"""How many removals are kept for pages that come back."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What a page has not seen yet."""

    id: str
    """Where the page is once it has it: what it names when it comes back."""
    whole: bool
    """Whether it is all that there is, and replaces what the page has."""
    changes: list[tuple[str, Any]]
    """Keys and their newest values in the order of the changes; None for what is gone."""


class Feed:
    """Values by key, in the order in which they changed last.

    There is no queue for each page: a page is a number, that of the last change it has seen, and what it gets is what
    changed since. So a slow page skips states and never waits behind old ones, one that comes back goes on where it
    was, and neither costs memory here.
    """

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._epoch = secrets.token_hex(4)
        self._remembered = remembered
        self._entries: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._removed: OrderedDict[str, int] = OrderedDict()
        self._number = 0
        self._horizon = 0
        self._followers: set[asyncio.Event] = set()
        self._partings = 0

    def get(self, key: str) -> Any:
        """The newest value; None where there is none."""
        entry = self._entries.get(key)
        return None if entry is None else entry[1]

    def keys(self, prefix: str) -> list[str]:
        """The keys below a prefix."""
        return [key for key in self._entries if key.startswith(prefix) and key not in self._removed]

    def put(self, key: str, value: Any) -> None:
        """Set a value, which must not be changed afterwards. The same value again is no change."""
        if self.get(key) == value:
            return
        self._removed.pop(key, None)
        self._change(key, value)

    def remove(self, key: str) -> None:
        """Remove a value."""
        if self.get(key) is None:
            return
        self._change(key, None)
        self._removed[key] = self._number
        if len(self._removed) > self._remembered:
            forgotten, self._horizon = self._removed.popitem(last=False)
            del self._entries[forgotten]

    def since(self, seen: str | None) -> Batch:
        """What changed since a batch's id: everything, where that is not known or too long ago."""
        number = self._number_of(seen)
        whole = number is None or number < self._horizon
        changes: list[tuple[str, Any]] = []
        for key, (changed, value) in reversed(self._entries.items()):
            if not whole and number is not None and changed <= number:
                break
            if not (whole and value is None):
                changes.append((key, value))
        changes.reverse()
        return Batch(f"{self._epoch}-{self._number}", whole, changes)

    async def follow(self, seen: str | None) -> AsyncGenerator[Batch]:
        """What changed since, and then every change as it comes, gathered for a moment."""
        more = asyncio.Event()
        self._followers.add(more)
        partings = self._partings
        try:
            while partings == self._partings:
                more.clear()
                batch = self.since(seen)
                if batch.whole or batch.changes:
                    yield batch
                seen = batch.id
                await more.wait()
                await asyncio.sleep(PACE)
        finally:
            self._followers.discard(more)

    def part(self) -> None:
        """End what follows now. Who comes back goes on."""
        self._partings += 1
        self._wake()

    def _wake(self) -> None:
        for more in self._followers:
            more.set()

    def _change(self, key: str, value: Any) -> None:
        self._number += 1
        self._entries[key] = (self._number, value)
        self._entries.move_to_end(key)
        self._wake()

    def _number_of(self, seen: str | None) -> int | None:
        """The number in a batch's id, None where it is not of this feed."""
        epoch, _, number = (seen or "").partition("-")
        if epoch != self._epoch or not (number.isascii() and number.isdigit()) or int(number) > self._number:
            return None
        return int(number)
