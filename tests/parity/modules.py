"""Where Helm's own sources are: its test charts, keys and golden files are further input, read in place."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]


def _module() -> Path:
    [version] = re.findall(r"^\s*(?:require )?helm\.sh/helm/v4 (\S+)", (_ROOT / "go" / "go.mod").read_text(), re.M)
    caches = os.environ.get("GOMODCACHE") or f"{os.environ.get('GOPATH') or Path.home() / 'go'}/pkg/mod"
    return Path(caches) / f"helm.sh/helm/v4@{version}"


HELM_MODULE: Final = _module()
"""The directory in Go's module cache; `./scripts/dev build modules` puts it there."""
