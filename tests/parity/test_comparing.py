"""The comparison itself: what differs must be seen, or every other test here passes for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.parity import normal
from tests.parity.parity import Pair, without
from tests.parity.steps import Leaves, Step, Touch, flags, install, upgrade

DIFFERENT: Final[Mapping[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "value": ({"set": "value=1"}, {"set": "value=2"}),
    "managed-fields": ({"server_side": True}, {"server_side": False}),
    "record": ({}, {"description": "another"}),
    "labels-of-the-record": ({}, {"labels": {"a": "b"}}),
    "nothing-there": ({"dry_run": "server"}, {}),
}


@pytest.mark.parametrize("what", DIFFERENT)
async def test_a_difference_in_the_cluster_is_seen(pair: Pair, what: str) -> None:
    command, library = DIFFERENT[what]
    pair.settle = 0
    assert (await pair.command.do(install(**command))).refusal is None
    assert (await pair.library.do(install(**library))).refusal is None
    with pytest.raises(AssertionError, match="the cluster now is not the same"):
        await pair.look("now")


@pytest.mark.parametrize(
    "steps",
    [
        [install(fails="no such words")],
        [install(), install(fails="no such words")],
        [upgrade()],
        [install(), Leaves(["deployed"], ["failed"])],
        [Touch(lambda objects: objects.create("secrets", {"metadata": {"name": objects.namespace[-8:]}}))],
    ],
    ids=["no-refusal", "other-words", "a-refusal", "statuses", "an-object"],
)
async def test_a_difference_in_a_step_is_seen(pair: Pair, steps: list[Step]) -> None:
    pair.settle = 0
    with pytest.raises(AssertionError):
        await pair.go(steps)


def test_texts() -> None:
    of = normal.text_of("web-1")
    assert of("in web-1 at 2026-11-24T15:52:40.123Z") == "in NAMESPACE at TIMETZ"
    assert of("0001-01-01T00:00:00Z") == "0001-01-01T00:00:00Z"
    command = "resource Job/web-1/a not ready. status: Failed, message: no\ncontext deadline exceeded"
    assert of(command) == of("timed out after 2s waiting for 1 of 2 objects to be ready: Job web-1/a: no")
    assert (
        of("failed pre-install: hook failed: Job web-1/a: no") == "failed pre-install: NOT READY: Job NAMESPACE/a: no"
    )


def test_flags() -> None:
    given = {"wait": True, "timeout": 2, "labels": {"a": None}, "set": ["a=1", "b=2"], "max_history": 3, "devel": None}
    written = ["--wait=watcher", "--timeout=2s", "--labels=a=null", "--set=a=1", "--set=b=2", "--history-max=3"]
    assert flags(given) == written


def test_without() -> None:
    assert without(frozenset({"b"}), {"a": [{"b": 1, "c": 2}], "b": 3}) == {"a": [{"c": 2}]}
