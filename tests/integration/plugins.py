"""Small plugins, written anew for each test."""

from __future__ import annotations

import asyncio
import tarfile
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


CLI: Final = """\
apiVersion: v1
name: NAME
type: cli/v1
version: VERSION
runtime: subprocess
sourceURL: https://example.invalid/NAME
config:
  usage: NAME
  shortHelp: none
  longHelp: none
runtimeConfig:
  platformCommand:
    - command: ${HELM_PLUGIN_DIR}/run
"""


def write(directory: Path, *, version: str = "1.0.0", install: str = "", delete: str = "", update: str = "") -> Path:
    """A plugin's directory, called as the plugin is, with the hooks that are given."""
    directory.mkdir(parents=True, exist_ok=True)
    text = CLI.replace("NAME", directory.name).replace("VERSION", version)
    hooks = {"install": install, "delete": delete, "update": update}
    if any(hooks.values()):
        text += "  platformHooks:\n"
    for name, script in hooks.items():
        if script:
            (directory / f"{name}.sh").write_text(f"#!/bin/sh\n{script}\n")
            (directory / f"{name}.sh").chmod(0o755)
            text += f"    {name}: [{{command: '${{HELM_PLUGIN_DIR}}/{name}.sh'}}]\n"
    (directory / "plugin.yaml").write_text(text)
    (directory / "run").write_text("#!/bin/sh\necho runs\n")
    (directory / "run").chmod(0o755)
    return directory


def pack(directory: Path, archive: Path) -> Path:
    """An archive of a plugin's directory, without the library that is tested."""
    with tarfile.open(archive, "w:gz") as file:
        file.add(directory, directory.name)
    return archive


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
