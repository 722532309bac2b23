"""Where charts come from: every command that fetches one, with every option of fetching, from each kind of server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
import yaml

from tests.integration import oci
from tests.integration.charts import Chart, configmap, definition
from tests.parity.files import Both, Cases, Do, Pushed, Put, Serve, Step, Touch
from tests.parity.modules import HELM_MODULE
from tests.parity.places import Place


def version(number: str) -> Chart:
    """One version of a chart, which says its number in all its parts."""
    return Chart(
        {"c.yaml": configmap(version=number, value="{{ .Values.value }}")},
        {"value": f"of {number}"},
        version=number,
        metadata={"description": f"Version {number}"},
        files={
            "README.md": f"# Web {number}\n",
            "crds/w.yaml": definition(f"v{number.replace('.', '-')}.example.com", "Widget"),
        },
    )


SERVED: Final = Serve(version("0.1.0"), version("0.2.0"), version("0.3.0-alpha"))
PUSHED: Final = Pushed(version("0.1.0"), version("0.2.0"), version("0.3.0-alpha"))
PLACE: Final = "/@side@"

Fetch = Callable[..., Do]


def _release(action: str, **always: Any) -> Fetch:
    def fetch(chart: str, **options: Any) -> Do:
        # An upgrade looks for the release first; an install's dry run asks no cluster, and needs none.
        return Do(
            action,
            cluster=action == "upgrade",
            release_name="a",
            chart_path=chart,
            dry_run="client",
            **always,
            **options,
        )

    return fetch


def _showing(part: str) -> Fetch:
    def fetch(chart: str, **options: Any) -> Do:
        return Do(f"show {part}", chart_path=chart, **options)

    return fetch


def _template(chart: str, **options: Any) -> Do:
    return Do("template", release_name="a", chart_path=chart, **options)


def _pull(chart: str, **options: Any) -> Do:
    return Do("pull", chart_ref=chart, **options)


FETCHING: Final[dict[str, Fetch]] = {
    "install": _release("install"),
    "upgrade": _release("upgrade", install=True),
    "template": _template,
    "pull": _pull,
    **{f"show-{part}": _showing(part) for part in ("all", "chart", "crds", "readme", "values")},
}

APART: Final = {"pull-keep-credentials", "pull-verify-tampered", "pull-verify-no-keyring"}
"""What the command does otherwise when it pulls (docs/parity.md); tests/parity/test_pull.py has what is alike in it."""

SIGNED: Final = HELM_MODULE / "pkg/cmd/testdata/testcharts/signtest-0.1.0.tgz"
"""Helm's own signed chart, whose signature is beside it."""
KEYRING: Final = HELM_MODULE / "pkg/cmd/testdata/helm-test-key.pub"


def elsewhere(place: Place) -> None:
    """The side's index names its archives at another host name of the server that asks who is there."""
    index: dict[str, Any] = {
        "apiVersion": "v1",
        "entries": {
            "web": [
                {
                    "apiVersion": "v2",
                    "name": "web",
                    "version": "0.2.0",
                    "urls": [place.own(f"@repository_auth@{PLACE}/web-0.2.0.tgz").replace("127.0.0.1", "localhost")],
                }
            ]
        },
    }
    (place.served / "index.yaml").write_text(yaml.safe_dump(index))


def signed(*, good: bool = True) -> Put:
    """The signed chart with its signature, or with one of other bytes; and the keyring."""
    proof = SIGNED.with_name(f"{SIGNED.name}.prov").read_text() if SIGNED.is_file() else ""
    return Put(
        {
            "signtest-0.1.0.tgz": SIGNED,
            "signtest-0.1.0.tgz.prov": proof if good else proof.replace("sha256:", "sha256:0", 1),
            "key.pub": KEYRING,
        }
    )


def serve_signed(place: Place) -> None:
    """The signed chart and its signature in the side's own repository."""
    for path in (SIGNED, SIGNED.with_name(f"{SIGNED.name}.prov")):
        (place.served / path.name).write_bytes(path.read_bytes())


USER: Final = {"username": "@username@", "password": "@password@"}
CERTIFICATE: Final = {"cert_file": "@client_certificate@", "key_file": "@client_key@", "ca_file": "@ca_file@"}


def _of(fetch: Fetch) -> Cases:
    def served(flavour: str = "", /, *before: Step, **options: Any) -> list[Step]:
        return [SERVED, *before, fetch("web", repo=f"@repository{flavour}@{PLACE}", **options)]

    def pushed(flavour: str = "", /, **options: Any) -> list[Step]:
        return [PUSHED, fetch(f"oci://@registry{flavour}@{PLACE}/web", **options)]

    return {
        "newest": served(),
        "version": served(version="0.1.0"),
        "range": served(version="<0.2"),
        "no-version": served(version="9", fails="not found"),
        "devel": served(devel=True),
        "devel-and-version": served(devel=True, version="~0.1"),
        "no-chart": [SERVED, fetch("none", repo=f"@repository@{PLACE}", fails="not found")],
        "no-repository": [fetch("web", repo=f"@repository@{PLACE}/none", fails="404")],
        "auth": served("_auth", **USER),
        "auth-none": served("_auth", fails="401 Unauthorized"),
        "auth-wrong": served("_auth", username="@username@", password="wrong", fails="401 Unauthorized"),
        "tls": served("_tls", ca_file="@ca_file@"),
        "tls-none": served("_tls", fails="certificate"),
        "tls-insecure": served("_tls", insecure_skip_tls_verify=True),
        "tls-auth": served("_tls_auth", ca_file="@ca_file@", version="0.1.0", **USER),
        "mtls": served("_mtls", **CERTIFICATE),
        "mtls-none": served("_mtls", ca_file="@ca_file@", fails="certificate"),
        "no-ca-file": served("_tls", ca_file="none.pem", fails="none.pem", reworded=True),
        "broken": served("_broken", fails="EOF"),
        "broken-index": served("_broken_index", fails="EOF"),
        "pass-credentials": [
            SERVED,
            Touch(elsewhere),
            fetch("web", repo=f"@repository_auth@{PLACE}", pass_credentials=True, **USER),
        ],
        "keep-credentials": [
            SERVED,
            Touch(elsewhere),
            fetch("web", repo=f"@repository_auth@{PLACE}", fails="401 Unauthorized", **USER),
        ],
        "url": [SERVED, fetch(f"@repository@{PLACE}/web-0.1.0.tgz")],
        "url-auth": [SERVED, fetch(f"@repository_auth@{PLACE}/web-0.1.0.tgz", **USER)],
        "oci": pushed(plain_http=True),
        "oci-version": pushed(plain_http=True, version="0.1.0"),
        "oci-range": pushed(plain_http=True, version="^0.1"),
        "oci-devel": pushed(plain_http=True, devel=True),
        "oci-no-version": pushed(plain_http=True, version="9.9.9", fails="9.9.9"),
        "oci-https": pushed(fails="server gave HTTP response to HTTPS client"),
        "oci-tls": pushed("_tls", ca_file="@ca_file@"),
        "oci-tls-insecure": pushed("_tls", insecure_skip_tls_verify=True),
        "oci-mtls": pushed("_mtls", **CERTIFICATE),
        "oci-auth": pushed("_auth", plain_http=True, **USER),
        "oci-auth-none": pushed("_auth", plain_http=True, fails="basic credential not found"),
        "verified": _verified(fetch, keyring="key.pub"),
        "verify-no-keyring": _verified(fetch, fails="keyring", reworded=True),
        "verify-tampered": _verified(fetch, good=False, fails="openpgp", keyring="key.pub"),
        "not-verified": _verified(fetch, good=False, verify=False),
    }


def _verified(fetch: Fetch, *, good: bool = True, verify: bool = True, **options: Any) -> list[Step]:
    # Pull takes no file.
    if fetch is FETCHING["pull"]:
        spoil = Touch(lambda place: spoil_signature(place) if not good else None)
        return [
            Put({"key.pub": KEYRING}),
            Touch(serve_signed),
            spoil,
            fetch("signtest", repo=f"@repository@{PLACE}", verify=verify, **options),
        ]
    return [signed(good=good), fetch("signtest-0.1.0.tgz", verify=verify, **options)]


def spoil_signature(place: Place) -> None:
    """The signature in the side's repository is of another text."""
    proof = place.served / f"{SIGNED.name}.prov"
    proof.write_text(proof.read_text().replace("sha256:", "sha256:0", 1))


def needing(repository: str) -> Chart:
    """A chart whose dependency is in a repository."""
    return Chart(
        name="parent", metadata={"dependencies": [{"name": "web", "version": ">=0.1.0", "repository": repository}]}
    )


SHARED: Final = "shared-by-both"
"""Where both sides find dependencies: a lock's digest and a cache's names are made of the address."""


def share(place: Place) -> None:
    """The charts in a repository and a registry of both sides."""
    directory = place.cluster.charts / SHARED
    directory.mkdir(exist_ok=True)
    for chart in SERVED.charts:
        if isinstance(chart, Chart) and not (directory / f"{chart.name}-{chart.version}.tgz").exists():
            chart.save(directory)
            oci.push(place.cluster.registry, SHARED, chart)


def _dependencies(action: str) -> Cases:
    def update(repository: str, /, **options: Any) -> list[Step]:
        more: dict[str, Any] = {"dependency_update": True} if action == "package" else {}
        return [Touch(share), Put({"parent": needing(repository)}), Do(action, chart_path="parent", **more, **options)]

    pulled: Cases = {
        "oci": update(f"oci://@registry@/{SHARED}", plain_http=True),
        "oci-https": update(f"oci://@registry@/{SHARED}", fails="server gave HTTP response to HTTPS client"),
        "oci-tls": update(f"oci://@registry_tls@/{SHARED}", ca_file="@ca_file@"),
        "oci-tls-insecure": update(f"oci://@registry_tls@/{SHARED}", insecure_skip_tls_verify=True),
        "oci-mtls": update(f"oci://@registry_mtls@/{SHARED}", **CERTIFICATE),
        "oci-auth": update(f"oci://@registry_auth@/{SHARED}", plain_http=True, **USER),
        "oci-auth-none": update(f"oci://@registry_auth@/{SHARED}", plain_http=True, fails="credential"),
    }
    # Options reach no repository that is not on the list (helm: pkg/downloader/manager.go), so registries it is.
    return {**pulled, "plain": update(f"@repository@/{SHARED}")}


CASES: Final[Cases] = {
    **{
        f"{name}-{row}": steps
        for name, fetch in FETCHING.items()
        for row, steps in _of(fetch).items()
        if f"{name}-{row}" not in APART
    },
    **{
        f"{action.replace(' ', '-')}-{row}": steps
        for action in ("dependency build", "dependency update", "package")
        for row, steps in _dependencies(action).items()
    },
    "show-values-jsonpath": [
        SERVED,
        FETCHING["show-values"]("web", repo=f"@repository@{PLACE}", jsonpath="{.value}"),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
