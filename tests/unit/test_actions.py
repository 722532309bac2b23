"""From a user's call to the wire: what is sent, what is refused, what comes back."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    ConfigurationError,
    GetValues,
    History,
    Install,
    InstallError,
    List,
    ReleaseError,
    Rollback,
    Status,
    Uninstall,
    Upgrade,
    ValidationError,
)

from .conftest import Wire


def sent(client: Wire) -> dict[str, Any]:
    return client.library.started[-1][3]["arguments"]


async def test_install_sends_what_differs_from_the_default(client: Wire) -> None:
    await Install(Configuration()).run("shop", "./shop")
    assert sent(client) == {"release_name": "shop", "chart_path": "./shop", "wait": "watcher", "timeout": 300}
    await Install(Configuration()).run(
        "shop", Path("shop"), {"id": 9007199254740993}, "1.2", True, False, datetime.timedelta(minutes=1), True,
        wait_for_jobs=True, server_side_apply=False, force_conflicts=True, disable_openapi_validation=True,
        rollback_on_failure=True, take_ownership=True, set="a=1", set_string=["b=2", "c=3"],
        values_files=Path("v.yaml"), labels={"team": "a"}, dry_run="server", no_hooks=True, cleanup_timeout=5,
        replace=True, password="secret",
    )  # fmt: skip
    assert sent(client) == {
        "release_name": "shop", "chart_path": "shop", "values": {"id": 9007199254740993}, "version": "1.2",
        "create_namespace": True, "wait": "hookOnly", "timeout": 60.0, "skip_schema_validation": True,
        "wait_for_jobs": True, "server_side": "false", "force_conflicts": True, "disable_openapi_validation": True,
        "rollback_on_failure": True, "take_ownership": True, "set": ["a=1"], "set_string": ["b=2", "c=3"],
        "values_files": ["v.yaml"], "labels": {"team": "a"}, "dry_run": "server", "no_hooks": True,
        "cleanup_timeout": 5, "replace": True, "password": "secret",
    }  # fmt: skip


async def test_upgrade(client: Wire) -> None:
    upgrade = Upgrade(Configuration())
    await upgrade.run("shop", "./shop")
    assert sent(client) == {"release_name": "shop", "chart_path": "./shop", "wait": "watcher", "timeout": 300}
    await upgrade.run("shop", "./shop", install=True, max_history=3, server_side_apply="true", reuse_values=True)
    assert sent(client)["max_history"] == 3
    assert sent(client)["server_side"] == "true"
    assert sent(client)["install"] is True
    await upgrade.run("shop", "./shop", history_max=0, server_side=False)
    assert sent(client)["max_history"] == 0
    assert sent(client)["server_side"] == "false"


async def test_rollback_waits_for_hooks_only_unless_told(client: Wire) -> None:
    rollback = Rollback(Configuration())
    await rollback.run("shop")
    assert sent(client) == {"release_name": "shop", "revision": 0, "wait": "hookOnly"}
    await rollback.run("shop", 2, wait=True, cleanup_on_fail=True, history_max=4)
    assert sent(client) == {
        "release_name": "shop", "revision": 2, "wait": "watcher", "cleanup_on_fail": True, "max_history": 4,
    }  # fmt: skip


async def test_uninstall(client: Wire) -> None:
    await Uninstall(Configuration()).run("shop", False, 10, dry_run=True, cascade="foreground", keep_history=True)
    assert sent(client) == {
        "release_name": "shop", "wait": "hookOnly", "timeout": 10, "dry_run": True, "cascade": "foreground",
        "keep_history": True,
    }  # fmt: skip
    with pytest.raises(ValidationError, match="dry_run must be True or False"):
        await Uninstall(Configuration()).run("shop", dry_run="server")  # type: ignore[typeddict-item]  # pyright: ignore


async def test_reading_actions(client: Wire) -> None:
    config = Configuration()
    await List(config).run(max=5, filter="^s", all_namespaces=True)
    assert sent(client) == {"max": 5, "filter": "^s", "all_namespaces": True}
    await List(config).run(all=True, max=5)
    assert sent(client) == {"all": True}
    await List(config).run()
    assert sent(client) == {}
    await Status(config).run("shop", revision=2)
    assert sent(client) == {"release_name": "shop", "revision": 2}
    await History(config).run("shop", max=3, show_rollback_revision=True)
    assert sent(client) == {"release_name": "shop", "max": 3}
    await GetValues(config).run("shop", True, revision=1)
    assert sent(client) == {"release_name": "shop", "all": True, "revision": 1}
    assert [call[0] for call in client.library.started[-3:]] == ["status", "history", "get_values"]


async def test_chart_as_bytes(client: Wire) -> None:
    await Install(Configuration()).run("shop", b"\x1f\x8b")
    assert sent(client)["chart_archive"] == "H4s="
    assert "chart_path" not in sent(client)


async def test_generated_name(client: Wire) -> None:
    await Install(Configuration()).run(None, "./shop", generate_name=True)
    assert sent(client)["generate_name"] is True
    assert "release_name" not in sent(client)


async def test_post_renderer_forms(client: Wire) -> None:
    await Install(Configuration()).run("shop", "./shop", post_renderer=lambda manifest: manifest)
    assert sent(client)["post_renderer_callable"] is True
    assert "post_renderer" not in sent(client)
    await Install(Configuration()).run("shop", "./shop", post_renderer="plugin", post_renderer_args=["-x"])
    assert sent(client)["post_renderer"] == "plugin"
    assert sent(client)["post_renderer_args"] == ["-x"]


async def test_events_are_asked_for_where_somebody_listens(client: Wire) -> None:
    await Install(Configuration()).run("shop", "./shop", on_event=print)
    assert client.library.started[-1][3]["listen"] is True
    assert "on_event" not in sent(client)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": {"a": float("nan")}}, r"values\['a'\] is nan"),
        ({"timeout": -1}, "timeout is -1"),
        ({"wait": "yes"}, "wait is 'yes'"),
        ({"chart_path": ""}, "chart_path is empty"),
        ({"chart_path": b""}, "chart_path is an empty archive"),
        ({"chart_path": "-"}, "chart_path must not be"),
        ({"chart_path": None}, "chart_path is None"),
        ({"chart_path": 5}, "chart_path must be"),
        ({"release_name": ""}, "release_name is empty"),
        ({"release_name": None}, "release_name is None: name the release, or set generate_name=True"),
        ({"generate_name": True}, "generate_name and release_name exclude each other"),
        ({"name_template": "x"}, "name_template and release_name exclude each other"),
        ({"force_replace": True, "force_conflicts": True}, "force_conflicts and force_replace exclude each other"),
        ({"server_side": True, "server_side_apply": False}, "server_side_apply is given twice"),
        ({"on_event": 5}, "on_event must be callable"),
        ({"post_renderer": 5}, "post_renderer must be a callable"),
        ({"create_namespace": "yes"}, "create_namespace must be True or False"),
        ({"values_files": ["a.yaml", "-"]}, "values_files must not be"),
    ],
)
async def test_refused_before_anything_is_sent(client: Wire, options: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"release_name": "shop", "chart_path": "./shop", **options}
    with pytest.raises(ValidationError, match=message) as raised:
        await Install(Configuration()).run(**arguments)
    assert isinstance(raised.value, InstallError)
    assert raised.value.code == "invalid_argument"
    assert message.startswith(raised.value.details["field"].partition("[")[0])
    assert client.library.started == []
    assert client.library.created == []


async def test_two_names_for_one_thing_may_agree(client: Wire) -> None:
    await Upgrade(Configuration()).run("shop", "./shop", max_history=3, history_max=3)
    assert sent(client)["max_history"] == 3
    with pytest.raises(ValidationError, match="history_max is given twice: max_history=3 and history_max=4"):
        await Upgrade(Configuration()).run("shop", "./shop", max_history=3, history_max=4)


async def test_unknown_option_is_named_with_the_nearest(client: Wire) -> None:
    config = Configuration()
    with pytest.raises(TypeError, match=r"Install\.run\(\) got an unexpected keyword .* 'set_strings'.*'set_string'"):
        await Install(config).run("shop", "./shop", set_strings=["a=1"])  # type: ignore[call-arg]  # pyright: ignore
    with pytest.raises(TypeError, match=r"'timeouts'\. Did you mean 'timeout'"):
        await Uninstall(config).run("shop", timeouts=5)  # type: ignore[call-arg]  # pyright: ignore
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'zzz'$"):
        await List(config).run(zzz=5)  # type: ignore[call-arg]  # pyright: ignore
    assert client.library.started == []


@pytest.mark.parametrize("kind", [Install, Upgrade, Rollback, Uninstall, List, Status, History, GetValues])
def test_action_needs_a_configuration(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__}\\(\\) needs a Configuration, not a str"):
        kind("config")


async def test_errors_are_the_actions(client: Wire) -> None:
    config = Configuration()
    missing: dict[str, Any] = {"error": {"code": "release_not_found", "message": "no", "details": {}}}
    client.library.on_start = lambda op, request: missing
    with pytest.raises(ReleaseError) as raised:
        await Status(config).run("shop")
    assert raised.value.release == "shop"
    config.close()
    with pytest.raises(ConfigurationError, match="make a new one") as closed:
        await Status(config).run("shop")
    assert isinstance(closed.value, ReleaseError)


async def test_cleanup_lengthens_the_wait_of_a_cancel(client: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    async def run(connection: Any, call: Any) -> None:
        bounds.append(call.cleanup_seconds)

    monkeypatch.setattr(client.operations, "run", run)
    config = Configuration()
    await Install(config).run("shop", "./shop")
    await Install(config).run("shop", "./shop", rollback_on_failure=True)
    await Install(config).run("shop", "./shop", rollback_on_failure=True, timeout=20)
    await Upgrade(config).run("shop", "./shop", cleanup_on_fail=True, cleanup_timeout=7)
    await Upgrade(config).run("shop", "./shop", cleanup_timeout=7)
    assert bounds == [0, 60, 20, 7, 0]
