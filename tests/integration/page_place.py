"""What the blocks of a page find: charts, a home, a cluster, and what stands for the addresses that they name."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import Chart
from tests.integration.keys import LOCKED
from tests.pages import ROOT

CHARTS: Final = ROOT / "examples" / "charts"

WHEELS: Final = "HELM_SDKPY_WHEELS"
"""Names the directory of the wheels that pages install; without it, what installs them is not run."""

VERSIONS: Final = ("1.0.0", "1.1.0")
"""Of the chart `shop`, in the registry and in the repository."""


@dataclass
class Place:
    """Where the blocks of one page run."""

    cluster: TestCluster
    namespace: str
    root: Path
    port: int
    """For a page's own server."""

    @property
    def here(self) -> Path:
        """The working directory."""
        return self.root / "here"

    @property
    def home(self) -> Path:
        """The user's home."""
        return self.root / "home"

    @property
    def described(self) -> Path:
        """The file that describes the cluster."""
        return self.root / "cluster.json"

    def prepare(self) -> None:
        """Put there what pages take for granted."""
        (self.home / ".kube").mkdir(parents=True)
        shutil.copy(self.cluster.kubeconfig, self.home / ".kube" / "config")
        self.described.write_text(json.dumps(self.cluster.describe()))
        shutil.copytree(CHARTS, self.here)
        shutil.copytree(ROOT / "examples", self.here / "examples")
        shutil.copy(self.cluster.ca_file, self.here / "ca.crt")
        shutil.copy(LOCKED.secring, self.here / "secring.gpg")
        shutil.copy(LOCKED.pubring, self.here / "pubring.gpg")
        served = self.cluster.charts / self.namespace
        served.mkdir()
        for version in VERSIONS:
            chart = shop(version)
            chart.save(served)
            for below in ("", "/charts"):
                oci.push(self.cluster.registry, f"{self.namespace}{below}", chart)

    def remove(self) -> None:
        """Remove what the cluster serves for this page."""
        shutil.rmtree(self.cluster.charts / self.namespace, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """The variables of the page's programs: none of the user's that helm, kubectl or pytest read."""
        strange = ("HELM_", "XDG_", "KUBE", "PYTEST_", "VIRTUAL_ENV")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(strange) or name.startswith("HELM_SDKPY_")
        }
        wheels = os.environ.get(WHEELS)
        return kept | {
            "HOME": str(self.home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}",
            "LC_ALL": "C.UTF-8",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": "120",
            "PYTHONUNBUFFERED": "1",
            # The addresses are the test cluster's, and so is who signed their certificates.
            "SSL_CERT_FILE": self.cluster.ca_file,
            **({"PIP_FIND_LINKS": str(Path(wheels).resolve()), "PIP_PRE": "1"} if wheels else {}),
        }

    def credentials(self) -> dict[str, str]:
        """The user and the password that a page names, and who may log in."""
        return {"deploy-bot": self.cluster.username, "correct-horse": self.cluster.password}

    def addresses(self) -> dict[str, str]:
        """What a page says, and what is there instead in a test."""
        cluster = self.cluster
        registries = {
            "registry.example": cluster.registry_tls,
            "private.example": cluster.registry_tls_auth,
            "mutual.example": cluster.registry_mtls,
            "localhost:5000": cluster.registry,
        }
        repositories = {
            "charts.example": cluster.repository_tls,
            "private-charts.example": cluster.repository_tls_auth,
        }
        return {
            **{f"oci://{host}": f"oci://{address}/{self.namespace}" for host, address in registries.items()},
            **{f"https://{host}": f"{url}/{self.namespace}" for host, url in repositories.items()},
            **registries,
            'namespace="web"': f'namespace="{self.namespace}"',
            '"namespace": "web"': f'"namespace": "{self.namespace}"',
            "namespace: web\n": f"namespace: {self.namespace}\n",
            "--namespace web": f"--namespace {self.namespace}",
            "-n web": f"-n {self.namespace}",
            "namespaces/web/": f"namespaces/{self.namespace}/",
            ":8000": f":{self.port}",
            "--port 8000": f"--port {self.port}",
            "/home/me": str(self.home),
            "/srv": str(self.here),
        }

    def there(self, text: str) -> str:
        """What a page says, as it is here."""
        for said, instead in (self.addresses() | self.credentials()).items():
            text = text.replace(said, instead)
        return text

    def said(self, text: str) -> str:
        """What was printed here, as a page would say it."""
        for said, instead in self.addresses().items():
            text = text.replace(instead, said)
        return text.replace(self.namespace, "web")


def shop(version: str) -> Chart:
    """The examples' chart `shop`, of some version."""
    root = CHARTS / "shop"
    texts = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    texts["Chart.yaml"] = texts["Chart.yaml"].replace("version: 1.0.0", f"version: {version}")
    return Chart(name="shop", version=version, files=texts)
