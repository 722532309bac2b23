"""How much memory a pull of a large archive takes, here and in the helm command.

`./scripts/dev python -m benchmarks.pull`. Each pull is a process of its own. For the library, the peak is that of the
pull alone, over what the process had after a pull of a small chart; the command's is that of its whole process, of
which `helm version` says how much it is without a pull.
"""

from __future__ import annotations

import io
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from helm_sdkpy.testing import TestCluster

HELM: Final = Path(__file__).parents[1] / ".build" / "bin" / "helm"
ROUNDS: Final = 3
PIECE: Final = 4 << 20
"""Helm loads no chart with a file of more than 5 MiB, nor one of more than 100 MiB."""
PIECES: Final = 24

ONE: Final = """
import asyncio, sys, time
from helm_sdkpy import Configuration, Pull

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name))

async def main(large, small, out):
    with Configuration() as config:
        await Pull(config).run(small, out, plain_http=True)
        before = status("VmRSS")
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak starts anew
        began = time.perf_counter()
        await Pull(config).run(large, out, plain_http=True)
        print(time.perf_counter() - began, status("VmHWM") - before)

asyncio.run(main(*sys.argv[1:]))
"""


def pack(directory: Path, name: str, pieces: int) -> Path:
    """A chart of noise, which does not get smaller."""
    noise = random.Random(0)
    path = directory / f"{name}-0.1.0.tgz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        files = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n".encode()}
        files |= {f"files/{number}": noise.randbytes(PIECE) for number in range(pieces)}
        for file, content in files.items():
            entry = tarfile.TarInfo(f"{name}/{file}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def library(large: str, small: str, out: Path) -> tuple[float, int]:
    """Seconds, and the peak in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", ONE, large, small, str(out)], capture_output=True, text=True, check=True
    )
    seconds, peak = done.stdout.split()
    return float(seconds), int(peak)


def command(arguments: Sequence[str]) -> tuple[float, int]:
    """Seconds, and the peak in KiB."""
    began = time.perf_counter()
    process = subprocess.Popen([HELM, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"helm {' '.join(arguments)}: {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss


def main() -> None:
    """Measure and print."""
    with TestCluster() as cluster, tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        for kind in ("cache", "config", "data"):
            os.environ[f"HELM_{kind.upper()}_HOME"] = str(place / kind)
        archives = [pack(place, name, pieces) for name, pieces in (("large", PIECES), ("small", 0))]
        for archive in archives:
            command(["push", str(archive), f"oci://{cluster.registry}/charts", "--plain-http"])
            (cluster.charts / archive.name).write_bytes(archive.read_bytes())
        size = archives[0].stat().st_size
        nothing = command(["version"])[1]
        print(f"an archive of {size / 1e6:.0f} MB; `helm version` alone takes {nothing / 1024:.0f} MiB")
        print(f"{'from':12} {'library':>22} {'helm command':>22}")
        for source, large, small in (
            ("registry", f"oci://{cluster.registry}/charts/large", f"oci://{cluster.registry}/charts/small"),
            ("repository", *(f"{cluster.repository}/{archive.name}" for archive in archives)),
        ):
            out = place / "out"
            out.mkdir(exist_ok=True)
            ours = [library(large, small, out) for _ in range(ROUNDS)]
            theirs = [command(["pull", large, "-d", str(out), "--plain-http"]) for _ in range(ROUNDS)]
            cells = (
                f"{statistics.median(seconds for seconds, _ in side):.2f} s "
                f"{statistics.median(peak for _, peak in side) / 1024:8.1f} MiB"
                for side in (ours, theirs)
            )
            print(f"{source:12} {' '.join(f'{cell:>22}' for cell in cells)}")


if __name__ == "__main__":
    main()
