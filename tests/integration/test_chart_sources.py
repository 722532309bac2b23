"""Charts from everywhere: directory, archive, bytes, URL, repository, registry, over TLS and with credentials."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
import http.server
import json
import threading
import urllib.request
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import (
    CertificateError,
    ChartInvalidError,
    ChartNotFoundError,
    Configuration,
    Install,
    InstallError,
    MissingDependencyError,
    ProvenanceError,
    RegistryError,
    RepositoryError,
    UnauthorizedError,
    Upgrade,
    ValidationError,
)
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import NAME, SIMPLE, Chart, configmap
from tests.integration.objects import Objects
from tests.integration.oci import push


async def version(config: Configuration, chart: Any, **options: Any) -> str:
    """Which version of a chart is found."""
    release = await Install(config).run("shop", chart, dry_run="client", **options)
    return release["chart"]["metadata"]["version"]


@pytest.fixture
def name(helm_namespace: str) -> str:
    """A chart's name of the test's own, since all tests share repository and registry."""
    return f"web-{helm_namespace.rpartition('-')[2]}"


@pytest.fixture
def chart(name: str) -> Chart:
    return dataclasses.replace(SIMPLE, name=name)


@pytest.fixture
def repository(chart: Chart, served_charts: Path) -> str:
    """The name of a chart that the chart repository has in four versions."""
    versions = ("0.1.0", "0.2.0", "1.0.0", "1.1.0-rc.1")
    for number in versions:
        dataclasses.replace(chart, version=number).save(served_charts)
    return chart.name


@pytest.fixture
def registry(helm_cluster: TestCluster, chart: Chart) -> str:
    """The repository in the registry, with a chart in five versions."""
    for number in ("0.1.0", "0.2.0", "1.0.0", "1.1.0-rc.1", "1.0.1+build.7"):
        push(helm_cluster.registry, "charts", dataclasses.replace(chart, version=number))
    return f"charts/{chart.name}"


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(directory: Path) -> Generator[str]:
    """A directory as a chart repository of its own; gives its URL."""
    handler = functools.partial(_Files, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


# On this machine.


async def test_a_directory(helm_config: Configuration, chart: Chart, tmp_path: Path, objects: Objects) -> None:
    directory = chart.write(tmp_path)
    release = await Install(helm_config).run("shop", directory)
    assert release["chart"]["metadata"]["name"] == chart.name
    assert objects.data("shop") == {"value": "chart"}


async def test_a_directory_relative_to_where_python_is(
    helm_config: Configuration, chart: Chart, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert await version(helm_config, f"./{chart.name}") == "0.1.0"


async def test_an_archive(helm_config: Configuration, chart: Chart, tmp_path: Path) -> None:
    assert await version(helm_config, str(chart.save(tmp_path))) == "0.1.0"


async def test_an_archives_bytes(helm_config: Configuration, chart: Chart) -> None:
    assert await version(helm_config, chart.archive()) == "0.1.0"
    assert await version(helm_config, bytearray(chart.archive())) == "0.1.0"


async def test_a_changed_directory_is_read_again(
    helm_config: Configuration, chart: Chart, tmp_path: Path, objects: Objects
) -> None:
    await Install(helm_config).run("shop", chart.write(tmp_path))
    changed = dataclasses.replace(chart, version="0.2.0", values={"value": "changed"})
    await Upgrade(helm_config).run("shop", changed.write(tmp_path))
    assert objects.data("shop") == {"value": "changed"}


@pytest.mark.parametrize("path", ["./no-such-chart", "/no/such/chart"])
async def test_no_such_path(helm_config: Configuration, path: str) -> None:
    with pytest.raises(ChartNotFoundError, match=path) as raised:
        await version(helm_config, path)
    assert isinstance(raised.value, InstallError)
    assert raised.value.details["chart"] == path


@pytest.mark.parametrize("content", [b"no archive", b"\x1f\x8b\x08\x00broken"])
async def test_bytes_that_are_no_archive(helm_config: Configuration, content: bytes) -> None:
    with pytest.raises(ChartInvalidError):
        await version(helm_config, content)


async def test_a_directory_that_is_no_chart(helm_config: Configuration, tmp_path: Path) -> None:
    with pytest.raises(ChartInvalidError, match=r"Chart\.yaml"):
        await version(helm_config, tmp_path)


async def test_a_library_chart_is_refused(helm_config: Configuration) -> None:
    with pytest.raises(ChartInvalidError, match="library charts are not installable"):
        await version(helm_config, dataclasses.replace(SIMPLE, metadata={"type": "library"}).archive())


# A chart repository.


async def test_a_url(helm_config: Configuration, helm_cluster: TestCluster, repository: str) -> None:
    assert await version(helm_config, f"{helm_cluster.repository}/{repository}-0.2.0.tgz") == "0.2.0"


async def test_a_url_over_tls(helm_config: Configuration, helm_cluster: TestCluster, repository: str) -> None:
    url = f"{helm_cluster.repository_tls}/{repository}-0.2.0.tgz"
    assert await version(helm_config, url, ca_file=helm_cluster.ca_file) == "0.2.0"
    assert await version(helm_config, url, insecure_skip_tls_verify=True) == "0.2.0"


async def test_repo_takes_versions_and_ranges(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str
) -> None:
    repo = helm_cluster.repository
    assert await version(helm_config, repository, repo=repo) == "1.0.0"
    assert await version(helm_config, repository, repo=repo, version="0.2.0") == "0.2.0"
    assert await version(helm_config, repository, repo=repo, version="~0.1") == "0.1.0"
    assert await version(helm_config, repository, repo=repo, version="<1") == "0.2.0"
    assert await version(helm_config, repository, repo=repo, devel=True) == "1.1.0-rc.1"
    assert await version(helm_config, repository, repo=repo, devel=True, version="1.0.0") == "1.0.0"


async def test_repo_over_tls(helm_config: Configuration, helm_cluster: TestCluster, repository: str) -> None:
    repo = helm_cluster.repository_tls
    with pytest.raises(CertificateError) as raised:
        await version(helm_config, repository, repo=repo)
    assert isinstance(raised.value, ConnectionError)
    assert await version(helm_config, repository, repo=repo, ca_file=helm_cluster.ca_file) == "1.0.0"
    assert await version(helm_config, repository, repo=repo, insecure_skip_tls_verify=True) == "1.0.0"


async def test_repo_with_a_client_certificate(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str
) -> None:
    known = {"repo": helm_cluster.repository_mtls, "ca_file": helm_cluster.ca_file}
    files = {"cert_file": helm_cluster.client_certificate, "key_file": helm_cluster.client_key}
    assert await version(helm_config, repository, **known, **files) == "1.0.0"
    with pytest.raises(InstallError):
        await version(helm_config, repository, **known)


async def test_repo_with_a_password(helm_config: Configuration, helm_cluster: TestCluster, repository: str) -> None:
    user = {"username": helm_cluster.username, "password": helm_cluster.password}
    assert await version(helm_config, repository, repo=helm_cluster.repository_auth, **user) == "1.0.0"
    over_tls = {"repo": helm_cluster.repository_tls_auth, "ca_file": helm_cluster.ca_file}
    assert await version(helm_config, repository, **over_tls, **user) == "1.0.0"


@pytest.mark.parametrize("password", [None, "hunter2"], ids=["none", "wrong"])
async def test_repo_with_a_wrong_password(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str, password: str | None
) -> None:
    user = {"username": helm_cluster.username, "password": password} if password else {}
    with pytest.raises(UnauthorizedError) as raised:
        await version(helm_config, repository, repo=helm_cluster.repository_auth, **user)
    assert isinstance(raised.value, PermissionError)
    assert "hunter2" not in f"{raised.value}{raised.value.details}"


async def test_credentials_are_not_sent_to_other_hosts(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str, tmp_path: Path
) -> None:
    urls = [f"{helm_cluster.repository_auth}/{repository}-1.0.0.tgz"]
    entry = {"apiVersion": "v2", "name": repository, "version": "1.0.0", "urls": urls}
    (tmp_path / "index.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "entries": {repository: [entry]}}))
    user = {"username": helm_cluster.username, "password": helm_cluster.password}
    with serving(tmp_path) as repo:
        with pytest.raises(UnauthorizedError):
            await version(helm_config, repository, repo=repo, **user)
        assert await version(helm_config, repository, repo=repo, pass_credentials=True, **user) == "1.0.0"


async def test_a_chart_or_version_that_the_repository_has_not(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str
) -> None:
    for wanted in ({"chart": "no-such-chart"}, {"chart": repository, "version": "9.9.9"}):
        with pytest.raises(ChartNotFoundError, match=r"no-such-chart|9\.9\.9"):
            await version(helm_config, repo=helm_cluster.repository, **wanted)


async def test_a_repository_that_is_not_there(helm_config: Configuration) -> None:
    with pytest.raises(RepositoryError):
        await version(helm_config, "web", repo="http://127.0.0.1:1")


@pytest.mark.parametrize("broken", ["repository_broken", "repository_broken_index"])
async def test_a_download_that_breaks_off(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str, broken: str, objects: Objects
) -> None:
    with pytest.raises(InstallError):
        await Install(helm_config).run("shop", repository, repo=getattr(helm_cluster, broken))
    assert objects.statuses("shop") == []
    # Nothing that was half fetched is kept.
    assert await version(helm_config, repository, repo=helm_cluster.repository) == "1.0.0"


async def test_no_provenance_where_it_is_asked_for(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str
) -> None:
    with pytest.raises(ProvenanceError, match="provenance"):
        await version(helm_config, repository, repo=helm_cluster.repository, verify=True)


# Repositories by name.


@pytest.fixture
def named(helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path) -> Iterator[Configuration]:
    """A Configuration whose repositories.yaml names the repository `local`, with its index fetched."""
    (tmp_path / "cache").mkdir()
    local = {"name": "local", "url": helm_cluster.repository}
    (tmp_path / "repositories.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "repositories": [local]}))
    with urllib.request.urlopen(f"{helm_cluster.repository}/index.yaml") as index:
        (tmp_path / "cache" / "local-index.yaml").write_bytes(index.read())
    with Configuration(
        helm_namespace,
        helm_cluster.kubeconfig,
        repository_config=tmp_path / "repositories.yaml",
        repository_cache=tmp_path / "cache",
    ) as config:
        yield config


async def test_a_name_in_a_repository(repository: str, named: Configuration) -> None:
    assert await version(named, f"local/{repository}") == "1.0.0"
    assert await version(named, f"local/{repository}", version="~0.1") == "0.1.0"
    assert await version(named, f"local/{repository}", devel=True) == "1.1.0-rc.1"


async def test_a_name_that_no_repository_has(repository: str, named: Configuration) -> None:
    for wanted in ("local/no-such-chart", f"unknown/{repository}"):
        with pytest.raises(ChartNotFoundError):
            await version(named, wanted)


# A registry.


async def test_oci_takes_versions_and_ranges(
    helm_config: Configuration, helm_cluster: TestCluster, registry: str
) -> None:
    chart, plain = f"oci://{helm_cluster.registry}/{registry}", {"plain_http": True}
    assert await version(helm_config, chart, version="0.2.0", **plain) == "0.2.0"
    assert await version(helm_config, chart, **plain) == "1.0.1+build.7"
    assert await version(helm_config, chart, version="~0.1", **plain) == "0.1.0"
    assert await version(helm_config, chart, version="<1", **plain) == "0.2.0"
    assert await version(helm_config, chart, version="1.0.1+build.7", **plain) == "1.0.1+build.7"
    assert await version(helm_config, chart, devel=True, **plain) == "1.1.0-rc.1"
    assert await version(helm_config, f"{chart}:0.2.0", **plain) == "0.2.0"


async def test_oci_by_digest(helm_config: Configuration, helm_cluster: TestCluster, chart: Chart) -> None:
    digest = push(helm_cluster.registry, "charts", chart)
    reference = f"oci://{helm_cluster.registry}/charts/{chart.name}@{digest}"
    assert await version(helm_config, reference, plain_http=True) == chart.version


async def test_oci_speaks_http_where_the_configuration_says_so(
    helm_cluster: TestCluster, helm_namespace: str, registry: str
) -> None:
    with Configuration(helm_namespace, helm_cluster.kubeconfig, plain_http=True) as config:
        assert await version(config, f"oci://{helm_cluster.registry}/{registry}", version="1.0.0") == "1.0.0"


async def test_oci_over_tls(
    helm_config: Configuration, helm_cluster: TestCluster, helm_namespace: str, registry: str
) -> None:
    chart = f"oci://{helm_cluster.registry_tls}/{registry}"
    with pytest.raises(CertificateError):
        await version(helm_config, chart, version="1.0.0")
    assert await version(helm_config, chart, version="1.0.0", ca_file=helm_cluster.ca_file) == "1.0.0"
    assert await version(helm_config, chart, version="0.2.0", insecure_skip_tls_verify=True) == "0.2.0"
    with Configuration(helm_namespace, helm_cluster.kubeconfig, insecure_skip_tls_verify=True) as config:
        assert await version(config, chart, version="0.1.0") == "0.1.0"


async def test_oci_with_a_client_certificate(
    helm_config: Configuration, helm_cluster: TestCluster, registry: str
) -> None:
    chart = f"oci://{helm_cluster.registry_mtls}/{registry}"
    files = {"cert_file": helm_cluster.client_certificate, "key_file": helm_cluster.client_key}
    assert await version(helm_config, chart, version="1.0.0", ca_file=helm_cluster.ca_file, **files) == "1.0.0"


async def test_oci_with_a_password(
    helm_config: Configuration, helm_cluster: TestCluster, helm_namespace: str, registry: str
) -> None:
    user = {"username": helm_cluster.username, "password": helm_cluster.password}
    chart = f"oci://{helm_cluster.registry_auth}/{registry}"
    assert await version(helm_config, chart, version="1.0.0", plain_http=True, **user) == "1.0.0"
    over_tls = f"oci://{helm_cluster.registry_tls_auth}/{registry}"
    assert await version(helm_config, over_tls, version="1.0.0", ca_file=helm_cluster.ca_file, **user) == "1.0.0"
    auth = {helm_cluster.registry_auth: user}
    with Configuration(helm_namespace, helm_cluster.kubeconfig, plain_http=True, registry_auth=auth) as config:
        assert await version(config, chart, version="0.2.0") == "0.2.0"


async def test_oci_with_the_credentials_of_a_file(
    helm_cluster: TestCluster, helm_namespace: str, registry: str, tmp_path: Path
) -> None:
    token = base64.b64encode(f"{helm_cluster.username}:{helm_cluster.password}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {helm_cluster.registry_auth: {"auth": token}}}))
    with Configuration(
        helm_namespace, helm_cluster.kubeconfig, plain_http=True, registry_config=tmp_path / "config.json"
    ) as config:
        assert await version(config, f"oci://{helm_cluster.registry_auth}/{registry}", version="1.0.0") == "1.0.0"


@pytest.mark.parametrize("password", [None, "hunter2"], ids=["none", "wrong"])
async def test_oci_with_a_wrong_password(
    helm_config: Configuration, helm_cluster: TestCluster, registry: str, password: str | None
) -> None:
    user = {"username": helm_cluster.username, "password": password} if password else {}
    chart = f"oci://{helm_cluster.registry_auth}/{registry}"
    with pytest.raises(UnauthorizedError) as raised:
        await version(helm_config, chart, version="1.0.0", plain_http=True, **user)
    assert "hunter2" not in f"{raised.value}{raised.value.details}"


async def test_oci_has_no_such_chart_or_version(
    helm_config: Configuration, helm_cluster: TestCluster, registry: str
) -> None:
    host = f"oci://{helm_cluster.registry}"
    for chart, wanted in ((f"{host}/charts/no-such-chart", "1.0.0"), (f"{host}/{registry}", "9.9.9")):
        with pytest.raises(ChartNotFoundError):
            await version(helm_config, chart, version=wanted, plain_http=True)


async def test_a_registry_that_is_not_there(helm_config: Configuration) -> None:
    with pytest.raises(RegistryError):
        await version(helm_config, "oci://127.0.0.1:1/charts/web", version="1.0.0", plain_http=True)


# Dependencies.


def parent(repository: str, dependency: str) -> Chart:
    needed = {"name": dependency, "version": ">=0.1.0", "repository": repository}
    return Chart({"c.yaml": configmap(f"{NAME}-parent")}, name="parent", metadata={"dependencies": [needed]})


async def test_a_missing_dependency_is_named(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str, tmp_path: Path, objects: Objects
) -> None:
    directory = parent(helm_cluster.repository, repository).write(tmp_path)
    for run in (Install(helm_config).run, Upgrade(helm_config).run):
        with pytest.raises(MissingDependencyError, match=repository) as raised:
            await run("shop", directory)
        assert raised.value.code == "missing_dependency"
        assert "dependency_update=True" in str(raised.value)
    assert objects.names("configmaps") == []


async def test_a_missing_dependency_is_fetched_where_that_is_asked_for(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str, tmp_path: Path, objects: Objects
) -> None:
    directory = parent(helm_cluster.repository, repository).write(tmp_path)
    await Install(helm_config).run("shop", directory, dependency_update=True)
    assert objects.names("configmaps") == ["shop", "shop-parent"]
    assert [path.name for path in (directory / "charts").iterdir()] == [f"{repository}-1.0.0.tgz"]
    assert (directory / "Chart.lock").exists()


async def test_a_missing_dependency_is_fetched_from_a_registry(
    helm_cluster: TestCluster, helm_namespace: str, registry: str, tmp_path: Path, objects: Objects
) -> None:
    directory = parent(f"oci://{helm_cluster.registry}/charts", registry.rpartition("/")[2]).write(tmp_path)
    with Configuration(helm_namespace, helm_cluster.kubeconfig, plain_http=True) as config:
        await Upgrade(config).run("shop", directory, install=True, dependency_update=True)
    assert objects.names("configmaps") == ["shop", "shop-parent"]


async def test_an_archives_bytes_can_not_be_updated(
    helm_config: Configuration, helm_cluster: TestCluster, repository: str
) -> None:
    with pytest.raises(ValidationError, match="dependency_update"):
        await version(helm_config, parent(helm_cluster.repository, repository).archive(), dependency_update=True)
