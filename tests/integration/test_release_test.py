"""ReleaseTest: which tests run, what is told of them, and what a failure or a cancel leaves."""

from __future__ import annotations

import asyncio
import pickle
import time
from typing import Any, Final

import pytest

import helm_sdkpy
from helm_sdkpy import (
    ChartError,
    Configuration,
    HelmError,
    HookError,
    Install,
    List,
    ReleaseError,
    ReleaseNotFoundError,
    ReleasePendingError,
    ReleaseTest,
    ReleaseTestError,
    Status,
    Uninstall,
    Upgrade,
    ValidationError,
    WaitTimeoutError,
)
from helm_sdkpy.events import Event
from tests.integration.charts import NAME, SIMPLE, Chart, hook, manifest
from tests.integration.objects import Objects, until


def pod(name: str, *events: str, weight: int = 0, policy: str = "", **annotations: str) -> str:
    """A hook that is a pod, as most charts' tests are."""
    marks = {"helm.sh/hook": ",".join(events or ("test",)), "helm.sh/hook-weight": str(weight)}
    if policy:
        marks["helm.sh/hook-delete-policy"] = policy
    marks |= {f"testcluster/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return manifest(
        "v1",
        "Pod",
        f"{NAME}-{name}",
        metadata={"annotations": marks},
        spec={
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "initContainers": [{"name": "first", "image": "example/first:1"}],
            "containers": [{"name": "main", "image": "example/main:1"}],
        },
    )


TWO: Final = Chart(
    {
        **SIMPLE.templates,
        "a.yaml": pod("a", weight=1, log="hello from a"),
        "b.yaml": pod("b", log="one\ntwo"),
        "gone.yaml": hook("post-delete"),
    },
    SIMPLE.values,
)


def runs(release: Any) -> dict[str, str]:
    """How each hook ended that was run."""
    return {one["name"]: one["last_run"]["phase"] for one in release["hooks"] if one["last_run"]["phase"]}


async def test_all_tests(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", TWO.archive())
    assert runs(await Status(helm_config).run("shop")) == {}
    tested = await ReleaseTest(helm_config).run("shop")
    assert runs(tested) == {"shop-a": "Succeeded", "shop-b": "Succeeded"}
    assert tested["logs"] == []
    assert (tested["version"], tested["info"]["status"]) == (1, "deployed")
    # By weight, one after the other.
    times = {one.get("name"): one["last_run"] for one in tested["hooks"]}
    assert times["shop-b"].get("completed_at", "") <= times["shop-a"].get("started_at", "")
    assert runs(await Status(helm_config).run("shop")) == runs(tested)
    assert objects.names("pods") == ["shop-a", "shop-b"]
    assert objects.statuses("shop") == ["deployed"]
    # Again: what is left of the last run is replaced.
    assert runs(await ReleaseTest(helm_config).run("shop")) == runs(tested)


def test_names() -> None:
    assert helm_sdkpy.Test is ReleaseTest
    assert ReleaseTest.__test__ is False


async def test_a_release_without_tests(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    tested = await ReleaseTest(helm_config).run("shop", logs=True)
    assert (tested["hooks"], tested["logs"]) == ([], [])


@pytest.mark.parametrize(
    ("given", "ran"),
    [
        ("name=shop-a", {"shop-a"}),
        (["name=shop-a", "name=shop-b"], {"shop-a", "shop-b"}),
        ("name=shop-a,name=shop-b", {"shop-a", "shop-b"}),
        ("!name=shop-a", {"shop-b"}),
        (["! name=shop-a"], {"shop-b"}),
        (["!name=shop-a", "!name=shop-b"], set[str]()),
        (["name=shop-a", "!name=shop-a"], set[str]()),
        ("name=nothing", set[str]()),
    ],
)
async def test_filters(helm_config: Configuration, objects: Objects, given: Any, ran: set[str]) -> None:
    await Install(helm_config).run("shop", TWO.archive())
    tested = await ReleaseTest(helm_config).run("shop", filter=given)
    assert set(runs(tested)) == ran
    assert set(objects.names("pods")) == ran
    # What was left out is still a hook of the release.
    assert {one["name"] for one in objects.record("shop")["hooks"]} == {"shop-a", "shop-b", "shop-hook"}


@pytest.mark.parametrize("given", ["shop-a", "label=x", "name", ["name=a", "only=b"], 'name="a'])
async def test_a_filter_that_is_none(helm_config: Configuration, given: Any) -> None:
    with pytest.raises(ValidationError, match="filter") as raised:
        await ReleaseTest(helm_config).run("shop", filter=given)
    assert isinstance(raised.value, ReleaseTestError)
    assert raised.value.details["field"] == "filter"


async def test_a_filtered_hook_is_in_the_record_while_tests_run(helm_config: Configuration, objects: Objects) -> None:
    """Were the process killed now, an uninstall would still know of every hook; Helm's own record lacks them."""
    chart = Chart({**TWO.templates, "slow.yaml": pod("slow", run_for="5s")}, TWO.values)
    await Install(helm_config).run("shop", chart.archive())
    running = asyncio.create_task(ReleaseTest(helm_config).run("shop", filter="name=shop-slow"))
    await until(lambda: objects.find("pods", "shop-slow"), "the test began")
    names = [one["name"] for one in objects.record("shop")["hooks"]]
    running.cancel()
    assert sorted(names) == ["shop-a", "shop-b", "shop-hook", "shop-slow"]
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_logs(helm_config: Configuration) -> None:
    chart = Chart(
        {**TWO.templates, "job.yaml": hook("test", name=f"{NAME}-job", weight=2, log="from a job")}, TWO.values
    )
    await Install(helm_config).run("shop", chart.archive())
    tested = await ReleaseTest(helm_config).run("shop", logs=True)
    found = [(one["test"], one["kind"], one["container"], one["log"]) for one in tested["logs"]]
    assert found == [
        ("shop-b", "Pod", "first", "one\ntwo\n"),
        ("shop-b", "Pod", "main", "one\ntwo\n"),
        ("shop-a", "Pod", "first", "hello from a\n"),
        ("shop-a", "Pod", "main", "hello from a\n"),
        ("shop-job", "Job", "main", "from a job\n"),
    ]
    assert tested["logs"][0]["pod"] == "shop-b"
    assert tested["logs"][4]["pod"].startswith("shop-job-")
    only = await ReleaseTest(helm_config).run("shop", logs=True, filter="name=shop-a")
    assert {one["test"] for one in only["logs"]} == {"shop-a"}


async def test_logs_are_read_before_the_pods_are_deleted(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"a.yaml": pod("a", policy="hook-succeeded", log="read me")})
    await Install(helm_config).run("shop", chart.archive())
    tested = await ReleaseTest(helm_config).run("shop", logs=True)
    assert [one["log"] for one in tested["logs"]] == ["read me\n"] * 2
    await until(lambda: objects.names("pods") == [], "the pod is deleted")


async def test_events(helm_config: Configuration) -> None:
    events: list[Event] = []
    await Install(helm_config).run("shop", TWO.archive())
    await ReleaseTest(helm_config).run("shop", logs=True, on_event=events.append)
    hooks = [event for event in events if event["type"] == "hook"]
    told = [
        (event["resource"]["name"], event["status"]) for event in hooks if "status" in event and "resource" in event
    ]
    assert told == [("shop-b", "started"), ("shop-b", "succeeded"), ("shop-a", "started"), ("shop-a", "succeeded")]
    lines = [event.get("message") for event in hooks if event.get("fields", {}).get("container") == "main"]
    assert lines == ["one", "two", "hello from a"]
    phases = [event["phase"] for event in events if event["type"] == "phase"]
    assert phases[0] == "testing"
    assert "test" in phases


async def test_a_test_that_fails(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart(
        {
            **SIMPLE.templates,
            "a.yaml": pod("a", log="fine"),
            "b.yaml": pod("b", weight=1, exit_code="1", log="what went wrong"),
            "c.yaml": pod("c", weight=2),
        },
        SIMPLE.values,
    )
    await Install(helm_config).run("shop", chart.archive())
    with pytest.raises(ReleaseTestError) as raised:
        await ReleaseTest(helm_config).run("shop", logs=True)
    error = raised.value
    for kind in (HookError, ReleaseError, ChartError, HelmError):
        assert isinstance(error, kind)
    assert (error.code, error.release) == ("hook_failed", "shop")
    assert "shop-b" in str(error)
    ended = [(one["name"], one["last_run"]["phase"]) for one in error.details["tests"]]
    assert ended == [("shop-a", "Succeeded"), ("shop-b", "Failed")]
    assert [(one["test"], one["log"]) for one in error.details["logs"] if one["container"] == "main"] == [
        ("shop-a", "fine\n"),
        ("shop-b", "what went wrong\n"),
    ]
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.details, again.release) == (str(error), error.details, "shop")
    release = await Status(helm_config).run("shop")
    assert runs(release) == {"shop-a": "Succeeded", "shop-b": "Failed"}
    assert release["info"]["status"] == "deployed"
    assert objects.names("pods") == ["shop-a", "shop-b"]
    with pytest.raises(HookError, match="logs=True") as quiet:
        await ReleaseTest(helm_config).run("shop", filter="name=shop-b")
    assert "logs" not in quiet.value.details


async def test_a_test_that_takes_too_long(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({**SIMPLE.templates, "a.yaml": pod("a", ready="never")}, SIMPLE.values)
    await Install(helm_config).run("shop", chart.archive())
    with pytest.raises(WaitTimeoutError) as raised:
        await ReleaseTest(helm_config).run("shop", timeout=0.5)
    assert isinstance(raised.value, ReleaseTestError)
    assert raised.value.details["not_ready"][0]["name"] == "shop-a"
    assert raised.value.details["hook"] == "test"
    assert objects.record("shop")["hooks"][0]["last_run"]["phase"] == "Failed"
    assert objects.statuses("shop") == ["deployed"]


async def test_a_test_that_the_cluster_refuses(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"a.yaml": pod("Not_A_Name")})
    await Install(helm_config).run("shop", chart.archive())
    with pytest.raises(ReleaseTestError, match="Not_A_Name") as raised:
        await ReleaseTest(helm_config).run("shop")
    assert raised.value.code == "invalid_object"
    assert objects.record("shop")["hooks"][0]["last_run"]["phase"] == "Failed"


@pytest.mark.parametrize("status", ["deployed", "failed"])
async def test_a_cancel(helm_config: Configuration, objects: Objects, status: str) -> None:
    chart = Chart({**TWO.templates, "slow.yaml": pod("slow", weight=9, ready="never")}, TWO.values)
    await Install(helm_config).run("shop", chart.archive())
    if status == "failed":
        broken = {**chart.templates, "broken.yaml": hook("post-upgrade", name="broken", exit_code="1")}
        with pytest.raises(HookError):
            await Upgrade(helm_config).run("shop", Chart(broken, TWO.values).archive())
    before = objects.record("shop", len(objects.statuses("shop")))
    running = asyncio.create_task(ReleaseTest(helm_config).run("shop"))
    await until(lambda: objects.find("pods", "shop-slow"), "the slow test began")
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 1
    after = objects.record("shop", before["version"])
    assert after["info"] == before["info"]
    assert after["info"]["status"] == status
    ended = {one["name"]: one["last_run"]["phase"] for one in after["hooks"] if one["last_run"]["phase"]}
    ended.pop("broken", None)
    assert ended == {"shop-a": "Succeeded", "shop-b": "Succeeded", "shop-slow": "Failed"}
    assert len(after["hooks"]) == len(before["hooks"])
    # Nothing stands in the way of what comes next.
    await Upgrade(helm_config).run("shop", TWO.archive())
    assert set(runs(await ReleaseTest(helm_config).run("shop")).values()) == {"Succeeded"}


async def test_a_cancelled_test_is_deleted_where_it_wants_to_be(helm_config: Configuration, objects: Objects) -> None:
    chart = Chart({"a.yaml": pod("a", policy="hook-failed", ready="never")})
    await Install(helm_config).run("shop", chart.archive())
    running = asyncio.create_task(ReleaseTest(helm_config).run("shop"))
    await until(lambda: objects.find("pods", "shop-a"), "the test began")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: objects.names("pods") == [], "the pod is deleted")


async def test_one_at_a_time(helm_config: Configuration, objects: Objects) -> None:
    await Install(helm_config).run("shop", Chart({"a.yaml": pod("a", ready="never")}).archive())
    running = asyncio.create_task(ReleaseTest(helm_config).run("shop"))
    await until(lambda: objects.find("pods", "shop-a"), "the test began")
    for other in (
        ReleaseTest(helm_config).run("shop"),
        Upgrade(helm_config).run("shop", SIMPLE.archive()),
        Uninstall(helm_config).run("shop"),
    ):
        with pytest.raises(ReleasePendingError, match="test"):
            await other
    assert [one["name"] for one in await List(helm_config).run()] == ["shop"]
    running.cancel()
    await asyncio.wait([running])


async def test_no_such_release(helm_config: Configuration) -> None:
    with pytest.raises(ReleaseNotFoundError) as raised:
        await ReleaseTest(helm_config).run("shop")
    assert isinstance(raised.value, ReleaseTestError)
    assert (raised.value.code, raised.value.release) == ("release_not_found", "shop")
