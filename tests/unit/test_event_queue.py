"""A full queue keeps the newest state of each resource, the order, and the count of what it dropped."""

from __future__ import annotations

from typing import Any

from helm_sdkpy._event_queue import EventQueue


def state(name: str, status: str) -> dict[str, Any]:
    return {"type": "resource", "resource": {"kind": "Pod", "namespace": "web", "name": name}, "status": status}


def drain(events: EventQueue) -> list[dict[str, Any]]:
    return list(iter(events.get, None))


def test_nothing_is_dropped_while_there_is_room() -> None:
    events = EventQueue(limit=4)
    given = [state("a", "in_progress"), state("a", "ready"), state("a", "failed"), state("a", "ready")]
    for event in given:
        events.put(event)
    assert len(events) == 4
    assert drain(events) == given
    assert events.dropped == 0


def test_newest_state_of_a_resource_wins() -> None:
    events = EventQueue(limit=5)
    created: dict[str, Any] = {**state("a", "in_progress"), "action": "created"}
    phase: dict[str, Any] = {"type": "phase", "phase": "waiting"}
    for event in (created, state("a", "in_progress"), phase, state("b", "in_progress"), state("a", "terminating")):
        events.put(event)
    events.put(state("a", "ready"))
    assert drain(events) == [created, phase, state("b", "in_progress"), state("a", "ready")]
    assert events.dropped == 2


def test_the_oldest_go_where_nothing_is_superseded() -> None:
    events = EventQueue(limit=8)
    for number in range(9):
        events.put({"type": "log", "message": str(number)})
    assert [event["message"] for event in drain(events)] == ["2", "3", "4", "5", "6", "7", "8"]
    assert events.dropped == 2


def test_a_flood_stays_bounded_and_counted() -> None:
    events = EventQueue(limit=16)
    for number in range(10_000):
        events.put(state(f"pod-{number % 5}", str(number)))
    left = drain(events)
    assert len(left) <= 16
    assert events.dropped + len(left) == 10_000
    assert [event["status"] for event in left[-5:]] == [str(number) for number in range(9995, 10_000)]


def test_clear_counts() -> None:
    events = EventQueue()
    events.put(state("a", "ready"))
    assert events.clear() == 1
    assert events.get() is None
