"""What the test cluster's OCI registry and chart repository serve, in every flavour, to the helm command."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from helm_sdkpy.testing import TestCluster

HELM = Path(__file__).resolve().parents[2] / ".build" / "bin" / "helm"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A packaged chart whose name no other test uses."""
    needs_helm()
    name = f"chart-{os.urandom(4).hex()}"
    helm("create", str(tmp_path / name), home=tmp_path)
    helm("package", str(tmp_path / name), "--destination", str(tmp_path), home=tmp_path)
    return tmp_path / f"{name}-0.1.0.tgz"


def needs_helm() -> None:
    if not HELM.exists():
        pytest.skip("the helm command is not built: run ./scripts/dev helm version")


def helm(*arguments: str, home: Path) -> str:
    homes = {f"HELM_{name}_HOME": str(home / name.lower()) for name in ("CACHE", "CONFIG", "DATA")}
    done = subprocess.run([HELM, *arguments], capture_output=True, text=True, check=False, env=os.environ | homes)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def pull(what: str, expected: Path, tmp_path: Path, *flags: str) -> None:
    """Pull to a place of its own, with a cache of its own that spares no download, and compare."""
    home = tmp_path / os.urandom(4).hex()
    home.mkdir()
    helm("pull", what, "--destination", str(home), *flags, home=home)
    assert (home / expected.name).read_bytes() == expected.read_bytes()


class TestRegistry:
    def test_plain(self, helm_cluster: TestCluster, chart: Path, tmp_path: Path) -> None:
        helm("push", str(chart), f"oci://{helm_cluster.registry}/charts", "--plain-http", home=tmp_path)
        name = chart.name.removesuffix("-0.1.0.tgz")
        reference = f"oci://{helm_cluster.registry}/charts/{name}"
        pull(reference, chart, tmp_path, "--plain-http")

    def test_tls_shows_what_was_pushed_elsewhere(self, helm_cluster: TestCluster, chart: Path, tmp_path: Path) -> None:
        helm("push", str(chart), f"oci://{helm_cluster.registry}/charts", "--plain-http", home=tmp_path)
        name = chart.name.removesuffix("-0.1.0.tgz")
        reference = f"oci://{helm_cluster.registry_tls}/charts/{name}"
        pull(reference, chart, tmp_path, "--ca-file", helm_cluster.ca_file)

    def test_basic_authentication(self, helm_cluster: TestCluster, chart: Path, tmp_path: Path) -> None:
        for address, flags in (
            (helm_cluster.registry_auth, ["--plain-http"]),
            (helm_cluster.registry_tls_auth, ["--ca-file", helm_cluster.ca_file]),
        ):
            with pytest.raises(AssertionError, match=r"401|basic credential not found"):
                helm("push", str(chart), f"oci://{address}/charts", *flags, home=tmp_path)
            login = ["--username", helm_cluster.username, "--password", helm_cluster.password]
            helm("registry", "login", address, *login, *flags, home=tmp_path)
            helm("push", str(chart), f"oci://{address}/charts", *flags, home=tmp_path)

    def test_client_certificates(self, helm_cluster: TestCluster, chart: Path, tmp_path: Path) -> None:
        target = f"oci://{helm_cluster.registry_mtls}/charts"
        trust = ["--ca-file", helm_cluster.ca_file]
        with pytest.raises(AssertionError, match="certificate"):
            helm("push", str(chart), target, *trust, home=tmp_path)
        identity = ["--cert-file", helm_cluster.client_certificate, "--key-file", helm_cluster.client_key]
        helm("push", str(chart), target, *trust, *identity, home=tmp_path)


class TestRepository:
    @pytest.fixture
    def served(self, helm_cluster: TestCluster, chart: Path) -> Iterator[Path]:
        """The chart, put where the repository serves it."""
        target = helm_cluster.charts / chart.name
        shutil.copy(chart, target)
        yield target
        target.unlink()

    def test_flavours(self, helm_cluster: TestCluster, served: Path, tmp_path: Path) -> None:
        name = served.name.removesuffix("-0.1.0.tgz")
        trust = ["--ca-file", helm_cluster.ca_file]
        login = ["--username", helm_cluster.username, "--password", helm_cluster.password]
        identity = ["--cert-file", helm_cluster.client_certificate, "--key-file", helm_cluster.client_key]
        pull(name, served, tmp_path, "--repo", helm_cluster.repository)
        pull(name, served, tmp_path, "--repo", helm_cluster.repository_tls, *trust)
        pull(name, served, tmp_path, "--repo", helm_cluster.repository_auth, *login)
        pull(name, served, tmp_path, "--repo", helm_cluster.repository_tls_auth, *trust, *login)
        pull(name, served, tmp_path, "--repo", helm_cluster.repository_mtls, *trust, *identity)
        with pytest.raises(AssertionError, match="401"):
            pull(name, served, tmp_path, "--repo", helm_cluster.repository_auth)
        with pytest.raises(AssertionError, match="certificate"):
            pull(name, served, tmp_path, "--repo", helm_cluster.repository_tls)

    def test_the_index_is_what_helm_makes(self, helm_cluster: TestCluster, served: Path, tmp_path: Path) -> None:
        (tmp_path / "only").mkdir()
        shutil.copy(served, tmp_path / "only")
        helm("repo", "index", str(tmp_path / "only"), home=tmp_path)
        made = yaml.safe_load((tmp_path / "only" / "index.yaml").read_text())
        with urllib.request.urlopen(f"{helm_cluster.repository}/index.yaml") as answer:
            given = yaml.safe_load(answer.read())
        name = served.name.removesuffix("-0.1.0.tgz")
        (expected,), (got,) = made["entries"][name], given["entries"][name]
        assert given["apiVersion"] == made["apiVersion"]
        assert {**got, "created": None} == {**expected, "created": None}

    def test_slow(self, helm_cluster: TestCluster, served: Path) -> None:
        began = time.monotonic()
        with urllib.request.urlopen(f"{helm_cluster.repository_slow}/{served.name}") as answer:
            answer.read(1024)
            first = time.monotonic() - began
            assert 0.5 < first < 3
            size = int(answer.headers["Content-Length"])
        assert size == served.stat().st_size
        with urllib.request.urlopen(f"{helm_cluster.repository_slow}/index.yaml") as answer:
            answer.read()
        assert time.monotonic() - began - first < 1

    def test_broken(self, helm_cluster: TestCluster, served: Path) -> None:
        for broken in (
            f"{helm_cluster.repository_broken}/{served.name}",
            f"{helm_cluster.repository_broken_index}/index.yaml",
        ):
            with urllib.request.urlopen(broken) as answer, pytest.raises(http.client.IncompleteRead):
                answer.read()
        with urllib.request.urlopen(f"{helm_cluster.repository_broken}/index.yaml") as answer:
            assert served.name in answer.read().decode()

    def test_wrong_password(self, helm_cluster: TestCluster) -> None:
        wrong = b64encode(f"{helm_cluster.username}:wrong".encode()).decode()
        request = urllib.request.Request(
            f"{helm_cluster.repository_auth}/index.yaml", headers={"Authorization": f"Basic {wrong}"}
        )
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(request)
        refused.value.close()


def test_kubeconfig_needs_no_other_file(helm_cluster: TestCluster, tmp_path: Path) -> None:
    needs_helm()
    alone = shutil.copy(helm_cluster.kubeconfig, tmp_path / "elsewhere")
    assert "NAME" in helm("list", "--all-namespaces", "--kubeconfig", str(alone), home=tmp_path)
