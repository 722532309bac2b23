"""What docs/security.md says: where secrets are and are not told, which files are written, and who is spoken to."""

from __future__ import annotations

import base64
import dataclasses
import logging
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import pytest

from helm_sdkpy import (
    Configuration,
    Diff,
    GetManifest,
    Install,
    Pull,
    Push,
    RegistryLogin,
    RepoAdd,
    Status,
    UnauthorizedError,
    Uninstall,
    Upgrade,
    ValuesSchemaError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, Chart, configmap, manifest
from tests.integration.objects import Objects

SECRET: Final = "hunter2-correct-horse"
FORMS: Final = (SECRET, base64.b64encode(SECRET.encode()).decode())
CHART: Final = Chart(
    {
        "secret.yaml": manifest("v1", "Secret", stringData={"password": "{{ .Values.password }}"}),
        "configmap.yaml": configmap(),
    },
    {"password": ""},
)


def shows(text: str, *secrets: str) -> list[str]:
    """Which of the secrets a text shows."""
    return [secret for secret in secrets if secret in text]


def files_below(root: Path) -> dict[str, str]:
    """Every file and directory below, with its mode."""
    return {str(path.relative_to(root)): f"{stat.S_IMODE(path.lstat().st_mode):o}" for path in sorted(root.rglob("*"))}


def holding(root: Path, *secrets: str) -> list[str]:
    """The files below that hold one of the secrets."""
    texts = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return sorted(
        str(path.relative_to(root))
        for path, content in texts.items()
        if any(secret.encode() in content for secret in secrets)
    )


# What is told.


async def test_values_of_secrets_are_in_no_event_and_no_log(
    helm_config: Configuration, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Any] = []
    caplog.set_level(logging.DEBUG)
    archive, values = CHART.archive(), {"password": SECRET}
    await Install(helm_config).run("shop", archive, values, on_event=events.append)
    await Upgrade(helm_config).run("shop", archive, {"password": f"{SECRET}-2"}, on_event=events.append)
    await Status(helm_config).run("shop")
    diff = await Diff(helm_config).run("shop", archive, {"password": f"{SECRET}-3"}, on_event=events.append)
    await Uninstall(helm_config).run("shop", on_event=events.append)
    assert len(events) > 10
    assert caplog.records
    told = [*map(repr, events), *(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)]
    assert [text for text in told if shows(text, *FORMS)] == []
    assert diff["changed"]
    assert shows(str(diff), *FORMS) == []


async def test_what_a_release_holds_is_shown_to_who_asks(helm_config: Configuration, objects: Objects) -> None:
    release = await Install(helm_config).run("shop", CHART.archive(), {"password": SECRET})
    assert release["config"] == {"password": SECRET}
    assert SECRET in release["manifest"]
    assert SECRET in await GetManifest(helm_config).run("shop")
    # The record is a Secret of the namespace that holds values and manifest, packed and not encrypted.
    [record] = [name for name in objects.names("secrets") if name.startswith("sh.helm.release")]
    assert objects.get("secrets", record)["type"] == "helm.sh/release.v1"
    hidden = await Upgrade(helm_config).run(
        "shop", CHART.archive(), {"password": SECRET}, dry_run="server", hide_secret=True
    )
    assert shows(hidden["manifest"], *FORMS) == []


async def test_a_schema_that_does_not_hold_quotes_no_value(helm_config: Configuration) -> None:
    schema = '{"properties": {"password": {"type": "string", "pattern": "^[0-9]+$", "maxLength": 3}}}'
    chart = dataclasses.replace(CHART, files={"values.schema.json": schema})
    with pytest.raises(ValuesSchemaError, match="/password") as raised:
        await Install(helm_config).run("shop", chart.archive(), {"password": SECRET})
    assert shows(f"{raised.value}{raised.value.details}", *FORMS) == []


async def test_a_token_is_in_no_error_log_or_repr(
    helm_cluster: TestCluster, helm_namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    text = Path(helm_cluster.kubeconfig).read_text()
    with Configuration(helm_namespace, text, kube_token=SECRET, registry_auth={"a.example": _login(SECRET)}) as config:
        assert shows(f"{config!r} {config} {vars(config).get('_shown')}", SECRET) == []
        assert config.env()["HELM_KUBETOKEN"] == SECRET
    nobody: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": "a"} | {
        "clusters": [
            {"name": "a", "cluster": {"server": helm_cluster.server, "certificate-authority": helm_cluster.ca_file}}
        ],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {}}],
    }
    with (
        Configuration(helm_namespace, nobody, kube_token=SECRET) as config,
        pytest.raises(UnauthorizedError) as raised,
    ):
        await Install(config).run("shop", SIMPLE.archive())
    assert shows(f"{raised.value}{raised.value.details}{raised.value!r}", SECRET) == []
    assert [record for record in caplog.records if shows(str(record.__dict__), SECRET)] == []


def _login(password: str) -> dict[str, str]:
    return {"username": "me", "password": password}


# What is written.


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with nothing in it, and none of helm's directories elsewhere."""
    for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    made = tmp_path / "home"
    made.mkdir()
    monkeypatch.setenv("HOME", str(made))
    return made


async def test_a_local_chart_leaves_no_file(home: Path, helm_cluster: TestCluster, objects: Objects) -> None:
    chart = CHART.write(home.parent)
    before = files_below(chart)
    with Configuration(objects.namespace, helm_cluster.kubeconfig) as config:
        await Install(config).run("shop", chart, {"password": SECRET})
        await Upgrade(config).run("shop", chart, {"password": SECRET})
        await Uninstall(config).run("shop")
    assert files_below(home) == {}
    assert files_below(chart) == before


async def test_what_charts_repositories_and_logins_leave(
    home: Path, helm_cluster: TestCluster, objects: Objects
) -> None:
    cluster, namespace = helm_cluster, objects.namespace
    served = cluster.charts / namespace
    served.mkdir()
    SIMPLE.save(served)
    mask = os.umask(0o022)
    try:
        with Configuration(namespace, cluster.kubeconfig) as config:
            await RepoAdd(config).run(
                "shop", f"{cluster.repository_auth}/{namespace}", cluster.username, cluster.password
            )
            await RegistryLogin(config).run(cluster.registry_auth, cluster.username, cluster.password, plain_http=True)
            await Install(config).run("shop", "shop/web")
    finally:
        os.umask(mask)
    found = files_below(home)
    assert found[".config/helm/repositories.yaml"] == "600"
    assert found[".config/helm/registry"] == "700"
    assert found[".config/helm/registry/config.json"] == "600"
    assert {path for path in found if not path.startswith((".config/helm", ".cache/helm"))} == {".config", ".cache"}
    # Credentials are in these two and nowhere else; neither encrypts them.
    login = base64.b64encode(f"{cluster.username}:{cluster.password}".encode()).decode()
    kept = [".config/helm/registry/config.json", ".config/helm/repositories.yaml"]
    assert holding(home, cluster.password, login) == kept


async def test_registry_auth_is_kept_in_memory_only(home: Path, helm_cluster: TestCluster, objects: Objects) -> None:
    host, namespace = helm_cluster.registry_auth, objects.namespace
    who = {"username": helm_cluster.username, "password": helm_cluster.password}
    with Configuration(namespace, helm_cluster.kubeconfig, plain_http=True, registry_auth={host: who}) as config:
        await Push(config).run(SIMPLE.save(home.parent), f"oci://{host}/{namespace}")
        await Pull(config).run(f"oci://{host}/{namespace}/web", home.parent)
    assert files_below(home) == {} or holding(home, helm_cluster.password) == []
    assert not [path for path in files_below(home) if "registry" in path]


# Whom it speaks to.


def test_import_and_rendering_open_no_connection(tmp_path: Path, home: Path) -> None:
    """Neither Python nor Go makes a socket: not at import, not when it loads, not to render a local chart."""
    chart = CHART.write(tmp_path)
    done = _run(f"""
        import os, sys
        opened = []
        sys.addaudithook(lambda event, args: opened.append(event) if event.startswith("socket.connect") else None)
        import asyncio, helm_sdkpy
        assert not [name for name in os.listdir("/proc/self/fd") if "helm_sdkpy" in _target(name)]
        helm_sdkpy.get_version()
        # asyncio's own pair of sockets for waking its loop is no connection.
        before = len(sockets())
        async def main():
            loops = len(sockets())
            config = helm_sdkpy.Configuration()
            await helm_sdkpy.Template(config).run("shop", {str(chart)!r}, {{"password": "x"}})
            await helm_sdkpy.Lint(config).run({str(chart)!r})
            assert len(sockets()) == loops, sockets()
        asyncio.run(main())
        assert before == 0, before
        print(opened)
    """)
    assert done == "[]\n"


def _run(code: str) -> str:
    preamble = """
        import os
        def _target(name):
            try:
                return os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                return ""
        def sockets():
            return [found for name in os.listdir("/proc/self/fd") if (found := _target(name)).startswith("socket:")]
    """
    source = textwrap.dedent(preamble) + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
