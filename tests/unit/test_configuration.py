"""What a Configuration checks, sends, shows and closes."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import time
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import Configuration, ConfigurationError, List, ReleaseError

from .conftest import Wire

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: []
users:
- name: me
  user: {token: hunter2}
"""


async def options(client: Wire, config: Configuration) -> dict[str, Any]:
    await List(config).run()
    return client.library.created[-1]


async def test_defaults(client: Wire) -> None:
    created = await options(client, Configuration())
    environment = created.pop("environment")
    assert environment == dict(os.environ)
    assert created == {"namespace": "default"}


async def test_making_one_asks_the_library_nothing(client: Wire) -> None:
    Configuration()
    assert client.library.created == []
    assert not client.loader.is_loaded


async def test_everything_is_sent_under_its_keyword(client: Wire, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "namespace": "web", "kubecontext": "here", "plain_http": True, "insecure_skip_tls_verify": True,
        "registry_auth": {"r.example": {"username": "u", "password": "p"}}, "burst_limit": 5, "content_cache": tmp_path,
        "kube_apiserver": "https://x", "kube_as_group": "g", "kube_as_user": "u", "kube_ca_file": "/ca",
        "kube_insecure_skip_tls_verify": True, "kube_tls_server_name": "n", "kube_token": "t", "qps": -1,
        "registry_config": "/r", "repository_cache": "/c", "repository_config": "/f", "storage": "sql",
        "sql_connection": "postgres://", "lock": "lease",
    }  # fmt: skip
    created = await options(client, Configuration(**given))
    del created["environment"]
    assert created == given | {"content_cache": str(tmp_path), "kube_as_group": ["g"]}


async def test_environment_is_the_one_when_it_was_made(client: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_DRIVER", "memory")
    monkeypatch.setenv("BROKEN", os.fsdecode(b"\xff"))
    config = Configuration()
    monkeypatch.setenv("HELM_DRIVER", "secret")
    environment = (await options(client, config))["environment"]
    assert environment["HELM_DRIVER"] == "memory"
    assert "BROKEN" not in environment


async def test_kubeconfig_forms(client: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(KUBECONFIG)
    two.write_text(KUBECONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    forms: list[tuple[Any, dict[str, Any] | None]] = [
        (str(one), {"paths": [str(one)]}),
        (one, {"paths": [str(one)]}),
        ("one", {"paths": [str(one)]}),
        ("~/two", {"paths": [str(two)]}),
        ([one, str(two)], {"paths": [str(one), str(two)]}),
        (KUBECONFIG, {"text": KUBECONFIG}),
        ('{"apiVersion": "v1", "clusters": []}', {"text": '{"apiVersion": "v1", "clusters": []}'}),
        ("apiVersion: v1", {"text": "apiVersion: v1"}),
        ({"clusters": []}, {"text": '{"clusters": []}'}),
        (None, None),
        ("", None),
    ]
    for given, wanted in forms:
        assert (await options(client, Configuration(kubeconfig=given))).get("kubeconfig") == wanted


async def test_service_account(client: Wire) -> None:
    config = Configuration.from_service_account("web", True, registry_auth={"r": {"username": "u", "password": "p"}})
    created = await options(client, config)
    assert created["kubeconfig"] == {"in_cluster": True}
    assert (created["namespace"], created["plain_http"]) == ("web", True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kubeconfig": "/not/there"}, "kubeconfig /not/there can not be read: No such file or directory"),
        ({"kubeconfig": "/"}, "kubeconfig / can not be read: Is a directory"),
        ({"kubeconfig": ["/not/there"]}, "No such file"),
        ({"kubeconfig": []}, "empty list"),
        ({"kubeconfig": [""]}, "empty path"),
        ({"kubeconfig": "no\nkubeconfig"}, "is text, not a path"),
        ({"kubeconfig": "{}"}, "is text, not a path"),
        ({"kubeconfig": {"a": 1}}, "is a mapping without any of apiVersion"),
        ({"kubeconfig": {"users": [float("nan")]}}, r"kubeconfig\['users'\]\[0\] is nan"),
        ({"kubeconfig": 5}, "must be a path, a list of paths, YAML text, a mapping or None, not a int"),
        ({"kubeconfig": b"/x"}, "not a bytes"),
        ({"kubeconfig": "-"}, "standard input"),
        ({"namespace": 5}, "namespace must be a str"),
        ({"storage": "disk"}, "storage is 'disk': it must be 'secret', 'configmap', 'memory', 'sql'"),
        ({"storage": "secret", "sql_connection": "x"}, "sql_connection needs storage='sql'"),
        ({"lock": "file"}, "lock is 'file': it must be 'lease' or None"),
        ({"registry_auth": [("a", "b")]}, "registry_auth must be a mapping"),
        ({"registry_auth": {"h": "p"}}, "registry_auth must be a mapping"),
        ({"registry_auth": {"h": {"username": "u"}}}, r"registry_auth\['h'\] must have a username and a password"),
        ({"registry_auth": {"h": {"username": "u", "password": None}}}, "must have a username and a password"),
        ({"qps": "many"}, "qps must be a number"),
        ({"burst_limit": -1}, "burst_limit is -1"),
        ({"plain_http": "yes"}, "plain_http must be True or False"),
    ],
)
def test_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        Configuration(**arguments)
    assert raised.value.details["field"].startswith(next(iter(arguments))) or "sql_connection" in arguments


def test_repr_shows_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    auth = {"r": {"username": "u", "password": "hunter2"}}
    secrets: dict[str, Any] = {"registry_auth": auth, "kube_token": "hunter2", "sql_connection": "hunter2"}
    shown = repr(Configuration("web", KUBECONFIG, "here", **secrets))
    assert shown == "<Configuration namespace='web' kubeconfig='text' kubecontext='here'>"
    assert str(file) in repr(Configuration(kubeconfig=file))
    closed = Configuration()
    closed.close()
    assert repr(closed) == "<Configuration namespace='default' closed>"


def test_is_not_copied_nor_pickled() -> None:
    config = Configuration()
    for attempt in (lambda: pickle.dumps(config), lambda: copy.copy(config), lambda: copy.deepcopy(config)):
        with pytest.raises(TypeError, match="can not be copied or pickled"):
            attempt()


async def test_with_closes(client: Wire) -> None:
    with Configuration() as config:
        await List(config).run()
        assert client.library.destroyed == []
    assert client.library.destroyed == [7]
    assert config.closed
    async with Configuration() as other:
        await List(other).run()
    assert client.library.destroyed == [7, 7]
    config.close()
    await config.aclose()
    assert client.library.destroyed == [7, 7]


async def test_unused_one_closes_without_the_library(client: Wire) -> None:
    with Configuration():
        pass
    async with Configuration():
        pass
    assert client.library.created == []


async def test_async_with_waits_for_what_it_cancels(client: Wire) -> None:
    client.library.on_start = lambda op, request: None

    def on_cancel(op: int) -> None:
        asyncio.get_running_loop().call_later(
            0.05, lambda: client.library.done(op, error={"code": "cancelled", "message": ""})
        )

    client.library.on_cancel = on_cancel
    async with Configuration() as config:
        task = asyncio.create_task(List(config).run())
        await asyncio.to_thread(client.library.reached.acquire)
        await asyncio.sleep(0.01)
        began = time.monotonic()
    assert time.monotonic() - began >= 0.04
    assert client.library.destroyed == [7]
    with pytest.raises(ReleaseError, match="closed while"):
        await task


async def test_closing_waits_no_longer_than_a_second(client: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helm_sdkpy._operation.CANCEL_SECONDS", 0.05)
    client.library.on_start = lambda op, request: None
    client.library.on_cancel = lambda op: None
    began = 0.0
    async with Configuration() as config:
        task = asyncio.create_task(List(config).run())
        await asyncio.to_thread(client.library.reached.acquire)
        await asyncio.sleep(0.01)
        began = time.monotonic()
    assert 0.04 < time.monotonic() - began < 0.9
    client.library.done(1, error={"code": "cancelled", "message": ""})
    with pytest.raises(ConfigurationError):
        await task


async def test_garbage_collection_closes(client: Wire) -> None:
    for _ in range(3):
        await List(Configuration()).run()
    gc.collect()
    assert client.library.destroyed == [7, 7, 7]
    cycle: list[Any] = [Configuration()]
    cycle.append(cycle)
    await List(cycle[0]).run()
    del cycle
    gc.collect()
    assert client.library.destroyed == [7, 7, 7, 7]
