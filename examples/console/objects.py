"""Keeps the state of the objects of releases in the feed: as operations tell it, and as a wait found it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final

from helm_sdkpy.events import Event, Resource
from helm_sdkpy.results import NotReady, ResourceStatus

from .feed import Feed

HOOKS: Final = ("pre-", "post-", "test")
"""How phases begin in which objects are hooks."""

OVER: Final = ("succeeded", "failed")
"""States in which a hook has ended. What becomes of its object then (it is deleted, mostly) is no news of it."""


class Objects:
    """The objects of all releases that something was heard of, under `object/RELEASE/…`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def take(self, release: str, event: Event, phase: str = "") -> None:
        """Take what an operation says of an object in one of its phases."""
        hook = phase if phase.startswith(HOOKS) else ""
        if event["type"] == "resource":
            status = event.get("status")
            before: dict[str, Any] = self._feed.get(_key(release, event["resource"])) or {}
            if hook and before.get("status") in OVER:
                return
            if event.get("action") == "deleted" or (status == "not_found" and before.get("action") == "deleted"):
                status = "deleted"
            elif hook and status == "not_found":
                status = "in_progress"
            message = "" if status == "deleted" else event.get("message", "")
            self._put(
                release, event["resource"], status=status, message=message, action=event.get("action", ""), hook=hook
            )
        elif event["type"] == "hook" and (resource := event.get("resource")) and (status := event.get("status")):
            status = "in_progress" if status == "started" else status
            self._put(
                release, resource, status=status, message=event.get("message", ""), hook=event.get("phase", phase)
            )

    def found(self, release: str, resources: Iterable[ResourceStatus]) -> None:
        """Take what a wait found: the objects of the release, all of them."""
        there: set[str] = set()
        for resource in resources:
            there.add(self._put(release, resource, status=resource["status"], message=resource["message"]))
        for key in self._keys(release):
            if key not in there and not self._feed.get(key)["hook"]:
                self._feed.remove(key)

    def not_ready(self, release: str, resources: Iterable[NotReady]) -> None:
        """Take what a wait that failed says of some of the objects."""
        for resource in resources:
            self._put(release, resource, status=resource["status"], message=resource["message"])

    def forget_hooks(self, release: str) -> None:
        """Forget the hooks of the last operation: another one begins."""
        for key in self._keys(release):
            if self._feed.get(key)["hook"]:
                self._feed.remove(key)

    def forget(self, release: str) -> None:
        """Forget a release that is gone."""
        for key in self._keys(release):
            self._feed.remove(key)

    def ready(self, release: str) -> tuple[int, int]:
        """How many of the objects are ready, of how many."""
        values = [value for key in self._keys(release) if not (value := self._feed.get(key))["hook"]]
        return sum(value["status"] in ("ready", "succeeded") for value in values), len(values)

    def waited_for(self, release: str) -> str:
        """The object that was told of last among those that are not ready; empty where all are."""
        for key in reversed(self._keys(release)):
            value = self._feed.get(key)
            if value["status"] in ("in_progress", "failed", "terminating", "not_found"):
                return f"{value['kind']} {value['name']}: {value['message']}".rstrip(": ")
        return ""

    def _keys(self, release: str) -> list[str]:
        return self._feed.keys(f"object/{release}/")

    def _put(
        self,
        release: str,
        resource: Resource | ResourceStatus | NotReady,
        *,
        status: str | None,
        message: str,
        action: str = "",
        hook: str = "",
    ) -> str:
        key = _key(release, resource)
        before: dict[str, Any] = self._feed.get(key) or {}
        new = {
            "release": release,
            **_about(resource),
            "status": status or before.get("status") or "applied",
            # An action says nothing of the state: that stays as it was told.
            "message": message if status else before.get("message", ""),
            "action": action or before.get("action", ""),
            "hook": hook or before.get("hook", ""),
        }
        if {**new, "since": None} != {**before, "since": None}:
            same = new["status"] == before.get("status")
            self._feed.put(key, {**new, "since": before["since"] if same else round(time.time() * 1000)})
        return key


def _about(resource: Resource | ResourceStatus | NotReady) -> dict[str, str]:
    return {
        "api_version": resource["api_version"],
        "kind": resource["kind"],
        "namespace": resource.get("namespace", ""),
        "name": resource["name"],
    }


def _key(release: str, resource: Resource | ResourceStatus | NotReady) -> str:
    return f"object/{release}/{'|'.join(_about(resource).values())}"
