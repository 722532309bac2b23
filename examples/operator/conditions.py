"""The condition Ready in an object's status, as kubectl, helm and kstatus read it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

LONGEST = 1024
"""Characters of a message: it is to be read in a terminal."""


def find(status: Mapping[str, Any]) -> dict[str, Any]:
    """The condition Ready; empty where there is none yet."""
    known: list[dict[str, Any]] = status.get("conditions", [])
    return next((found for found in known if found["type"] == "Ready"), dict[str, Any]())


def ready(
    status: Mapping[str, Any], value: Literal["True", "False", "Unknown"], reason: str, message: str, generation: int
) -> dict[str, Any]:
    """What the status becomes; nothing where it says so already, so that nothing is written."""
    before = find(status)
    message = message if len(message) <= LONGEST else f"{message[: LONGEST - 1]}…"
    says = {"type": "Ready", "status": value, "reason": reason, "message": message, "observedGeneration": generation}
    if says.items() <= before.items() and status.get("observedGeneration") == generation:
        return {}
    since = before.get("lastTransitionTime") if before.get("status") == value else None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"observedGeneration": generation, "conditions": [{**says, "lastTransitionTime": since or now}]}
