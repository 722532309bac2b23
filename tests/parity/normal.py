"""Takes out of results and objects what two runs can not have in common, and nothing else."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
from collections.abc import Callable
from typing import Any, Final, cast

CONTROLLERS: Final = {"kube-controller-manager", "kube-scheduler", "kwok", "testcluster", "kube-apiserver"}
"""Field managers that write when they get to it."""

OF_THE_SERVER: Final = {"uid", "resourceVersion", "creationTimestamp", "selfLink", "deletionTimestamp", "generateName"}

CHOSEN_BY_THE_SERVER: Final = {
    "clusterIP": "IP",
    "clusterIPs": ["IP"],
    "nodePort": 0,
    "healthCheckNodePort": 0,
    "volumeName": "VOLUME",
}
"""Addresses, ports and names that the cluster hands out in turn."""

OF_KUBERNETES: Final = {("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default")}
"""What Kubernetes puts into every namespace."""

_TIME: Final = re.compile(r"(?!0001-01-01)\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OF_COMMAND: Final = re.compile(
    r"resource \S+ (not ready|still exists)\. status: .*(\nresource \S+ (not ready|still exists)\. status: .*)*"
    r"(\ncontext deadline exceeded)?"
)
_OF_LIBRARY: Final = re.compile(
    r"(timed out after \S+ waiting for (\d+ of )?\d+ objects? to [a-z ]+|hook failed|(\d+ of )?\d+ objects? failed): "
)
_PROGRESS: Final = re.compile(
    r"(Replicas|Updated|Available|Ready|LabeledReplicas): \d+/\d+"
    r"|\b[A-Z][a-z]{1,30} generation is \d+, but latest observed generation is -?\d+"
    r"|(?<=: )Unknown\b"
)
"""How far a Deployment has come when the time is up, if it was seen at all, depends on how busy the machine is."""

_SECONDS: Final = re.compile(r"\b1[6-9]\d{8}\b")

Text = Callable[[str], str]


def text_of(namespace: str) -> Text:
    """What stands for a text: names of namespaces, moments and unique numbers have each a word."""

    def of(text: str) -> str:
        text = not_ready(text.replace(namespace, "NAMESPACE"))
        return _SECONDS.sub("SECONDS", _UUID.sub("UUID", _TIME.sub(r"TIME\1", text)))

    return of


def not_ready(text: str) -> str:
    """What was waited for in vain, in one form: the library names the objects in a shorter one (docs/parity.md)."""
    text = _OF_COMMAND.sub(lambda found: f"NOT READY: {_one_line(found[0])}", text)
    return _PROGRESS.sub("PROGRESS", _OF_LIBRARY.sub("NOT READY: ", text))


def _one_line(lines: str) -> str:
    named = re.findall(r"resource (\w+)/(\S+) (?:not ready|still exists)\. status: (\w*), message: (.*)", lines)
    return "; ".join(f"{kind} {name}: {message or status}" for kind, name, status, message in named)


def plain(value: Any, text: Text) -> Any:
    """Any JSON, with its texts made comparable."""
    match value:
        case str():
            return text(value)
        case dict():
            pairs = cast("dict[str, Any]", value)
            return {text(key): plain(item, text) for key, item in pairs.items()}
        case list():
            items = cast("list[Any]", value)
            return [plain(item, text) for item in items]
        case _:
            return value


def objects(found: list[dict[str, Any]], text: Text) -> dict[str, Any]:
    """The objects that a release, a hook or a user made, by what they are; those of controllers are left out.

    Pods and ReplicaSets of a Deployment, Jobs of a CronJob and the like come and go at their controllers' own time.
    """
    shown: dict[str, Any] = {}
    for item in found:
        metadata = item["metadata"]
        owned = any(owner.get("controller") for owner in metadata.get("ownerReferences", []))
        if owned or (item["kind"], metadata["name"]) in OF_KUBERNETES:
            continue
        kept = {key: part for key, part in item.items() if key != "status"}
        if item["kind"] == "Secret":
            kept["data"] = {key: _decoded(part) for key, part in item.get("data", {}).items()}
            if item.get("type") == "helm.sh/release.v1":
                kept["data"] = {"release": record(item["data"]["release"])}
        elif metadata.get("labels", {}).get("owner") == "helm" and "release" in item.get("data", {}):
            kept["data"] = {"release": record(base64.b64encode(item["data"]["release"].encode()).decode())}
        kept["metadata"] = _metadata(metadata)
        shown[text(f"{item['apiVersion']} {item['kind']} {_name(item)}")] = plain(_chosen(kept), text)
    return shown


def record(packed: str) -> dict[str, Any]:
    """A release's record as Helm stores it, decoded; its chart's files in plain text."""
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(packed))))
    for kind in ("templates", "files"):
        files: list[dict[str, Any]] = release["chart"].get(kind) or []
        for file in files:
            file["data"] = _decoded(file["data"])
    return release


def _name(item: dict[str, Any]) -> str:
    # What a Deployment's deletion orphans has a name of its own making.
    name: str = item["metadata"]["name"]
    return re.sub(r"(-[a-z0-9]{8,10})?-[a-z0-9]{5}$", "-HASH", name) if item["kind"] == "Pod" else name


def _metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    kept = {key: part for key, part in metadata.items() if key not in OF_THE_SERVER}
    fields = [
        {key: part for key, part in entry.items() if key != "time"}
        for entry in metadata.get("managedFields", [])
        if entry["manager"] not in CONTROLLERS
    ]
    kept["managedFields"] = sorted(fields, key=lambda entry: json.dumps(entry, sort_keys=True))
    if "ownerReferences" in metadata:
        kept["ownerReferences"] = [(owner["kind"], owner["name"]) for owner in metadata["ownerReferences"]]
    return kept


def _chosen(value: Any) -> Any:
    match value:
        case dict():
            pairs = cast("dict[str, Any]", value)
            return {
                key: CHOSEN_BY_THE_SERVER[key]
                if key in CHOSEN_BY_THE_SERVER and item not in ("None", ["None"])
                else _chosen(item)
                for key, item in pairs.items()
            }
        case list():
            items = cast("list[Any]", value)
            return [_chosen(item) for item in items]
        case _:
            return value


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text
