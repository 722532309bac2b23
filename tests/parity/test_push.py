"""helm push against Push: what a registry holds afterwards, byte for byte, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE
from tests.parity.files import Both, Cases, Do, Look, Pushed, Put, Touch
from tests.parity.places import Place
from tests.parity.signing import signed

REMOTE: Final = "oci://@registry@/@side@"
USER: Final[dict[str, Any]] = {"username": "@username@", "password": "@password@"}
CLIENT: Final[dict[str, Any]] = {"cert_file": "@client_certificate@", "key_file": "@client_key@"}
ARCHIVE: Final = Put({"web.tgz": SIMPLE})
RICH: Final = replace(
    SIMPLE,
    version="1.2.3-rc.1+build.7",
    metadata={
        "description": "A web <shop> & more",
        "home": "https://web.example",
        "sources": ["https://git.example/web", "https://git.example/other"],
        "maintainers": [{"name": "Ann", "email": "ann@example"}, {"email": "bob@example"}, {"name": "Cyd"}],
        "annotations": {"a": "b", "org.opencontainers.image.title": "not this", "org.opencontainers.image.url": "this"},
        "appVersion": "7",
        "keywords": ["web"],
        "dependencies": [],
    },
)


def push(chart_path: str = "web.tgz", remote: str = REMOTE, **options: Any) -> Do:
    """Push to the plain registry, unless it says another place."""
    plain: dict[str, Any] = {"plain_http": True} if "@registry@" in remote else {}
    return Do("push", chart_path=chart_path, remote=remote, **{**plain, **options})


def sign(place: Place) -> None:
    for name, content in signed().items():
        place.put(name, content)


CASES: Final[Cases] = {
    "archive": [ARCHIVE, push()],
    "absolute": [ARCHIVE, push("@work@/web.tgz")],
    "again": [ARCHIVE, push(), push()],
    "over-another": [Pushed(replace(SIMPLE, values={"other": 1})), ARCHIVE, Look(), push()],
    "two-versions": [
        Put({"a.tgz": SIMPLE, "b.tgz": replace(SIMPLE, version="0.2.0")}),
        push("a.tgz"),
        push("b.tgz"),
    ],
    "nested": [ARCHIVE, push(remote=f"{REMOTE}/a/b")],
    "slash": [ARCHIVE, push(remote=f"{REMOTE}/")],
    "rich": [Put({"web.tgz": RICH}), push()],
    "v1": [Put({"web.tgz": replace(SIMPLE, metadata={"apiVersion": "v1"})}), push()],
    "signed": [Touch(sign), push("web-0.1.0.tgz")],
    "something-beside": [Put({"web.tgz": SIMPLE, "web.tgz.prov": "not signed"}), push()],
    "odd-name": [Put({"web.tgz": replace(SIMPLE, name="We_b")}), push(fails="invalid reference")],
    "no-version": [Put({"web.tgz": replace(SIMPLE, version="one")}), push(fails="chart.metadata.version")],
    # What can not be pushed.
    "directory": [
        Put({"web": SIMPLE}),
        push("web", fails="cannot push directory, must provide chart archive (.tgz)"),
    ],
    "no-file": [push("none.tgz", fails="none.tgz: no such file")],
    "no-archive": [Put({"web.tgz": "no archive"}), push(fails="does not appear to be a gzipped archive")],
    "no-chart": [
        Put({"web.tgz": b"\x1f\x8b\x08\x00broken"}),
        push(fails="unexpected EOF"),
        Touch(lambda place: (place.work / "web.tgz").unlink()),
    ],
    "yaml": [Put({"values.yaml": "a: b"}), push("values.yaml", fails="seems to be a YAML file")],
    "no-scheme": [ARCHIVE, push(remote="@registry@/@side@", fails="invalid chart URL format")],
    "no-scheme-at-all": [ARCHIVE, push(remote="charts", fails="scheme prefix missing from remote")],
    "other-scheme": [ARCHIVE, push(remote="http://@registry@/charts", fails='scheme "http" not supported')],
    "upper-case": [ARCHIVE, push(remote="oci://@registry@/Charts", fails="invalid reference")],
    # Where and as whom.
    "user": [ARCHIVE, push(remote="oci://@registry_auth@/@side@", plain_http=True, **USER)],
    "no-user": [
        ARCHIVE,
        push(remote="oci://@registry_auth@/@side@", plain_http=True, fails="basic credential not found"),
    ],
    "wrong-user": [
        ARCHIVE,
        push(remote="oci://@registry_auth@/@side@", plain_http=True, username="me", password="no", fails="401"),
    ],
    "tls": [ARCHIVE, push(remote="oci://@registry_tls@/@side@", ca_file="@ca_file@")],
    "tls-insecure": [ARCHIVE, push(remote="oci://@registry_tls@/@side@", insecure_skip_tls_verify=True)],
    "tls-unknown": [ARCHIVE, push(remote="oci://@registry_tls@/@side@", fails="signed by unknown authority")],
    "tls-user": [ARCHIVE, push(remote="oci://@registry_tls_auth@/@side@", ca_file="@ca_file@", **USER)],
    "mtls": [ARCHIVE, push(remote="oci://@registry_mtls@/@side@", ca_file="@ca_file@", **CLIENT)],
    "mtls-nobody": [
        ARCHIVE,
        push(remote="oci://@registry_mtls@/@side@", ca_file="@ca_file@", fails="certificate required"),
    ],
    "token": [ARCHIVE, push(remote="oci://@registry_token@/@side@", plain_http=True, **USER)],
    "token-reader": [
        ARCHIVE,
        push(
            remote="oci://@registry_token@/@side@",
            plain_http=True,
            username="reader",
            password="@password@",
            fails="401",
        ),
    ],
    "token-nobody": [ARCHIVE, push(remote="oci://@registry_token@/@side@", plain_http=True, fails="401")],
    "token-forbidden": [ARCHIVE, push(remote="oci://@registry_token@/private", plain_http=True, fails="403", **USER)],
    "redirect": [ARCHIVE, push(remote="oci://@registry_redirect@/@side@", plain_http=True, **USER)],
    "https": [ARCHIVE, push(plain_http=False, fails="server gave HTTP response to HTTPS client")],
    "nobody": [ARCHIVE, push(remote="oci://127.0.0.1:1/charts", plain_http=True, fails="connection refused")],
    "no-ca-file": [ARCHIVE, push(ca_file="none.crt", fails="can't create TLS config")],
    "key-alone": [ARCHIVE, push(key_file="none.key", ca_file="@ca_file@", fails="unable to read cert file")],
    # Round trips.
    "pulled-again": [
        Put({"web.tgz": RICH}),
        push(),
        Do("pull", chart_ref=f"{REMOTE}/web", devel=True, plain_http=True),
    ],
    "shown": [
        ARCHIVE,
        push(),
        Do("show chart", chart_path=f"{REMOTE}/web", plain_http=True),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
