"""Logging in to registries: the file that helm shares with us, credential helpers, and what registries refuse."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import (
    CertificateError,
    Configuration,
    ConfigurationError,
    RegistryError,
    RegistryLogin,
    RegistryLogout,
    UnauthorizedError,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster

HELM = Path(__file__).parents[2] / ".build" / "bin" / "helm"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where credentials are kept; not there yet, nor its directory."""
    return tmp_path / "registry" / "config.json"


@pytest.fixture
def config(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configuration]:
    """A Configuration with a file of the test's own, and no docker's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with Configuration(registry_config=file) as made:
        yield made


def helm(file: Path, *arguments: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HELM, *arguments, "--registry-config", str(file)], capture_output=True, text=True, check=True, input=password
    )


def kept(file: Path) -> dict[str, Any]:
    """What the file keeps, by host."""
    return json.loads(file.read_text())["auths"]


def of(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


# The file.


async def test_login_and_logout(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    host, user, password = helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password
    assert await RegistryLogin(config).run(host, user, password, plain_http=True) == {
        "hostname": host,
        "username": user,
        "registry_config": str(file),
    }
    assert kept(file) == {host: of(user, password)}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["config.json"]
    assert await RegistryLogout(config).run(host) == {"hostname": host, "registry_config": str(file)}
    assert kept(file) == {}


async def test_the_file_is_the_commands(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    host, user, password = helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password
    helm(file, "registry", "login", host, "--plain-http", "-u", user, "--password-stdin", password=password)
    theirs = file.read_bytes()
    file.unlink()
    await RegistryLogin(config).run(host, user, password, plain_http=True)
    assert file.read_bytes() == theirs
    helm(file, "registry", "logout", host)
    logged_out = file.read_bytes()
    await RegistryLogin(config).run(host, user, password, plain_http=True)
    await RegistryLogout(config).run(host)
    assert file.read_bytes() == logged_out


async def test_what_others_keep_in_the_file_stays(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    file.parent.mkdir()
    other = {"registry.example": of("me", "pw")}
    file.write_text(json.dumps({"auths": other, "credHelpers": {"a.example": "a"}, "HttpHeaders": {"X": "<&>"}}))
    await RegistryLogin(config).run(
        helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password, plain_http=True
    )
    written = json.loads(file.read_text())
    assert set(written.pop("auths")) == {"registry.example", helm_cluster.registry_auth}
    assert written == {"credHelpers": {"a.example": "a"}, "HttpHeaders": {"X": "<&>"}}


async def test_a_wrong_password_keeps_nothing(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    with pytest.raises(UnauthorizedError, match=r"401.*check the credentials") as raised:
        await RegistryLogin(config).run(helm_cluster.registry_auth, helm_cluster.username, "hunter2", plain_http=True)
    assert isinstance(raised.value, RegistryError)
    assert isinstance(raised.value, PermissionError)
    assert raised.value.code == "unauthorized"
    assert raised.value.details == {"hostname": helm_cluster.registry_auth}
    assert "hunter2" not in f"{raised.value!r}{raised.value}{raised.value.details}"
    assert not file.exists()
    file.parent.mkdir()
    file.write_text(before := json.dumps({"auths": {helm_cluster.registry_auth: of("me", "pw")}}))
    with pytest.raises(UnauthorizedError):
        await RegistryLogin(config).run(helm_cluster.registry_auth, helm_cluster.username, "hunter2", plain_http=True)
    assert file.read_text() == before


async def test_logging_out_where_nobody_is_logged_in(config: Configuration, file: Path) -> None:
    await RegistryLogout(config).run("registry.example")
    assert not file.parent.exists()
    file.parent.mkdir()
    file.write_text(before := '{"auths": {"other.example": {"auth": "bWU6cHc="}}}')
    await RegistryLogout(config).run("registry.example")
    assert file.read_text() == before


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": []}'])
async def test_a_file_that_is_none(config: Configuration, file: Path, text: str, helm_cluster: TestCluster) -> None:
    file.parent.mkdir()
    file.write_text(text)
    for call in (
        RegistryLogin(config).run(helm_cluster.registry, "me", "pw", plain_http=True),
        RegistryLogout(config).run(helm_cluster.registry),
    ):
        with pytest.raises(ConfigurationError, match="registry"):
            await call
    assert file.read_text() == text


async def test_many_at_once_lose_nothing(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    # Every name of this machine's loopback is another registry.
    port = helm_cluster.registry_auth.rpartition(":")[2]
    hosts = [f"127.0.0.{number}:{port}" for number in range(1, 2)] + [f"localhost:{port}"]
    user, password = helm_cluster.username, helm_cluster.password
    with Configuration(registry_config=file) as other:
        for _ in range(5):
            await asyncio.gather(
                *(
                    RegistryLogin(each).run(host, user, password, plain_http=True)
                    for each in (config, other)
                    for host in hosts
                )
            )
            assert set(kept(file)) == set(hosts)
            await asyncio.gather(*(RegistryLogout(config).run(host) for host in hosts))
            assert kept(file) == {}


async def test_processes_at_once_lose_nothing(file: Path, helm_cluster: TestCluster) -> None:
    port = helm_cluster.registry_auth.rpartition(":")[2]
    code = (
        "import asyncio, sys; from helm_sdkpy import Configuration, RegistryLogin; file, host, *user = sys.argv[1:]\n"
        "async def main():\n"
        "    for _ in range(20):\n"
        "        await RegistryLogin(Configuration(registry_config=file)).run(host, *user, plain_http=True)\n"
        "asyncio.run(main())"
    )
    hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
    running = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(file), host, helm_cluster.username, helm_cluster.password
        )
        for host in hosts
    ]
    assert [await each.wait() for each in running] == [0, 0]
    assert set(kept(file)) == set(hosts)


# How it is connected.


async def test_over_tls(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    host, user = helm_cluster.registry_tls_auth, (helm_cluster.username, helm_cluster.password)
    with pytest.raises(CertificateError, match="ca_file") as raised:
        await RegistryLogin(config).run(host, *user)
    assert isinstance(raised.value, ConnectionError)
    assert not file.exists()
    await RegistryLogin(config).run(host, *user, ca_file=helm_cluster.ca_file)
    await RegistryLogout(config).run(host)
    await RegistryLogin(config).run(host, *user, insecure=True)
    assert set(kept(file)) == {host}


async def test_with_a_client_certificate(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    known: dict[str, Any] = {"ca_file": helm_cluster.ca_file}
    with pytest.raises(CertificateError, match="cert_file"):
        await RegistryLogin(config).run(helm_cluster.registry_mtls, "me", "pw", **known)
    known |= {"cert_file": helm_cluster.client_certificate, "key_file": helm_cluster.client_key}
    await RegistryLogin(config).run(helm_cluster.registry_mtls, "me", "pw", **known)
    assert kept(file) == {helm_cluster.registry_mtls: of("me", "pw")}


async def test_http_where_https_was_meant(config: Configuration, helm_cluster: TestCluster) -> None:
    with pytest.raises(RegistryError, match="plain_http=True") as raised:
        await RegistryLogin(config).run(helm_cluster.registry, "me", "pw")
    assert raised.value.code == "registry"


async def test_nobody_there(config: Configuration) -> None:
    with pytest.raises(RegistryError, match="refused") as raised:
        await RegistryLogin(config).run("127.0.0.1:1", "me", "pw", plain_http=True)
    assert raised.value.code == "registry"


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("", "me", "pw"), "hostname"),
        (("registry.example", "me", ""), "password"),
        (("registry.example", None, "pw"), "username"),
        (("registry.example", "me", 7), "password"),
    ],
)
async def test_what_is_refused_at_once(config: Configuration, arguments: tuple[Any, ...], field: str) -> None:
    with pytest.raises(ValidationError, match=field) as raised:
        await RegistryLogin(config).run(*arguments)
    assert isinstance(raised.value, RegistryError)
    assert raised.value.details["field"] == field


@pytest.mark.parametrize("host", ["http://registry.example", "a b", "registry.example/charts"])
async def test_what_is_no_host(config: Configuration, host: str) -> None:
    with pytest.raises(RegistryError, match=r"invalid re"):
        await RegistryLogin(config).run(host, "me", "pw")


async def test_files_that_are_not_there(config: Configuration, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=r"no\.crt"):
        await RegistryLogin(config).run("registry.example", "me", "pw", ca_file=tmp_path / "no.crt")


# Credential helpers.

HELPER = """#!/bin/sh
# Keeps one file for each address, as the protocol of docker-credential-helpers has it.
echo "a word to the terminal" >&2
read -r input
case "$1" in
store)
    [ -z "$HELPER_FAILS" ] || { echo "the keychain is locked"; exit 1; }
    address=${input#*ServerURL\\":\\"}; address=${address%%\\"*}
    printf '%s' "$input" > "$HELPER_KEEPS/$address" ;;
get)
    if [ -f "$HELPER_KEEPS/$input" ]; then cat "$HELPER_KEEPS/$input"
    else echo "credentials not found in native keychain"; exit 1; fi ;;
erase)
    rm -f "$HELPER_KEEPS/$input" ;;
esac
"""


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory in which the helper `test` keeps credentials; only the Configuration's environment knows it."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "docker-credential-test"
    program.write_text(HELPER)
    program.chmod(0o755)
    keeps = tmp_path / "keeps"
    keeps.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("HELPER_KEEPS", str(keeps))
    return keeps


@pytest.fixture
def helped(helper: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configuration]:
    """A Configuration whose file names the helper."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    file.parent.mkdir()
    file.write_text('{"credsStore": "test"}')
    with Configuration(registry_config=file) as made:
        yield made


async def test_a_helper_keeps_what_the_file_does_not(
    helped: Configuration, helper: Path, file: Path, helm_cluster: TestCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    host, user, password = helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password
    await RegistryLogin(helped).run(host, user, password, plain_http=True)
    assert json.loads((helper / host).read_text()) == {"ServerURL": host, "Username": user, "Secret": password}
    assert file.read_text() == '{"credsStore": "test"}'
    await RegistryLogout(helped).run(host)
    assert list(helper.iterdir()) == []
    assert capfd.readouterr() == ("", "")


async def test_a_helper_of_one_host(
    helper: Path, file: Path, helm_cluster: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    host, user, password = helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password
    file.parent.mkdir()
    file.write_text(json.dumps({"credHelpers": {host: "test"}}))
    other = host.replace("127.0.0.1", "localhost")
    with Configuration(registry_config=file) as config:
        for each in (host, other):
            await RegistryLogin(config).run(each, user, password, plain_http=True)
    assert [path.name for path in helper.iterdir()] == [host]
    assert kept(file) == {other: of(user, password)}


async def test_the_platforms_own_helper_is_found(
    helper: Path, file: Path, helm_cluster: TestCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    program = tmp_path / "bin" / "docker-credential-test"
    program.rename(program.with_name("docker-credential-secretservice"))
    host, user, password = helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password
    with Configuration(registry_config=file) as config:
        await RegistryLogin(config).run(host, user, password, plain_http=True)
    assert [path.name for path in helper.iterdir()] == [host]
    ours = file.read_bytes()
    file.unlink()
    helm(file, "registry", "login", host, "--plain-http", "-u", user, "--password-stdin", password=password)
    assert file.read_bytes() == ours


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The helper refuses; it must be asked for before the Configuration."""
    monkeypatch.setenv("HELPER_FAILS", "1")


async def test_a_helper_that_fails(
    locked: None, helped: Configuration, helper: Path, helm_cluster: TestCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    user = (helm_cluster.username, helm_cluster.password)
    with pytest.raises(RegistryError, match="the keychain is locked"):
        await RegistryLogin(helped).run(helm_cluster.registry_auth, *user, plain_http=True)
    assert list(helper.iterdir()) == []
    assert capfd.readouterr() == ("", "")


async def test_a_helper_that_is_not_there(config: Configuration, file: Path, helm_cluster: TestCluster) -> None:
    file.parent.mkdir()
    file.write_text('{"credsStore": "nowhere"}')
    user = (helm_cluster.username, helm_cluster.password)
    with pytest.raises(RegistryError, match="docker-credential-nowhere is not on the PATH"):
        await RegistryLogin(config).run(helm_cluster.registry_auth, *user, plain_http=True)
