"""Plugins that other actions use: post-renderers, and getters for charts and values files."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import pytest

from helm_sdkpy import ChartError, Configuration, HelmError, PostRenderError, Template
from tests.integration.charts import SIMPLE
from tests.integration.plugins import GETTER, LEGACY_GETTER, POST_RENDERER, ended, install, started


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of plugins that a Configuration made from now on has."""
    directory = tmp_path / "plugins"
    directory.mkdir()
    monkeypatch.setenv("HELM_PLUGINS", str(directory))
    return directory


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart that shows one value."""
    directory = tmp_path / "chart"
    (directory / "templates").mkdir(parents=True)
    (directory / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 1.0.0\n")
    (directory / "templates" / "t.yaml").write_text("value: {{ .Values.value | quote }}\n")
    return directory


async def test_a_post_renderer_changes_what_is_rendered(
    plugins: Path, chart: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    install(plugins, POST_RENDERER, 'echo "rendering $*" >&2; sed s/none/"$1-$2"/')
    with caplog.at_level(logging.INFO, logger="helm_sdkpy"):
        text = await Template(Configuration()).run(
            "x", chart, set="value=none", post_renderer="mine", post_renderer_args=["one", "two three"]
        )
    assert 'value: "one-two three"' in text
    assert "rendering one two three" in caplog.messages
    assert tuple(capfd.readouterr()) == ("", "")


async def test_a_post_renderer_sees_the_environment_of_the_configuration(
    plugins: Path, chart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = install(
        plugins, POST_RENDERER, 'sed "s|value:.*|value: $SET_LATER $HELM_PLUGIN_NAME $HELM_PLUGIN_DIR|"'
    )
    monkeypatch.setenv("SET_LATER", "in Python")
    config = Configuration()
    monkeypatch.setenv("SET_LATER", "too late")
    text = await Template(config).run("x", chart, post_renderer="mine")
    assert f"value: in Python mine {directory}" in text


async def test_the_failure_of_a_post_renderer_says_what_it_complained_about(
    plugins: Path, chart: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    install(plugins, POST_RENDERER, "echo half; echo 'no such overlay' >&2; exit 3")
    with pytest.raises(PostRenderError, match="no such overlay") as raised:
        await Template(Configuration()).run("x", chart, post_renderer="mine")
    assert isinstance(raised.value, ChartError)
    assert "exit status 3" in str(raised.value)
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize(
    ("script", "message"), [("cat >/dev/null", "empty output"), ("cat >/dev/null; kill -9 $$", "signal: killed")]
)
async def test_other_failures_of_a_post_renderer(plugins: Path, chart: Path, script: str, message: str) -> None:
    install(plugins, POST_RENDERER, script)
    with pytest.raises(PostRenderError, match=message):
        await Template(Configuration()).run("x", chart, post_renderer="mine")


async def test_a_post_renderer_that_is_not_there(plugins: Path, chart: Path) -> None:
    install(plugins, GETTER, "true")  # a plugin, but no post-renderer
    with pytest.raises(PostRenderError, match=f"no plugin of type postrenderer/v1 and that name in {plugins}"):
        await Template(Configuration()).run("x", chart, post_renderer="mine")
    install(plugins, POST_RENDERER.replace("${HELM_PLUGIN_DIR}/run", "no-such-program"), "true", name="other")
    with pytest.raises(PostRenderError, match="no-such-program"):
        await Template(Configuration()).run("x", chart, post_renderer="other")


async def test_a_cancel_ends_a_post_renderer_and_what_it_started(plugins: Path, chart: Path, tmp_path: Path) -> None:
    file = tmp_path / "process"
    install(plugins, POST_RENDERER, f"trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >{file}; sleep 60; sleep 60'; cat")
    task = asyncio.create_task(Template(Configuration()).run("x", chart, post_renderer="mine"))
    process = await started(file)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert ended(process)


@pytest.mark.parametrize("description", [GETTER, LEGACY_GETTER], ids=["v1", "legacy"])
async def test_a_getter_fetches_values_and_charts(
    plugins: Path, chart: Path, tmp_path: Path, description: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "values.yaml").write_text("value: fetched\n")
    (tmp_path / "served" / "chart-1.0.0.tgz").write_bytes(SIMPLE.archive())
    install(plugins, description, f'echo "fetching $4" >&2; cat {tmp_path}/served/"${{4##*/}}"')
    text = await Template(Configuration()).run("x", chart, values_files="mine://any/values.yaml")
    assert 'value: "fetched"' in text
    text = await Template(Configuration()).run("x", "mine://any/chart-1.0.0.tgz")
    assert '"kind": "ConfigMap"' in text
    assert tuple(capfd.readouterr()) == ("", "")


async def test_a_getter_is_told_what_helm_tells_it(plugins: Path, chart: Path) -> None:
    install(
        plugins,
        GETTER,
        'cat >&2; echo "value: \\"$1,$2,$3,$4,$HELM_PLUGIN_NAME,$HELM_PLUGIN_USERNAME,$HELM_NAMESPACE,'
        '$HELM_PLUGIN_PASS_CREDENTIALS_ALL,$HELM_MAX_HISTORY\\""',
    )
    text = await Template(Configuration(namespace="web")).run("x", chart, values_files="mine://a/b?c=d")
    assert 'value: ",,,mine://a/b?c=d,mine,,web,false,10"' in text


async def test_credentials_reach_a_getter_by_its_environment(plugins: Path, tmp_path: Path) -> None:
    said = tmp_path / "said"
    install(plugins, GETTER, f'echo "$* $HELM_PLUGIN_USERNAME $HELM_PLUGIN_PASSWORD" >{said}; exit 1')
    with pytest.raises(HelmError) as raised:
        await Template(Configuration()).run("x", "mine://any/chart-1.0.0.tgz", username="me", password="hush")
    assert said.read_text() == "   mine://any/chart-1.0.0.tgz me hush\n"
    assert "hush" not in str(raised.value)


async def test_the_failure_of_a_getter_says_what_it_complained_about(plugins: Path, chart: Path) -> None:
    install(plugins, GETTER, "echo 'no access' >&2; exit 9")
    with pytest.raises(HelmError, match="no access") as raised:
        await Template(Configuration()).run("x", chart, values_files="mine://any/values.yaml")
    assert "exit status 9" in str(raised.value)
    assert raised.value.code == "values_invalid"


async def test_a_cancel_ends_a_getter(plugins: Path, chart: Path, tmp_path: Path) -> None:
    file = tmp_path / "process"
    install(plugins, GETTER, f"echo $$ >{file}; sleep 60")
    task = asyncio.create_task(Template(Configuration()).run("x", chart, values_files="mine://any/values.yaml"))
    process = await started(file)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert ended(process)


async def test_what_is_no_plugin_is_logged_and_left_out(
    plugins: Path, chart: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(plugins, "name: [", "true", name="broken")
    install(plugins, POST_RENDERER, "cat")
    assert "value:" in await Template(Configuration()).run("x", chart, post_renderer="mine")
    assert "failed to load plugin (ignoring)" in caplog.messages


async def test_many_plugins_run_at_once(plugins: Path, chart: Path) -> None:
    install(plugins, POST_RENDERER, 'sleep 0.1; sed s/none/"$1"/')
    config = Configuration()
    texts = await asyncio.gather(
        *(
            Template(config).run("x", chart, set="value=none", post_renderer="mine", post_renderer_args=[str(number)])
            for number in range(12)
        )
    )
    assert all(f'value: "{number}"\n' in text for number, text in enumerate(texts))
