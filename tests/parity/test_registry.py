"""helm registry login and logout against RegistryLogin and RegistryLogout: the file of credentials, byte for byte."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE
from tests.parity.files import Both, Cases, Do, Look, Pushed, Put, Touch
from tests.parity.places import Place

FILE: Final = "@config@/registry/config.json"
OTHER: Final = {"registry.example": {"auth": "bWU6cHc="}}
CLIENT: Final[dict[str, Any]] = {"cert_file": "@client_certificate@", "key_file": "@client_key@"}
HELPER: Final = """#!/bin/sh
echo "to the terminal" >&2
read -r input
case "$1" in
store) printf '%s\\n' "$input" >> @data@/kept ;;
get) cat @data@/given 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) echo "erase $input" >> @data@/kept ;;
esac
"""


def login(hostname: str = "@registry_auth@", **options: Any) -> Do:
    """Log in over plain HTTP, unless the host speaks TLS."""
    plain: dict[str, Any] = {} if "tls" in hostname else {"plain_http": True}
    user: dict[str, Any] = {"username": "@username@", "password": "@password@"}
    return Do("registry login", hostname=hostname, **{**plain, **user, **options})


def logout(hostname: str = "@registry_auth@", **options: Any) -> Do:
    return Do("registry logout", hostname=hostname, **options)


def keep(**content: Any) -> Put:
    """The file as it is before."""
    return Put({FILE: json.dumps(content)})


def helper(name: str = "test") -> Touch:
    """A credential helper on the side's own PATH."""

    def write(place: Place) -> None:
        place.put(f"@home@/bin/docker-credential-{name}", HELPER)
        (place.home / "bin" / f"docker-credential-{name}").chmod(0o755)

    return Touch(write)


PATH: Final = {"PATH": "@home@/bin:/usr/bin:/bin"}


def docker(place: Place) -> None:
    """What docker is logged in with at the registry."""
    user = base64.b64encode(f"{place.cluster.username}:{place.cluster.password}".encode()).decode()
    auths = {"auths": {place.cluster.registry_auth: {"auth": user}}}
    place.put("@home@/.docker/config.json", json.dumps(auths))


def given(place: Place) -> None:
    """What the helper answers."""
    cluster = place.cluster
    kept = {"ServerURL": cluster.registry_auth, "Username": cluster.username, "Secret": cluster.password}
    place.put("@data@/given", json.dumps(kept))


PULL: Final = Do("pull", chart_ref="oci://@registry_auth@/@side@/web", plain_http=True)

CASES: Final[Cases] = {
    "login": [login()],
    "login-logout": [login(), Look(), logout()],
    "login-twice": [login(), login()],
    "two-hosts": [login(), login("@registry@", username="a", password="b"), logout("@registry@")],
    "others-stay": [keep(auths=OTHER, credHelpers={"a.example": "none"}, detachKeys="<&>"), login(), Look(), logout()],
    "empty-file": [Put({FILE: ""}), login()],
    "file-of-spaces": [Put({FILE: " \n"}), login()],
    "compact": [Put({FILE: '{"auths":{"b":{},"a":{"auth":"YTpi","email":"x"}},"z":1,"a":[1,2]}'}), login()],
    "null": [Put({FILE: '{"auths": null}'}), login()],
    "wrong-password": [login(password="no", fails="authenticating to")],
    "wrong-password-keeps": [keep(auths=OTHER), login(password="no", fails="401")],
    "odd-password": [login("@registry@", username="ü", password='p"<>&\\ é')],
    "colon": [login("@registry@", username="a:b", password="c", fails="colons(:) are not allowed in username")],
    "open-to-all": [login("@registry@", username="me", password="pw")],
    "tls": [login("@registry_tls_auth@", ca_file="@ca_file@")],
    "tls-insecure": [login("@registry_tls_auth@", insecure=True)],
    "tls-unknown": [login("@registry_tls_auth@", fails="signed by unknown authority")],
    "tls-wrong": [login("@registry_tls_auth@", insecure=True, password="no", fails="401")],
    "mtls": [login("@registry_mtls@", ca_file="@ca_file@", **CLIENT)],
    "plain-and-ca": [login(ca_file="@ca_file@", insecure=True)],
    "token": [login("@registry_token@")],
    "token-reader": [login("@registry_token@", username="reader")],
    "token-wrong": [login("@registry_token@", password="no", fails="401")],
    "https": [login(plain_http=False, fails="server gave HTTP response to HTTPS client")],
    "nobody": [login("127.0.0.1:1", fails="connection refused")],
    "with-a-path": [login("@registry_auth@/charts", fails="invalid reference")],
    "with-a-scheme": [login("http://@registry_auth@", fails="invalid reference")],
    "odd-host": [login("a b", fails="invalid reference")],
    "broken-file": [Put({FILE: "{"}), login(fails="invalid config format", reworded=True)],
    "own-file": [login(config={"registry_config": "@work@/a/b.json"})],
    "own-file-there": [
        Put({"a/b.json": '{"auths":{}}'}),
        login(config={"registry_config": "@work@/a/b.json"}),
        logout(config={"registry_config": "@work@/a/b.json"}),
    ],
    "own-file-of-environment": [login(env={"HELM_REGISTRY_CONFIG": "@work@/c.json"})],
    # Logging out.
    "logout-nobody": [logout()],
    "logout-another": [keep(auths=OTHER), logout("other.example")],
    "logout-known": [keep(auths=OTHER, x=1), logout("registry.example")],
    "logout-of-an-address": [
        keep(auths={"https://registry.example/v1/": {"auth": "bWU6cHc="}}),
        logout("registry.example"),
        Look(),
        logout("https://registry.example/v1/"),
    ],
    "logout-docker": [keep(auths={"https://index.docker.io/v1/": {"auth": "bWU6cHc="}}), logout("docker.io")],
    "logout-with-a-path": [keep(auths=OTHER), logout("registry.example/charts")],
    # What credentials are used for.
    "pull-after-login": [
        Pushed(SIMPLE),
        login(),
        PULL,
        logout(),
        Do("pull", fails="basic credential not found", **PULL.options),
    ],
    "push-after-login": [
        Put({"web.tgz": SIMPLE}),
        login(),
        Do("push", chart_path="web.tgz", remote="oci://@registry_auth@/@side@", plain_http=True),
    ],
    "pull-with-dockers-login": [Pushed(SIMPLE), Touch(docker), PULL],
    "helms-before-dockers": [
        Pushed(SIMPLE),
        Touch(docker),
        Touch(
            lambda place: place.put(FILE, json.dumps({"auths": {place.cluster.registry_auth: {"auth": "bWU6cHc="}}}))
        ),
        Do("pull", fails="401", **PULL.options),
    ],
    "dockers-elsewhere": [
        Pushed(SIMPLE),
        Touch(docker),
        Do("pull", env={"DOCKER_CONFIG": "@home@/.docker", "HOME": "@work@"}, **PULL.options),
    ],
    "dockers-is-broken": [Pushed(SIMPLE), Put({"@home@/.docker/config.json": "{"}), login(), PULL],
    # Credential helpers.
    "helper": [helper(), keep(credsStore="test"), login(env=PATH), Look(), logout(env=PATH)],
    "helper-of-the-host": [
        helper(),
        Touch(lambda place: place.put(FILE, json.dumps({"credHelpers": {place.cluster.registry_auth: "test"}}))),
        login(env=PATH),
        login("@registry@", env=PATH),
        logout(env=PATH),
    ],
    "helper-of-the-platform": [helper("secretservice"), login(env=PATH), Look(), login("@registry@", env=PATH)],
    "helper-of-the-platform-unused": [helper("secretservice"), keep(auths=OTHER), login(env=PATH)],
    "helper-gives": [
        Pushed(SIMPLE),
        helper(),
        Touch(given),
        keep(credsStore="test"),
        Do("pull", env=PATH, **PULL.options),
    ],
    "helper-has-nothing": [
        Pushed(SIMPLE),
        helper(),
        keep(credsStore="test"),
        Do("pull", env=PATH, fails="basic credential not found", **PULL.options),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
