"""The sides that are compared, each behind the same two methods: make these calls at once, and be gone."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

Arguments = Mapping[str, Any]
"""Keyword arguments of this library's `run`."""


class BenchmarkError(Exception):
    """A side did not do what it was asked for, so that there is nothing to compare."""


class Column(Protocol):
    """One side of the comparison."""

    def call(self, namespace: str, action: str, calls: Sequence[Arguments], repeat: int = 1) -> tuple[list[float], int]:
        """Make the calls at once, repeated: the seconds of each repetition, and how many things the last call gave."""
        ...

    def close(self) -> None:
        """End what runs for this side."""
        ...


def at_home(home: Path) -> dict[str, str]:
    """The environment of a side: helm's files are the benchmark's own, not the user's."""
    places = {"HELM_CACHE_HOME": "cache", "HELM_CONFIG_HOME": "config", "HELM_DATA_HOME": "data"}
    return {**os.environ, **{name: str(home / place) for name, place in places.items()}}


class Worker:
    """A process of its own that is given requests line by line, so that the sides can take turns."""

    def __init__(self, command: Sequence[str | Path], home: Path) -> None:
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=at_home(home),
            # A Ctrl-C is for the harness, which ends the workers when it has printed what it has.
            start_new_session=True,
        )

    def call(self, namespace: str, action: str, calls: Sequence[Arguments], repeat: int = 1) -> tuple[list[float], int]:
        """Send a request and wait for its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise BenchmarkError("the process has no pipes")
        request = {
            "namespace": namespace,
            "action": action,
            "repeat": repeat,
            "calls": [self.translate(action, call) for call in calls],
        }
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise BenchmarkError(f"{self._process.args} ended (code {self._process.wait()})")
        answer: dict[str, Any] = json.loads(line)
        if answer.get("error"):
            raise BenchmarkError(f"{action}: {answer['error']}")
        return answer["seconds"], answer["count"]

    def translate(self, action: str, arguments: Arguments) -> Arguments:
        """The arguments as the process wants them."""
        return arguments

    def close(self) -> None:
        """Let the process end by itself, so that it can write what it has collected."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


class GoWorker(Worker):
    """The Go program of go/cmd/native: it reads the keywords as Python sends them over the wire."""

    def translate(self, action: str, arguments: Arguments) -> Arguments:
        """Keywords whose values differ on the wire (docs/architecture.md)."""
        wire = dict(arguments)
        if "wait" in wire:
            wire["wait"] = "watcher" if wire["wait"] else "hookOnly"
        if "server_side_apply" in wire:
            wire["server_side"] = str(wire.pop("server_side_apply")).lower()
        if action == "lint":
            wire["chart_path"] = [wire["chart_path"]]
        return wire


class OldWorker(Worker):
    """helm-sdkpy 0.1.32: its rollback takes fewer arguments (and fails: it gives Helm no wait strategy)."""

    def translate(self, action: str, arguments: Arguments) -> Arguments:
        """Its rollback knows a revision only."""
        if action == "rollback":
            return {name: value for name, value in arguments.items() if name in {"release_name", "revision"}}
        return arguments


class Command:
    """The helm command: a process a call, as a script that parses its output has it."""

    def __init__(self, helm: Path, kubeconfig: str, home: Path) -> None:
        self._command = [str(helm), "--kubeconfig", kubeconfig]
        self._environment = at_home(home)

    def call(self, namespace: str, action: str, calls: Sequence[Arguments], repeat: int = 1) -> tuple[list[float], int]:
        """Run a process for each call."""
        commands = [self._line(namespace, action, call) for call in calls]
        seconds: list[float] = []
        count = 0
        for _ in range(repeat):
            began = time.perf_counter()
            processes = [
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self._environment,
                )
                for command in commands
            ]
            outputs = [process.communicate() for process in processes]
            result: Any = json.loads(outputs[-1][0]) if action in _READS else None
            seconds.append(time.perf_counter() - began)
            for process, (_, errors) in zip(processes, outputs, strict=True):
                if process.returncode:
                    raise BenchmarkError(f"helm {action}: {errors.decode().strip()}")
            count = len(result) if action in _SEVERAL else 1
        return seconds, count

    def _line(self, namespace: str, action: str, arguments: Arguments) -> list[str]:
        line = [*self._command, "--namespace", namespace, *_COMMANDS[action]]
        for name, value in arguments.items():
            if name == "values":
                line += [part for key, given in value.items() for part in ("--set-json", f"{key}={json.dumps(given)}")]
            elif name in {"release_name", "chart_path", "keyword"}:
                line.append(str(value))
            elif name == "revision":
                line += [str(value)] if action == "rollback" else ["--revision", str(value)]
            elif name == "wait":
                line.append("--wait" if value else "--wait=hookOnly")
            elif name == "server_side_apply":
                line.append(f"--server-side={str(value).lower()}")
            elif name == "disable_openapi_validation":
                line.append(f"--disable-openapi-validation={str(value).lower()}")
            else:
                raise BenchmarkError(f"the benchmark does not know what {name} is in the helm command")
        return line

    def close(self) -> None:
        """Nothing runs between two calls."""


_SEVERAL = {"list", "history", "get_values", "search_repo"}
_READS = {"status", *_SEVERAL}
_COMMANDS = {
    "install": ["install"],
    "upgrade": ["upgrade"],
    "rollback": ["rollback"],
    "uninstall": ["uninstall"],
    "status": ["status", "-o", "json"],
    "list": ["list", "-o", "json"],
    "history": ["history", "-o", "json"],
    "get_values": ["get", "values", "-o", "json"],
    "template": ["template"],
    "lint": ["lint"],
    "search_repo": ["search", "repo", "-o", "json"],
}
