"""One signed chart for both sides: a signature holds the moment it was made at, so each has another digest."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path

from tests.integration.charts import SIMPLE
from tests.integration.keys import OPEN
from tests.parity.sides import HELM


@functools.cache
def signed() -> dict[str, bytes]:
    """The archive of a chart and its provenance file, by their names."""
    with tempfile.TemporaryDirectory() as directory:
        SIMPLE.write(Path(directory))
        arguments = ["package", SIMPLE.name, "--sign", "--key", OPEN.name, "--keyring", str(OPEN.secring)]
        environment = {**os.environ, "HOME": directory, "SOURCE_DATE_EPOCH": "1700000000"}
        subprocess.run([HELM, *arguments], cwd=directory, env=environment, check=True, capture_output=True)
        return {file.name: file.read_bytes() for file in Path(directory).glob("web-*")}
