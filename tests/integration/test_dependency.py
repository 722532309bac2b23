"""Dependencies of charts: fetched whole or not at all, at once, and not twice; and signatures on the way."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import http.client
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Generator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    ChartError,
    ChartInvalidError,
    ChartNotFoundError,
    Configuration,
    DependencyBuild,
    DependencyList,
    DependencyUpdate,
    DigestMismatchError,
    Package,
    ProvenanceError,
    Push,
    RepoAdd,
    RepositoryError,
    Template,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import SIMPLE, Chart
from tests.integration.keys import LOCKED, OPEN
from tests.integration.serving import Request, Server, serving

SUB = Chart(name="sub", version="0.3.0", templates={"s.yaml": "a: 1"})


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configuration:
    """A Configuration whose list of repositories and caches are the test's own."""
    for kind in ("cache", "config", "data"):
        monkeypatch.setenv(f"HELM_{kind.upper()}_HOME", str(tmp_path / "helm" / kind))
    return Configuration()


def needs(directory: Path, *dependencies: dict[str, str]) -> Path:
    """The directory of a chart with dependencies."""
    return Chart(name="top", version="1.0.0", metadata={"dependencies": list(dependencies)}).write(directory)


def on(name: str, version: str, repository: str) -> dict[str, str]:
    """A dependency."""
    return {"name": name, "version": version, "repository": repository}


def state(chart: Path) -> dict[str, bytes | None]:
    """Everything in a chart's directory."""
    return {
        path.relative_to(chart).as_posix(): path.read_bytes() if path.is_file() else None for path in chart.rglob("*")
    }


def entry(chart: Chart, archive: bytes, url: str = "", digest: str = "") -> dict[str, Any]:
    """A chart as an index has it."""
    return {
        "apiVersion": "v2",
        "name": chart.name,
        "version": chart.version,
        "urls": [url or f"{chart.name}-{chart.version}.tgz"],
        "digest": digest or hashlib.sha256(archive).hexdigest(),
    }


@contextlib.contextmanager
def repository(*charts: Chart, digest: str = "", wait: float = 0) -> Generator[Server]:
    """A repository of the test's own, which tells what it was asked for."""
    archives = {f"{chart.name}-{chart.version}.tgz": chart.archive() for chart in charts}
    entries = {
        chart.name: [entry(chart, archives[f"{chart.name}-{chart.version}.tgz"], digest=digest)] for chart in charts
    }

    def answer(request: Request) -> None:
        name = request.path.rpartition("/")[2]
        if name == "index.yaml":
            request.send(yaml.safe_dump({"apiVersion": "v1", "entries": entries}).encode())
        elif name in archives:
            time.sleep(wait)
            request.send(archives[name])
        else:
            request.send(b"", 404)

    with serving(answer) as server:
        yield server


async def asked_for_an_archive(server: Server) -> None:
    """Wait for the first download."""
    async with asyncio.timeout(10):
        while not any(path.endswith(".tgz") for path in server.paths):  # noqa: ASYNC110 - another thread's list
            await asyncio.sleep(0.01)


async def test_an_update_tells_the_versions(config: Configuration, tmp_path: Path) -> None:
    SUB.write(tmp_path)
    chart = needs(tmp_path, on("sub", ">=0.1", "file://../sub"))
    missing = (await DependencyList(config).run(chart))["dependencies"]
    assert missing == [{**on("sub", ">=0.1", "file://../sub"), "status": "missing"}]
    made = await DependencyUpdate(config).run(chart)
    lock = yaml.safe_load((chart / "Chart.lock").read_text())
    assert made == {
        "path": str(chart),
        "lock": str(chart / "Chart.lock"),
        "digest": lock["digest"],
        "dependencies": [on("sub", "0.3.0", "file://../sub")],
    }
    assert (await DependencyList(config).run(chart))["dependencies"][0]["status"] == "ok"
    (chart / "charts" / "sub-0.3.0.tgz").unlink()
    assert await DependencyBuild(config).run(chart) == made
    assert (chart / "charts" / "sub-0.3.0.tgz").is_file()


async def test_the_current_directory_by_default(
    config: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SUB.write(tmp_path)
    chart = needs(tmp_path, on("sub", "*", "file://../sub"))
    monkeypatch.chdir(chart)
    assert (await DependencyUpdate(config).run())["path"] == str(chart)
    assert len((await DependencyList(config).run())["dependencies"]) == 1
    assert (await DependencyBuild(config).run())["dependencies"][0]["version"] == "0.3.0"


@pytest.mark.parametrize("charts", [False, True])
async def test_a_failure_leaves_everything_as_it_was(config: Configuration, tmp_path: Path, charts: bool) -> None:
    """Also where another dependency was fetched before."""
    SUB.write(tmp_path)
    with repository(SIMPLE) as server:
        chart = needs(tmp_path, on("sub", "*", "file://../sub"), on("web", "0.1.0", server.url))
        if charts:
            (chart / "charts").mkdir()
            dataclasses.replace(SUB, version="0.0.1").save(chart / "charts")
            (chart / "Chart.lock").write_text("dependencies: []\ndigest: sha256:0\n")
        await DependencyUpdate(config).run(needs(tmp_path / "other", on("web", "0.1.0", server.url)))
    before = state(chart)
    with pytest.raises(ChartError):
        await DependencyUpdate(config).run(chart, skip_refresh=True)
    assert state(chart) == before


async def test_a_lock_that_is_a_link_is_refused_first(config: Configuration, tmp_path: Path) -> None:
    SUB.write(tmp_path)
    chart = needs(tmp_path, on("sub", "*", "file://../sub"))
    (chart / "Chart.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ChartInvalidError, match="is a symlink to"):
        await DependencyUpdate(config).run(chart)
    assert not (chart / "charts").exists()


@pytest.mark.parametrize("action", [DependencyUpdate, Package])
async def test_a_cancel_leaves_nothing(config: Configuration, tmp_path: Path, action: Any) -> None:
    with repository(SUB, wait=5) as server:
        chart = needs(tmp_path, on("sub", "0.3.0", server.url))
        before = state(chart)
        options: dict[str, Any] = {"dependency_update": True, "dest_dir": tmp_path / "out"} if action is Package else {}
        task = asyncio.create_task(action(config).run(chart, **options))
        await asked_for_an_archive(server)
        assert state(chart) != before  # where it downloads to
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1
        assert state(chart) == before
        assert not (tmp_path / "out").exists()


async def test_updates_of_one_chart_wait_for_each_other(config: Configuration, tmp_path: Path) -> None:
    """Helm's temporary directory has the process's number for a name, so two would take each other's charts away."""
    with repository(SUB, SIMPLE, wait=0.05) as server:
        chart = needs(tmp_path, on("sub", "0.3.0", server.url), on("web", "0.1.0", server.url))
        (tmp_path / "link").symlink_to(chart)
        made = await asyncio.gather(
            *(DependencyUpdate(config).run(path) for path in [chart, tmp_path / "link", chart / "." / "charts" / ".."])
        )
    assert {each["digest"] for each in made} == {made[0]["digest"]}
    assert sorted(path.name for path in (chart / "charts").iterdir()) == ["sub-0.3.0.tgz", "web-0.1.0.tgz"]
    assert [path for path in state(chart) if path.startswith("tmpcharts")] == []


async def test_a_waiting_update_can_be_cancelled(config: Configuration, tmp_path: Path) -> None:
    with repository(SUB, wait=2) as server:
        chart = needs(tmp_path, on("sub", "0.3.0", server.url))
        first = asyncio.create_task(DependencyUpdate(config).run(chart))
        await asked_for_an_archive(server)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(DependencyUpdate(config).run(chart), 0.1)
        assert (await first)["dependencies"][0]["version"] == "0.3.0"


async def test_charts_at_once_share_the_cache_of_indexes(config: Configuration, tmp_path: Path) -> None:
    with repository(SUB, SIMPLE) as server:
        await RepoAdd(config).run("mine", server.url)
        charts = [
            needs(tmp_path / str(number), on("sub", "*", "@mine"), on("web", "*", server.url)) for number in range(12)
        ]
        made = await asyncio.gather(*(DependencyUpdate(config).run(chart) for chart in charts))
    assert len({each["digest"] for each in made}) == 1
    assert all((chart / "charts" / "sub-0.3.0.tgz").is_file() for chart in charts)


async def test_what_is_in_the_content_cache_is_not_downloaded(config: Configuration, tmp_path: Path) -> None:
    with repository(SUB) as server:
        chart = needs(tmp_path, on("sub", "*", server.url))
        await Template(config).run("a", "sub", repo=server.url)  # keeps what it downloads
        await Template(config).run("a", f"{server.url}/sub-0.3.0.tgz")
        server.paths.clear()
        await DependencyUpdate(config).run(chart)
        assert [path for path in server.paths if path.endswith(".tgz")] == []
        assert (chart / "charts" / "sub-0.3.0.tgz").is_file()


async def test_what_is_in_the_content_cache_is_not_pulled(
    config: Configuration, helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path
) -> None:
    chart = dataclasses.replace(SUB, name=f"sub-{helm_namespace}")
    oci.push(helm_cluster.registry, chart.name, chart)
    address = f"oci://{helm_cluster.registry}/{chart.name}"
    await Template(config).run("a", f"{address}/{chart.name}", plain_http=True)
    [manifest] = oci.manifests(helm_cluster.registry, chart.name).values()
    forget(helm_cluster.registry, f"{chart.name}/{chart.name}", json.loads(manifest)["layers"][0]["digest"])
    top = needs(tmp_path, on(chart.name, "*", address))
    made = await DependencyUpdate(config).run(top, plain_http=True)
    assert made["dependencies"][0]["version"] == "0.3.0"
    assert await Template(config).run("a", f"{address}/{chart.name}", plain_http=True)
    other = Configuration(content_cache=tmp_path / "empty")
    with pytest.raises(ChartError):
        await DependencyUpdate(other).run(top, plain_http=True)


def forget(registry: str, name: str, digest: str) -> None:
    """Remove a blob from the registry, so that nobody can download it any more."""
    with contextlib.closing(http.client.HTTPConnection(registry, timeout=30)) as connection:
        connection.request("DELETE", f"/v2/{name}/blobs/{digest}")
        assert connection.getresponse().status == http.client.ACCEPTED


async def test_what_is_in_the_cache_under_a_wrong_name_is_not_taken(config: Configuration, tmp_path: Path) -> None:
    with repository(SUB) as server:
        await Template(config).run("a", "sub", repo=server.url)
        [kept] = list((tmp_path / "helm" / "cache" / "content").rglob("*.chart"))
        kept.write_bytes(b"something else")
        chart = needs(tmp_path, on("sub", "*", server.url))
        await DependencyUpdate(config).run(chart)
    assert (chart / "charts" / "sub-0.3.0.tgz").read_bytes() != b"something else"


async def test_what_is_no_chart_is_no_dependency(config: Configuration, tmp_path: Path) -> None:
    """The helm command says so among other things, leaves it out, writes the lock, and calls that a success."""
    with repository(dataclasses.replace(SUB, metadata={"type": "odd"})) as server:
        chart = needs(tmp_path, on("sub", "*", server.url))
        before = state(chart)
        with pytest.raises(ChartInvalidError, match=r"sub-0\.3\.0\.tgz is no chart"):
            await DependencyUpdate(config).run(chart)
    assert state(chart) == before


async def test_a_repository_that_is_away_is_a_warning(config: Configuration, tmp_path: Path) -> None:
    SUB.write(tmp_path)
    with repository(SUB) as server:
        await RepoAdd(config).run("mine", server.url)
        chart = needs(tmp_path, on("sub", "*", server.url))
        await DependencyUpdate(config).run(chart)
    events: list[Any] = []
    local = needs(tmp_path / "local", on("sub", "*", "file://../../sub"))
    await DependencyUpdate(config).run(local, on_event=events.append)
    [warning] = [event["message"] for event in events if event.get("level") == "warning"]
    assert warning.startswith('...Unable to get an update from the "mine" chart repository')


async def test_another_archive_than_the_index_says(config: Configuration, tmp_path: Path) -> None:
    with repository(SUB, digest="0" * 64) as server:
        await RepoAdd(config).run("mine", server.url)
        chart = needs(tmp_path, on("sub", "*", "@mine"))
        wanted: list[Awaitable[Any]] = [
            DependencyUpdate(config).run(chart),
            Template(config).run("a", "mine/sub"),
            Package(config).run(chart, dependency_update=True),
        ]
        for each in wanted:
            with pytest.raises(DigestMismatchError, match="digest mismatch") as raised:
                await each
            assert raised.value.code == "digest_mismatch"
            assert raised.value.details["wanted"] == f"sha256:{'0' * 64}"
    assert not (chart / "charts").exists()


@pytest.mark.parametrize(
    ("dependency", "cause", "match"),
    [
        (on("sub", "*", "file://../none"), ChartNotFoundError, "none not found"),
        (on("sub", "~9", "file://../sub"), ChartNotFoundError, "can't get a valid version"),
        (on("sub", "new", "file://../sub"), ChartInvalidError, "invalid version/constraint"),
        (on("sub", "*", "http://127.0.0.1:9"), RepositoryError, "no cached repository"),
        (on("sub", "*", "@nobody"), ChartError, "nobody"),
    ],
)
async def test_what_is_wrong_is_told(
    config: Configuration, tmp_path: Path, dependency: dict[str, str], cause: type[Exception], match: str
) -> None:
    SUB.write(tmp_path)
    chart = needs(tmp_path, dependency)
    with pytest.raises(cause, match=match) as raised:
        await DependencyUpdate(config).run(chart)
    assert isinstance(raised.value, ChartError)
    assert raised.value.details["chart"] == str(chart)


async def test_no_chart(config: Configuration, tmp_path: Path) -> None:
    for action in (DependencyUpdate, DependencyBuild, DependencyList):
        with pytest.raises(ChartNotFoundError):
            await action(config).run(tmp_path / "nowhere")
        with pytest.raises(ValidationError, match="standard input"):
            await action(config).run("-")


async def test_what_helm_prints_is_logged(
    config: Configuration, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "helm_sdkpy")
    SUB.write(tmp_path)
    chart = needs(tmp_path, on("sub", "*", "file://../sub"))
    events: list[Any] = []
    await DependencyUpdate(config).run(chart, on_event=events.append)
    assert "Deleting outdated charts" in [event.get("message") for event in events]


def test_nothing_is_printed(tmp_path: Path) -> None:
    SUB.write(tmp_path)
    chart = needs(tmp_path, on("sub", "*", "file://../sub"))
    code = f"""
import asyncio
from helm_sdkpy import Configuration, DependencyBuild, DependencyList, DependencyUpdate
for action in (DependencyUpdate, DependencyBuild, DependencyList):
    asyncio.run(action(Configuration()).run({str(chart)!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# Signatures on the way.


@pytest.fixture
async def archive(config: Configuration, helm_namespace: str, tmp_path: Path) -> Path:
    """A signed archive of a chart with a name of the test's own."""
    chart = dataclasses.replace(SIMPLE, name=f"web-{helm_namespace}").write(tmp_path)
    made = await Package(config).run(chart, tmp_path / "signed", sign=True, key=OPEN.name, keyring=OPEN.secring)
    return Path(made["path"])


def serve(archive: Path, directory: Path, *endings: str) -> str:
    """Put an archive into a repository; gives the chart's name."""
    for ending in endings:
        (directory / f"{archive.name}{ending}").write_bytes(Path(f"{archive}{ending}").read_bytes())
    return archive.name.removesuffix("-0.1.0.tgz")


KNOWN: dict[str, Any] = {"verify": True, "keyring": OPEN.pubring}


@pytest.mark.parametrize("flavour", ["repository", "repository_tls", "repository_auth", "repository_tls_auth"])
async def test_a_signature_in_a_repository(
    config: Configuration, helm_cluster: TestCluster, archive: Path, flavour: str
) -> None:
    """The helm command asks for it without the credentials that the chart was fetched with, and fails."""
    name = serve(archive, helm_cluster.charts, "", ".prov")
    access: dict[str, Any] = {"repo": getattr(helm_cluster, flavour)}
    if "auth" in flavour:
        access |= {"username": helm_cluster.username, "password": helm_cluster.password}
    if "tls" in flavour:
        access |= {"ca_file": helm_cluster.ca_file}
    assert await Template(config).run("a", name, **access, **KNOWN)
    # From the cache now.
    assert await Template(config).run("a", name, **access, **KNOWN)
    with pytest.raises(ProvenanceError, match="unknown entity"):
        await Template(config).run("a", name, **access, verify=True, keyring=LOCKED.pubring)


@pytest.mark.parametrize("flavour", ["registry", "registry_tls", "registry_auth", "registry_tls_auth"])
async def test_a_signature_in_a_registry(
    config: Configuration, helm_cluster: TestCluster, archive: Path, flavour: str
) -> None:
    name = archive.name.removesuffix("-0.1.0.tgz")
    await Push(config).run(archive, f"oci://{helm_cluster.registry}/{name}", plain_http=True)
    access: dict[str, Any] = {"ca_file": helm_cluster.ca_file} if "tls" in flavour else {"plain_http": True}
    if "auth" in flavour:
        access |= {"username": helm_cluster.username, "password": helm_cluster.password}
    chart = f"oci://{getattr(helm_cluster, flavour)}/{name}/{name}"
    assert await Template(config).run("a", chart, **access, **KNOWN)
    assert await Template(config).run("a", chart, version="0.1.0", **access, **KNOWN)
    with pytest.raises(ProvenanceError, match="unknown entity"):
        await Template(config).run("a", chart, **access, verify=True, keyring=LOCKED.pubring)
    [manifest] = oci.manifests(helm_cluster.registry, name).values()
    digest = hashlib.sha256(manifest).hexdigest()
    assert await Template(config).run("a", f"{chart}@sha256:{digest}", **access, **KNOWN)


async def test_a_signature_of_a_version_with_a_plus(
    config: Configuration, helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path
) -> None:
    """A registry has an underscore for it, and the provenance file has none."""
    chart = dataclasses.replace(SIMPLE, name=helm_namespace, version="1.0.0+build.7").write(tmp_path)
    made = await Package(config).run(chart, tmp_path, sign=True, key=OPEN.name, keyring=OPEN.secring)
    await Push(config).run(made["path"], f"oci://{helm_cluster.registry}/{helm_namespace}", plain_http=True)
    address = f"oci://{helm_cluster.registry}/{helm_namespace}/{helm_namespace}"
    for version in (None, "1.0.0+build.7", ">=1"):
        assert await Template(config).run("a", address, version=version, plain_http=True, **KNOWN)


async def test_no_signature_on_a_server(config: Configuration, helm_cluster: TestCluster, archive: Path) -> None:
    name = serve(archive, helm_cluster.charts, "")
    with pytest.raises(ProvenanceError, match="failed to fetch provenance") as raised:
        await Template(config).run("a", name, repo=helm_cluster.repository, **KNOWN)
    assert raised.value.code == "provenance"
    Path(f"{archive}.prov").unlink()
    await Push(config).run(archive, f"oci://{helm_cluster.registry}/signed", plain_http=True)
    with pytest.raises(ProvenanceError):
        await Template(config).run("a", f"oci://{helm_cluster.registry}/signed/{name}", plain_http=True, **KNOWN)


async def test_a_signature_that_is_mended_on_the_server(
    config: Configuration, helm_cluster: TestCluster, archive: Path
) -> None:
    """A wrong one is not kept in the cache."""
    good = Path(f"{archive}.prov").read_text()
    name = serve(archive, helm_cluster.charts, "", ".prov")
    served = helm_cluster.charts / f"{archive.name}.prov"
    replace(served, good.replace("name: web", "name: wet"))
    with pytest.raises(ProvenanceError, match="openpgp"):
        await Template(config).run("a", name, repo=helm_cluster.repository, **KNOWN)
    replace(served, good)
    assert await Template(config).run("a", name, repo=helm_cluster.repository, **KNOWN)


def replace(file: Path, text: str) -> None:
    """Write a file anew."""
    file.write_text(text)


async def test_many_verify_one_chart_at_once(config: Configuration, helm_cluster: TestCluster, archive: Path) -> None:
    """Helm verifies through a file in the cache that every operation copies, reads and removes."""
    name = serve(archive, helm_cluster.charts, "", ".prov")
    repo = helm_cluster.repository
    made = await asyncio.gather(*(Template(config).run("a", name, repo=repo, **KNOWN) for _ in range(24)))
    assert len(set(made)) == 1


async def test_a_signed_dependency(
    config: Configuration, helm_cluster: TestCluster, archive: Path, tmp_path: Path
) -> None:
    name = serve(archive, helm_cluster.charts, "", ".prov")
    await RepoAdd(config).run(
        "mine", helm_cluster.repository_auth, username=helm_cluster.username, password=helm_cluster.password
    )
    chart = needs(tmp_path, on(name, "*", "@mine"))
    with pytest.raises(ProvenanceError, match="unknown entity"):
        await DependencyUpdate(config).run(chart, verify=True, keyring=LOCKED.pubring)
    assert not (chart / "charts").exists()
    await DependencyUpdate(config).run(chart, **KNOWN)
    await DependencyBuild(config).run(chart, **KNOWN)
    assert [path.name for path in (chart / "charts").iterdir()] == [archive.name]
