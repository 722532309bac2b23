"""The versions that the project is made of, as its Go modules require them: nothing else says them again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent


def required(module: str, path: str) -> str:
    """The version that the `go.mod` in a directory of the checkout requires of a module."""
    text = (ROOT / module / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require )?{re.escape(path)} (v\S+)", text, re.M)
    if not found:
        raise LookupError(f"{module}/go.mod requires no {path}")
    return found[1]


def kubernetes_of(client: str) -> str:
    """The Kubernetes that a version of its libraries belongs to: v0.37.1 is v1.37.1."""
    return re.sub(r"^v0\.", "v1.", client)


def helm() -> str:
    """The Helm in the library."""
    return required("go", "helm.sh/helm/v4")


def client() -> str:
    """The Kubernetes whose client the library is, and whose version a chart sees where there is no cluster."""
    return kubernetes_of(required("go", "k8s.io/client-go"))


def kubernetes() -> str:
    """The Kubernetes of the test cluster."""
    return required("testcluster", "k8s.io/kubernetes")
