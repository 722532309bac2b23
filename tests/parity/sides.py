"""Does a step in one namespace, with the helm command or with the library, and tells what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from unittest import mock

import helm_sdkpy
from helm_sdkpy import Configuration, HelmError
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import Chart
from tests.integration.objects import Objects
from tests.parity.steps import NAMESPACE, REPOSITORY, File, Helm, flags

HELM: Final = Path(__file__).parents[2] / ".build" / "bin" / "helm"
"""The command of the module version that the library holds; `./scripts/dev build helm` makes it."""

PRINTS_JSON: Final = {"install", "upgrade", "list", "status", "history", "get metadata", "get values"}
CLASSES: Final = {
    "install": "Install",
    "upgrade": "Upgrade",
    "rollback": "Rollback",
    "uninstall": "Uninstall",
    "list": "List",
    "status": "Status",
    "history": "History",
    "get all": "GetAll",
    "get hooks": "GetHooks",
    "get manifest": "GetManifest",
    "get metadata": "GetMetadata",
    "get notes": "GetNotes",
    "get values": "GetValues",
    "test": "ReleaseTest",
}


@dataclass(frozen=True)
class Outcome:
    """What a step gave: a result, or a refusal."""

    result: Any = None
    refusal: str | None = None


class Side(ABC):
    """One of the two, in a namespace of its own."""

    def __init__(self, cluster: TestCluster, namespace: str, directory: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.objects = Objects(cluster, namespace)
        self._directory = directory / namespace
        self._directory.mkdir(parents=True)
        self._count = 0

    @abstractmethod
    async def do(self, step: Helm) -> Outcome:
        """Do a step."""

    def place(self, chart: Chart | Path | str) -> str:
        """Where the chart is, written if need be; always at the same time, which the record keeps."""
        if not isinstance(chart, Chart):
            return self.own(str(chart))
        self._count += 1
        root = chart.write(self._directory / str(self._count))
        for path in root.rglob("*"):
            if path.is_file():
                path.write_text(self.own(path.read_text()))
                os.utime(path, (1_700_000_000, 1_700_000_000))
        return str(root)

    def own(self, value: Any) -> Any:
        """The value with the side's namespace and files for what stands for them."""
        match value:
            case str():
                named = value.replace(NAMESPACE, self.namespace)
                named = named.replace("REGISTRY", self.cluster.registry)
                named = named.replace(f"{REPOSITORY}-AUTH", self.cluster.repository_auth)
                named = named.replace("USERNAME", self.cluster.username).replace("PASSWORD", self.cluster.password)
                return named.replace(REPOSITORY, self.cluster.repository)
            case File():
                return value.before + self.write("file", self.own(value.text))
            case dict():
                pairs = cast("dict[str, Any]", value)
                return {self.own(key): self.own(item) for key, item in pairs.items()}
            case list():
                items = cast("list[Any]", value)
                return [self.own(item) for item in items]
            case _:
                return value

    def write(self, name: str, text: str) -> str:
        """A file with the text."""
        self._count += 1
        path = self._directory / f"{self._count}-{name}"
        path.write_text(text)
        return str(path)


class Command(Side):
    """The helm command."""

    async def do(self, step: Helm) -> Outcome:
        """Run it, and read the JSON that it prints."""
        arguments = [*step.action.split(), *([] if step.release is None else [step.release])]
        arguments += [] if step.revision is None else [str(step.revision)]
        arguments += [] if step.chart is None else [self.place(step.chart)]
        arguments += flags(self._options(step.options))
        arguments += ["-o", "json"] if step.action in PRINTS_JSON else []
        arguments += [f"--namespace={self.namespace}{step.beside}", f"--kubeconfig={self.cluster.kubeconfig}"]
        arguments += flags(self.own(dict(step.config)))
        return await asyncio.to_thread(self._run, arguments, step)

    def _options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = self.own(dict(options))
        if "values" in given:
            # The command has no mapping: a file after the others is the nearest thing.
            last = self.write("values.yaml", json.dumps(given.pop("values")))
            given["values_files"] = [*given.get("values_files", []), last]
        return given

    @staticmethod
    def _run(arguments: list[str], step: Helm) -> Outcome:
        environment = {**os.environ, **step.env}
        done = subprocess.run(
            [HELM, *arguments], capture_output=True, text=True, timeout=120, check=False, env=environment
        )
        if done.returncode != 0:
            return Outcome(refusal=_refusal(done.stderr))
        if step.action not in PRINTS_JSON:
            return Outcome(result=done.stdout)
        # What was pulled, and what became of dependencies, is printed before, on lines of its own.
        found = re.search(r"^[\[{].*", done.stdout, re.M | re.S)
        return Outcome(result=json.loads(found[0]) if found else None)


class Library(Side):
    """The library."""

    def __init__(self, cluster: TestCluster, namespace: str, directory: Path) -> None:
        super().__init__(cluster, namespace, directory)
        self.config = Configuration(namespace, cluster.kubeconfig)

    async def do(self, step: Helm) -> Outcome:
        """Await the action."""
        if step.beside or step.config or step.env:
            given: dict[str, Any] = self.own(dict(step.config))
            with mock.patch.dict(os.environ, step.env):
                config = Configuration(self.namespace + step.beside, self.cluster.kubeconfig, **given)
            with config:
                return await self._await(step, config)
        return await self._await(step, self.config)

    async def _await(self, step: Helm, config: Configuration) -> Outcome:
        action = getattr(helm_sdkpy, CLASSES[step.action])(config)
        given: dict[str, Any] = self.own(dict(step.options))
        if step.action != "list":
            given["release_name"] = step.release
        if step.chart is not None:
            given["chart_path"] = self.place(step.chart)
        if step.revision is not None:
            given["revision"] = step.revision
        try:
            return Outcome(result=await action.run(**given))
        except HelmError as error:
            return Outcome(refusal=str(error))


def _refusal(printed: str) -> str:
    """What the command says after its log and its prefix."""
    _, _, said = ("\n" + printed).rpartition("\nError: ")
    return re.sub(r"^(INSTALLATION|UPGRADE) FAILED: ", "", said).strip()
