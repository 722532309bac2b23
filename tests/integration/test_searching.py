"""Searching and indexing: what kept indexes must not hide, a hub of the test's own, indexes as helm writes them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import (
    Configuration,
    RegistryError,
    RepoAdd,
    RepoIndex,
    RepoRemove,
    RepositoryError,
    RepoUpdate,
    SearchHub,
    SearchRepo,
    ValidationError,
)
from tests.integration.charts import SIMPLE
from tests.integration.serving import Request, directory, serving

HELM = Path(__file__).parents[2] / ".build" / "bin" / "helm"


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Configuration]:
    with Configuration(repository_config=tmp_path / "repositories.yaml", repository_cache=tmp_path / "cache") as made:
        yield made


def helm(place: Path, *arguments: str) -> str:
    """What the helm command prints, with the list and the cache of `config`."""
    files = ["--repository-config", str(place / "repositories.yaml"), "--repository-cache", str(place / "cache")]
    return subprocess.run([HELM, *arguments, *files], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of a repository, without an index."""
    place = tmp_path / "served"
    place.mkdir()
    for name, version, description in (
        ("web", "0.1.0", "a shop"),
        ("web", "0.2.0", "a site"),
        ("web", "1.0.0-rc.1", "a site"),
        ("shop", "1.0.0", "sells"),
    ):
        more = {"description": description, "appVersion": "7", "keywords": ["http"]}
        dataclasses.replace(SIMPLE, name=name, version=version, metadata=more).save(place)
    return place


@pytest.fixture
async def added(config: Configuration, root: Path) -> Configuration:
    await RepoIndex(config).run(root)
    with serving(directory(root)) as server:
        await RepoAdd(config).run("local", server.url)
    return config


def found(rows: Any) -> list[str]:
    return [f"{row['name']} {row['version']}" for row in rows]


# Searching repositories.


async def test_search(added: Configuration, tmp_path: Path) -> None:
    search = SearchRepo(added)
    assert await search.run("shop") == [
        {"name": "local/shop", "version": "1.0.0", "app_version": "7", "description": "sells"},
        {"name": "local/web", "version": "0.1.0", "app_version": "7", "description": "a shop"},
    ]
    assert found(await search.run()) == ["local/shop 1.0.0", "local/web 0.2.0"]
    assert found(await search.run("web", devel=True)) == ["local/web 1.0.0-rc.1"]
    assert found(await search.run("web", versions=True)) == ["local/web 0.2.0", "local/web 0.1.0"]
    assert found(await search.run("web", version="<0.2")) == ["local/web 0.1.0"]
    assert found(await search.run("^w", regexp=True)) == ["local/web 0.2.0"]
    assert await search.run("nothing") == []
    everything = json.loads(helm(tmp_path, "search", "repo", "--versions", "--devel", "-o", "json"))
    assert await search.run(versions=True, devel=True) == everything


async def test_what_changes_is_read_again(added: Configuration, root: Path, tmp_path: Path) -> None:
    search = SearchRepo(added)
    assert found(await search.run("fresh")) == []
    dataclasses.replace(SIMPLE, name="fresh").save(root)
    await RepoIndex(added).run(root)
    with serving(directory(root)) as server:
        await RepoAdd(added).run("local", server.url, force_update=True)
        assert found(await search.run("fresh")) == ["local/fresh 0.1.0"]
        dataclasses.replace(SIMPLE, name="fresh", version="0.2.0").save(root)
        await RepoIndex(added).run(root)
        helm(tmp_path, "repo", "update")
        assert found(await search.run("fresh")) == ["local/fresh 0.2.0"]
    index = tmp_path / "cache" / "local-index.yaml"
    index.write_text(index.read_text().replace("fresh", "stale"))
    assert found(await search.run("stale")) == ["local/stale 0.2.0"]
    await RepoRemove(added).run("local")
    with pytest.raises(RepositoryError, match="no repositories configured"):
        await search.run("stale")


async def test_an_index_that_can_not_be_read_is_left_out(
    added: Configuration, root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(directory(root)) as server:
        for name in ("gone", "garbled"):
            await RepoAdd(added).run(name, server.url)
    (tmp_path / "cache" / "gone-index.yaml").unlink()
    (tmp_path / "cache" / "garbled-index.yaml").write_text("<html>")
    assert found(await SearchRepo(added).run("shop", version=">=1")) == ["local/shop 1.0.0"]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == 2
    assert all("repo is corrupt or missing" in message for message in warned)


@pytest.mark.parametrize(
    ("options", "field"),
    [({"keyword": "[", "regexp": True}, "keyword"), ({"version": "not a version"}, "version")],
)
async def test_what_is_no_query(added: Configuration, options: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        await SearchRepo(added).run(**options)
    assert isinstance(raised.value, RegistryError)
    assert raised.value.details["field"] == field


async def test_searching_while_updating(added: Configuration, root: Path) -> None:
    with serving(directory(root)) as server:
        await RepoAdd(added).run("local", server.url, force_update=True)
        calls = [call for _ in range(20) for call in (RepoUpdate(added).run(), SearchRepo(added).run("shop"))]
        results = await asyncio.gather(*calls)
    assert {str(found(rows)) for rows in results[1::2]} == {"['local/shop 1.0.0', 'local/web 0.1.0']"}


# Indexing.


def times(text: str) -> str:
    """An index without its times."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "TIME", text)


@pytest.mark.parametrize(
    "options",
    [{}, {"url": "https://charts.example/x"}, {"json": True}, {"merge": "missing"}, {"merge": "other", "url": "u"}],
    ids=str,
)
async def test_an_index_is_as_helm_writes_it(config: Configuration, root: Path, options: dict[str, Any]) -> None:
    (root / "deeper").mkdir()
    dataclasses.replace(SIMPLE, name="deep").save(root / "deeper")
    (root / "broken.tgz").write_bytes(b"no chart")
    if options.get("merge") == "other":
        place = root.parent / "other-charts"
        place.mkdir()
        for name in ("web", "elsewhere"):
            dataclasses.replace(SIMPLE, name=name, version="3.0.0").save(place)
        await RepoIndex(config).run(place)
        options = {**options, "merge": place / "index.yaml"}
    elif options.get("merge"):
        options = {"merge": root.parent / "missing.yaml"}
    written = await RepoIndex(config).run(root, **options)
    ours = (root / "index.yaml").read_text()
    made = options["merge"].read_text() if "merge" in options else ""
    if made.startswith("apiVersion: v1\nentries: {}"):
        options["merge"].unlink()
    flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    helm(root.parent, "repo", "index", str(root), *flags)
    assert times(ours) == times((root / "index.yaml").read_text())
    if made:
        assert times(made) == times(options["merge"].read_text())
    assert written["path"] == str(root / "index.yaml")
    assert written["versions"] == ours.count("digest")


def files(place: Path) -> list[Path]:
    return sorted(place.iterdir())


async def test_an_index_that_can_not_be_written(config: Configuration, root: Path) -> None:
    (root / "index.yaml").mkdir()
    before = files(root)
    with pytest.raises(RepositoryError, match="the index can not be written") as raised:
        await RepoIndex(config).run(root)
    assert isinstance(raised.value, RegistryError)
    assert files(root) == before


async def test_no_directory_no_index_to_merge(config: Configuration, root: Path) -> None:
    for place in (root / "none", root / "web-0.1.0.tgz"):
        with pytest.raises(ValidationError, match="is no directory"):
            await RepoIndex(config).run(place)
    (root.parent / "garbled").write_text("<html>")
    with pytest.raises(RepositoryError, match="merge failed"):
        await RepoIndex(config).run(root, merge=root.parent / "garbled")
    assert not (root / "index.yaml").exists()


async def test_a_large_directory_can_be_cancelled(config: Configuration, root: Path) -> None:
    chart = dataclasses.replace(SIMPLE, files={"large": os.urandom(200_000).hex()}).archive()
    for number in range(1500):
        (root / f"copy-{number}.tgz").write_bytes(chart)
    task = asyncio.create_task(RepoIndex(config).run(root))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    assert not (root / "index.yaml").exists()


# Searching a hub, which speaks as helm's own tests have it (helm: internal/monocular/search_test.go).


HUB: Any = {
    "data": [
        {
            "id": "stable/phpmyadmin",
            "type": "chart",
            "attributes": {
                "name": "phpmyadmin",
                "repo": {"name": "stable", "url": "https://charts.example/stable"},
                "description": "phpMyAdmin is an mysql administration frontend",
                "home": "https://www.example/",
                "keywords": ["mariadb", "mysql"],
                "maintainers": [{"name": "One", "email": "one@example"}],
                "sources": ["https://git.example"],
                "icon": "",
            },
            "links": {"self": "/v1/charts/stable/phpmyadmin"},
            "relationships": {
                "latestChartVersion": {
                    "data": {
                        "version": "3.0.0",
                        "app_version": "4.9.0-1",
                        "created": "2019-08-08T17:57:31.38Z",
                        "digest": "119c",
                        "urls": ["https://charts.example/stable/phpmyadmin-3.0.0.tgz"],
                        "readme": "/v1/assets/stable/phpmyadmin/versions/3.0.0/README.md",
                        "values": "/v1/assets/stable/phpmyadmin/versions/3.0.0/values.yaml",
                    },
                    "links": {"self": "/v1/charts/stable/phpmyadmin/versions/3.0.0"},
                }
            },
        },
        {
            "id": "bitnami/phpmyadmin",
            "artifactHub": {"packageUrl": "https://hub.example/packages/helm/bitnami/phpmyadmin"},
            "attributes": {"repo": {"name": "bitnami", "url": "https://charts.example/bitnami"}},
            "relationships": {"latestChartVersion": {"data": {"version": "2.0.0"}}},
        },
    ]
}


def hub(request: Request) -> None:
    request.send(json.dumps(HUB).encode())


async def test_search_hub(config: Configuration, tmp_path: Path) -> None:
    with serving(hub) as server:
        charts = await SearchHub(config).run("php my&admin", endpoint=server.url + "/base")
        printed = helm(tmp_path, "search", "hub", "php my&admin", "--endpoint", server.url + "/base", "-o", "json")
        assert await SearchHub(config).run(endpoint=server.url) != []
    assert charts == json.loads(printed)
    assert charts[0] == {
        "url": f"{server.url}/base/charts/stable/phpmyadmin",
        "version": "3.0.0",
        "app_version": "4.9.0-1",
        "description": "phpMyAdmin is an mysql administration frontend",
        "repository": {"url": "https://charts.example/stable", "name": "stable"},
    }
    assert charts[1]["url"] == "https://hub.example/packages/helm/bitnami/phpmyadmin"
    ours, theirs, bare = server.paths
    assert ours == theirs == "/base/api/chartsvc/v1/charts/search?q=php+my%26admin"
    assert bare == "/api/chartsvc/v1/charts/search?q="
    assert server.agents[0] == server.agents[1]


async def test_a_hub_that_fails(config: Configuration) -> None:
    with pytest.raises(ValidationError, match="no hostname provided"):
        await SearchHub(config).run("x", endpoint="nowhere")
    with pytest.raises(RepositoryError, match=r"unable to perform search.*connection refused") as raised:
        await SearchHub(config).run("x", endpoint="http://127.0.0.1:1")
    assert raised.value.details == {"endpoint": "http://127.0.0.1:1"}
    for status, text in ((404, b""), (500, b""), (200, b"<html>")):
        with (
            serving(lambda request, status=status, text=text: request.send(text, status)) as server,
            pytest.raises(RepositoryError, match="unable to perform search"),
        ):
            await SearchHub(config).run("x", endpoint=server.url)
    with serving(lambda request: request.send(b'{"data": []}')) as server:
        assert await SearchHub(config).run("x", endpoint=server.url) == []
