"""helm pull against Pull: what is written where, from repositories, registries, addresses and the cache."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE, Chart
from tests.integration.keys import LOCKED, OPEN
from tests.parity.files import Both, Cases, Do, Pushed, Put, Serve, Step, Touch
from tests.parity.places import Place
from tests.parity.rendered import other_host
from tests.parity.signing import signed

REPO: Final = "@repository@/@side@"
CHART: Final = "oci://@registry@/@side@/web"
USER: Final[dict[str, Any]] = {"username": "@username@", "password": "@password@"}
CLIENT: Final[dict[str, Any]] = {"cert_file": "@client_certificate@", "key_file": "@client_key@"}


def versions(*numbers: str) -> tuple[Chart, ...]:
    return tuple(replace(SIMPLE, version=number) for number in numbers)


SERVED: Final = Serve(*versions("0.1.0", "0.2.0", "1.0.0", "1.1.0-rc.1", "1.0.1+build.7"))
PUSHED: Final = Pushed(*versions("0.1.0", "0.2.0", "1.0.0", "1.1.0-rc.1", "1.0.1+build.7"))


def pull(chart_ref: Any = CHART, **options: Any) -> Do:
    """Pull from the plain registry, unless it says another place."""
    plain: dict[str, Any] = {"plain_http": True} if "oci://@registry@" in str(chart_ref) else {}
    return Do("pull", chart_ref=chart_ref, **{**plain, **options})


def keyrings(place: Place) -> None:
    for name, file in (("pubring", OPEN.pubring), ("secring", OPEN.secring), ("other", LOCKED.pubring)):
        place.put(name, file)


def sign(place: Place) -> None:
    for name, content in signed().items():
        place.put(name, content)


def move_to_repository(place: Place) -> None:
    for file in place.work.glob("web-*"):
        shutil.move(file, place.served / file.name)


IN_REPOSITORY: Final[list[Step]] = [Touch(keyrings), Touch(sign), Touch(move_to_repository)]
IN_REGISTRY: Final[list[Step]] = [
    Touch(keyrings),
    Touch(sign),
    Do("push", chart_path="web-0.1.0.tgz", remote="oci://@registry@/@side@", plain_http=True),
    Touch(lambda place: [file.unlink() for file in place.work.glob("web-*")]),
]

LEFT_BY_THE_COMMAND: Final = Touch(lambda place: [file.unlink() for file in place.work.glob("web-*")])
"""The archive whose signature does not hold: docs/parity.md."""

MINE: Final[list[Step]] = [SERVED, Do("repo add", name="mine", url=REPO)]

CASES: Final[Cases] = {
    # Addresses and repositories.
    "url": [SERVED, pull(f"{REPO}/web-0.2.0.tgz")],
    "url-version-is-ignored": [SERVED, pull(f"{REPO}/web-0.2.0.tgz", version="9.9.9")],
    "url-missing": [SERVED, pull(f"{REPO}/none-0.2.0.tgz", fails="404 Not Found")],
    "url-nobody": [pull("http://127.0.0.1:1/web-0.1.0.tgz", fails="connection refused")],
    "url-no-chart": [
        Touch(lambda place: place.put("note.txt", "no chart\n" * 9, place.served)),
        pull(f"{REPO}/note.txt"),
    ],
    "destination": [SERVED, Put({"out/here": ""}), pull(f"{REPO}/web-0.2.0.tgz", destination="out")],
    "destination-absolute": [SERVED, Put({"out/here": ""}), pull("web", repo=REPO, destination="@work@/out")],
    "replaced": [SERVED, Put({"web-0.2.0.tgz": "older"}), pull(f"{REPO}/web-0.2.0.tgz")],
    "repo": [SERVED, pull("web", repo=REPO)],
    # Of --repo the command sends them in any case (docs/parity.md).
    "known-pass-credentials": [
        Touch(lambda place: place.put("web-0.1.0.tgz", SIMPLE, place.served)),
        Touch(other_host),
        Do("repo add", name="mine", url=REPO),
        pull("mine/web", **USER, fails="401 Unauthorized"),
        pull("mine/web", **USER, pass_credentials=True),
    ],
    "repo-slash": [SERVED, pull("web", repo=f"{REPO}/")],
    "repo-version": [SERVED, pull("web", repo=REPO, version="0.2.0")],
    "repo-range": [SERVED, pull("web", repo=REPO, version="~0.1")],
    "repo-devel": [SERVED, pull("web", repo=REPO, devel=True)],
    "repo-devel-and-version": [SERVED, pull("web", repo=REPO, devel=True, version="<1")],
    "repo-plus": [SERVED, pull("web", repo=REPO, version="1.0.1+build.7")],
    "repo-no-chart": [SERVED, pull("none", repo=REPO, fails='chart "none" not found')],
    "repo-no-version": [SERVED, pull("web", repo=REPO, version="9", fails='version "9" not found')],
    "repo-none": [pull("web", repo="http://127.0.0.1:1", fails="is not a valid chart repository")],
    "repo-broken": [SERVED, pull("@repository_broken@/@side@/web-0.2.0.tgz", fails="unexpected EOF")],
    "named": [*MINE, pull("mine/web")],
    "named-range": [*MINE, pull("mine/web", version="^0")],
    "named-devel-untar": [*MINE, pull("mine/web", devel=True, untar=True)],
    "named-unknown-repository": [*MINE, pull("other/web", fails="repo other not found")],
    "named-unknown-chart": [*MINE, pull("mine/none", fails="none")],
    "named-unknown-version": [*MINE, pull("mine/web", version="9.9.9", fails="9.9.9")],
    "no-slash": [*MINE, pull("web", fails="non-absolute URLs should be in form of repo_name/path_to_chart")],
    "several": [*MINE, pull(["mine/web", f"{REPO}/web-0.1.0.tgz"])],
    "several-one-fails": [*MINE, pull(["mine/web", "mine/none", f"{REPO}/web-0.1.0.tgz"], fails="none")],
    "cached": [
        *MINE,
        Do("template", release_name="a", chart_path="mine/web", version="0.2.0"),
        Touch(lambda place: (place.served / "web-0.2.0.tgz").unlink()),
        pull("mine/web", version="0.2.0"),
    ],
    # Unpacked.
    "untar": [SERVED, pull("web", repo=REPO, untar=True)],
    "untar-again": [
        SERVED,
        pull("web", repo=REPO, untar=True),
        pull(
            "web", repo=REPO, untar=True, fails="failed to untar: a file or directory with the name web already exists"
        ),
    ],
    "untar-over-a-file": [*MINE, Put({"web": "a file"}), pull("mine/web", untar=True, fails="already exists")],
    "untar-url": [SERVED, pull(f"{REPO}/web-0.2.0.tgz", untar=True)],
    "untar-url-over-the-chart": [
        SERVED,
        pull(f"{REPO}/web-0.2.0.tgz", untar=True),
        Put({"web/own.txt": "mine"}),
        pull(f"{REPO}/web-0.1.0.tgz", untar=True),
    ],
    "untardir": [SERVED, pull("web", repo=REPO, untar=True, untardir="a/b")],
    "untardir-absolute": [SERVED, pull("web", repo=REPO, untar=True, untardir="@work@/a")],
    "untardir-and-destination": [SERVED, pull("web", repo=REPO, untar=True, untardir="a", destination="out")],
    "untar-destination": [SERVED, pull("web", repo=REPO, untar=True, destination="out")],
    "untardir-exists": [
        *MINE,
        Put({"a/web/Chart.yaml": "name: other"}),
        pull("mine/web", untar=True, untardir="a", fails="with the name a/web already exists"),
    ],
    "untardir-without-untar": [SERVED, pull("web", repo=REPO, untardir="a")],
    "untar-no-chart": [
        Touch(lambda place: place.put("note.txt", "no chart\n" * 9, place.served)),
        # The command leaves the empty directory of that name.
        pull(f"{REPO}/note.txt", untar=True, untardir="a", fails="gzip: invalid header"),
        Touch(lambda place: shutil.rmtree(place.work / "a", ignore_errors=True)),
    ],
    # Provenance.
    "prov": [*IN_REPOSITORY, pull("web", repo=REPO, prov=True)],
    "prov-untar": [*IN_REPOSITORY, pull("web", repo=REPO, prov=True, untar=True)],
    "verify": [*IN_REPOSITORY, pull("web", repo=REPO, verify=True, keyring="pubring")],
    "verify-untar": [*IN_REPOSITORY, pull("web", repo=REPO, verify=True, keyring="pubring", untar=True)],
    "verify-named": [
        *IN_REPOSITORY,
        Do("repo add", name="mine", url=REPO),
        pull("mine/web", verify=True, keyring="@work@/pubring"),
    ],
    "verify-oci": [*IN_REGISTRY, pull(verify=True, keyring="pubring")],
    "prov-oci": [*IN_REGISTRY, pull(prov=True)],
    "verify-oci-untar": [*IN_REGISTRY, pull(verify=True, keyring="pubring", untar=True, untardir="x")],
    "verify-with-another-key": [
        *IN_REPOSITORY,
        pull("web", repo=REPO, verify=True, keyring="other", fails="openpgp: signature made by unknown entity"),
        LEFT_BY_THE_COMMAND,
    ],
    "verify-without-a-keyring": [
        *IN_REPOSITORY,
        pull("web", repo=REPO, verify=True, keyring="none", fails="failed to load keyring"),
        LEFT_BY_THE_COMMAND,
    ],
    "verify-what-is-not-signed": [
        SERVED,
        pull("web", repo=REPO, verify=True, fails="failed to fetch provenance"),
        LEFT_BY_THE_COMMAND,
    ],
    "verify-oci-what-is-not-signed": [
        PUSHED,
        pull(verify=True, keyring="none", version="0.1.0", fails="failed to fetch provenance"),
        LEFT_BY_THE_COMMAND,
    ],
    # Who one is at a repository.
    "user": [SERVED, pull("web", repo="@repository_auth@/@side@", **USER)],
    "user-url": [SERVED, pull("@repository_auth@/@side@/web-0.1.0.tgz", **USER)],
    "no-user": [SERVED, pull("web", repo="@repository_auth@/@side@", fails="401 Unauthorized")],
    "user-named": [
        SERVED,
        Do("repo add", name="mine", url="@repository_auth@/@side@", **USER),
        pull("mine/web"),
    ],
    "tls": [SERVED, pull("web", repo="@repository_tls@/@side@", ca_file="@ca_file@")],
    "tls-insecure": [SERVED, pull("@repository_tls@/@side@/web-0.1.0.tgz", insecure_skip_tls_verify=True)],
    "tls-unknown": [
        SERVED,
        pull("web", repo="@repository_tls@/@side@", fails="certificate signed by unknown authority"),
    ],
    "mtls": [SERVED, pull("web", repo="@repository_mtls@/@side@", ca_file="@ca_file@", **CLIENT)],
    "no-ca-file": [
        SERVED,
        pull("web", repo="@repository_tls@/@side@", ca_file="none.crt", fails="can't create TLS config"),
    ],
    # A registry.
    "oci": [PUSHED, pull()],
    "oci-version": [PUSHED, pull(version="0.2.0")],
    "oci-range": [PUSHED, pull(version="~0.1")],
    "oci-devel": [PUSHED, pull(devel=True)],
    "oci-plus": [PUSHED, pull(version="1.0.1+build.7")],
    "oci-tag": [PUSHED, pull(f"{CHART}:0.2.0")],
    "oci-tag-of-another-version": [
        PUSHED,
        pull(f"{CHART}:0.2.0", version="0.1.0", fails="chart reference and version mismatch: 0.1.0 is not 0.2.0"),
    ],
    "oci-tag-with-plus": [PUSHED, pull(f"{CHART}:1.0.1+build.7", fails="invalid reference")],
    "oci-several": [PUSHED, pull([f"{CHART}:0.1.0", f"{CHART}:0.2.0"])],
    "oci-no-tag": [PUSHED, pull(version="9.9.9", fails="not found")],
    "oci-no-version": [PUSHED, pull(version=">9", fails="could not locate a version matching")],
    "oci-no-chart": [pull(f"{CHART}none", fails="name unknown")],
    "oci-nobody": [pull("oci://127.0.0.1:1/web", plain_http=True, fails="connection refused")],
    "oci-https": [PUSHED, pull(plain_http=False, fails="server gave HTTP response to HTTPS client")],
    "oci-untar": [PUSHED, pull(untar=True, version="0.1.0")],
    "oci-untar-tag": [PUSHED, pull(f"{CHART}:0.1.0", untar=True)],
    "oci-unknown-digest": [
        PUSHED,
        pull(f"{CHART}@sha256:{'0' * 64}", fails="not found"),
    ],
    "oci-other-digest": [
        PUSHED,
        pull(f"{CHART}:0.1.0@sha256:{'0' * 64}", fails="chart reference digest mismatch"),
    ],
    "oci-user": [PUSHED, pull("oci://@registry_auth@/@side@/web", plain_http=True, **USER)],
    "oci-no-user": [
        PUSHED,
        pull("oci://@registry_auth@/@side@/web", plain_http=True, fails="basic credential not found"),
    ],
    "oci-wrong-user": [
        PUSHED,
        pull(
            "oci://@registry_auth@/@side@/web", plain_http=True, username="me", password="no", fails="401: unauthorized"
        ),
    ],
    "oci-tls": [PUSHED, pull("oci://@registry_tls@/@side@/web", ca_file="@ca_file@")],
    "oci-tls-and-plain": [PUSHED, pull("oci://@registry_tls@/@side@/web", ca_file="@ca_file@", plain_http=True)],
    "oci-tls-insecure": [PUSHED, pull("oci://@registry_tls@/@side@/web", insecure_skip_tls_verify=True)],
    "oci-tls-unknown": [
        PUSHED,
        pull("oci://@registry_tls@/@side@/web", fails="certificate signed by unknown authority"),
    ],
    "oci-mtls": [PUSHED, pull("oci://@registry_mtls@/@side@/web", ca_file="@ca_file@", **CLIENT)],
    "oci-token": [PUSHED, pull("oci://@registry_token@/@side@/web", plain_http=True, **USER)],
    "oci-token-reader": [
        PUSHED,
        pull("oci://@registry_token@/@side@/web", plain_http=True, username="reader", password="@password@"),
    ],
    "oci-token-wrong": [
        PUSHED,
        pull("oci://@registry_token@/@side@/web", plain_http=True, username="me", password="no", fails="401"),
    ],
    "oci-token-forbidden": [
        pull("oci://@registry_token@/private/web", plain_http=True, fails="403", **USER),
    ],
    "oci-redirect": [PUSHED, pull("oci://@registry_redirect@/@side@/web", plain_http=True, **USER)],
    "oci-looks-like-a-file": [PUSHED, pull(f"{CHART}/", fails="invalid reference")],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
