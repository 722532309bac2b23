"""Events: what is told, in which order, and that no callback can harm an operation."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    DependencyBuild,
    DependencyList,
    DependencyUpdate,
    HookError,
    Install,
    Lint,
    List,
    Package,
    Pull,
    Push,
    ReleaseTest,
    Rollback,
    Show,
    Template,
    Uninstall,
    Upgrade,
    WaitTimeoutError,
)
from helm_sdkpy.events import Event
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import NAME, SIMPLE, STUCK, Chart, configmap, definition, deployment, hook, manifest
from tests.integration.objects import Objects

EVERYTHING = Chart(
    {
        "c.yaml": configmap(value="{{ .Values.value }}"),
        "d.yaml": deployment(),
        "pre.yaml": hook("pre-install", "pre-upgrade", name=f"{NAME}-pre", policy="before-hook-creation"),
        "post.yaml": hook("post-install", "post-upgrade", name=f"{NAME}-post", policy="before-hook-creation"),
    },
    {"value": "chart"},
)


class Heard(list[Any]):
    """Keeps the events that it is called with."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    def of(self, kind: str) -> list[Any]:
        return [event for event in self if event["type"] == kind]

    def phases(self) -> list[str]:
        return [event["phase"] for event in self.of("phase")]

    def actions(self) -> list[tuple[str, str, str]]:
        """Kind, name and action of what happened to the objects."""
        events = [event for event in self.of("resource") if "action" in event]
        return [(event["resource"]["kind"], event["resource"]["name"], event["action"]) for event in events]


async def test_an_install_is_told_from_its_start_to_its_end(helm_config: Configuration, helm_namespace: str) -> None:
    heard = Heard()
    await Install(helm_config).run("shop", EVERYTHING.archive(), on_event=heard, timeout=60)
    assert all(event["release"] == "shop" and event["namespace"] == helm_namespace for event in heard)
    assert [event["time"] for event in heard] == sorted(event["time"] for event in heard)
    assert all(event["time"].endswith("Z") for event in heard)
    phases = heard.phases()
    order = ["rendering", "pre-install", "applying", "waiting", "post-install"]
    assert [phase for phase in phases if phase in order] == order
    assert {("ConfigMap", "shop", "created"), ("Deployment", "shop", "created")} <= set(heard.actions())
    last = {}
    for event in heard.of("resource"):
        if "status" in event:
            last[event["resource"]["kind"], event["resource"]["name"]] = event["status"]
    assert last["Deployment", "shop"] == "ready"
    hooks = [(event["resource"]["name"], event["status"]) for event in heard.of("hook")]
    assert [one for one in hooks if one[1] in ("started", "succeeded")] == [
        ("shop-pre", "started"),
        ("shop-pre", "succeeded"),
        ("shop-post", "started"),
        ("shop-post", "succeeded"),
    ]
    (deployed,) = [
        event for event in heard.of("resource") if event.get("action") and event["resource"]["kind"] == "Deployment"
    ]
    assert deployed["resource"] == {
        "api_version": "apps/v1", "kind": "Deployment", "namespace": helm_namespace, "name": "shop",
    }  # fmt: skip


async def test_an_upgrade_tells_what_changed(helm_config: Configuration) -> None:
    two = Chart({**SIMPLE.templates, "b.yaml": configmap("b"), "gone.yaml": configmap("gone")}, SIMPLE.values)
    await Install(helm_config).run("shop", two.archive())
    heard = Heard()
    new = Chart({**SIMPLE.templates, "b.yaml": configmap("b"), "new.yaml": configmap("new")}, SIMPLE.values)
    await Upgrade(helm_config).run("shop", new.archive(), {"value": "new"}, on_event=heard)
    assert set(heard.actions()) == {
        ("ConfigMap", "shop", "configured"),
        ("ConfigMap", "b", "unchanged"),
        ("ConfigMap", "new", "created"),
        ("ConfigMap", "gone", "deleted"),
    }


async def test_rollback_and_uninstall_tell_too(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SIMPLE.archive())
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), {"value": "b"})
    heard = Heard()
    await Rollback(helm_config).run("shop", on_event=heard)
    assert heard.actions() == [("ConfigMap", "shop", "configured")]
    heard.clear()
    await Uninstall(helm_config).run("shop", on_event=heard)
    assert heard.actions() == [("ConfigMap", "shop", "deleted")]
    assert "deleting" in heard.phases()


async def test_what_is_not_ready_is_told_with_the_reason(helm_config: Configuration) -> None:
    heard = Heard()
    with pytest.raises(WaitTimeoutError):
        await Install(helm_config).run("shop", STUCK.archive(), timeout=1, on_event=heard)
    told = [event for event in heard.of("resource") if event.get("status") == "in_progress"]
    assert {event["resource"]["kind"] for event in told} == {"Deployment"}
    assert all(event["message"] for event in told)


async def test_the_log_of_a_hook(helm_config: Configuration) -> None:
    marks = {"helm.sh/hook": "pre-install", "helm.sh/hook-output-log-policy": "hook-succeeded,hook-failed"}
    pod = manifest(
        "v1",
        "Pod",
        f"{NAME}-talks",
        metadata={"annotations": marks},
        spec={"restartPolicy": "Never", "containers": [{"name": "main", "image": "example/talks:1"}]},
    )
    heard = Heard()
    await Install(helm_config).run("shop", Chart({"p.yaml": pod}).archive(), on_event=heard, timeout=60)
    (line,) = [event for event in heard.of("hook") if "status" not in event]
    # The test cluster's containers write their own name.
    assert line["message"] == f"main of {helm_config.namespace}/shop-talks"
    assert line["resource"]["name"] == "shop-talks"
    assert line["fields"] == {"container": "main", "pod": "shop-talks"}


async def test_a_hook_that_fails_is_told(helm_config: Configuration) -> None:
    heard = Heard()
    chart = Chart({"h.yaml": hook("pre-install", exit_code="3")})
    with pytest.raises(HookError):
        await Install(helm_config).run("shop", chart.archive(), on_event=heard, timeout=60)
    assert [event["status"] for event in heard.of("hook") if event.get("status")] == ["started", "failed"]


async def test_warnings_of_the_server(helm_config: Configuration) -> None:
    chart = Chart({"c.yaml": manifest("v1", "ConfigMap", dataa={})})
    heard = Heard()
    await Install(helm_config).run("shop", chart.archive(), server_side=False, on_event=heard)
    assert [event["message"] for event in heard.of("warning")] == ['unknown field "dataa"']


async def test_logs_are_events_and_go_to_the_logger(
    helm_config: Configuration, caplog: pytest.LogCaptureFixture, helm_namespace: str
) -> None:
    heard = Heard()
    deprecated = Chart(SIMPLE.templates, SIMPLE.values, metadata={"deprecated": True})
    with caplog.at_level(logging.WARNING, "helm_sdkpy"):
        await Install(helm_config).run("shop", deprecated.archive(), on_event=heard)
    assert [(event["level"], event["message"]) for event in heard.of("log")] == [
        ("warning", "this chart is deprecated")
    ]
    (record,) = [record for record in caplog.records if "deprecated" in record.getMessage()]
    assert (record.levelname, record.__dict__["release"], record.__dict__["namespace"]) == (
        "WARNING",
        "shop",
        helm_namespace,
    )


async def test_debug_logs_only_where_the_logger_wants_them(
    helm_config: Configuration, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    with caplog.at_level(logging.DEBUG, "helm_sdkpy"):
        await Install(helm_config).run("shop", SIMPLE.archive(), on_event=heard)
    assert "debug" in {event["level"] for event in heard.of("log")}
    heard.clear()
    with caplog.at_level(logging.ERROR, "helm_sdkpy"):
        await Upgrade(helm_config).run("shop", SIMPLE.archive(), on_event=heard)
    assert heard.of("log") == []


async def test_nothing_is_told_after_the_call_returned(helm_config: Configuration) -> None:
    returned = False
    late: list[Event] = []
    heard = Heard()

    def on_event(event: Event) -> None:
        heard(event)
        if returned:
            late.append(event)

    await Install(helm_config).run("shop", EVERYTHING.archive(), on_event=on_event, timeout=60)
    returned = True
    count = len(heard)
    await asyncio.sleep(0.3)
    assert (late, len(heard)) == ([], count)
    # The last that happened was told before the return.
    assert [event["status"] for event in heard.of("hook")][-1] == "succeeded"


async def test_a_callback_runs_in_the_callers_loop_and_context(helm_config: Configuration) -> None:
    caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller")
    caller.set("me")
    loop = asyncio.get_running_loop()
    seen: set[tuple[bool, str]] = set()

    async def on_event(event: Event) -> None:
        await asyncio.sleep(0)
        seen.add((asyncio.get_running_loop() is loop, caller.get()))

    await Install(helm_config).run("shop", SIMPLE.archive(), on_event=on_event)
    assert seen == {(True, "me")}


async def test_an_async_callback_is_awaited_before_the_next(helm_config: Configuration) -> None:
    running = 0
    most = 0
    count = 0

    async def on_event(event: Event) -> None:
        nonlocal running, most, count
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        count += 1
        running -= 1

    await Install(helm_config).run("shop", EVERYTHING.archive(), on_event=on_event, timeout=60)
    assert most == 1
    assert count > 5


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_failing_callback_is_logged_and_harms_nothing(
    helm_config: Configuration, objects: Objects, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    count = 0

    def fails(event: Event) -> None:
        nonlocal count
        count += 1
        raise ZeroDivisionError("on purpose")

    async def fails_later(event: Event) -> None:
        await asyncio.sleep(0)
        fails(event)

    release = await Install(helm_config).run(
        "shop", SIMPLE.archive(), on_event=fails if kind == "sync" else fails_later
    )
    assert release["info"]["status"] == "deployed"
    assert count > 2
    assert "on_event of install of shop" in caplog.text
    assert "ZeroDivisionError: on purpose" in caplog.text
    assert objects.statuses("shop") == ["deployed"]


async def test_a_callback_that_cancels_itself_harms_nothing(helm_config: Configuration) -> None:
    async def on_event(event: Event) -> None:
        raise asyncio.CancelledError

    assert (await Install(helm_config).run("shop", SIMPLE.archive(), on_event=on_event))["version"] == 1


async def test_a_slow_async_callback_does_not_slow_the_operation(helm_config: Configuration, objects: Objects) -> None:
    began = time.monotonic()
    seen: list[Event] = []

    async def on_event(event: Event) -> None:
        seen.append(event)
        await asyncio.sleep(30)

    release = await Install(helm_config).run("shop", SIMPLE.archive(), on_event=on_event)
    assert release["info"]["status"] == "deployed"
    assert time.monotonic() - began < 10
    assert len(seen) == 1


async def test_a_callback_that_blocks_the_loop_does_not_stop_the_work(
    helm_config: Configuration, objects: Objects
) -> None:
    deployed_meanwhile = False

    def on_event(event: Event) -> None:
        nonlocal deployed_meanwhile
        deadline = time.monotonic() + 10
        while not deployed_meanwhile and time.monotonic() < deadline:
            time.sleep(0.02)
            deployed_meanwhile = objects.statuses("shop") == ["deployed"]

    await Install(helm_config).run("shop", SIMPLE.archive(), on_event=on_event)
    assert deployed_meanwhile


async def test_a_flood_of_events_is_bounded(helm_config: Configuration) -> None:
    chart = Chart({f"c{number}.yaml": configmap(f"c{number}") for number in range(150)})
    heard = Heard()
    release = await Install(helm_config).run("shop", chart.archive(), on_event=heard, timeout=120)
    assert release["info"]["status"] == "deployed"
    assert len({name for _, name, action in heard.actions() if action == "created"}) == 150


async def test_reading_takes_a_callback_too(helm_config: Configuration) -> None:
    heard = Heard()
    assert await List(helm_config).run(on_event=heard) == []


# Each action whole: every phase in order, and each object once with the right word.

WIDE = Chart(
    {
        "c.yaml": configmap(value="{{ .Values.value }}"),
        "same.yaml": configmap(f"{NAME}-same"),
        "kept.yaml": configmap(f"{NAME}-kept", {"annotations": {"helm.sh/resource-policy": "keep"}}),
        "gone.yaml": "{{ if .Values.gone }}" + configmap(f"{NAME}-gone") + "{{ end }}",
        "new.yaml": "{{ if .Values.new }}" + configmap(f"{NAME}-new") + "{{ end }}",
        "hook.yaml": hook(
            "pre-install", "pre-upgrade", "pre-rollback", "pre-delete", "test", policy="before-hook-creation"
        ),
    },
    {"value": "a", "gone": True, "new": False},
)

Run = Callable[[Heard], Awaitable[object]]


async def told(phases: list[str], objects: set[tuple[str, str]], run: Run) -> Heard:
    """The events of a run, which have these phases, and each of these ConfigMaps once."""
    heard = Heard()
    await run(heard)
    assert heard.phases() == phases
    found = [(name, action) for kind, name, action in heard.actions() if kind == "ConfigMap"]
    assert sorted(found) == sorted(objects)
    return heard


@pytest.mark.parametrize("server_side", [True, False], ids=["server-side", "client-side"])
async def test_every_action_tells_each_object_once(
    helm_cluster: TestCluster, helm_namespace: str, server_side: bool
) -> None:
    group = f"{helm_namespace}.example.com"
    templates = {**WIDE.templates, "w.yaml": manifest(f"{group}/v1", "Widget")}
    archive = Chart(templates, WIDE.values, files={"crds/w.yaml": definition(group, "Widget")}).archive()
    namespace = f"{helm_namespace[:50]}-new"
    made = Configuration(namespace, helm_cluster.kubeconfig)
    crd = f"widgets.{group}"
    side = "true" if server_side else "false"
    try:
        heard = await told(
            ["loading", "rendering", "crds", "waiting", "pre-install", "applying", "waiting"],
            {(name, "created") for name in ("shop", "shop-same", "shop-kept", "shop-gone")},
            lambda heard: Install(made).run(
                "shop", archive, create_namespace=True, server_side=server_side, on_event=heard, timeout=60
            ),
        )
        others = [found for found in heard.actions() if found[0] != "ConfigMap"]
        assert others == [
            ("CustomResourceDefinition", crd, "created"),
            ("Namespace", namespace, "created"),
            ("Job", "shop-hook", "created"),
            ("Widget", "shop", "created"),
        ]
        heard = await told(
            ["loading", "rendering", "pre-upgrade", "applying", "waiting"],
            {
                ("shop", "configured"),
                ("shop-same", "unchanged"),
                ("shop-kept", "unchanged"),
                ("shop-new", "created"),
                ("shop-gone", "deleted"),
            },
            lambda heard: Upgrade(made).run(
                "shop",
                archive,
                {"value": "b", "gone": False, "new": True},
                server_side=side,
                on_event=heard,
                timeout=60,
            ),
        )
        # The hook of the install makes room for that of the upgrade.
        others = [found for found in heard.actions() if found[0] != "ConfigMap"]
        assert others == [
            ("Job", "shop-hook", "deleted"),
            ("Job", "shop-hook", "created"),
            ("Widget", "shop", "unchanged"),
        ]
        assert [(event["phase"], event["status"]) for event in heard.of("hook")] == [
            ("pre-upgrade", "started"),
            ("pre-upgrade", "succeeded"),
        ]
        heard = await told(
            ["rolling back", "pre-rollback", "applying", "waiting"],
            {
                ("shop", "configured"),
                ("shop-same", "unchanged"),
                ("shop-kept", "unchanged"),
                ("shop-gone", "created"),
                ("shop-new", "deleted"),
            },
            lambda heard: Rollback(made).run("shop", wait=True, server_side=side, on_event=heard, timeout=60),
        )
        heard = await told(
            ["testing", "test"],
            set(),
            lambda heard: ReleaseTest(made).run("shop", logs=True, on_event=heard, timeout=60),
        )
        assert [event.get("status", "log") for event in heard.of("hook")] == ["started", "succeeded", "log"]
        heard = await told(
            ["uninstalling", "pre-delete", "deleting", "waiting"],
            {("shop", "deleted"), ("shop-same", "deleted"), ("shop-gone", "deleted")},
            lambda heard: Uninstall(made).run("shop", on_event=heard, timeout=60),
        )
        assert ("Widget", "shop", "deleted") in heard.actions()
        # The definition stays, and the next install does not change it.
        heard = Heard()
        await Install(made).run("shop", archive, server_side=server_side, take_ownership=True, on_event=heard)
        assert [action for _, name, action in heard.actions() if name == crd] == ["unchanged"] * server_side
    finally:
        helm_cluster.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}")
        helm_cluster.request("DELETE", f"/api/v1/namespaces/{namespace}")


async def test_actions_on_charts_tell_their_phases(helm_cluster: TestCluster, tmp_path: Path) -> None:
    config = Configuration(kubeconfig=helm_cluster.kubeconfig, plain_http=True)
    source = f"oci://{helm_cluster.registry}/{uuid.uuid4().hex}"
    chart, archive = SIMPLE.write(tmp_path), SIMPLE.save(tmp_path)
    needs = {"dependencies": [{"name": "web", "version": "0.1.0", "repository": source}]}
    parent = Chart(name="parent", metadata=needs).write(tmp_path)
    to = tmp_path / "to"
    to.mkdir()
    runs: list[tuple[list[str], Run]] = [
        (["loading", "rendering"], lambda heard: Template(config).run("shop", chart, on_event=heard)),
        (["linting"], lambda heard: Lint(config).run(chart, on_event=heard)),
        (["loading"], lambda heard: Show(config).chart(chart, on_event=heard)),
        (["packaging"], lambda heard: Package(config).run(chart, to, on_event=heard)),
        (["loading", "pushing"], lambda heard: Push(config).run(archive, source, plain_http=True, on_event=heard)),
        (
            ["downloading"],
            lambda heard: Pull(config).run(f"{source}/web", to, version="0.1.0", plain_http=True, on_event=heard),
        ),
        (["downloading"], lambda heard: DependencyUpdate(config).run(parent, plain_http=True, on_event=heard)),
        (["downloading"], lambda heard: DependencyBuild(config).run(parent, plain_http=True, on_event=heard)),
        (["loading"], lambda heard: DependencyList(config).run(parent, on_event=heard)),
    ]
    for phases, run in runs:
        heard = Heard()
        await run(heard)
        assert heard.phases() == phases
