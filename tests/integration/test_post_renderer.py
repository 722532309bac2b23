"""Post-renderers: Python callables that change what was rendered."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
import yaml

from helm_sdkpy import (
    Configuration,
    Install,
    InstallError,
    PostRenderError,
    Rollback,
    Upgrade,
    ValidationError,
)
from tests.integration.charts import SIMPLE, Chart, configmap, hook
from tests.integration.objects import Objects


async def test_a_callable_changes_the_manifest(helm_config: Configuration, objects: Objects) -> None:
    def renderer(manifest: str) -> str:
        found = [one for one in yaml.safe_load_all(manifest) if one]
        for one in found:
            one["metadata"].setdefault("labels", {})["added"] = "yes"
        return yaml.safe_dump_all(found)

    release = await Install(helm_config).run("shop", SIMPLE.archive(), post_renderer=renderer)
    assert objects.get("configmaps", "shop")["metadata"]["labels"]["added"] == "yes"
    assert "added: " in release["manifest"]


async def test_an_async_callable_runs_in_the_callers_loop_and_context(
    helm_config: Configuration, objects: Objects
) -> None:
    caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller")
    caller.set("me")

    async def renderer(manifest: str) -> str:
        await asyncio.sleep(0.01)
        return manifest.replace("chart", caller.get())

    await Upgrade(helm_config).run("shop", SIMPLE.archive(), install=True, post_renderer=renderer)
    assert objects.data("shop") == {"value": "me"}
    await Upgrade(helm_config).run("shop", SIMPLE.archive(), post_renderer=lambda text: text.replace("chart", "you"))
    assert objects.data("shop") == {"value": "you"}
    # What was recorded is what was rendered after.
    await Rollback(helm_config).run("shop", 1)
    assert objects.data("shop") == {"value": "me"}


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_an_exception_is_the_cause(helm_config: Configuration, objects: Objects, kind: str) -> None:
    def fails(manifest: str) -> str:
        raise ZeroDivisionError("on purpose")

    async def fails_later(manifest: str) -> str:
        await asyncio.sleep(0)
        return fails(manifest)

    with pytest.raises(PostRenderError, match="on purpose") as raised:
        await Install(helm_config).run("shop", SIMPLE.archive(), post_renderer=fails if kind == "sync" else fails_later)
    assert isinstance(raised.value, InstallError)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert objects.statuses("shop") + objects.names("configmaps") == []


@pytest.mark.parametrize("answer", [None, b"bytes", 7])
async def test_what_is_no_manifest(helm_config: Configuration, answer: object) -> None:
    with pytest.raises(PostRenderError, match="must return the manifest, a str"):
        await Install(helm_config).run("shop", SIMPLE.archive(), post_renderer=lambda _: answer)  # type: ignore[arg-type,return-value]


async def test_what_is_no_yaml(helm_config: Configuration, objects: Objects) -> None:
    with pytest.raises(PostRenderError) as raised:
        await Install(helm_config).run("shop", SIMPLE.archive(), post_renderer=lambda _: "a: [1")
    assert isinstance(raised.value, InstallError)
    assert objects.statuses("shop") == []


async def test_hooks_are_rendered_too(helm_config: Configuration, objects: Objects) -> None:
    seen: list[str] = []

    def renderer(manifest: str) -> str:
        seen.append(manifest)
        return manifest.replace("example/web:1", "example/web:2")

    chart = Chart({"c.yaml": configmap(), "h.yaml": hook("pre-install")})
    await Install(helm_config).run("shop", chart.archive(), post_renderer=renderer, timeout=60)
    image = objects.get("jobs", "shop-hook")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == "example/web:2"
    assert len(seen) == 1


async def test_many_at_once_each_get_their_own(helm_config: Configuration, objects: Objects) -> None:
    async def install(number: int) -> None:
        async def renderer(manifest: str) -> str:
            await asyncio.sleep(0.01 * (number % 3))
            return manifest.replace("chart", f"number {number}")

        await Install(helm_config).run(f"shop-{number}", SIMPLE.archive(), post_renderer=renderer)

    await asyncio.gather(*(install(number) for number in range(12)))
    for number in range(12):
        assert objects.data(f"shop-{number}") == {"value": f"number {number}"}


async def test_no_such_plugin(helm_config: Configuration) -> None:
    with pytest.raises(InstallError, match="no-such-plugin"):
        await Install(helm_config).run("shop", SIMPLE.archive(), post_renderer="no-such-plugin")


async def test_arguments_need_a_plugin(helm_config: Configuration) -> None:
    with pytest.raises(ValidationError, match="post_renderer_args"):
        await Install(helm_config).run("shop", SIMPLE.archive(), post_renderer=str, post_renderer_args=["x"])
