"""Keeps the state of the objects of releases in the feed: as operations tell it, and as a wait found it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from helm_sdkpy.events import Event, Resource
from helm_sdkpy.results import NotReady, ResourceStatus

from .feed import Feed

WORK = ("applying", "waiting", "deleting", "crds", "cleanup")
"""Phases in which the objects are the release's own. In the others they are hooks."""


class Objects:
    """The objects of all releases that something was heard of, under `object/RELEASE/…`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def take(self, release: str, event: Event) -> None:
        """Take what an operation says of an object."""
        if event["type"] == "resource":
            # Hooks are told of by events of their own as well; what they are waited for comes as any object's.
            hook = event.get("phase", "") if event.get("phase", "") not in ("", *WORK) else ""
            self._put(
                release,
                event["resource"],
                status=event.get("status") or ("deleted" if event.get("action") == "deleted" else None),
                message=event.get("message", ""),
                action=event.get("action", ""),
                hook=hook,
            )
        elif event["type"] == "hook" and (resource := event.get("resource")) and (status := event.get("status")):
            state = {"started": "in_progress", "succeeded": "succeeded", "failed": "failed"}.get(status, status)
            self._put(
                release, resource, status=state, message=event.get("message", ""), hook=event.get("phase", "hook")
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
        about = {
            "api_version": resource["api_version"],
            "kind": resource["kind"],
            "namespace": resource.get("namespace", ""),
            "name": resource["name"],
        }
        key = f"object/{release}/{'|'.join(about.values())}"
        before: dict[str, Any] = self._feed.get(key) or {}
        new = {
            "release": release,
            **about,
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
