"""The actions on plugins: what they install, tell and leave, with everything that they print kept from the process."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    HookError,
    PluginError,
    PluginExistsError,
    PluginHookError,
    PluginInstall,
    PluginInvalidError,
    PluginList,
    PluginNotFoundError,
    PluginPackage,
    PluginUninstall,
    PluginUpdate,
    PluginVerify,
    ProvenanceError,
    UnauthorizedError,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.keys import LOCKED, OPEN
from tests.integration.plugins import ended, pack, started, write


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Helm's data directory, of the test's own, as are its others."""
    for kind in ("cache", "config", "data"):
        monkeypatch.setenv(f"HELM_{kind.upper()}_HOME", str(tmp_path / kind))
    return tmp_path / "data"


@pytest.fixture
def config(data: Path) -> Configuration:
    return Configuration()


@pytest.fixture(autouse=True)
def _nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert tuple(capfd.readouterr()) == ("", "")


def tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def content(path: str) -> bytes:
    return Path(path).read_bytes()


async def test_a_directory_is_linked(config: Configuration, data: Path, tmp_path: Path) -> None:
    directory = write(tmp_path / "notes", install='echo "hook of $HELM_PLUGIN_NAME"; echo complains >&2')
    installed = await PluginInstall(config).run(directory)
    path = data / "plugins" / "notes"
    assert installed == {
        "name": "notes", "version": "1.0.0", "type": "cli/v1", "api_version": "v1", "runtime": "subprocess",
        "provenance": "local dev", "source_url": "https://example.invalid/notes", "path": str(path),
        "signed_by": [], "fingerprint": "", "file_hash": "",
        "output": "Installing plugin from local directory (development mode)\nhook of notes\nInstalled plugin: notes\n",
    }  # fmt: skip
    assert path.readlink() == directory
    with pytest.raises(PluginExistsError, match="plugin already exists"):
        await PluginInstall(config).run(directory)
    [listed] = await PluginList(config).run()
    assert listed == {name: value for name, value in installed.items() if name in listed}


async def test_what_is_printed_becomes_logs_and_events(
    config: Configuration, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = write(tmp_path / "notes", install="echo hook prints; echo hook complains >&2")
    seen: list[Any] = []
    with caplog.at_level(logging.INFO, logger="helm_sdkpy"):
        await PluginInstall(config).run(directory, on_event=seen.append)
    assert {"hook prints", "hook complains", "Installed plugin: notes"} <= set(caplog.messages)
    assert {"hook prints", "hook complains"} <= {event["message"] for event in seen if event["type"] == "log"}
    assert [event["phase"] for event in seen if event["type"] == "phase"] == ["installing"]


async def test_an_archive_needs_a_signature(config: Configuration, data: Path, tmp_path: Path) -> None:
    archive = pack(write(tmp_path / "notes"), tmp_path / "notes-1.0.0.tgz")
    with pytest.raises(ProvenanceError, match="no provenance file") as raised:
        await PluginInstall(config).run(archive)
    assert isinstance(raised.value, PluginError)
    assert raised.value.details["exit_code"] == 1
    installed = await PluginInstall(config).run(archive, verify=False)
    assert installed["provenance"] == "unsigned"
    assert installed["path"] == str(data / "plugins" / "notes")
    assert (data / "plugins" / "notes" / "run").exists()


async def test_packaged_signed_verified_and_installed(
    config: Configuration, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = write(tmp_path / "notes")
    packaged = await PluginPackage(config).run(
        directory, key=OPEN.name, keyring=OPEN.secring, destination=tmp_path / "out"
    )
    archive = tmp_path / "out" / "notes-1.0.0.tgz"
    assert (packaged["path"], packaged["provenance"]) == (str(archive), f"{archive}.prov")
    assert packaged["size"] == archive.stat().st_size
    assert packaged["output"].splitlines() == [
        f"Successfully signed. Signature written to: {archive}.prov",
        f"Successfully packaged plugin and saved it to: {archive}",
    ]
    verified = await PluginVerify(config).run(archive, keyring=OPEN.pubring)
    assert verified["file_hash"] == packaged["digest"]
    [signer] = verified["signed_by"]
    assert "helm-testing@helm.sh" in signer
    with pytest.raises(ProvenanceError):
        await PluginVerify(config).run(archive, keyring=LOCKED.pubring)
    with pytest.raises(ProvenanceError):
        await PluginInstall(config).run(archive, keyring=LOCKED.pubring)
    installed = await PluginInstall(config).run(archive, keyring=OPEN.pubring)
    assert (installed["signed_by"], installed["fingerprint"], installed["file_hash"]) == tuple(
        verified[name] for name in ("signed_by", "fingerprint", "file_hash")
    )
    assert installed["provenance"] == "signed"
    (data / "plugins" / "notes-1.0.0.tgz").write_bytes(b"another")
    assert [each["provenance"] for each in await PluginList(config).run()] == ["mismatched provenance"]
    (data / "plugins" / "notes-1.0.0.tgz.prov").write_bytes(b"nonsense")
    assert [each["provenance"] for each in await PluginList(config).run()] == ["invalid provenance"]


async def test_a_key_with_a_passphrase(config: Configuration, tmp_path: Path) -> None:
    directory, out = write(tmp_path / "notes"), tmp_path / "out"
    secret = tmp_path / "secret"
    secret.write_text(f"{LOCKED.passphrase}\n")
    signing: Any = {"key": LOCKED.name, "keyring": LOCKED.secring, "destination": out}
    with pytest.raises(ProvenanceError, match="set passphrase_file"):
        await PluginPackage(config).run(directory, **signing)
    assert not out.exists()
    secret.write_text("wrong")
    with pytest.raises(PluginError) as raised:
        await PluginPackage(config).run(directory, **signing, passphrase_file=secret)
    assert "wrong" not in str(raised.value)
    assert not out.exists()
    secret.write_text(f"{LOCKED.passphrase}\r\n")
    await PluginPackage(config).run(directory, **signing, passphrase_file=secret)
    assert tree(out) == {"notes-1.0.0.tgz", "notes-1.0.0.tgz.prov"}


async def test_packaging_the_working_directory_into_itself(
    config: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(tmp_path / "notes"))
    packaged = await PluginPackage(config).run(".", sign=False)
    assert (packaged["path"], packaged["provenance"]) == ("notes-1.0.0.tgz", None)
    with tarfile.open(packaged["path"]) as archive:
        assert set(archive.getnames()) == {"notes", "notes/plugin.yaml", "notes/run"}


async def test_over_http(
    config: Configuration, data: Path, tmp_path: Path, helm_cluster: TestCluster, served_charts: Path
) -> None:
    name = f"served{os.getpid()}"
    archive = pack(write(tmp_path / name), served_charts / f"{name}-1.0.0.tgz")
    try:
        installed = await PluginInstall(config).run(f"{helm_cluster.repository}/{archive.name}", verify=False)
        assert installed["path"] == str(data / "plugins" / name)
        with pytest.raises(PluginNotFoundError, match="404"):
            await PluginInstall(config).run(f"{helm_cluster.repository}/nowhere-1.0.0.tgz", verify=False)
    finally:
        archive.unlink()


async def test_out_of_a_registry(config: Configuration, data: Path, tmp_path: Path, helm_cluster: TestCluster) -> None:
    directory = write(tmp_path / "notes")
    packaged = await PluginPackage(config).run(directory, key=OPEN.name, keyring=OPEN.secring, destination=tmp_path)
    archive, signature = content(packaged["path"]), content(f"{packaged['path']}.prov")
    name = f"plugins{os.getpid()}/notes"
    reference = oci.push_plugin(helm_cluster.registry, name, "1.0.0", archive, signature)
    installed = await PluginInstall(config).run(reference, plain_http=True, keyring=OPEN.pubring)
    assert installed["provenance"] == "signed"
    assert installed["signed_by"]
    await PluginUninstall(config).run("notes")
    assert await PluginInstall(Configuration(plain_http=True)).run(reference, verify=False)


async def test_credentials_are_on_no_command_line(
    data: Path, tmp_path: Path, helm_cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = await PluginPackage(Configuration()).run(write(tmp_path / "notes"), sign=False, destination=tmp_path)
    file = tmp_path / "process"
    name = f"secret{os.getpid()}/notes"
    # The same store is behind every flavour of the registry.
    oci.push_plugin(helm_cluster.registry, name, "1.0.0", content(packaged["path"]))
    reference = f"oci://{helm_cluster.registry_auth}/{name}:1.0.0"
    given: Any = {"username": helm_cluster.username, "password": helm_cluster.password}
    with pytest.raises(UnauthorizedError):
        await PluginInstall(Configuration()).run(reference, verify=False, plain_http=True)
    with pytest.raises(PluginError) as raised:
        await PluginInstall(Configuration()).run(
            reference, verify=False, plain_http=True, username="me", password="not-this-one"
        )
    assert "not-this-one" not in str(raised.value) + repr(raised.value.details)
    await PluginInstall(Configuration()).run(reference, verify=False, plain_http=True, **given)
    await PluginUninstall(Configuration()).run("notes")
    logged_in = Configuration(registry_auth={helm_cluster.registry_auth: given}, plain_http=True)
    await PluginInstall(logged_in).run(reference, verify=False)
    # What a hook can see of the command that runs it.
    await PluginUninstall(logged_in).run("notes")
    hook = f"tr '\\0' ' ' </proc/$PPID/cmdline >{file}; tr '\\0' '\\n' </proc/$PPID/environ >>{file}; env >>{file}"
    directory = write(tmp_path / "looks", install=hook)
    await PluginInstall(logged_in).run(directory, username="me", password="hush-hush")
    seen = file.read_text()
    assert "libhelm_sdkpy.so" in seen
    assert "hush-hush" not in seen


def repository(directory: Path, *versions: str) -> Path:
    """A repository of git with a plugin, a tag for each version."""
    for number, version in enumerate(versions):
        write(directory, version=version, update="echo hook of the update")
        git = ["git", "-C", str(directory), "-c", "user.name=x", "-c", "user.email=x@example.invalid"]
        for line in ([["init", "-q"]] if number == 0 else []) + [
            ["add", "-A"],
            ["commit", "-qm", version],
            ["tag", version],
        ]:
            subprocess.run([*git, *line], check=True, capture_output=True)
    return directory


async def test_out_of_a_repository_of_git_and_updated(config: Configuration, tmp_path: Path) -> None:
    source = repository(tmp_path / "origin" / "notes", "1.0.0")
    installed = await PluginInstall(config).run(f"file://{source}", verify=False)
    assert installed["version"] == "1.0.0"
    repository(source, "1.1.0")
    [updated] = await PluginUpdate(config).run("notes")
    assert (updated["previous_version"], updated["version"]) == ("1.0.0", "1.1.0")
    local = write(tmp_path / "linked")
    await PluginInstall(config).run(local)
    with pytest.raises(PluginError, match="failed to update plugin linked") as raised:
        await PluginUpdate(config).run(["linked", "notes"])
    assert raised.value.details["updated"] == ["notes"]
    with pytest.raises(PluginNotFoundError, match="plugin: nowhere not found"):
        await PluginUpdate(config).run("nowhere")


async def test_a_version_of_a_repository(config: Configuration, tmp_path: Path) -> None:
    source = repository(tmp_path / "origin" / "notes", "1.0.0", "1.1.0", "2.0.0")
    installed = await PluginInstall(config).run(f"file://{source}", "~1", verify=False)
    assert installed["version"] == "1.1.0"
    await PluginUninstall(config).run("notes")
    with pytest.raises(PluginNotFoundError, match=">9"):
        await PluginInstall(config).run(f"file://{source}", ">9", verify=False)


async def test_several_are_uninstalled_though_one_is_missing(config: Configuration, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        await PluginInstall(config).run(write(tmp_path / name))
    removed = await PluginUninstall(config).run(["three", "one"])
    assert [each["name"] for each in removed] == ["three", "one"]
    with pytest.raises(PluginNotFoundError, match="plugin: nowhere not found") as raised:
        await PluginUninstall(config).run(["nowhere", "two"])
    assert raised.value.details["uninstalled"] == ["two"]
    assert await PluginList(config).run() == []
    assert (tmp_path / "two").exists()


async def test_listing_by_type_and_over_several_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a" / "one")
    other = tmp_path / "b" / "two"
    other.mkdir(parents=True)
    (other / "plugin.yaml").write_text("name: two\ndownloaders: [{command: run, protocols: [two]}]\n")
    monkeypatch.setenv("HELM_PLUGINS", f"{tmp_path / 'a'}:{tmp_path / 'b'}:{tmp_path / 'none'}")
    config = Configuration()
    assert [each["name"] for each in await PluginList(config).run()] == ["one", "two"]
    [getter] = await PluginList(config).run(type="getter/v1")
    assert (getter["name"], getter["version"], getter["api_version"], getter["source_url"]) == ("two", "", "legacy", "")
    assert await PluginList(config).run("cli/v2") == []


async def test_what_is_no_plugin(config: Configuration, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source in (tmp_path / "empty", pack(tmp_path / "empty", tmp_path / "empty-1.0.0.tgz")):
        with pytest.raises(PluginInvalidError):
            await PluginInstall(config).run(source, verify=False)
    with pytest.raises(PluginInvalidError, match="invalid plugin directory"):
        await PluginPackage(config).run(tmp_path / "empty", sign=False)
    with pytest.raises(PluginNotFoundError, match="does it exist"):
        await PluginInstall(config).run(tmp_path / "nowhere")
    with pytest.raises(PluginNotFoundError):
        await PluginVerify(config).run(tmp_path / "nowhere.tgz")
    with pytest.raises(ProvenanceError, match="directory verification not supported"):
        await PluginVerify(config).run(tmp_path / "empty")


async def test_a_hook_that_fails(config: Configuration, tmp_path: Path) -> None:
    directory = write(tmp_path / "notes", install="echo why >&2; exit 5")
    with pytest.raises(PluginHookError, match='plugin install hook for "notes" exited with error') as raised:
        await PluginInstall(config).run(directory)
    assert not isinstance(raised.value, HookError)
    assert raised.value.details["log"] == "why"
    # As helm leaves it.
    assert [each["name"] for each in await PluginList(config).run()] == ["notes"]


@pytest.mark.parametrize("archived", [False, True], ids=["linked", "archive"])
async def test_a_cancelled_install_leaves_nothing(
    config: Configuration, data: Path, tmp_path: Path, archived: bool
) -> None:
    file = tmp_path / "process"
    source = write(tmp_path / "notes", install=f"echo $$ >{file}; sleep 60; sleep 60")
    if archived:
        source = pack(source, tmp_path / "notes-1.0.0.tgz")
    task = asyncio.create_task(PluginInstall(config).run(source, verify=False))
    process = await started(file)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert ended(process)
    assert tree(data / "plugins") == set()
    assert (tmp_path / "notes" / "plugin.yaml").exists()


async def test_a_cancelled_install_leaves_what_was_there(config: Configuration, data: Path, tmp_path: Path) -> None:
    await PluginInstall(config).run(pack(write(tmp_path / "other"), tmp_path / "other-1.0.0.tgz"), verify=False)
    before = tree(data / "plugins")
    file = tmp_path / "process"
    source = write(tmp_path / "notes", install=f"echo $$ >{file}; sleep 60")
    task = asyncio.create_task(PluginInstall(config).run(source))
    await started(file)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert tree(data / "plugins") == before


async def test_hooks_see_the_environment_of_the_configuration(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    hook = f'echo "$SET_LATER $HELM_PLUGIN_NAME $HELM_DEBUG $HELM_SDKPY_ARGUMENTS" >{said}; tty >>{said}; cat >>{said}'
    monkeypatch.setenv("SET_LATER", "in Python")
    await PluginInstall(Configuration()).run(write(tmp_path / "notes", install=hook))
    assert said.read_text() == "in Python notes  \nnot a tty\n"


async def test_arguments_are_checked(config: Configuration) -> None:
    for call in (
        PluginInstall(config).run(""),
        PluginInstall(config).run("-"),
        PluginInstall(config).run("x", verify=None),  # pyright: ignore[reportArgumentType]
        PluginUninstall(config).run([]),
        PluginUpdate(config).run(""),
        PluginPackage(config).run("", passphrase_file="-"),
        PluginVerify(config).run(""),
    ):
        with pytest.raises((ValidationError, PluginNotFoundError)):
            await call
    with pytest.raises(PluginNotFoundError):
        await PluginUninstall(config).run("--help")


async def test_many_at_once(config: Configuration, tmp_path: Path) -> None:
    names = [f"plugin-{number}" for number in range(8)]
    await asyncio.gather(*(PluginInstall(config).run(write(tmp_path / name)) for name in names))
    assert [each["name"] for each in await PluginList(config).run()] == names
    await PluginUninstall(config).run(names)
    assert await PluginList(config).run() == []


EXIT = """
import asyncio, sys, threading, time
from pathlib import Path
from helm_sdkpy import Configuration, PluginInstall

threading.Thread(target=lambda: asyncio.run(PluginInstall(Configuration()).run(sys.argv[1])), daemon=True).start()
while not Path(sys.argv[2]).exists():
    time.sleep(0.01)
"""


def test_the_end_of_python_ends_an_install(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "process"
    source = write(tmp_path / "notes", install=f"echo $$ >{file}.new; mv {file}.new {file}; sleep 60; true")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", EXIT, source, file], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0
    assert time.monotonic() - began < 15
    assert ended(int(file.read_text()))
    assert tree(data / "plugins") == set()
