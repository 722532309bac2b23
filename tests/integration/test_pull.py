"""Pulling and pushing charts: what a failure or a cancel leaves, what is checked, who is told which credentials."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import random
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    CertificateError,
    ChartError,
    ChartInvalidError,
    ChartNotFoundError,
    Configuration,
    DigestMismatchError,
    ForbiddenError,
    HelmError,
    Install,
    ProvenanceError,
    Pull,
    Push,
    RegistryError,
    RegistryLogin,
    RepositoryError,
    UnauthorizedError,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, Chart
from tests.integration.oci import push
from tests.integration.serving import Request, directory, serving


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Configuration]:
    """A Configuration with files of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with Configuration(**own(tmp_path)) as made:
        yield made


def own(place: Path) -> dict[str, Any]:
    return {
        "registry_config": place / "helm" / "registry.json",
        "repository_config": place / "helm" / "repositories.yaml",
        "repository_cache": place / "helm" / "cache",
        "content_cache": place / "helm" / "content",
    }


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where charts are pulled to."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def chart(helm_namespace: str) -> Chart:
    """A chart with a name of the test's own, since all tests share the registry."""
    return dataclasses.replace(SIMPLE, name=f"web-{helm_namespace.rpartition('-')[2]}")


@pytest.fixture
def large(chart: Chart) -> Chart:
    """A chart that does not come in one piece."""
    noise = random.Random(1).randbytes(200_000).hex()
    return dataclasses.replace(chart, files={"files/noise.txt": noise})


def left(place: Path) -> list[str]:
    """Everything in a directory, what is hidden too."""
    return sorted(path.relative_to(place).as_posix() for path in place.rglob("*"))


# What comes of it.


async def test_push_and_pull(
    config: Configuration, chart: Chart, out: Path, tmp_path: Path, helm_cluster: TestCluster
) -> None:
    archive = chart.save(tmp_path)
    digest = f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"
    ref = f"{helm_cluster.registry}/charts/{chart.name}:0.1.0"
    pushed = await Push(config).run(archive, f"oci://{helm_cluster.registry}/charts", plain_http=True)
    manifest = pushed["digest"]
    assert pushed == {
        "ref": ref, "digest": manifest, "name": chart.name, "version": "0.1.0",
        "size": archive.stat().st_size, "chart_digest": digest, "provenance_digest": None,
    }  # fmt: skip
    pulled = await Pull(config).run(f"oci://{ref}", out, plain_http=True)
    assert pulled == {
        "path": str(out / archive.name), "digest": digest, "name": chart.name, "version": "0.1.0",
        "provenance": None, "verification": None, "ref": ref, "manifest_digest": manifest,
    }  # fmt: skip
    assert (out / archive.name).read_bytes() == archive.read_bytes()
    assert stat.S_IMODE((out / archive.name).stat().st_mode) == 0o644
    assert left(out) == [archive.name]
    by_digest = await Pull(config).run(
        f"oci://{helm_cluster.registry}/charts/{chart.name}@{manifest}", out, plain_http=True
    )
    assert Path(by_digest["path"]).name == f"{chart.name}@sha256-{manifest.removeprefix('sha256:')}.tgz"
    assert by_digest["digest"] == digest


async def test_push_takes_bytes(config: Configuration, chart: Chart, helm_cluster: TestCluster) -> None:
    pushed = await Push(config).run(chart.archive(), f"oci://{helm_cluster.registry}/charts", plain_http=True)
    assert pushed["size"] == len(chart.archive())


async def test_several(config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster) -> None:
    for number in ("0.1.0", "0.2.0"):
        push(helm_cluster.registry, "charts", dataclasses.replace(chart, version=number))
    ref = f"oci://{helm_cluster.registry}/charts/{chart.name}"
    pulled = await Pull(config).run([f"{ref}:0.1.0", f"{ref}:0.2.0"], destination=out, plain_http=True)
    assert [each["version"] for each in pulled] == ["0.1.0", "0.2.0"]
    with pytest.raises(ChartNotFoundError) as raised:
        await Pull(config).run([f"{ref}:0.1.0", f"{ref}:9.9.9"], out, plain_http=True)
    assert raised.value.details["chart"] == f"{ref}:9.9.9"


async def test_the_working_directory_is_the_default(
    config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(helm_cluster.registry, "charts", chart)
    monkeypatch.chdir(out)
    pulled = await Pull(config).run(f"oci://{helm_cluster.registry}/charts/{chart.name}", plain_http=True, untar=True)
    assert pulled["path"] == str(out / chart.name)
    assert (out / chart.name / "values.yaml").is_file()


async def test_what_was_installed_is_not_downloaded_again(
    helm_namespace: str, chart: Chart, out: Path, tmp_path: Path, helm_cluster: TestCluster
) -> None:
    push(helm_cluster.registry, "charts", chart)

    def forward(request: Request) -> None:
        asked = urllib.request.Request(f"http://{helm_cluster.registry}{request.path}", headers=dict(request.headers))
        with urllib.request.urlopen(asked) as answer:
            request.send(answer.read(), **{"Content-Type": answer.headers["Content-Type"]})

    with serving(forward) as server:
        ref = f"oci://{server.url.removeprefix('http://')}/charts/{chart.name}:0.1.0"
        with Configuration(helm_namespace, helm_cluster.kubeconfig, plain_http=True, **own(tmp_path)) as both:
            await Install(both).run("shop", ref, dry_run="client")
            archive = f"sha256:{hashlib.sha256(chart.archive()).hexdigest()}"
            fetched = [path for path in server.paths if path.endswith(archive)]
            assert len(fetched) == 1
            pulled = await Pull(both).run(ref, out)
        assert [path for path in server.paths if path.endswith(archive)] == fetched
    assert Path(pulled["path"]).read_bytes() == chart.archive()


async def test_what_lies_spoilt_in_the_cache_is_downloaded(
    config: Configuration, chart: Chart, out: Path, tmp_path: Path, helm_cluster: TestCluster
) -> None:
    push(helm_cluster.registry, "charts", chart)
    digest = hashlib.sha256(chart.archive()).hexdigest()
    spoilt = tmp_path / "helm" / "content" / digest[:2] / f"{digest}.chart"
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(b"something else")
    pulled = await Pull(config).run(f"oci://{helm_cluster.registry}/charts/{chart.name}", out, plain_http=True)
    assert pulled["digest"] == f"sha256:{digest}"


# What a failure leaves.


def garbled(registry: str, spoil: bytes) -> Any:
    """The registry with archives whose last byte is another one."""

    def answer(request: Request) -> None:
        asked = urllib.request.Request(f"http://{registry}{request.path}", headers=dict(request.headers))
        try:
            with urllib.request.urlopen(asked) as found:
                content, kind = found.read(), found.headers["Content-Type"]
        except urllib.error.HTTPError as error:
            request.send(error.read(), error.code)
            return
        if content.startswith(b"\x1f\x8b"):
            content = content[: -len(spoil)] + spoil
        request.send(content, **{"Content-Type": kind})

    return answer


async def test_garbled_bytes(config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster) -> None:
    push(helm_cluster.registry, "charts", chart)
    (out / f"{chart.name}-0.1.0.tgz").write_text("what was there before")
    with serving(garbled(helm_cluster.registry, b"!")) as server:
        ref = f"oci://{server.url.removeprefix('http://')}/charts/{chart.name}:0.1.0"
        with pytest.raises(DigestMismatchError, match="mismatched digest") as raised:
            await Pull(config).run(ref, out, plain_http=True)
    assert raised.value.code == "digest_mismatch"
    assert isinstance(raised.value, ChartError)
    assert left(out) == [f"{chart.name}-0.1.0.tgz"]
    assert (out / f"{chart.name}-0.1.0.tgz").read_text() == "what was there before"


async def test_an_archive_that_is_not_the_indexs(
    config: Configuration, chart: Chart, out: Path, tmp_path: Path
) -> None:
    served = tmp_path / "served"
    served.mkdir()
    archive = chart.save(served)
    entry = {"apiVersion": "v2", "name": chart.name, "version": "0.1.0", "urls": [archive.name], "digest": "0" * 64}
    index = {"apiVersion": "v1", "entries": {chart.name: [entry]}}
    (served / "index.yaml").write_text(yaml.safe_dump(index))
    with serving(directory(served)) as server:
        listed = {"apiVersion": "v1", "repositories": [{"name": "mine", "url": server.url}]}
        (tmp_path / "helm" / "cache").mkdir(parents=True)
        (tmp_path / "helm" / "repositories.yaml").write_text(yaml.safe_dump(listed))
        (tmp_path / "helm" / "cache" / "mine-index.yaml").write_text(yaml.safe_dump(index))
        with pytest.raises(DigestMismatchError, match="its repository's index says"):
            await Pull(config).run(f"mine/{chart.name}", out)
        assert left(out) == []
        entry["digest"] = hashlib.sha256(archive.read_bytes()).hexdigest()
        (tmp_path / "helm" / "cache" / "mine-index.yaml").write_text(yaml.safe_dump(index))
        assert (await Pull(config).run(f"mine/{chart.name}", out))["digest"] == f"sha256:{entry['digest']}"


async def test_a_download_that_breaks_off(
    config: Configuration, large: Chart, out: Path, helm_cluster: TestCluster
) -> None:
    large.save(helm_cluster.charts)
    for untar in (False, True):
        with pytest.raises(RepositoryError, match="unexpected EOF"):
            await Pull(config).run(f"{helm_cluster.repository_broken}/{large.name}-0.1.0.tgz", out, untar=untar)
        assert left(out) == []


async def test_a_signature_that_is_missing(
    config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster
) -> None:
    chart.save(helm_cluster.charts)
    with pytest.raises(ProvenanceError, match="failed to fetch provenance"):
        await Pull(config).run(chart.name, out, repo=helm_cluster.repository, verify=True)
    assert left(out) == []


async def test_a_file_is_replaced_whole(
    config: Configuration, large: Chart, out: Path, helm_cluster: TestCluster
) -> None:
    large.save(helm_cluster.charts)
    place = out / f"{large.name}-0.1.0.tgz"
    place.write_text("older")
    place.chmod(0o400)
    await Pull(config).run(large.name, out, repo=helm_cluster.repository)
    assert place.read_bytes() == large.archive()


@pytest.mark.parametrize("untar", [False, True])
async def test_a_cancel_leaves_nothing(
    config: Configuration, large: Chart, out: Path, helm_cluster: TestCluster, untar: bool
) -> None:
    large.save(helm_cluster.charts)
    pulling = asyncio.create_task(
        Pull(config).run(f"{helm_cluster.repository_slow}/{large.name}-0.1.0.tgz", out, untar=untar)
    )
    await asyncio.sleep(0.5)
    assert left(out) != []
    began = time.monotonic()
    pulling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pulling
    assert time.monotonic() - began < 1
    assert left(out) == []


async def test_a_cancelled_push_ends(config: Configuration, large: Chart) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def answer(request: Request) -> None:
        loop.call_soon_threadsafe(asked.set)
        time.sleep(2)

    with serving(answer) as server:
        host = server.url.removeprefix("http://")
        remote = f"oci://{host}/charts"
        pushing = asyncio.create_task(Push(config).run(large.archive(), remote, plain_http=True))
        await asked.wait()
        began = time.monotonic()
        pushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pushing
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"chart_ref": []}, "chart_ref"),
        ({"chart_ref": ""}, "chart_ref"),
        ({"chart_ref": "web", "dest_dir": "/no/such/directory"}, "destination"),
        ({"chart_ref": "web", "dest_dir": "a", "destination": "b"}, "dest_dir"),
    ],
)
async def test_what_is_refused_at_once(config: Configuration, arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError, match=field) as raised:
        await Pull(config).run(**arguments)
    assert isinstance(raised.value, ChartError)
    assert raised.value.details["field"] == field


async def test_what_can_not_be_pushed(config: Configuration, chart: Chart, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="cannot push directory"):
        await Push(config).run(chart.write(tmp_path), "oci://127.0.0.1:1/charts")
    with pytest.raises(ChartNotFoundError, match="no such file"):
        await Push(config).run(tmp_path / "none.tgz", "oci://127.0.0.1:1/charts")
    with pytest.raises(ChartInvalidError):
        await Push(config).run(b"no archive", "oci://127.0.0.1:1/charts")
    for remote in ("charts", "http://127.0.0.1:1/charts", "oci://"):
        with pytest.raises(ValidationError, match="remote"):
            await Push(config).run(chart.archive(), remote)


# Who is let in.


async def test_the_errors_of_registries(
    config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster
) -> None:
    push(helm_cluster.registry, "charts", chart)
    path = f"charts/{chart.name}"
    user: dict[str, Any] = {"username": helm_cluster.username, "password": helm_cluster.password}
    refusals: list[tuple[type[HelmError], str, str, str, dict[str, Any]]] = [
        (UnauthorizedError, "unauthorized", helm_cluster.registry_auth, path, {}),
        (UnauthorizedError, "unauthorized", helm_cluster.registry_auth, path, {"username": "a", "password": "hunter2"}),
        (UnauthorizedError, "unauthorized", helm_cluster.registry_token, path, {}),
        (
            UnauthorizedError,
            "unauthorized",
            helm_cluster.registry_token,
            path,
            {"username": "a", "password": "hunter2"},
        ),
        (ForbiddenError, "forbidden", helm_cluster.registry_token, "private/web", user),
        (CertificateError, "certificate", helm_cluster.registry_tls, path, {"plain_http": False}),
        (RegistryError, "registry", helm_cluster.registry, path, {"plain_http": False}),
        (RegistryError, "registry", "127.0.0.1:1", path, {}),
        (ChartNotFoundError, "chart_not_found", helm_cluster.registry, f"{path}-none", {}),
        (ChartNotFoundError, "chart_not_found", helm_cluster.registry, path, {"version": "9.9.9"}),
    ]
    for kind, code, host, repository, more in refusals:
        given: dict[str, Any] = {"plain_http": True, **more}
        with pytest.raises(kind) as raised:
            await Pull(config).run(f"oci://{host}/{repository}", out, **given)
        assert raised.value.code == code, (host, repository, more)
        assert isinstance(raised.value, ChartError)
        assert "hunter2" not in f"{raised.value}{raised.value.details}"
    assert left(out) == []


async def test_tokens(config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster) -> None:
    remote = f"oci://{helm_cluster.registry_token}/charts"
    user: dict[str, Any] = {"username": helm_cluster.username, "password": helm_cluster.password}
    await Push(config).run(chart.archive(), remote, plain_http=True, **user)
    reader: dict[str, Any] = {**user, "username": "reader"}
    await Pull(config).run(f"{remote}/{chart.name}", out, plain_http=True, **reader)
    with pytest.raises(UnauthorizedError):
        await Push(config).run(chart.archive(), remote, plain_http=True, **reader)
    public = f"oci://{helm_cluster.registry_token}/public/charts"
    await Push(config).run(chart.archive(), public, plain_http=True, **user)
    await Pull(config).run(f"{public}/{chart.name}", out, plain_http=True)


async def test_blobs_elsewhere_get_no_credentials(
    config: Configuration, chart: Chart, out: Path, helm_cluster: TestCluster
) -> None:
    push(helm_cluster.registry, "charts", chart)
    await RegistryLogin(config).run(
        helm_cluster.registry_redirect, helm_cluster.username, helm_cluster.password, plain_http=True
    )
    # The other address refuses requests with credentials.
    await Pull(config).run(f"oci://{helm_cluster.registry_redirect}/charts/{chart.name}", out, plain_http=True)
    assert left(out) == [f"{chart.name}-0.1.0.tgz"]


async def test_registry_auth_is_used_and_never_written(
    chart: Chart, out: Path, tmp_path: Path, helm_cluster: TestCluster, helm_namespace: str
) -> None:
    password = helm_cluster.password
    auth = {
        host: {"username": helm_cluster.username, "password": password}
        for host in (helm_cluster.registry_auth, helm_cluster.registry_token)
    }
    options: dict[str, Any] = {"registry_auth": auth, "plain_http": True, **own(tmp_path)}
    with Configuration(helm_namespace, helm_cluster.kubeconfig, **options) as config:
        for host in auth:
            await Push(config).run(chart.archive(), f"oci://{host}/charts")
            await Pull(config).run(f"oci://{host}/charts/{chart.name}", out)
            await Install(config).run("shop", f"oci://{host}/charts/{chart.name}", dry_run="client")
    written = [path for path in tmp_path.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
    assert written == []
    assert not (tmp_path / "helm" / "registry.json").exists()


async def test_credentials_of_a_repository_are_not_for_others(
    config: Configuration, chart: Chart, out: Path, tmp_path: Path, helm_cluster: TestCluster
) -> None:
    chart.save(helm_cluster.charts)
    urls = [f"{helm_cluster.repository_auth}/{chart.name}-0.1.0.tgz"]
    entry = {"apiVersion": "v2", "name": chart.name, "version": "0.1.0", "urls": urls}
    (tmp_path / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": {chart.name: [entry]}}))
    user: dict[str, Any] = {"username": helm_cluster.username, "password": helm_cluster.password}
    with serving(directory(tmp_path)) as server:
        with pytest.raises(UnauthorizedError):
            await Pull(config).run(chart.name, out, repo=server.url, **user)
        await Pull(config).run(chart.name, out, repo=server.url, pass_credentials=True, **user)


# Many at once.


async def test_fifty_at_once(chart: Chart, out: Path, tmp_path: Path, helm_cluster: TestCluster) -> None:
    hosts = (helm_cluster.registry_auth, helm_cluster.registry_token, helm_cluster.registry_redirect)
    auth = {host: {"username": helm_cluster.username, "password": helm_cluster.password} for host in hosts}
    with Configuration(registry_auth=auth, plain_http=True, **own(tmp_path)) as config:

        async def one(number: int) -> None:
            host = hosts[number % len(hosts)]
            mine = dataclasses.replace(chart, version=f"0.1.{number}")
            if number % 5 == 4:
                with pytest.raises(HelmError):
                    await Pull(config).run(f"oci://{host}/charts/{chart.name}", out, version="9.9.9")
                return
            pushed = await Push(config).run(mine.archive(), f"oci://{host}/charts")
            pulled = await Pull(config).run(f"oci://{host}/charts/{chart.name}", out, version=mine.version)
            assert (pulled["digest"], pulled["manifest_digest"]) == (pushed["chart_digest"], pushed["digest"])

        await asyncio.gather(*map(one, range(50)))
        # The same file by many: always one of them, whole.
        await asyncio.gather(
            *(Pull(config).run(f"oci://{host}/charts/{chart.name}:0.1.0", out) for host in hosts for _ in range(10))
        )
    assert left(out) == sorted(f"{chart.name}-0.1.{number}.tgz" for number in range(50) if number % 5 != 4)
