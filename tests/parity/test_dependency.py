"""`helm dependency list`, `update` and `build` by the command and by the library: what they say, locks and charts/."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration import oci
from tests.integration.charts import Chart
from tests.integration.keys import OPEN
from tests.parity.files import Both, Cases, Do, Line, Look, Put, Step, Touch
from tests.parity.places import Place

EPOCH: Final = {"SOURCE_DATE_EPOCH": "1700000000"}

SUB: Final = Chart(name="sub", version="0.3.0", templates={"s.yaml": "a: {{ .Chart.Version }}"}, values={"a": 1})
OTHER: Final = Chart(name="other", version="1.0.0", templates={"o.yaml": "b: 1"})
NESTED: Final = Chart(
    name="nested",
    version="2.0.0",
    metadata={"dependencies": [{"name": "sub", "version": "0.3.0", "repository": "file://../sub"}]},
)


def needs(*dependencies: dict[str, Any], **more: Any) -> Chart:
    """A chart with dependencies."""
    return Chart(name="top", version="1.0.0", metadata={"dependencies": list(dependencies)}, **more)


def on(name: str, version: str, repository: str | None = None, **more: Any) -> dict[str, Any]:
    """A dependency."""
    return {"name": name, "version": version, **({} if repository is None else {"repository": repository}), **more}


def versions(*numbers: str, chart: Chart = SUB) -> list[Chart]:
    """A chart in several versions."""
    return [dataclasses.replace(chart, version=number) for number in numbers]


def old(requirements: str, **files: str) -> Chart:
    """A chart of the first API version."""
    return Chart(name="top", metadata={"apiVersion": "v1"}, files={"requirements.yaml": requirements, **files})


# The repository's address is in the lock's digest: both sides share one, that no other case knows.
def at(case: str) -> str:
    """The address of a case's repository."""
    return f"@repository@/shared-{case}"


def served(case: str, *charts: Chart) -> Touch:
    """Charts in the case's repository."""

    def do(place: Place) -> None:
        directory = place.cluster.charts / f"shared-{case}"
        directory.mkdir(exist_ok=True)
        for chart in charts:
            if not (directory / f"{chart.name}-{chart.version}.tgz").exists():
                chart.save(directory)

    return Touch(do)


def pushed(case: str, *charts: Chart) -> Touch:
    """Charts in the registry."""

    def do(place: Place) -> None:
        for chart in charts:
            oci.push(place.cluster.registry, f"shared-{case}", chart)

    return Touch(do)


def signed(case: str, chart: Chart, change: Callable[[Path], object] = lambda _: None) -> list[Step]:
    """A chart that is signed, and served after something was done to its provenance file."""

    def move(place: Place) -> None:
        directory = place.cluster.charts / f"shared-{case}"
        directory.mkdir(exist_ok=True)
        name = f"{chart.name}-{chart.version}.tgz"
        change(place.work / f"{name}.prov")
        for end in ("", ".prov"):
            made = place.work / f"{name}{end}"
            if made.exists() and place.side.startswith("l-"):
                shutil.copyfile(made, directory / made.name)
            made.unlink(missing_ok=True)
        shutil.rmtree(place.work / chart.name)

    return [
        Put({chart.name: chart}),
        Touch(lambda place: place.put("ring", OPEN.secring)),
        Do("package", chart_path=chart.name, sign=True, key=OPEN.name, keyring="ring", env=EPOCH),
        Touch(move),
    ]


def _third(definition: Path) -> None:
    definition.write_text(definition.read_text().replace("apiVersion: v2", "apiVersion: v3"))


def _empty_charts(place: Place) -> None:
    if place.side.startswith("c-"):
        (place.work / "top" / "charts").rmdir()


NO_CHARTS: Final = Touch(_empty_charts)
"""The command leaves the empty directory that it made before a download failed; the library none."""

LOCAL: Final = Put({"top": needs(on("sub", ">=0.1", "file://../sub")), "sub": SUB})


def fetched(case: str, *dependencies: dict[str, Any], charts: list[Chart] | None = None) -> list[Step]:
    """A chart with dependencies in the case's repository."""
    return [
        served(case, *(charts or versions("0.1.0", "0.2.0", "0.3.0", "1.0.0", "1.1.0-rc.1")), OTHER),
        Put({"top": needs(*dependencies)}),
    ]


def update(**options: Any) -> Do:
    """Update the chart's dependencies; local ones are archived anew, at a fixed time."""
    given: dict[str, Any] = {"chart_path": "top", "env": EPOCH, **options}
    return Do("dependency update", **given)


def build(**options: Any) -> Do:
    """Build the chart's dependencies."""
    given: dict[str, Any] = {"chart_path": "top", "env": EPOCH, **options}
    return Do("dependency build", **given)


STALE: Final = """\
apiVersion: v1
entries: {sub: [{apiVersion: v2, name: sub, version: 0.1.0, urls: [@at@/sub-0.1.0.tgz]}]}
"""
"""An index that is not what helm would write of the repository."""


def listing(**options: Any) -> Do:
    """List the chart's dependencies."""
    given: dict[str, Any] = {"chart_path": "top", **options}
    return Do("dependency list", **given)


LIST: Final[Cases] = {
    "list-none": [Put({"top": Chart(name="top")}), listing()],
    "list-empty": [Put({"top": needs()}), listing()],
    "list-missing": [LOCAL, listing()],
    "list-unpacked": [Put({"top": needs(on("sub", "~0.3")), "top/charts/sub": SUB}), listing()],
    "list-archive": [Put({"top": needs(on("sub", "~0.3", "@a")), "top/charts/sub-0.3.0.tgz": SUB}), listing()],
    "list-absolute": [LOCAL, listing(chart_path="@work@/top/")],
    "list-here": [LOCAL, listing(chart_path="./top/../top")],
    "list-of-an-archive": [Put({"top.tgz": needs(on("sub", "1", "file://../sub"))}), listing(chart_path="top.tgz")],
    "list-wrong-version": [
        Put(
            {
                "top": needs(on("sub", "~1"), on("other", "~4")),
                "top/charts/sub": SUB,
                "top/charts/other-1.0.0.tgz": OTHER,
            }
        ),
        listing(),
    ],
    "list-invalid-version": [Put({"top": needs(on("sub", "new")), "top/charts/sub": SUB}), listing()],
    "list-many-archives": [
        Put({"top": needs(on("sub", ">=0")), "top/charts/sub-0.3.0.tgz": SUB, "top/charts/sub-x.tgz": SUB}),
        listing(),
    ],
    "list-misnamed": [Put({"top": needs(on("sub", ">=0")), "top/charts/sub-0.3.0.tgz": OTHER}), listing()],
    "list-corrupt": [
        Put({"top": needs(on("sub", ">=0")), "top/charts/sub-1.tgz": "no archive"}),
        listing(fails="error unpacking subchart"),
    ],
    "list-extraneous": [
        Put({"top": needs(on("sub", ">=0")), "top/charts/sub": SUB, "top/charts/other": OTHER}),
        Put({"top/charts/x-1.0.0.tgz": dataclasses.replace(SUB, name="x"), "top/charts/_README.md": "text"}),
        listing(),
    ],
    "list-alias": [
        Put({"top": needs(on("sub", ">=0", alias="one"), on("sub", ">=0", alias="two")), "top/charts/sub": SUB}),
        listing(),
    ],
    "list-long": [Put({"top": needs(on("x" * 120, ">=0", "https://example.org/" + "y" * 200))}), listing()],
    "list-odd": [Put({"top": needs(on("sub", ">=0.1.0 <1 || 5.x", "alias:Ünï"))}), listing()],
    "list-old": [
        Put({"top": old("dependencies:\n- name: sub\n  version: '>=0'\n  repository: ''\n"), "top/charts/sub": SUB}),
        listing(),
    ],
    "list-no-chart": [Put({"top/x": ""}), listing(fails="Chart.yaml file is missing")],
    "list-nothing": [listing(fails="stat top: no such file")],
    "list-line": [LOCAL, Line(["dependency", "list", "top", "--max-col-width", "5"])],
}

UPDATE: Final[Cases] = {
    "update-none": [Put({"top": Chart(name="top")}), update()],
    "update-local": [LOCAL, update(), listing(), Do("template", release_name="a", chart_path="top")],
    "update-local-absolute": [
        Put({"top": needs(on("sub", "0.3.0", "file://@work@/sub")), "sub": SUB}),
        update(),
        # The path is the side's own, and with it the digest.
        Touch(lambda place: (place.work / "top" / "Chart.lock").unlink()),
    ],
    "update-nested": [
        Put({"top": needs(on("nested", "2", "file://../nested")), "nested": NESTED, "sub": SUB}),
        Do("dependency update", chart_path="nested", env=EPOCH),
        update(),
        Do("template", release_name="a", chart_path="top"),
    ],
    "update-in-charts": [Put({"top": needs(on("sub", "~0.3")), "top/charts/sub": SUB}), update(), listing()],
    "update-in-charts-wrong": [
        Put({"top": needs(on("sub", "~1")), "top/charts/sub": SUB}),
        update(fails="does not satisfy the constraint"),
    ],
    "update-in-charts-missing": [
        Put({"top": needs(on("sub", "~1")), "top/charts/x": SUB}),
        update(fails="charts/sub not found"),
    ],
    "update-twice": [LOCAL, update(), update()],
    "update-again-newer": [
        LOCAL,
        update(),
        Put({"sub": dataclasses.replace(SUB, version="0.4.0")}),
        update(),
        listing(),
    ],
    "update-drops": [
        Put({"top": needs(on("sub", ">=0", "file://../sub")), "sub": SUB, "top/charts/other-1.0.0.tgz": OTHER}),
        Put({"top/charts/mine": dataclasses.replace(OTHER, name="mine")}),
        update(),
    ],
    "update-file-for-charts": [
        Put({"top": needs(on("sub", ">=0", "file://../sub")), "sub": SUB, "top/charts": "a file"}),
        update(fails="is not a directory"),
    ],
    "update-local-missing": [Put({"top": needs(on("sub", ">=0", "file://../none"))}), update(fails="none not found")],
    "update-local-version": [
        Put({"top": needs(on("sub", "~4", "file://../sub")), "sub": SUB}),
        update(fails="can't get a valid version for 1 subchart(s)"),
    ],
    "update-bad-range": [
        Put({"top": needs(on("sub", "new", "file://../sub")), "sub": SUB}),
        update(fails="invalid version/constraint format"),
    ],
    "update-archive": [
        Put({"top.tgz": SUB}),
        update(chart_path="top.tgz", fails="only unpacked charts can be updated"),
    ],
    "update-nothing": [update(fails="could not find top")],
    "update-no-chart": [Put({"top/x": ""}), update(fails="Chart.yaml file is missing")],
    "update-old": [
        Put({"top": old("dependencies:\n- name: sub\n  version: '>=0'\n  repository: file://../sub\n"), "sub": SUB}),
        update(),
        build(),
    ],
    "update-requirements-in-new": [
        Put({"top": Chart(name="top"), "sub": SUB}),
        Put({"top/requirements.yaml": "dependencies:\n- name: sub\n  version: '>=0'\n  repository: file://../sub\n"}),
        update(),
    ],
    "update-third": [
        Put({"sub": SUB, "top": needs(on("sub", ">=0", "file://../sub"))}),
        Touch(lambda place: _third(place.work / "top" / "Chart.yaml")),
        update(),
        listing(),
        build(),
    ],
    "update-alias": [
        Put({"top": needs(on("sub", ">=0", "file://../sub", alias="a"), on("sub", ">=0", "file://../sub", alias="b"))}),
        Put({"sub": SUB}),
        update(),
        Do("template", release_name="a", chart_path="top"),
    ],
    "update-twice-one-name": [
        Put({"top": needs(on("sub", ">=0", "file://../sub"), on("sub", ">=0", "file://../sub")), "sub": SUB}),
        update(fails="more than one dependency with name or alias"),
    ],
    # From repositories.
    "update-url": [*fetched("url", on("sub", "^0", at("url")), on("other", "*", at("url"))), update(), listing()],
    "update-url-slash": [*fetched("slash", on("sub", "^0", at("slash") + "/")), update(), listing()],
    "update-url-exact": [*fetched("exact", on("sub", "0.2.0", at("exact"))), update()],
    "update-url-pre": [*fetched("pre", on("sub", ">0-0", at("pre"))), update()],
    "update-url-no-such-chart": [
        *fetched("nosuch", on("none", "1", at("nosuch"))),
        update(fails="none chart not found"),
    ],
    "update-url-no-such-version": [
        *fetched("noversion", on("sub", "~7", at("noversion"))),
        update(fails="can't get a valid version"),
    ],
    "update-url-no-server": [
        Put({"top": needs(on("sub", "~7", "http://127.0.0.1:9/charts"))}),
        update(fails="no cached repository for helm-manager-"),
    ],
    "update-url-then-offline": [
        *fetched("offline", on("sub", "^0", at("offline"))),
        update(),
        Touch(lambda place: (place.work / "top" / "Chart.lock").unlink()),
        update(skip_refresh=True),
    ],
    "update-skip-refresh-unknown": [
        *fetched("unknown", on("sub", "^0", at("unknown"))),
        update(skip_refresh=True, fails="no cached repository for"),
    ],
    "update-known": [
        *fetched("known", on("sub", "^0", at("known"))),
        Do("repo add", name="mine", url=at("known")),
        update(),
        listing(),
        build(),
        Do("template", release_name="a", chart_path="top"),
    ],
    "update-named": [
        *fetched("named", on("sub", "^0", "@mine"), on("other", "1", "alias:mine")),
        Do("repo add", name="mine", url=at("named")),
        update(),
        listing(),
        build(skip_refresh=True),
    ],
    "build-skip-refresh": [
        *fetched("stale", on("sub", "^0", "@mine"), charts=versions("0.1.0")),
        Do("repo add", name="mine", url=at("stale")),
        update(),
        Touch(lambda place: place.put("@cache@/repository/mine-index.yaml", STALE.replace("@at@", at("stale")))),
        build(skip_refresh=True),
    ],
    "update-named-unknown": [
        Put({"top": needs(on("sub", "^0", "@mine"))}),
        Touch(lambda place: place.put("@config@/repositories.yaml", "apiVersion: ''\nrepositories: []\n")),
        update(fails="no repository definition for @mine. Please add them via 'helm repo add'"),
    ],
    "update-not-a-url": [
        Put({"top": needs(on("sub", "^0", "stable"))}),
        Touch(lambda place: place.put("@config@/repositories.yaml", "apiVersion: ''\nrepositories: []\n")),
        update(fails="Note that repositories must be URLs or aliases"),
    ],
    "update-newer-in-repository": [
        *fetched("newer", on("sub", "^0", at("newer")), charts=versions("0.1.0")),
        update(),
        Look(),
        served("newer", *versions("0.2.0")),
        update(),
    ],
    "update-wants-a-user": [
        served("user", SUB),
        Put({"top": needs(on("sub", "*", "@mine"))}),
        Do("repo add", name="mine", url="@repository_auth@/shared-user", username="@username@", password="@password@"),
        update(),
    ],
    "update-over-tls": [
        served("tls", SUB),
        Put({"top": needs(on("sub", "*", "@mine"))}),
        Do("repo add", name="mine", url="@repository_tls@/shared-tls", ca_file="@ca_file@"),
        update(),
    ],
    "update-broken-download": [
        served("broken", SUB),
        Put({"top": needs(on("sub", "*", "@repository_broken@/shared-broken"))}),
        Put({"top/charts/other-1.0.0.tgz": OTHER, "top/Chart.lock": "digest: sha256:0\n"}),
        update(fails="could not download"),
    ],
    # From registries.
    "update-oci": [
        pushed("oci", *versions("0.1.0", "0.2.0", "1.0.0")),
        Put({"top": needs(on("sub", "^0", "oci://@registry@/shared-oci"))}),
        update(plain_http=True),
        listing(),
        build(plain_http=True),
    ],
    "update-oci-exact": [
        pushed("ociexact", *versions("0.1.0", "0.2.0")),
        Put({"top": needs(on("sub", "0.1.0", "oci://@registry@/shared-ociexact"))}),
        update(plain_http=True),
    ],
    "update-oci-none": [
        Put({"top": needs(on("sub", "^0", "oci://@registry@/shared-none"))}),
        update(plain_http=True, fails="could not retrieve list of tags"),
    ],
    "update-oci-no-version": [
        pushed("ocinone", *versions("0.1.0")),
        Put({"top": needs(on("sub", "0.9.0", "oci://@registry@/shared-ocinone"))}),
        update(plain_http=True, fails="could not download oci://", reworded=True),
        NO_CHARTS,
    ],
    "update-oci-user": [
        pushed("ociuser", *versions("0.1.0")),
        Put({"top": needs(on("sub", "^0", "oci://@registry_auth@/shared-ociuser"))}),
        update(plain_http=True, username="@username@", password="@password@"),
    ],
    "update-oci-tls": [
        pushed("ocitls", *versions("0.1.0")),
        Put({"top": needs(on("sub", "^0", "oci://@registry_tls@/shared-ocitls"))}),
        update(ca_file="@ca_file@"),
        Touch(lambda place: (place.work / "top" / "Chart.lock").unlink()),
        update(insecure_skip_tls_verify=True),
    ],
    "update-oci-mtls": [
        pushed("ocimtls", *versions("0.1.0")),
        Put({"top": needs(on("sub", "^0", "oci://@registry_mtls@/shared-ocimtls"))}),
        update(ca_file="@ca_file@", cert_file="@client_certificate@", key_file="@client_key@"),
    ],
    "mixed": [
        pushed("mixed", *versions("0.2.0")),
        served("mixed", OTHER),
        Put(
            {
                "top": needs(
                    on("sub", "^0", "oci://@registry@/shared-mixed"),
                    on("other", "*", at("mixed")),
                    on("nested", "2", "file://../nested"),
                    on("local", "*"),
                ),
                "nested": dataclasses.replace(NESTED, metadata={}),
                "top/charts/local": dataclasses.replace(SUB, name="local"),
            }
        ),
        update(plain_http=True),
        listing(),
    ],
    # Signatures.
    "verify": [
        *signed("verify", SUB),
        Put({"top": needs(on("sub", "*", at("verify")))}),
        update(verify=True, keyring="ring"),
    ],
    "verify-unsigned": [
        *fetched("unsigned", on("sub", "0.3.0", at("unsigned"))),
        update(verify=True, keyring="none", fails="failed to fetch provenance"),
        NO_CHARTS,
    ],
    "verify-other": [
        *signed("spoilt", SUB, lambda prov: prov.write_text(prov.read_text().replace("name: sub", "name: sup"))),
        Put({"top": needs(on("sub", "*", at("spoilt")))}),
        update(verify=True, keyring="ring", fails="openpgp: invalid signature"),
        NO_CHARTS,
    ],
    "verify-no-ring": [
        *signed("noring", SUB),
        Put({"top": needs(on("sub", "*", at("noring")))}),
        update(verify=True, keyring="none", fails="failed to load keyring"),
        NO_CHARTS,
    ],
}

BUILD: Final[Cases] = {
    "build-none": [Put({"top": Chart(name="top")}), build()],
    "build-without-lock": [LOCAL, build(), listing()],
    "build-local": [
        LOCAL,
        update(),
        Touch(lambda place: shutil.rmtree(place.work / "top" / "charts")),
        build(),
        listing(),
    ],
    "build-out-of-sync": [
        LOCAL,
        update(),
        Put({"top": needs(on("sub", ">=0.2", "file://../sub"))}),
        build(fails="the lock file (Chart.lock) is out of sync"),
    ],
    "build-old-out-of-sync": [
        Put({"top": old("dependencies:\n- name: sub\n  version: '>=0'\n  repository: file://../sub\n"), "sub": SUB}),
        update(),
        Put({"top/requirements.yaml": "dependencies:\n- name: sub\n  version: '>=0.1'\n  repository: file://../sub\n"}),
        build(fails="the lock file (requirements.lock) is out of sync"),
    ],
    "build-local-moved-on": [
        LOCAL,
        update(),
        Put({"sub": dataclasses.replace(SUB, version="0.5.0")}),
        build(fails="can't get a valid version for dependency sub"),
    ],
    "build-unknown-repository": [
        *fetched("unlisted", on("sub", "^0", at("unlisted"))),
        update(),
        Touch(lambda place: place.put("@config@/repositories.yaml", "apiVersion: ''\nrepositories: []\n")),
        build(fails="Please add the missing repos via 'helm repo add'"),
    ],
    "build-keeps-to-the-lock": [
        *fetched("lock", on("sub", "^0", at("lock")), charts=versions("0.1.0")),
        Do("repo add", name="mine", url=at("lock")),
        update(),
        served("lock", *versions("0.2.0")),
        Touch(lambda place: shutil.rmtree(place.work / "top" / "charts")),
        build(),
        listing(),
    ],
    "build-verify": [
        *signed("buildverify", SUB),
        Put({"top": needs(on("sub", "*", "@mine"))}),
        Do("repo add", name="mine", url=at("buildverify")),
        update(),
        build(verify=True, keyring="ring"),
    ],
    "build-verify-unsigned": [
        *fetched("buildunsigned", on("sub", "*", "@mine")),
        Do("repo add", name="mine", url=at("buildunsigned")),
        update(),
        build(verify=True, keyring="none"),
    ],
    "build-verify-other": [
        *signed("buildspoilt", SUB, lambda prov: prov.write_text(prov.read_text().replace("name: sub", "name: sup"))),
        Put({"top": needs(on("sub", "*", "@mine"))}),
        Do("repo add", name="mine", url=at("buildspoilt")),
        update(),
        build(verify=True, keyring="ring", fails="openpgp: invalid signature"),
    ],
    "build-version-gone": [
        *fetched("gone", on("sub", "0.3.0", "@mine"), charts=[SUB]),
        Do("repo add", name="mine", url=at("gone")),
        update(),
        Touch(lambda place: (place.cluster.charts / "shared-gone" / "sub-0.3.0.tgz").unlink(missing_ok=True)),
        build(fails="could not find"),
    ],
}

CASES: Final[Cases] = {**LIST, **UPDATE, **BUILD}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
