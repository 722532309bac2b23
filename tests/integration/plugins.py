"""Small plugins, written anew for each test."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

POST_RENDERER: Final = """\
apiVersion: v1
name: NAME
type: postrenderer/v1
version: 1.0.0
runtime: subprocess
runtimeConfig:
  platformCommand:
    - command: ${HELM_PLUGIN_DIR}/run
"""

GETTER: Final = """\
apiVersion: v1
name: NAME
type: getter/v1
version: 1.0.0
runtime: subprocess
config:
  protocols: [PROTOCOL]
runtimeConfig:
  protocolCommands:
    - protocols: [PROTOCOL]
      platformCommand:
        - command: run
"""

LEGACY_GETTER: Final = """\
name: NAME
version: 1.0.0
usage: none
description: none
downloaders:
  - command: run
    protocols: [PROTOCOL]
"""


def install(plugins: Path, description: str, script: str, name: str = "mine", protocol: str = "mine") -> Path:
    """Put a plugin in place: what it is, and the shell script that it runs."""
    directory = plugins / name
    directory.mkdir(parents=True)
    (directory / "plugin.yaml").write_text(description.replace("NAME", name).replace("PROTOCOL", protocol))
    (directory / "run").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "run").chmod(0o755)
    return directory


async def started(file: Path) -> int:
    """The number that a script writes into a file once it runs."""
    for _ in range(1000):
        if text := _text(file).strip():
            return int(text)
        await asyncio.sleep(0.01)
    raise AssertionError(f"nothing wrote {file}")


def ended(process: int, seconds: float = 1.0) -> bool:
    """Whether a process is gone, or goes within that time. One that nobody has asked for is gone, too."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        status = _text(Path(f"/proc/{process}/stat"))
        if not status or status.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
