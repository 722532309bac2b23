"""`helm search repo` and `helm search hub` against the helm command."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE
from tests.parity.files import Both, Cases, Do, Serve, Touch
from tests.parity.places import Place
from tests.parity.test_repo import OWN, add, entries

CHARTS: Final = (
    replace(SIMPLE, version="0.1.0", metadata={"description": "a shop", "appVersion": "7"}),
    replace(
        SIMPLE, version="0.10.0", metadata={"description": "a site", "appVersion": "8", "keywords": ["http", "shop"]}
    ),
    replace(SIMPLE, version="0.9.0", metadata={"description": "a site", "appVersion": "8"}),
    replace(SIMPLE, version="1.0.0-rc.1", metadata={"description": "a site"}),
    replace(SIMPLE, name="shop", version="1.0.0", metadata={"description": "Sells; WEB and more: ünïcode"}),
    replace(SIMPLE, name="shop", version="2.0.0", metadata={"description": "sells"}),
    replace(SIMPLE, name="queue", version="0.0.1-alpha", metadata={"keywords": ["web"]}),
    replace(SIMPLE, name="web-shop", version="3.2.1", metadata={"description": "both", "deprecated": True}),
)
ADDED: Final = (Serve(*CHARTS), add("mine"), add("other"))


def search(keyword: str | None = None, **options: Any) -> list[Any]:
    return [*ADDED, Do("search repo", keyword=keyword, **options)]


REPO: Final[Cases] = {
    "all": search(),
    "all-versions": search(versions=True),
    "all-devel": search(devel=True),
    "all-devel-versions": search(devel=True, versions=True),
    "keyword": search("web"),
    "keyword-case": search("WEB"),
    "keyword-in-description": search("sells"),
    "keyword-versions": search("shop", versions=True),
    "keyword-devel": search("web", devel=True),
    "keyword-devel-versions": search("web", devel=True, versions=True),
    "keyword-with-spaces": search("a site"),
    "keyword-unicode": search("ünï"),
    "keyword-is-a-repository": search("mine/"),
    "keyword-is-a-whole-name": search("mine/web"),
    "keyword-is-a-pattern": search("we.", versions=True),
    "nothing": search("no such chart"),
    "only-keywords": search("http"),
    "only-a-pre-release": search("queue"),
    "only-a-pre-release-devel": search("queue", devel=True),
    "version": search("web", version="0.9.0"),
    "version-range": search("web", version="^0.9"),
    "version-tilde": search(version="~0.1"),
    "version-or": search(version="0.1.0 || >=2", versions=True),
    "version-pre-releases": search("web", version=">=0.1.0-0"),
    "version-over-devel": search("web", version="<1", devel=True),
    "version-versions": search("web", version="<1.0.0", versions=True),
    "version-none": search("web", version=">9"),
    "version-is-none": [*ADDED, Do("search repo", keyword="web", version="a b", fails="invalid version/constraint")],
    "regexp": search("^we", regexp=True),
    "regexp-case": search("(?i)WEB and", regexp=True, versions=True),
    "regexp-end": search("shop$", regexp=True, devel=True, versions=True),
    "regexp-or": search("queue|shop", regexp=True, version=">=1"),
    "regexp-separators": search(r"web\v", regexp=True),
    "regexp-is-none": [*ADDED, Do("search repo", keyword="(", regexp=True, fails="error parsing regexp")],
    "no-repositories": [Do("search repo", keyword="web", fails="no repositories configured")],
    "list-elsewhere": [Serve(*CHARTS), add(config=(there := {"repository_config": "r", "repository_cache": "c"})),
        Do("search repo", keyword="web", config=there), Do("search repo", fails="no repositories configured")],
    "no-index": [*ADDED, Touch(lambda place: index(place, "mine").unlink()), Do("search repo", keyword="web")],
    "garbled-index": [*ADDED, Touch(lambda place: index(place, "mine").write_text("a: [")), Do("search repo")],
    "changed-index": [*ADDED, Do("search repo", keyword="fresh"),
        Touch(lambda place: changed(index(place, "mine"))), Do("search repo", keyword="fresh")],
    "after-remove": [*ADDED, Do("repo remove", name="mine"), Do("search repo", keyword="web")],
    "after-update": [*ADDED, Serve(replace(SIMPLE, name="fresh")), Do("repo update", name="mine"),
        Do("search repo", keyword="fresh")],
    "odd-index": [
        entries(**{
            "other-name": [{"name": "real", "version": "1.0.0", "description": "d"}],
            "cost$$free": [{"name": "free", "version": "1.0.0"}, {"name": "free", "version": "0.1.0"}],
            "v": [{"name": "v", "version": "v1.2"}, {"name": "v", "version": "1"}, {"name": "v", "version": "0.5.0"}],
            "lines": [{"name": "lines", "version": "1.0.0", "description": "one\ntwo\ttabs", "keywords": ["a", "b"]}],
            "number": [{"name": "number", "version": "1.0.0", "appVersion": "1.0", "keywords": ["x"]}],
        }),
        add("mine"),
        Do("search repo"),
        Do("search repo", keyword="real", versions=True),
        Do("search repo", keyword="two"),
        Do("search repo", keyword="a b"),
        Do("search repo", keyword="free", versions=True),
    ],
}  # fmt: skip


def index(place: Place, name: str) -> Any:
    return place.root / "cache" / "repository" / f"{name}-index.yaml"


def changed(path: Any) -> None:
    path.write_text(path.read_text().replace("web-shop", "fresh"))


def hub(*charts: dict[str, Any] | str) -> Touch:
    """A hub, under the side's own repository: a file is all that it takes."""

    def make(place: Place) -> None:
        path = place.served / "api" / "chartsvc" / "v1" / "charts" / "search"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"data": list(charts)}))

    return Touch(make)


FULL: Final[dict[str, Any]] = {
    "id": "stable/phpmyadmin",
    "type": "chart",
    "attributes": {
        "name": "phpmyadmin",
        "repo": {"name": "stable", "url": "https://charts.example/stable"},
        "description": "phpMyAdmin is an mysql administration frontend <&>",
        "keywords": ["mysql"],
        "maintainers": [{"name": "One", "email": "one@example"}],
    },
    "links": {"self": "/v1/charts/stable/phpmyadmin"},
    "relationships": {
        "latestChartVersion": {
            "data": {"version": "3.0.0", "app_version": "4.9.0-1", "created": "2019-08-08T17:57:31.38Z", "urls": []}
        }
    },
}

HUB: Final[Cases] = {
    "hub": [hub(FULL), Do("search hub", keyword="phpmyadmin", endpoint=OWN)],
    "hub-all": [hub(FULL, {**FULL, "id": "other/x"}), Do("search hub", endpoint=OWN)],
    "hub-slash": [hub(FULL), Do("search hub", keyword="x", endpoint=f"{OWN}/")],
    "hub-page": [
        hub({**FULL, "artifactHub": {"packageUrl": "https://hub.example/packages/x"}}),
        Do("search hub", keyword="a b&c=d", endpoint=OWN),
    ],
    "hub-little": [hub({"id": "a/b"}, {}), Do("search hub", keyword="x", endpoint=OWN)],
    "hub-nothing": [hub(), Do("search hub", keyword="x", endpoint=OWN)],
    "hub-auth-in-url": [Do("search hub", keyword="x", endpoint="nowhere", fails="no hostname provided")],
    "hub-missing": [Do("search hub", keyword="x", endpoint=f"{OWN}/none", fails="unable to perform search against")],
    "hub-unreachable": [Do("search hub", keyword="x", endpoint="http://127.0.0.1:1", fails="unable to perform search")],
}


@pytest.mark.parametrize("case", REPO)
async def test_search_repo(both: Both, case: str) -> None:
    await both.go(REPO[case])


@pytest.mark.parametrize("case", HUB)
async def test_search_hub(both: Both, case: str) -> None:
    await both.go(HUB[case])
