"""The root flags: which cluster, as whom, and where helm keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.integration.charts import SIMPLE
from tests.parity.files import Both, Cases, Do, Put, Serve, Touch
from tests.parity.places import Place

WEB: Final = Put({"web": SIMPLE})
K: Final = "k.yaml"


def kubeconfig(change: Any = None) -> Touch:
    """A kubeconfig of the side's own, `k.yaml`: the cluster's, changed."""

    def write(place: Place) -> None:
        content = yaml.safe_load(Path(place.cluster.kubeconfig).read_text())
        if change is not None:
            change(content)
        (place.work / K).write_text(yaml.safe_dump(content))

    return Touch(write)


def second_context(content: Any) -> None:
    """Another context, of a server that is not there."""
    cluster = {**content["clusters"][0]["cluster"], "server": "https://127.0.0.1:1"}
    content["clusters"].append({"name": "nowhere", "cluster": cluster})
    context = {**content["contexts"][0]["context"], "cluster": "nowhere"}
    content["contexts"].append({"name": "nowhere", "context": context})


def no_authority(content: Any) -> None:
    """The system's authorities do not know the test cluster's."""
    for key in ("certificate-authority", "certificate-authority-data"):
        content["clusters"][0]["cluster"].pop(key, None)


def no_user(content: Any) -> None:
    """Nobody in particular."""
    content["users"][0]["user"] = {}


def listing(fails: str | None = None, **config: Any) -> Do:
    """Whether the cluster lets us read. The command asks for the version first, the library for what it is to list."""
    return Do("list", fails=fails, reworded=True, config={"kubeconfig": K, "namespace": "@namespace@", **config})


INSTALL: Final[dict[str, Any]] = {"release_name": "web", "chart_path": "web", "wait": False}
UNREACHABLE: Final = "connection refused"

CASES: Final[Cases] = {
    "kubeconfig": [kubeconfig(), listing()],
    "kubeconfig-none": [
        Do(
            "list",
            fails="cluster unreachable",
            reworded="no Kubernetes cluster is configured",
            config={"namespace": "default"},
        )
    ],
    "namespace": [
        WEB,
        kubeconfig(),
        Do("install", config={"kubeconfig": K, "namespace": "@namespace@"}, **INSTALL),
        listing(),
        Do("list", config={"kubeconfig": K, "namespace": "kube-public"}),
    ],
    "kube-context": [kubeconfig(second_context), listing(UNREACHABLE, kubecontext="nowhere")],
    "kube-context-none": [
        kubeconfig(),
        Do("list", fails="none", reworded=True, config={"kubeconfig": K, "kubecontext": "none"}),
    ],
    "kube-apiserver": [kubeconfig(), listing(UNREACHABLE, kube_apiserver="https://127.0.0.1:1")],
    "kube-as-user": [kubeconfig(), listing('User "somebody" cannot list', kube_as_user="somebody")],
    "kube-as-group": [
        kubeconfig(),
        listing(kube_as_user="somebody", kube_as_group=["system:masters"]),
    ],
    "kube-ca-file": [kubeconfig(no_authority), listing(kube_ca_file="@ca_file@")],
    "kube-ca-file-none": [kubeconfig(no_authority), listing("certificate signed by unknown authority")],
    "kube-insecure-skip-tls-verify": [kubeconfig(no_authority), listing(kube_insecure_skip_tls_verify=True)],
    "kube-tls-server-name": [kubeconfig(), listing("not other.example", kube_tls_server_name="other.example")],
    "kube-token": [
        kubeconfig(no_user),
        Do(
            "list",
            fails="credentials",
            reworded=True,
            config={"kubeconfig": K, "namespace": "@namespace@", "kube_token": "wrong"},
        ),
    ],
    "kube-token-none": [kubeconfig(no_user), listing('User "system:anonymous" cannot list')],
    "repository-config": [
        Serve(SIMPLE),
        Do("repo add", name="mine", url="@repository@/@side@", config={"repository_config": "@work@/r.yaml"}),
        Do("repo list", config={"repository_config": "@work@/r.yaml"}),
        Do("repo list"),
    ],
    "repository-cache": [
        Serve(SIMPLE),
        Do("repo add", name="mine", url="@repository@/@side@", config={"repository_cache": "@work@/cache"}),
        Do("search repo", keyword="web", config={"repository_cache": "@work@/cache"}),
    ],
    "content-cache": [
        Serve(SIMPLE),
        Do(
            "template",
            release_name="a",
            chart_path="@repository@/@side@/web-0.1.0.tgz",
            config={"content_cache": "@work@/content"},
        ),
    ],
    "registry-config": [
        Do(
            "registry login",
            hostname="@registry_auth@",
            username="@username@",
            password="@password@",
            plain_http=True,
            config={"registry_config": "@work@/registry.json"},
        ),
        Do("registry logout", hostname="@registry_auth@", config={"registry_config": "@work@/registry.json"}),
    ],
    "registry-config-read": [
        Do(
            "registry login",
            hostname="@registry_auth@",
            username="@username@",
            password="@password@",
            plain_http=True,
            config={"registry_config": "@work@/registry.json"},
        ),
        Do("show chart", chart_path="oci://@registry_auth@/none/web", plain_http=True, fails="none/web"),
        Do(
            "show chart",
            chart_path="oci://@registry_auth@/none/web",
            plain_http=True,
            fails="not known to registry",
            config={"registry_config": "@work@/registry.json"},
        ),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
