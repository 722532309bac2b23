"""Chart repositories: the list that helm shares with us, indexes over every kind of connection, and what fails."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    CertificateError,
    Configuration,
    ForbiddenError,
    RegistryError,
    RepoAdd,
    RepoList,
    RepoRemove,
    RepositoryError,
    RepoUpdate,
    UnauthorizedError,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE
from tests.integration.serving import Request, directory, serving

HELM = Path(__file__).parents[2] / ".build" / "bin" / "helm"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Configuration]:
    """A Configuration with a list and a cache of the test's own, which are not there yet."""
    with Configuration(
        repository_config=tmp_path / "config" / "repositories.yaml", repository_cache=tmp_path / "cache"
    ) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a repository with two charts."""
    place = tmp_path / "served"
    place.mkdir()
    for name, version in (("web", "0.1.0"), ("web", "0.2.0"), ("shop", "1.0.0")):
        dataclasses.replace(SIMPLE, name=name, version=version).save(place)
    helm(tmp_path, "repo", "index", str(place))
    return place


@pytest.fixture
def url(root: Path) -> Iterator[str]:
    with serving(directory(root)) as server:
        yield server.url


def helm(place: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The helm command with the list and the cache of `config`."""
    return subprocess.run([HELM, *arguments, *flags(place)], capture_output=True, text=True, check=check)


def flags(place: Path) -> list[str]:
    return [
        "--repository-config", str(place / "config" / "repositories.yaml"), "--repository-cache", str(place / "cache"),
    ]  # fmt: skip


def state(place: Path) -> dict[str, bytes]:
    """All files of the list and the cache; the lock says nothing."""
    return {
        str(path.relative_to(place)): path.read_bytes()
        for part in ("config", "cache")
        for path in (place / part).rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def names(place: Path) -> list[str]:
    listed = yaml.safe_load((place / "config" / "repositories.yaml").read_text())["repositories"]
    return [entry["name"] for entry in listed]


# The list.


async def test_add_list_update_remove(config: Configuration, url: str, tmp_path: Path) -> None:
    assert await RepoList(config).run() == []
    assert await RepoAdd(config).run("local", url) == {"name": "local", "url": url, "status": "added", "charts": 2}
    assert (await RepoAdd(config).run("local", url))["status"] == "unchanged"
    assert await RepoList(config).run() == [{"name": "local", "url": url}]
    assert await RepoUpdate(config).run() == [{"name": "local", "url": url, "charts": 2}]
    assert await RepoUpdate(config).run("local") == await RepoUpdate(config).run(["local"])
    assert sorted(state(tmp_path)) == ["cache/local-charts.txt", "cache/local-index.yaml", "config/repositories.yaml"]
    assert await RepoRemove(config).run("local") == [{"name": "local", "url": url}]
    assert sorted(state(tmp_path)) == ["config/repositories.yaml"]
    assert await RepoList(config).run() == []


async def test_the_list_is_the_commands(config: Configuration, url: str, tmp_path: Path) -> None:
    helm(tmp_path, "repo", "add", "theirs", url, "--username", "me", "--password", "pw", "--pass-credentials")
    by_helm = state(tmp_path)
    await RepoRemove(config).run("theirs")
    await RepoAdd(config).run("theirs", url, "me", "pw", pass_credentials=True)
    ours = state(tmp_path)
    assert ours.keys() == by_helm.keys()
    for name in ("config/repositories.yaml", "cache/theirs-index.yaml"):
        assert ours[name] == by_helm[name], name
    # The command writes the names in another order each time.
    assert ours["cache/theirs-charts.txt"].split() == sorted(by_helm["cache/theirs-charts.txt"].split())
    assert (tmp_path / "config" / "repositories.yaml").stat().st_mode & 0o777 == 0o600
    assert await RepoList(config).run() == [
        {"name": "theirs", "url": url, "username": "me", "pass_credentials_all": True}
    ]
    assert "theirs" in helm(tmp_path, "repo", "list").stdout


async def test_an_entry_of_another_url_needs_force_update(config: Configuration, url: str, tmp_path: Path) -> None:
    await RepoAdd(config).run("local", url)
    before = state(tmp_path)
    with pytest.raises(RepositoryError, match=r"\(local\) already exists.*force_update") as raised:
        await RepoAdd(config).run("local", f"{url}/")
    assert raised.value.details == {"repository": "local", "url": url}
    with pytest.raises(RepositoryError):
        await RepoAdd(config).run("local", url, pass_credentials_all=True)
    assert state(tmp_path) == before
    assert (await RepoAdd(config).run("local", f"{url}/", force_update=True))["status"] == "replaced"
    assert [each["url"] for each in await RepoList(config).run()] == [f"{url}/"]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"name": "a/b"}, "name"),
        ({"name": ""}, "name"),
        ({"url": ""}, "url"),
        ({"username": "me"}, "password"),
        ({"timeout": -1}, "timeout"),
        ({"url": "https://kubernetes-charts.storage.googleapis.com"}, "url"),
    ],
)
async def test_what_is_refused_at_once(config: Configuration, arguments: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"name": "local", "url": "http://127.0.0.1:1", **arguments}
    with pytest.raises(ValidationError, match=field) as raised:
        await RepoAdd(config).run(**given)
    assert isinstance(raised.value, RegistryError)
    assert raised.value.details["field"] == field


async def test_deprecated_repositories_may_be_allowed(config: Configuration) -> None:
    with pytest.raises(RepositoryError, match="cannot be reached"):
        await RepoAdd(config).run(
            "old", "http://127.0.0.1:1//kubernetes-charts.storage.googleapis.com", allow_deprecated_repos=True
        )


def not_an_index(request: Request) -> None:
    request.send(b"<html>Welcome</html>")


def no_version(request: Request) -> None:
    request.send(b"entries: {}\n")


def unknown_field(request: Request) -> None:
    request.send(b"apiVersion: v1\nsurprise: 1\n")


def empty(request: Request) -> None:
    request.send(b"")


def missing(request: Request) -> None:
    request.send(b"", 404)


def fails(request: Request) -> None:
    request.send(b"", 500)


def half(request: Request) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"apiVersion: v1\n")


@pytest.mark.parametrize("answer", [not_an_index, no_version, unknown_field, empty, missing, fails, half])
async def test_what_is_no_repository_is_not_added(config: Configuration, url: str, tmp_path: Path, answer: Any) -> None:
    await RepoAdd(config).run("good", url)
    before = state(tmp_path)
    with serving(answer) as bad:
        with pytest.raises(RepositoryError, match="is not a valid chart repository or cannot be reached") as raised:
            await RepoAdd(config).run("bad", bad.url)
        assert raised.value.details == {"repository": "bad", "url": bad.url}
        with pytest.raises(RepositoryError):
            await RepoAdd(config).run("good", bad.url, force_update=True)
        done = helm(tmp_path, "repo", "add", "bad", bad.url, check=False)
    assert done.returncode != 0
    assert state(tmp_path) == before
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"good-charts.txt", "good-index.yaml"}


async def test_nothing_is_made_for_what_can_not_be_reached(config: Configuration, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="connection refused"):
        await RepoAdd(config).run("gone", "http://127.0.0.1:1")
    with pytest.raises(RepositoryError, match="could not find protocol handler for: ftp"):
        await RepoAdd(config).run("gone", "ftp://127.0.0.1")
    assert not (tmp_path / "config").exists()
    assert not (tmp_path / "cache").exists()


async def test_remove_needs_every_name(config: Configuration, url: str, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="no repositories configured"):
        await RepoRemove(config).run("one")
    for name in ("one", "two", "three"):
        await RepoAdd(config).run(name, url)
    before = state(tmp_path)
    with pytest.raises(RepositoryError, match='no repo named "four" found'):
        await RepoRemove(config).run(["one", "four"])
    assert state(tmp_path) == before
    with pytest.raises(ValidationError, match="name is empty"):
        await RepoRemove(config).run([])
    assert [each["name"] for each in await RepoRemove(config).run(["three", "one", "one"])] == ["three", "one"]
    assert names(tmp_path) == ["two"]


async def test_a_list_that_can_not_be_read(config: Configuration, url: str, tmp_path: Path) -> None:
    path = tmp_path / "config" / "repositories.yaml"
    path.parent.mkdir()
    path.write_text("repositories:\n- password: hunter2\n  name: [")
    for call in (
        RepoList(config).run(),
        RepoAdd(config).run("a", url),
        RepoRemove(config).run("a"),
        RepoUpdate(config).run(),
    ):
        with pytest.raises(RepositoryError, match=r"failed loading file: .*repositories\.yaml") as raised:
            await call
        assert "hunter2" not in str(raised.value)
    assert path.read_text().endswith("[")


async def test_a_list_that_is_a_link_stays_one(config: Configuration, url: str, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.yaml"
    real.write_text("")
    real.chmod(0o640)
    link = tmp_path / "config" / "repositories.yaml"
    link.parent.mkdir()
    link.symlink_to(real)
    await RepoAdd(config).run("local", url)
    assert link.is_symlink()
    assert "local" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


# Several at once.


async def test_fifty_at_once_all_land(config: Configuration, url: str, tmp_path: Path) -> None:
    wanted = {f"repo-{number}" for number in range(50)}
    await asyncio.gather(*(RepoAdd(config).run(name, url) for name in wanted))
    assert set(names(tmp_path)) == wanted
    assert len(await RepoUpdate(config).run()) == 50
    await asyncio.gather(*(RepoRemove(config).run(name) for name in wanted))
    assert names(tmp_path) == []


async def test_processes_and_the_command_at_once(config: Configuration, url: str, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from helm_sdkpy import Configuration, RepoAdd\n"
        "async def main(who, url, list, cache):\n"
        "    config = Configuration(repository_config=list, repository_cache=cache)\n"
        "    await asyncio.gather(*(RepoAdd(config).run(f'{who}-{n}', url) for n in range(5)))\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    _, path, _, cache = flags(tmp_path)
    ours = [[sys.executable, "-c", code, f"process{n}", url, path, cache] for n in range(3)]
    theirs = [[str(HELM), "repo", "add", f"command-{n}", url, *flags(tmp_path)] for n in range(4)]
    processes = [await asyncio.create_subprocess_exec(*line) for line in (*ours, *theirs)]
    await asyncio.gather(*(RepoAdd(config).run(f"here-{n}", url) for n in range(5)))
    assert [await process.wait() for process in processes] == [0] * len(processes)
    assert set(names(tmp_path)) == {
        *(f"process{n}-{m}" for n in range(3) for m in range(5)),
        *(f"command-{n}" for n in range(4)),
        *(f"here-{n}" for n in range(5)),
    }


async def test_waiting_for_the_lock(config: Configuration, url: str, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    with (tmp_path / "config" / "repositories.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        adding = asyncio.create_task(RepoAdd(config).run("local", url))
        done, _ = await asyncio.wait([adding], timeout=0.5)
        assert not done
        cancelled = asyncio.create_task(RepoAdd(config).run("other", url))
        await asyncio.sleep(0.2)
        began = time.monotonic()
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert time.monotonic() - began < 1
        # Reading waits for nobody.
        assert await RepoList(config).run() == []
        fcntl.flock(lock, fcntl.LOCK_UN)
    await adding
    assert names(tmp_path) == ["local"]


async def test_a_cancelled_add_leaves_nothing(config: Configuration, tmp_path: Path) -> None:
    entered, over = threading.Event(), threading.Event()

    def answer(request: Request) -> None:
        entered.set()
        over.wait(10)

    with serving(answer) as slow:
        adding = asyncio.create_task(RepoAdd(config).run("slow", slow.url))
        await asyncio.to_thread(entered.wait, 10)
        began = time.monotonic()
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        assert time.monotonic() - began < 1
        with pytest.raises(RepositoryError, match=r"(?i)timeout|deadline"):
            await RepoAdd(config).run("slow", slow.url, timeout=0.1)
        over.set()
    assert state(tmp_path) == {}


# Updating.


async def test_update_writes_what_can_be_read(config: Configuration, root: Path, url: str, tmp_path: Path) -> None:
    with serving(directory(root)) as gone:
        await RepoAdd(config).run("gone", gone.url)
    await RepoAdd(config).run("good", url)
    dataclasses.replace(SIMPLE, name="fresh").save(root)
    helm(tmp_path, "repo", "index", str(root))
    with pytest.raises(RepositoryError, match="failed to update the following repositories") as raised:
        await RepoUpdate(config).run()
    assert gone.url in str(raised.value)
    [failed] = raised.value.details["failed"]
    assert (failed["name"], failed["url"], failed["code"]) == ("gone", gone.url, "repository")
    assert "connection refused" in failed["message"]
    assert b"fresh" in state(tmp_path)["cache/good-charts.txt"]
    assert b"fresh" not in state(tmp_path)["cache/gone-charts.txt"]
    assert await RepoUpdate(config).run(["good"]) == [{"name": "good", "url": url, "charts": 3}]


async def test_update_of_what_is_not_on_the_list(config: Configuration, url: str) -> None:
    with pytest.raises(RepositoryError, match="You must add one before updating"):
        await RepoUpdate(config).run()
    await RepoAdd(config).run("local", url)
    with pytest.raises(RepositoryError, match="no repositories found matching 'other'"):
        await RepoUpdate(config).run(["local", "other"])


# Connections and credentials.


async def test_over_tls(config: Configuration, helm_cluster: TestCluster) -> None:
    add = RepoAdd(config)
    with pytest.raises(CertificateError, match="ca_file") as raised:
        await add.run("tls", helm_cluster.repository_tls)
    assert isinstance(raised.value, RegistryError)
    await add.run("ca", helm_cluster.repository_tls, ca_file=helm_cluster.ca_file)
    await add.run("insecure", helm_cluster.repository_tls, insecure_skip_tls_verify=True)
    with pytest.raises(UnauthorizedError, match="cert_file and key_file"):
        await add.run("mtls", helm_cluster.repository_mtls, ca_file=helm_cluster.ca_file)
    await add.run(
        "mtls",
        helm_cluster.repository_mtls,
        cert_file=helm_cluster.client_certificate,
        key_file=helm_cluster.client_key,
        ca_file=Path(helm_cluster.ca_file),
    )
    assert len(await RepoUpdate(config).run()) == 3
    with pytest.raises(RepositoryError, match="no-such-file"):
        await add.run("file", helm_cluster.repository_tls, ca_file="/no-such-file")


async def test_with_a_password(config: Configuration, helm_cluster: TestCluster) -> None:
    add, url = RepoAdd(config), helm_cluster.repository_auth
    with pytest.raises(UnauthorizedError) as raised:
        await add.run("auth", url, "me", "hunter2")
    assert "hunter2" not in f"{raised.value}{raised.value.details}"
    await add.run("auth", url, helm_cluster.username, helm_cluster.password)
    assert await RepoUpdate(config).run("auth")
    assert helm_cluster.password not in str(await RepoList(config).run())
    inside = url.replace("//", f"//{helm_cluster.username}:{helm_cluster.password}@")
    await add.run("inside", inside)
    with pytest.raises(RepositoryError) as raised:
        await add.run("inside", inside + "/none")
    assert helm_cluster.password not in f"{raised.value}{raised.value.details}"
    with pytest.raises(UnauthorizedError) as raised:
        await add.run("wrong", url.replace("//", "//me:hunter2@"))
    assert "hunter2" not in f"{raised.value}{raised.value.details}"


async def test_forbidden(config: Configuration) -> None:
    with serving(lambda request: request.send(b"", 403)) as server, pytest.raises(ForbiddenError) as raised:
        await RepoAdd(config).run("local", server.url, "me", "pw")
    assert isinstance(raised.value, PermissionError)


async def test_redirects_and_whom_the_credentials_go_to(config: Configuration, root: Path) -> None:
    with serving(directory(root), "127.0.0.2") as other:

        def redirect(request: Request) -> None:
            request.send(b"", 302, Location=other.url + request.path)

        with serving(redirect) as server:
            await RepoAdd(config).run("moved", server.url, "me", "pw")
            await RepoAdd(config).run("all", server.url, "me", "pw", pass_credentials_all=True)
    assert server.users == ["me:pw", "me:pw"]
    # As with the command: a redirect to another host takes no credentials along, whatever the flag says of the index.
    assert other.users == [None, None]
    assert all(agent.startswith("Helm/4") for agent in server.agents)


async def test_no_password_in_the_log(config: Configuration, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "helm_sdkpy")
    with serving(directory(root)) as server:
        await RepoAdd(config).run("one", server.url.replace("//", "//me:hunter2@"))
        await RepoAdd(config).run("two", server.url, "me", "hunter2")
        await RepoUpdate(config).run()
    assert server.users == ["me:hunter2"] * 4
    assert "hunter2" not in caplog.text
