"""Runs a program of the checkout as a user does, in a process of its own, and reads what it writes as it comes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from helm_sdkpy.testing import ApiError, TestCluster

ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS: Final = 600
"""Much more than it takes: the machine may be busy with the other tests."""


def gone(cluster: TestCluster, namespace: str) -> bool:
    """Whether a namespace that a program made in a user's cluster, and the release that it is, are gone."""
    records = cluster.get("/api/v1/namespaces/default/secrets?labelSelector=owner%3Dhelm")["items"]
    assert not [record for record in records if record["metadata"]["labels"]["name"] == namespace]
    try:
        cluster.get(f"/api/v1/namespaces/{namespace}")
    except ApiError as error:
        return error.status == 404
    return False


class Program:
    """A program that runs; its output is read line by line, as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.output = ""

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read on until a line matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if (found := re.search(pattern, line)) is not None:
                return found
        raise AssertionError(f"the program ended without {pattern!r}:\n{self.output}")

    def end(self) -> int:
        """Read the rest; gives the exit code."""
        self.output += self.process.communicate(timeout=SECONDS)[0]
        return self.process.returncode

    def interrupt(self) -> float:
        """Press Ctrl-C and wait for the end; gives the seconds that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.end() == 128 + signal.SIGINT, self.output
        return time.monotonic() - began


@contextmanager
def running(*arguments: str | Path, environment: dict[str, str] | None = None) -> Generator[Program]:
    """Run `python ARGUMENTS` in the checkout; what still runs at the end is killed."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield Program(process)
        finally:
            process.kill()
