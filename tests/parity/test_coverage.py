"""Every flag of helm: an option of its command's class, and a row of the tables in which it changes something.

That a row uses an option proves little. So the row is done once more by the helm command on both sides, on one of them
without the option, and the comparison must find a difference. Since the row itself passes, the library's result with
the option is the command's; and that is another one than without.
"""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from helm_sdkpy.testing import TestCluster
from tests.commands import COMMANDS, HELM_FLAGS, flags_of
from tests.integration.charts import Chart, configmap
from tests.parity import places, sides
from tests.parity.files import Both, Do, Put
from tests.parity.parity import Pair
from tests.parity.rows import all_rows, flags
from tests.parity.state import Reader
from tests.parity.steps import Helm, flag_name

Flag = tuple[str, str]

# What they do to time alone is measured on the library.
ELSEWHERE: Final[dict[Flag, str]] = {
    # A column of the command's table; its JSON has the revision in any case (helm: pkg/cmd/history.go,
    # releaseHistoryWithRollback).
    ("history", "show-rollback-revision"): "tests/parity/test_get.py::test_rollback_column",
    # They reach no JSON of the command's.
    ("install", "hide-notes"): "tests/integration/test_install.py::test_notes",
    ("upgrade", "hide-notes"): "tests/integration/test_install.py::test_notes",
    ("", "qps"): "tests/integration/test_root_flags.py::test_qps_and_burst_limit",
    ("", "burst-limit"): "tests/integration/test_root_flags.py::test_qps_and_burst_limit",
    # The command does not use them (helm: pkg/getter/ocigetter.go), the library does.
    ("plugin install", "username"): "tests/integration/test_plugins.py::test_credentials_are_on_no_command_line",
    ("plugin install", "password"): "tests/integration/test_plugins.py::test_credentials_are_on_no_command_line",
}
"""Flags whose effect no output and no file of both sides shows, and the test that does."""

ON_BY_DEFAULT: Final[set[Flag]] = {("install", "server-side"), ("plugin install", "verify"), ("plugin package", "sign")}
"""Flags that a row uses by switching them off."""

OTHERWISE: Final[dict[str, Any]] = {"timeout": 30}
"""Options that a row needs: they get another value instead of none."""

ATTEMPTS: Final = 5
"""How many of the rows that use an option are tried."""

_DRAWN: Final = Chart({"c.yaml": configmap(value="1")}, files={"values.schema.json": "{}"})


WITHOUT_EFFECT: Final[dict[Flag, dict[str, Any]]] = {
    # helm: pkg/cmd/template.go takes install's flags and makes a dry run of it.
    ("template", "create-namespace"): {"create_namespace": True},
    ("template", "description"): {"description": "a"},
    ("template", "force-conflicts"): {"force_conflicts": True},
    ("template", "force-replace"): {"force_replace": True, "server_side": False},
    ("template", "generate-name"): {"generate_name": True},
    ("template", "hide-notes"): {"hide_notes": True},
    ("template", "labels"): {"labels": {"a": "b"}},
    ("template", "render-subchart-notes"): {"render_subchart_notes": True},
    ("template", "replace"): {"replace": True},
    ("template", "rollback-on-failure"): {"rollback_on_failure": True},
    ("template", "server-side"): {"server_side": False},
    ("template", "skip-crds"): {"skip_crds": True},
    ("template", "timeout"): {"timeout": 7},
    ("template", "wait"): {"wait": True},
    ("template", "wait-for-jobs"): {"wait_for_jobs": True},
}
"""Flags that do nothing on their command, and what sets them."""


FLAGS: Final[list[Flag]] = [(command, flag) for command in HELM_FLAGS for flag in sorted(flags_of(command))]
"""Every flag of helm that is not left out; root flags have the command ""."""


def used() -> dict[Flag, list[str]]:
    """Which rows use a flag, the short ones first. A default of the tables is no use."""
    rows = all_rows()
    found: dict[Flag, list[str]] = {}
    for name in sorted(rows, key=lambda name: (len(rows[name]), name)):
        for action, keyword, value in flags(rows[name]):
            off = value is False and (action, flag_name(keyword)) not in ON_BY_DEFAULT
            if keyword != "values" and value is not None and not off and (keyword, value) != ("timeout", 60):
                found.setdefault((action, flag_name(keyword)), []).append(name)
        for step in rows[name]:
            if isinstance(step, Do) and step.cluster:
                for root in ("kubeconfig", "namespace"):
                    found.setdefault(("", root), []).append(name)
    return found


USED: Final = used()


def test_every_flag_is_used() -> None:
    reached = set(USED) | set(WITHOUT_EFFECT) | set(ELSEWHERE)
    missing = [flag for flag in FLAGS if flag not in reached]
    print(f"{len(FLAGS) - len(missing)} of {len(FLAGS)} flags of helm reached, {len(all_rows())} rows")
    assert not missing, "\n".join(f"helm {command} --{flag}" for command, flag in missing)


def test_the_tables_of_exceptions_name_flags() -> None:
    assert set(WITHOUT_EFFECT) | set(ELSEWHERE) <= set(FLAGS)
    for test in ELSEWHERE.values():
        path, _, name = test.partition("::")
        assert re.search(rf"^(async )?def {name}\(", (Path(__file__).parents[2] / path).read_text(), re.M), test


def test_there_are_rows_enough() -> None:
    assert len(all_rows()) >= 400


@pytest.mark.parametrize("flag", [f"{command or 'helm'} --{name}" for command, name in FLAGS])
async def test_flag_changes_something(flag: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    action, _, name = flag.partition(" --")
    one: Flag = ("" if action == "helm" else action, name)
    if one in WITHOUT_EFFECT or one in ELSEWHERE:
        pytest.skip("stands in a table of exceptions")
    rows = all_rows()
    # Rows that are named after the flag are about it.
    tried = sorted(USED.get(one, []), key=lambda row: name not in row)[:ATTEMPTS]
    for number, row in enumerate(tried):
        with_it, without_it = rows[row], [_stripped(step, one) for step in rows[row]]
        with _commands(request, tmp_path / str(number), with_it) as twins:
            try:
                await twins.go(with_it, without_it)
            except AssertionError:
                return
    raise AssertionError(f"helm {flag} changes nothing in any of these rows: {tried}")


@pytest.mark.parametrize("flag", [f"{command} --{name}" for command, name in WITHOUT_EFFECT])
@pytest.mark.parametrize("side", [places.Command, places.Library])
async def test_flag_changes_nothing(
    flag: str, side: type[places.Place], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    action, _, name = flag.partition(" --")
    options = WITHOUT_EFFECT[(action, name)]

    def ask() -> TestCluster:
        return request.getfixturevalue("helm_cluster")

    twins = Both(side(tmp_path / "a", "a-side", ask), side(tmp_path / "b", "b-side", ask))
    always: dict[str, Any] = {"release_name": None, "chart_path": "web"}
    put = Put({"web": _DRAWN})
    await twins.go([put, Do(action, **always, **options)], [put, Do(action, **always)])


def test_commands_are_known() -> None:
    unknown = {command for command, _ in FLAGS} - set(COMMANDS) - {""}
    if unknown:
        pytest.skip(f"no class does these yet: {sorted(unknown)}")


def _stripped(step: Any, flag: Flag) -> Any:
    """The step without the flag."""
    action, name = flag
    if isinstance(step, Helm) and step.action == action:
        return replace(step, options=_left(step.options, name))
    if isinstance(step, Do) and action in ("", step.action):
        changed = copy.copy(step)
        attribute = "options" if action else "config"
        object.__setattr__(changed, attribute, _left(getattr(step, attribute), name))
        if action == "" and name in {"kubeconfig", "namespace"} and step.cluster:
            object.__setattr__(changed, "config", {**step.config, name: None})
        return changed
    return step


def _left(options: Any, name: str) -> dict[str, Any]:
    if name in OTHERWISE:
        return {key: OTHERWISE[name] if flag_name(key) == name else value for key, value in options.items()}
    return {key: value for key, value in options.items() if flag_name(key) != name}


@contextmanager
def _commands(request: pytest.FixtureRequest, directory: Path, steps: Sequence[Any]) -> Generator[Any]:
    """The helm command on both sides."""

    def ask() -> TestCluster:
        return request.getfixturevalue("helm_cluster")

    with ExitStack() as stack:
        name = f"{zlib.crc32(str(directory).encode()):08x}"
        if any(isinstance(step, Helm) for step in steps):
            cluster = ask()
            reader: Reader = request.getfixturevalue("reader")
            namespaces = [stack.enter_context(cluster.namespace(f"flag-{name}")) for _ in range(2)]
            for namespace in namespaces:
                stack.callback(reader.remove_cluster_wide, namespace)
            commands = [sides.Command(cluster, namespace, directory) for namespace in namespaces]
            yield Pair(commands[0], commands[1], (reader, reader), settle=2)
            return
        two = [places.Command(directory / side, f"{side}-{name}", ask) for side in ("a", "b")]
        for place in two:
            stack.callback(place.clean)
        yield Both(two[0], two[1])
