"""Says once what is done, so that the helm command and the library can each do it in its own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from tests.integration.charts import SIMPLE, Chart
from tests.integration.objects import Objects

NAMESPACE: Final = "NAMESPACE"
"""Stands for the side's own namespace in charts and options: what is cluster-wide can have a name of its own."""

REPOSITORY: Final = "REPOSITORY"
"""Stands for the address of the cluster's chart repository, and with `-AUTH` of the one that asks who is there."""

ChartPlace: TypeAlias = Chart | Path | str
"""A chart to be written to a directory, or where one is."""


@dataclass(frozen=True)
class File:
    """Stands in an option for the path of a file with this text."""

    text: str
    before: str = ""
    """What the option says before the path: `key=`."""


@dataclass(frozen=True)
class Helm:
    """One helm command, in the library's keywords."""

    action: str
    """The command after `helm`: `install`, `get values`."""
    release: str | None
    chart: ChartPlace | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    revision: int | None = None
    """Rollback's second argument."""
    fails: str | None = None
    """What both must say when they refuse; None: both must succeed."""
    reworded: bool | str = False
    """The library says it in other words (in these): docs/parity.md says why."""
    beside: str = ""
    """The namespace is another one of the side's, by this ending of its name."""
    apart: frozenset[str] = frozenset()
    """Keys of the result in which the two differ: docs/parity.md says why."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Root flags, as arguments of Configuration."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables of the environment."""


@dataclass(frozen=True)
class Touch:
    """Something that somebody else does to the namespace."""

    do: Callable[[Objects], object]


@dataclass(frozen=True)
class Look:
    """The cluster is compared here too, not at the end alone."""


@dataclass(frozen=True)
class Leaves:
    """The statuses of the revisions, where the two differ on purpose; from here on records are not compared."""

    command: list[str]
    library: list[str]


Step: TypeAlias = Helm | Touch | Look | Leaves

# The library waits where the command does not, unless it is told.
_PATIENT: Final = {"wait": False, "timeout": 60}


def install(
    chart: ChartPlace = SIMPLE, release: str | None = "web", *, fails: str | None = None, **options: Any
) -> Helm:
    """`helm install`."""
    return Helm("install", release, chart, {**_PATIENT, **options}, fails=fails)


def upgrade(chart: ChartPlace = SIMPLE, release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm upgrade`."""
    return Helm("upgrade", release, chart, {**_PATIENT, **options}, fails=fails)


def rollback(revision: int | None = None, release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm rollback`."""
    return Helm("rollback", release, None, {**_PATIENT, **options}, revision=revision, fails=fails)


def uninstall(release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm uninstall`; waits, so that what it leaves can be told from what only still terminates."""
    return Helm("uninstall", release, None, {**_PATIENT, "wait": True, **options}, fails=fails)


def listing(*, fails: str | None = None, **options: Any) -> Helm:
    """`helm list`."""
    return Helm("list", None, None, options, fails=fails)


def status(release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm status`."""
    return Helm("status", release, None, options, fails=fails)


def history(release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm history`."""
    return Helm("history", release, None, options, fails=fails)


def get_values(release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm get values`."""
    return Helm("get values", release, None, options, fails=fails)


def get(what: str, release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm get WHAT`."""
    return Helm(f"get {what}", release, None, options, fails=fails)


def run_tests(release: str = "web", *, fails: str | None = None, **options: Any) -> Helm:
    """`helm test`."""
    return Helm("test", release, None, {"timeout": 60, **options}, fails=fails)


def told(step: Helm, env: Mapping[str, str] | None = None, **config: Any) -> Helm:
    """The same step, with root flags and variables of the environment."""
    return replace(step, config=config, env=env or {})


def reworded(step: Helm, words: str | None = None) -> Helm:
    """The same step, whose refusal the library words by itself, in these words."""
    return replace(step, reworded=words or True)


def beside(step: Helm, ending: str = "-new") -> Helm:
    """The same step, in a namespace that the test has not made."""
    return replace(step, beside=ending)


def apart(step: Helm, *keys: str) -> Helm:
    """The same step, whose result differs in these keys."""
    return replace(step, apart=frozenset(keys))


def flags(options: Mapping[str, Any]) -> list[str]:
    """The library's keywords as the command's flags."""
    written: list[str] = []
    for name, value in options.items():
        flag = f"--{flag_name(name)}"
        for one in _texts(name, value):
            written.append(f"{flag}={one}")
    return written


def flag_name(keyword: str) -> str:
    """What the command calls a keyword of the library's."""
    return _NAMES.get(keyword, keyword.replace("_", "-"))


_NAMES: Final = {
    "dest_dir": "destination",
    "kubecontext": "kube-context",
    "max_history": "history-max",
    "pass_credentials_all": "pass-credentials",
    "server_side_apply": "server-side",
    "use_release_name": "release-name",
    "values_files": "values",
}


_STRATEGIES: Final = {True: "watcher", False: "hookOnly"}


def _texts(name: str, value: object) -> Sequence[str]:
    match value:
        case None:
            return []
        case bool():
            return [str(value).lower() if name != "wait" else _STRATEGIES[value]]
        case int() | float() if name == "timeout":
            return [f"{value}s"]
        case dict():
            pairs = cast("dict[str, Any]", value)
            return [f"{key}={'null' if one is None else one}" for key, one in pairs.items()]
        case list():
            items = cast("list[Any]", value)
            return [str(item) for item in items]
        case _:
            return [str(value)]
