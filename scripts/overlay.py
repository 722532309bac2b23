"""Has the library's text/template name the methods that a template can call, so that the linker drops all others.

`go/internal/template` says why, and which they are. Only the one look-up by name is changed, in a copy that the build
reads in place of the standard library's file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

METHODS = Path(__file__).resolve().parent.parent / "go" / "internal" / "template" / "methods.go"
LOOK_UP = "ptr.MethodByName(fieldName)"


def write(directory: Path, environment: dict[str, str]) -> Path:
    """Write the changed file, and for `go build -overlay` what it stands in for."""
    go = subprocess.run(["go", "env", "GOROOT"], env=environment, capture_output=True, text=True, check=True)
    original = Path(go.stdout.strip()) / "src" / "text" / "template" / "exec.go"
    replaced: dict[str, str] = {}
    directory.mkdir(parents=True, exist_ok=True)
    changed = change(original.read_text(), METHODS.read_text())
    if changed is None:
        print(f"scripts/overlay.py does not know this {original}: the library gets larger", file=sys.stderr)
    else:
        replaced[str(original)] = str(_put(directory / "exec.go", changed))
    return _put(directory / "overlay.json", json.dumps({"Replace": replaced}))


def change(executing: str, methods: str) -> str | None:
    """text/template's exec.go with the look-up among the named methods; None where there is not just that one."""
    if executing.count(LOOK_UP) != 1 or executing.count("MethodByName(") != 1:
        return None
    _, _, function = methods.partition('import "reflect"\n')
    return executing.replace(LOOK_UP, "methodByName(ptr, fieldName)") + function


def _put(path: Path, text: str) -> Path:
    """Write a file so that another build never reads half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    return fresh.replace(path)
