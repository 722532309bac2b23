"""Does each step on both sides and compares what they give and what they leave."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from tests.parity import normal
from tests.parity.sides import Library, Outcome, Side
from tests.parity.state import Reader
from tests.parity.steps import Helm, Leaves, Look, Step, Touch

SETTLE: Final = 10.0
"""Seconds in which two clusters must have become equal: controllers and the garbage collector take their time."""


@dataclass
class Pair:
    """The helm command and the library, each in its namespace."""

    command: Side
    library: Side
    readers: tuple[Reader, Reader]
    """Of the command's cluster and of the library's, which may be the same."""
    alone: bool = False
    """Nobody else uses the clusters."""
    settle: float = SETTLE
    records: bool = True
    endings: set[str] = field(default_factory=lambda: {""})
    """Of the namespaces that were used."""

    async def go(self, steps: Sequence[Step], others: Sequence[Step] | None = None) -> None:
        """Do all steps, and compare the cluster at the end. The second side may do others, one for each."""
        for number, (step, other) in enumerate(zip(steps, others or steps, strict=True), 1):
            match step:
                case Touch(do):
                    for side in (self.command, self.library):
                        await asyncio.to_thread(do, side.objects)
                case Look():
                    await self.look(f"after step {number - 1}")
                case Leaves():
                    self.records = False
                    left = [
                        await asyncio.to_thread(side.objects.statuses, "web") for side in (self.command, self.library)
                    ]
                    assert left == [step.command, step.library], f"after step {number - 1}: {left}"
                case Helm():
                    await self.do(step, f"step {number}, ", cast("Helm", other))
        await self.look("at the end")

    async def do(self, step: Helm, which: str = "", other: Helm | None = None) -> None:
        """Do a step on both sides at once, and compare what they say."""
        self.endings.add(step.beside)
        outcomes = await asyncio.gather(self.command.do(step), self.library.do(other or step))
        self._compare(f"{which}helm {step.action}", step, *outcomes)

    async def look(self, when: str) -> None:
        """Compare what is in the cluster, until both sides have settled."""
        deadline = time.monotonic() + self.settle
        while True:
            sides = zip((self.command, self.library), self.readers, strict=True)
            states = [await asyncio.to_thread(self.state, side, reader) for side, reader in sides]
            if states[0] == states[1] or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.3)
        same(f"the cluster {when}", *states)

    def state(self, side: Side, reader: Reader) -> dict[str, Any]:
        """What a side has in the cluster, made comparable."""
        found: list[dict[str, Any]] = []
        for ending in sorted(self.endings):
            found += reader.objects(side.namespace + ending, alone=self.alone)
        if not self.records:
            found = [item for item in found if item.get("type") != "helm.sh/release.v1"]
        return normal.objects(found, normal.text_of(side.namespace))

    def _compare(self, what: str, step: Helm, command: Outcome, library: Outcome) -> None:
        said = [self._said(self.command, command), self._said(self.library, library)]
        if step.fails is None:
            assert said == [None, None], f"{what}: the command said {said[0]!r}, the library {said[1]!r}"
            results = self._results(step, command.result, library.result)
            same(f"what {what} gives", *results)
            return
        assert None not in said, f"{what} was to fail: the command said {said[0]!r}, the library {said[1]!r}"
        assert step.fails in said[0], f"{what}: the command said {said[0]!r}"
        wanted = step.fails if step.reworded else said[0]
        if isinstance(step.reworded, str) and isinstance(self.library, Library):
            wanted = step.reworded
        assert wanted in said[1], f"{what}: the library said\n    {said[1]}\nand the command\n    {said[0]}"

    @staticmethod
    def _said(side: Side, outcome: Outcome) -> Any:
        return None if outcome.refusal is None else normal.text_of(side.namespace)(outcome.refusal)

    def _results(self, step: Helm, command: Any, library: Any) -> tuple[Any, Any]:
        form = FORMS[step.action]
        # Tests of the comparison have the helm command on both sides.
        other = form.library if isinstance(self.library, Library) else form.command
        return (
            normal.plain(without(step.apart, form.command(command)), normal.text_of(self.command.namespace)),
            normal.plain(without(step.apart, other(library)), normal.text_of(self.library.namespace)),
        )


def without(keys: frozenset[str], value: Any) -> Any:
    """The value without some keys, at any depth."""
    match value:
        case dict():
            pairs = cast("dict[str, Any]", value)
            return {key: without(keys, item) for key, item in pairs.items() if key not in keys}
        case list():
            items = cast("list[Any]", value)
            return [without(keys, item) for item in items]
        case _:
            return value


def same(what: str, command: Any, library: Any) -> None:
    """Both must be equal; where they are not, the lines that differ are shown."""
    if command == library:
        return
    lines = list(itertools.islice(differences(command, library), 60))
    raise AssertionError(f"{what} is not the same (the helm command → the library):\n" + "\n".join(lines))


def differences(command: Any, library: Any, path: str = "") -> Iterator[str]:
    """Where two values differ. Line by line would take minutes: a chart's record alone has a hundred thousand."""
    if command == library:
        return
    if isinstance(command, dict) and isinstance(library, dict):
        before, after = cast("dict[str, Any]", command), cast("dict[str, Any]", library)
        for key in {**before, **after}:
            yield from differences(before.get(key, ABSENT), after.get(key, ABSENT), f"{path}/{key}")
    elif isinstance(command, list) and isinstance(library, list):
        ones, others = cast("list[Any]", command), cast("list[Any]", library)
        for number, (one, other) in enumerate(itertools.zip_longest(ones, others, fillvalue=ABSENT)):
            yield from differences(one, other, f"{path}/{number}")
    else:
        yield f"  {path}: {_shown(command)} → {_shown(library)}"


ABSENT: Final = "(absent)"


def _shown(value: Any) -> str:
    text = value if value == ABSENT else json.dumps(value, sort_keys=True)
    return text if len(text) <= 500 else f"{text[:500]}…"


@dataclass(frozen=True)
class Form:
    """How the results of an action become comparable; every change is a row of docs/parity.md."""

    command: Callable[[Any], Any]
    library: Callable[[Any], Any]


def _release(given: Any) -> Any:
    """Without what only one of the two says: the chart's files, the labels, and what is empty."""
    resources: dict[str, list[dict[str, Any]]] = given["info"].get("resources") or {}
    shown = {key: part for key, part in given.items() if key not in {"chart", "labels"} and part not in ({}, [], "")}
    shown["chart"] = given.get("chart", {}).get("metadata")
    shown["info"] = {key: part for key, part in given["info"].items() if key != "resources"}
    if resources:
        shown["resources"] = {kind: _objects(found) for kind, found in sorted(resources.items())}
    return shown


def _objects(found: list[dict[str, Any]]) -> Any:
    # Pods come as a list within the list; like all that controllers make, they are left out.
    return normal.objects([item for item in found if "name" in item["metadata"]], lambda text: text)


def _listed(rows: list[dict[str, Any]]) -> Any:
    keys = ("name", "namespace", "revision", "updated", "status", "app_version")
    return [{**{key: row[key] for key in keys}, "chart": _chart(row), "revision": str(row["revision"])} for row in rows]


def _chart(row: dict[str, Any]) -> str:
    metadata = row["chart"]["metadata"]
    return f"{metadata['name']}-{metadata['version']}"


def _history(rows: list[dict[str, Any]]) -> Any:
    keys = {"revision", "updated", "status", "app_version", "description", "rollback_revision"}
    return [{**{key: part for key, part in row.items() if key in keys}, "chart": _chart(row)} for row in rows]


SYSTEM_LABELS: Final = {"name", "owner", "status", "version", "createdAt", "modifiedAt"}


def _metadata(given: Any) -> Any:
    labels: dict[str, str] = given.get("labels") or {}
    own = {name: value for name, value in labels.items() if name not in SYSTEM_LABELS}
    return {name: part for name, part in {**given, "labels": own}.items() if part not in ({}, [], "")}


def _printed_hooks(given: str) -> str:
    return f"{given}\n" if given else ""


def _printed_notes(given: str) -> str:
    return f"NOTES:\n{given}\n" if given else ""


def _sections(printed: str) -> Any:
    """What `helm get all` prints, by its headings."""
    names = ("USER-SUPPLIED VALUES", "COMPUTED VALUES", "HOOKS", "MANIFEST", "NOTES")
    parts = re.split(rf"^({'|'.join(names)}):\n", printed, flags=re.M)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    for name in names[:2]:
        found[name] = yaml.safe_load(found[name]) or {}
    return {**found, "ABOUT": _about(parts[0])}


def _about(printed: str) -> Any:
    """What stands above everything else; when it was is not compared to the second."""
    lines = dict(line.split(": ", 1) for line in printed.splitlines() if re.match(r"[A-Z_ ]+: ", line))
    found = {name: value.strip() for name, value in lines.items() if name not in {"LAST DEPLOYED", "TEST SUITE"}}
    return {**found, "tests": re.findall(r"^TEST SUITE: +(\S+)\n(?:.*\n){2}Phase: +(\w+)$", printed, re.M)}


def _told_about(given: Any) -> Any:
    ran = [hook for hook in given["hooks"] if "test" in hook["events"] and "started_at" in hook["last_run"]]
    return {
        "NAME": given["name"],
        "NAMESPACE": given["namespace"],
        "STATUS": given["info"]["status"],
        "REVISION": str(given["version"]),
        "DESCRIPTION": given["info"].get("description", ""),
        "tests": [(hook["name"], hook["last_run"]["phase"]) for hook in ran],
    }


def _whole(given: Any) -> Any:
    """What GetAll gives, as the command prints it."""
    metadata = given["chart"]["metadata"]
    hooks = "".join(f"---\n# Source: {hook['path']}\n{hook['manifest']}\n" for hook in given["hooks"])
    notes = given["info"].get("notes", "")
    return {
        "USER-SUPPLIED VALUES": given["config"],
        "COMPUTED VALUES": given["computed_values"],
        "HOOKS": hooks,
        "MANIFEST": f"{given['manifest']}\n",
        **({"NOTES": f"{notes.strip()}\n"} if notes else {}),
        "ABOUT": {
            **_told_about(given),
            "CHART": metadata["name"],
            "VERSION": metadata["version"],
            "APP_VERSION": metadata.get("appVersion", ""),
        },
    }


def _printed_test(printed: str) -> Any:
    about, _, logs = printed.partition("\nPOD LOGS: ")
    return {**_about(about), "logs": logs and f"POD LOGS: {logs}"}


def _tested(given: Any) -> Any:
    # The command shows the logs of pods only.
    pods = [log for log in given["logs"] if log["kind"] == "Pod"]
    logs = "".join(f"POD LOGS: {log['pod']} ({log['container']})\n{log['log']}\n" for log in pods)
    return {**_told_about(given), "logs": logs}


def _as_it_is(given: Any) -> Any:
    return given


FORMS: Final = {
    "install": Form(_release, _release),
    "upgrade": Form(_release, _release),
    # The command leaves the chart out.
    "status": Form(_release, lambda given: {**_release(given), "chart": None}),
    "list": Form(_as_it_is, _listed),
    "history": Form(_as_it_is, _history),
    "get all": Form(_sections, _whole),
    "get hooks": Form(_as_it_is, _printed_hooks),
    "get manifest": Form(_as_it_is, lambda manifest: f"{manifest}\n"),
    "get metadata": Form(_metadata, _metadata),
    "get notes": Form(_as_it_is, _printed_notes),
    "test": Form(_printed_test, _tested),
    "get values": Form(lambda given: given or {}, _as_it_is),
    # These two print words: what they left in the cluster is compared, and what an uninstall keeps.
    "rollback": Form(lambda _: None, lambda _: None),
    "uninstall": Form(lambda printed: printed.rpartition('release "')[0].strip(), lambda given: given["info"].strip()),
}
