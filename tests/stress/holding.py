"""Compares what a cluster holds with what a release's manifest says, past the library that is tested."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, Final, cast

import yaml

from tests.integration.objects import Objects

KINDS: Final = {
    "ConfigMap": "configmaps",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "Deployment": "deployments",
}
"""The kinds of the campaigns' charts."""

UNFINISHED: Final = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")


def differs(wanted: Any, held: Any, path: str = "") -> list[str]:
    """Where what is held lacks something of what is wanted; what Kubernetes adds is no difference."""
    if isinstance(wanted, dict):
        found: list[str] = []
        for key, value in cast("dict[str, Any]", wanted).items():
            inner = cast("dict[str, Any]", held).get(key) if isinstance(held, dict) else None
            found += differs(value, inner, f"{path}.{key}")
        return found
    if isinstance(wanted, list):
        if not isinstance(held, list) or len(cast("list[Any]", held)) != len(cast("list[Any]", wanted)):
            return [path]
        pairs = zip(cast("list[Any]", wanted), cast("list[Any]", held), strict=True)
        return [at for number, (one, other) in enumerate(pairs) for at in differs(one, other, f"{path}[{number}]")]
    return [] if wanted == held else [f"{path} is {held!r}, not {wanted!r}"]


def held(objects: Objects, release: str) -> dict[tuple[str, str], dict[str, Any]]:
    """The objects in the cluster that say that they are of the release and are not on their way out."""
    return {
        (kind, item["metadata"]["name"]): item
        for kind, plural in KINDS.items()
        for item in objects.cluster.get(objects.path(plural))["items"]
        if item["metadata"].get("annotations", {}).get("meta.helm.sh/release-name") == release
        and "deletionTimestamp" not in item["metadata"]
    }


def problems(objects: Objects, release: str, manifest: str) -> list[str]:
    """What is missing, left over, or other than the manifest says; empty where the cluster holds exactly it."""
    documents = cast("Iterable[dict[str, Any] | None]", yaml.safe_load_all(manifest))
    # Items of a list have neither kind nor version.
    wanted = {
        (one["kind"], one["metadata"]["name"]): {key: one[key] for key in one.keys() - {"apiVersion", "kind"}}
        for one in documents
        if one
    }
    there = held(objects, release)
    found = [f"{kind} {name} is missing" for kind, name in wanted.keys() - there.keys()]
    found += [f"{kind} {name} is left over" for kind, name in there.keys() - wanted.keys()]
    for key in wanted.keys() & there.keys():
        found += [f"{key[0]} {key[1]}{at}" for at in differs(wanted[key], there[key])]
    return sorted(found)


def settled(objects: Objects, release: str, manifest: str, seconds: float = 3) -> list[str]:
    """As `problems`, once deletions that were accepted have had the time to happen."""
    deadline = time.monotonic() + seconds
    while (found := problems(objects, release, manifest)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def manifest_of(objects: Objects, release: str) -> tuple[str, list[str]]:
    """The manifest of the one deployed revision, and what is wrong with the history."""
    statuses = objects.statuses(release)
    if statuses.count("deployed") != 1:
        return "", [f"{statuses.count('deployed')} revisions are deployed: {statuses}"]
    records = objects.cluster.get(objects.path("secrets") + f"?labelSelector=owner%3Dhelm%2Cname%3D{release}")["items"]
    labels = [one["metadata"]["labels"] for one in records]
    revision = next(int(label["version"]) for label in labels if label["status"] == "deployed")
    wrong = [f"revisions are {status}: {statuses}" for status in set(statuses) & set(UNFINISHED)]
    return objects.record(release, revision)["manifest"], wrong


def wrong(objects: Objects, release: str) -> list[str]:
    """What is wrong with a release that should be deployed."""
    manifest, found = manifest_of(objects, release)
    return found + (settled(objects, release, manifest) if manifest else [])
