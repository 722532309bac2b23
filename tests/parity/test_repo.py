"""`helm repo add`, `list`, `remove`, `update` and `index` against the helm command: what is said and left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
import yaml

from tests.integration.charts import SIMPLE, Chart
from tests.parity.files import Both, Cases, Do, Line, Look, Put, Serve, Touch
from tests.parity.places import Place

OWN: Final = "@repository@/@side@"
WEB: Final = replace(SIMPLE, metadata={"description": "a site", "appVersion": "7", "keywords": ["http"]})
SHOP: Final = replace(SIMPLE, name="shop", version="1.2.3-rc.1+build", metadata={"description": 'sells: "Ünïcode" | >'})
USER: Final = {"username": "@username@", "password": "@password@"}
LISTED: Final = "apiVersion: v1\nrepositories:\n- name: one\n  url: http://127.0.0.1:1/one\n- name: two\n  url: http://127.0.0.1:1/two\n"
LIST: Final = "@config@/repositories.yaml"


def add(name: str = "mine", url: str = OWN, **options: Any) -> Do:
    return Do("repo add", name=name, url=url, **options)


def index(text: str) -> Touch:
    """A repository with this for its index."""
    return Touch(lambda place: (place.served / "index.yaml").write_text(place.own(text)))


def entries(**charts: list[dict[str, Any]]) -> Touch:
    """A repository whose index has these entries."""
    return index(yaml.safe_dump({"apiVersion": "v1", "entries": charts}))


def refuses(what: str, text: str) -> list[Any]:
    """Adding what is no repository, beside one that is."""
    del what
    return [Serve(WEB), add("good"), index(text), add("bad", fails="is not a valid chart repository")]


def nested(place: Place) -> None:
    for directory, chart in (("a", WEB), ("b", SHOP), ("a/deeper", replace(WEB, name="too-deep"))):
        (place.work / "charts" / directory).mkdir(parents=True)
        chart.save(place.work / "charts" / directory)


ADD: Final[Cases] = {
    "add": [Serve(WEB, SHOP), add(), Do("repo list")],
    "add-empty": [index("apiVersion: v1\nentries: {}\n"), add()],
    "add-twice": [Serve(WEB), add(), Look(), add(), Do("repo list")],
    "add-other-url": [Serve(WEB), add(), add(url=f"{OWN}/", fails="already exists, please specify a different name")],
    "add-other-settings": [Serve(WEB), add(), add(pass_credentials=True, fails="(mine) already exists")],
    "force-update": [Serve(WEB), add(), Serve(SHOP), add(force_update=True, pass_credentials=True), Do("repo list")],
    "force-update-new": [Serve(WEB), add(force_update=True)],
    "force-update-fails": [Serve(WEB), add(), add(url=f"{OWN}/none", force_update=True, fails="404")],
    "several": [
        Serve(WEB),
        add("b"),
        add("a"),
        add("c"),
        Do("repo list"),
        add("a", force_update=True),
        Do("repo list"),
    ],
    "user": [Serve(WEB), add(url="@repository_auth@/@side@", **USER)],
    "wrong-user": [Serve(WEB), add(url="@repository_auth@/@side@", username="me", password="no", fails="401")],
    "no-user": [Serve(WEB), add(url="@repository_auth@/@side@", fails="401 Unauthorized")],
    "user-kept": [Serve(WEB), add(username="me", password="p@ss: \"word'", pass_credentials_all=True)],
    "password-alone": [Serve(WEB), add(password="pw")],
    "ca": [Serve(WEB), add(url="@repository_tls@/@side@", ca_file="@ca_file@"), Do("repo update")],
    "no-ca": [Serve(WEB), add(url="@repository_tls@/@side@", fails="certificate signed by unknown authority")],
    "insecure": [Serve(WEB), add(url="@repository_tls@/@side@", insecure_skip_tls_verify=True), Do("repo update")],
    "ca-and-user": [
        Serve(WEB),
        add(url="@repository_tls_auth@/@side@", ca_file="@ca_file@", **USER),
        Do("repo update"),
    ],
    "client-certificate": [
        Serve(WEB),
        add(
            url="@repository_mtls@/@side@",
            ca_file="@ca_file@",
            cert_file="@client_certificate@",
            key_file="@client_key@",
        ),
        Do("repo update"),
    ],
    "no-client-certificate": [
        Serve(WEB),
        add(url="@repository_mtls@/@side@", ca_file="@ca_file@", fails="certificate required"),
    ],
    "certificate-without-key": [
        Serve(WEB),
        add(
            url="@repository_mtls@/@side@",
            ca_file="@ca_file@",
            cert_file="@client_certificate@",
            fails="unable to read key file",
        ),
    ],
    "no-such-ca": [Serve(WEB), add(url="@repository_tls@/@side@", ca_file="none.crt", fails="none.crt")],
    "unreachable": [add(url="http://127.0.0.1:1", fails="connection refused")],
    "not-found": [Serve(WEB), add(), add("other", f"{OWN}/none", fails="404 Not Found")],
    "no-scheme": [add(url="charts.example", fails="could not find protocol handler for:")],
    "other-scheme": [add(url="ftp://charts.example", fails="could not find protocol handler for: ftp")],
    "no-url": [add(url="http://[", fails="invalid chart URL format")],
    "slash": [Serve(WEB), add("a/b", fails="contains '/'")],
    "odd-name": [Serve(WEB), add("Ünï code.x"), Do("search repo", keyword="web"), Do("repo remove", name="Ünï code.x")],
    "query": [Serve(WEB), add(url=f"{OWN}?token=1")],
    "deprecated": [
        add(url="https://kubernetes-charts.storage.googleapis.com", fails="is no longer available"),
        add(
            url="https://kubernetes-charts-incubator.storage.googleapis.com/", fails="https://charts.helm.sh/incubator"
        ),
    ],
    "allow-deprecated": [
        Serve(WEB),
        add(url=f"{OWN}//kubernetes-charts.storage.googleapis.com", fails="no longer available"),
        add(url=f"{OWN}?//kubernetes-charts.storage.googleapis.com", allow_deprecated_repos=True),
    ],
    "timeout": [Serve(WEB), add(timeout=30), Do("repo update", timeout=30)],
    "too-slow": [
        index(f"apiVersion: v1\nentries: {{}}\n# {'x' * 9000}\n"),
        add(url="@repository_slow_index@/@side@", timeout=1, fails="cannot be reached: ", reworded=True),
    ],
    "breaks-off": [Serve(WEB), add(url="@repository_broken_index@/@side@", fails="unexpected EOF")],
    "another-list": [Serve(WEB), add(config={"repository_config": "deep/er/list", "repository_cache": "kept"})],
    "list-by-environment": [
        Serve(WEB),
        add(env={"HELM_REPOSITORY_CONFIG": "@work@/r.yaml", "HELM_REPOSITORY_CACHE": "@work@/kept"}),
        Do("repo list", env={"HELM_REPOSITORY_CONFIG": "@work@/r.yaml"}),
    ],
    "list-of-others": [Put({LIST: LISTED + "more: 1\n"}), Serve(WEB), add(), Do("repo list")],
    "list-with-a-mode": [
        Put({LIST: LISTED}),
        Touch(lambda place: (place.root / "config" / "repositories.yaml").chmod(0o644)),
        Serve(WEB),
        add(),
    ],
    "list-that-is-empty": [Put({LIST: ""}), Do("repo list"), Serve(WEB), add()],
    "list-that-is-no-yaml": [Put({LIST: "a: [\n"}), Serve(WEB), add(fails="YAML", reworded=True)],
    "page": refuses("a page", "<html>"),
    "no-api-version": refuses("no version", "entries: {}\n"),
    "unknown-field": refuses("a field", "apiVersion: v1\nsurprise: 1\n"),
    "twice-the-key": refuses("a key", "apiVersion: v1\nentries: {}\nentries: {}\n"),
    "no-text": refuses("nothing", ""),
    "wrong-type": refuses("a list", "apiVersion: v1\nentries: []\n"),
    "json": [index('{"apiVersion": "v1", "entries": {"a": [{"name": "a", "version": "1.0.0", "more": 1}]}}'), add()],
    "odd-entries": [
        entries(
            none=[],
            bad=[{"name": "bad", "version": "none"}, {"name": "bad", "version": "1.0.0"}],
            nameless=[{"version": "1.0.0"}],
        ),
        add(),
        Do("search repo", versions=True),
    ],
}

OTHERS: Final[Cases] = {
    "list-none": [Do("repo list")],
    "list-kept-order": [Put({LIST: LISTED}), Do("repo list")],
    "remove": [Serve(WEB), add("a"), add("b"), Do("repo remove", name="a"), Do("repo list")],
    "remove-several": [Serve(WEB), add("a"), add("b"), add("c"), Do("repo remove", name=["c", "a"]), Do("repo list")],
    "remove-all": [
        Serve(WEB),
        add(),
        Do("repo remove", name="mine"),
        Do("repo list"),
        Do("repo update", fails="no repo"),
    ],
    "remove-unknown": [Serve(WEB), add(), Do("repo remove", name="other", fails='no repo named "other" found')],
    "remove-none": [Do("repo remove", name="a", fails="no repositories configured")],
    "remove-uncached": [Put({LIST: LISTED}), Do("repo remove", name="one"), Do("repo list")],
    "remove-elsewhere": [
        Serve(WEB),
        add(config={"repository_cache": "kept"}),
        Do("repo remove", name="mine", config={"repository_cache": "kept"}),
    ],
    "update": [Serve(WEB), add("a"), add("b"), Serve(SHOP), Do("repo update"), Do("search repo")],
    "update-one": [Serve(WEB), add("a"), add("b"), Serve(SHOP), Do("repo update", name="b")],
    "update-several": [Serve(WEB), add("a"), add("b"), add("c"), Serve(SHOP), Do("repo update", name=["c", "a"])],
    "update-unknown": [
        Serve(WEB),
        add(),
        Do("repo update", name=["mine", "x"], fails="no repositories found matching 'x'"),
    ],
    "update-none": [Do("repo update", fails="no repositories found. You must add one before updating")],
    "update-fails": [
        Serve(WEB),
        add("good"),
        add("bad"),
        Touch(lambda place: (place.root / "config" / "repositories.yaml").write_text(listed(place))),
        Serve(SHOP),
        Do("repo update", fails="failed to update the following repositories: [http://127.0.0.1:1]"),
        Do("repo update", name="good"),
    ],
    "update-too-slow": [
        index(f"apiVersion: v1\nentries: {{}}\n# {'x' * 3000}\n"),
        Put({LIST: "apiVersion: v1\nrepositories:\n- name: slow\n  url: '@repository_slow_index@/@side@'\n"}),
        Do("repo update", timeout=1, fails="failed to update the following repositories"),
        Do("repo update", timeout=20),
    ],
    "update-all-fail": [Put({LIST: LISTED}), Do("repo update", name="one", fails="failed to update")],
    "update-becomes-no-index": [Serve(WEB), add(), index("<html>"), Do("repo update", fails="failed to update")],
    "update-list-that-is-no-yaml": [
        Put({LIST: "a: [\n"}),
        Do("repo update", fails="failed loading file", reworded=True),
    ],
}


def listed(place: Place) -> str:
    """One repository that is there, and one that is gone."""
    named = [{"name": "good", "url": place.own(OWN)}, {"name": "bad", "url": "http://127.0.0.1:1"}]
    return yaml.safe_dump({"apiVersion": "v1", "repositories": named})


def packaged(**charts: Chart) -> Put:
    return Put({f"charts/{name}.tgz": chart for name, chart in charts.items()})


INDEX: Final[Cases] = {
    "index": [packaged(web=WEB, shop=SHOP), Do("repo index", directory="charts")],
    "index-url": [packaged(web=WEB), Do("repo index", directory="charts", url="https://charts.example/a b/")],
    "index-url-is-a-path": [packaged(web=WEB), Do("repo index", directory="charts", url="some/path")],
    "index-url-is-none": [packaged(web=WEB), Do("repo index", directory="charts", url="http://[")],
    "index-json": [packaged(web=WEB, shop=SHOP), Do("repo index", directory="charts", json=True)],
    "index-again": [
        packaged(web=WEB),
        Do("repo index", directory="charts"),
        packaged(shop=SHOP),
        Do("repo index", directory="@work@/charts"),
    ],
    "index-below": [Touch(nested), Do("repo index", directory="charts", url="https://charts.example")],
    "index-below-without-url": [Touch(nested), Do("repo index", directory="charts")],
    "index-empty": [Put({"charts/README": "x"}), Do("repo index", directory="charts")],
    "index-here": [Put({"web.tgz": WEB}), Do("repo index", directory=".")],
    "index-what-is-no-chart": [
        Put({"charts/a.tgz": b"x", "charts/b.tgz": b"", "charts/c.txt": "x"}),
        packaged(web=WEB, bad=replace(WEB, name="bad", version="none")),
        Do("repo index", directory="charts"),
    ],
    "index-versions": [
        packaged(
            **{f"v{number}": replace(WEB, version=number) for number in ("1.10.0", "1.9.0", "2.0.0-rc.1", "1.9.0+a")}
        ),
        Do("repo index", directory="charts"),
    ],
    "index-many": [
        packaged(**{f"v{number}": replace(WEB, version=f"{number % 7}.{number}.0") for number in range(40)}),
        Do("repo index", directory="charts"),
    ],
    "index-twice-the-version": [packaged(a=WEB, b=WEB), Do("repo index", directory="charts")],
    "index-metadata": [
        packaged(
            web=replace(
                WEB,
                metadata={
                    **WEB.metadata,
                    "home": "https://web.example",
                    "sources": ["https://git.example"],
                    "maintainers": [{"name": "One", "email": "one@example"}],
                    "annotations": {"a/b": "c: d"},
                    "deprecated": True,
                    "kubeVersion": ">=1.20",
                    "type": "library",
                    "dependencies": [{"name": "db", "version": "1", "repository": "https://x", "alias": "store"}],
                },
            )
        ),
        Do("repo index", directory="charts"),
    ],
    "merge": [
        packaged(web=WEB),
        Put({"old/web.tgz": replace(WEB, version="0.0.9"), "old/shop.tgz": SHOP}),
        Do("repo index", directory="old", url="https://old.example"),
        Do("repo index", directory="charts", merge="old/index.yaml", url="https://new.example"),
    ],
    "merge-same": [
        packaged(web=WEB),
        Put({"old/web.tgz": replace(WEB, metadata={"description": "older"})}),
        Do("repo index", directory="old"),
        Do("repo index", directory="charts", merge="old/index.yaml"),
    ],
    "merge-itself": [
        packaged(web=WEB, shop=SHOP),
        Do("repo index", directory="charts"),
        Touch(lambda place: (place.work / "charts" / "shop.tgz").unlink()),
        Do("repo index", directory="charts", merge="charts/index.yaml"),
    ],
    "merge-missing": [packaged(web=WEB), Do("repo index", directory="charts", merge="none.yaml")],
    "merge-missing-json": [packaged(web=WEB), Do("repo index", directory="charts", merge="none.json", json=True)],
    "merge-missing-directory": [packaged(web=WEB), Do("repo index", directory="charts", merge="none/none.yaml")],
    "merge-json": [
        packaged(web=WEB),
        Put({"old/shop.tgz": SHOP}),
        Do("repo index", directory="old", json=True),
        Do("repo index", directory="charts", merge="old/index.yaml"),
    ],
    "merge-what-is-none": [
        packaged(web=WEB),
        Put({"old.yaml": "<html>"}),
        Do("repo index", directory="charts", merge="old.yaml", fails="merge failed"),
    ],
    "index-no-directory": [Do("repo index", directory="none", fails="/none", reworded="is no directory")],
    "by-the-command": [Serve(WEB), Line(["repo", "list"]), add(), Line(["repo", "list", "-o", "yaml"])],
}


@pytest.mark.parametrize("case", ADD)
async def test_add(both: Both, case: str) -> None:
    await both.go(ADD[case])


@pytest.mark.parametrize("case", OTHERS)
async def test_list_remove_update(both: Both, case: str) -> None:
    await both.go(OTHERS[case])


@pytest.mark.parametrize("case", INDEX)
async def test_index(both: Both, case: str) -> None:
    await both.go(INDEX[case])
