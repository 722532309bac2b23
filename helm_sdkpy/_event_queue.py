"""The bounded queue of one operation's events: a slow reader loses old states, not the newest."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

LIMIT = 1024
"""How many events may wait for their reader."""


class EventQueue:
    """Events from the thread that collects them to the loop that reads them, in order.

    When it is full, states of resources that a newer one waits for are dropped; where that is not enough, the oldest
    events. A quarter is made free at once, so that a flood costs no more for each event than a trickle.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._events: deque[dict[str, Any]] = deque()
        self.dropped = 0

    def put(self, event: dict[str, Any]) -> None:
        """Append an event; never blocks on the reader."""
        with self._lock:
            if len(self._events) >= self._limit:
                self._make_room(event)
            self._events.append(event)

    def get(self) -> dict[str, Any] | None:
        """Take the oldest event, None where there is none."""
        with self._lock:
            return self._events.popleft() if self._events else None

    def clear(self) -> int:
        """Drop what waits, and say how much it was."""
        with self._lock:
            left = len(self._events)
            self._events.clear()
            return left

    def __len__(self) -> int:
        return len(self._events)

    def _make_room(self, coming: dict[str, Any]) -> None:
        newer = {_state_of(coming)}
        kept: list[dict[str, Any]] = []
        for event in reversed(self._events):
            resource = _state_of(event)
            if resource is None or resource not in newer:
                kept.append(event)
            newer.add(resource)
        kept.reverse()
        excess = len(kept) - self._limit * 3 // 4
        self.dropped += len(self._events) - len(kept) + max(0, excess)
        self._events = deque(kept[max(0, excess) :])


def _state_of(event: dict[str, Any]) -> tuple[Any, ...] | None:
    """The resource whose state the event tells; None for what happened once and can not be replaced."""
    resource = event.get("resource")
    if event.get("type") != "resource" or not resource or "action" in event:
        return None
    return resource.get("api_version"), resource.get("kind"), resource.get("namespace"), resource.get("name")
