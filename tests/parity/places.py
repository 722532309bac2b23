"""Does a step of tests/parity/files.py in directories of its own, with the helm command or with the library."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from unittest import mock

import pytest

import helm_sdkpy
from helm_sdkpy import Configuration, HelmError
from helm_sdkpy.testing import TestCluster
from tests.integration import oci
from tests.integration.charts import Chart
from tests.parity.normal import plain
from tests.parity.sides import HELM
from tests.parity.steps import flags
from tests.parity.trees import Text, content, read, text_of

if TYPE_CHECKING:
    from tests.parity.files import Content, Do, Form, Line

FIXED: Final = 1_700_000_000
"""When every file of a case was made."""

CLASSES: Final = {"test": "ReleaseTest"}
"""Commands whose class is not called as they are (`helm repo add`: RepoAdd; `helm show chart`: Show.chart)."""

OF_METHODS: Final = {"show"}
"""Commands whose second word is a method of the first word's class."""


@dataclass(frozen=True)
class Printed:
    """What the command wrote."""

    out: str
    err: str
    code: int


@dataclass(frozen=True)
class Outcome:
    """What a step gave: a result, or a refusal; and for the Form what the refusal came from."""

    result: Any = None
    refusal: str | None = None
    origin: Any = None


class Place(ABC):
    """One of the two, in directories of its own: the current one (`work`), HOME, and helm's three homes."""

    def __init__(self, root: Path, side: str, ask: Callable[[], TestCluster]) -> None:
        self.root = root
        self.side = side
        self._ask = ask
        self._cluster: TestCluster | None = None
        self._namespace: str | None = None
        self.work = root / "work"
        self.home = root / "home"
        for directory in ("work", "home", "cache", "config", "data", "tmp"):
            (root / directory).mkdir(parents=True)

    @property
    def cluster(self) -> TestCluster:
        """The test cluster with its registry and repository, started when a case wants it."""
        if self._cluster is None:
            self._cluster = self._ask()
        return self._cluster

    @property
    def served(self) -> Path:
        """The directory of the side's own chart repository, `@repository@/@side@`."""
        directory = self.cluster.charts / self.side
        directory.mkdir(exist_ok=True)
        return directory

    @property
    def environment(self) -> dict[str, str]:
        """The whole environment: nothing of the user's is in it but where programs are."""
        of_helm = {f"HELM_{kind.upper()}_HOME": str(self.root / kind) for kind in ("cache", "config", "data")}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            **of_helm,
        }

    def own(self, value: Any) -> Any:
        """The value with the side's own names for what stands for them: `@work@`, `@registry@`."""
        match value:
            case str():
                return _NAMED.sub(lambda found: self._name(found[1]), value)
            case dict():
                pairs = cast("dict[str, Any]", value)
                return {self.own(key): self.own(item) for key, item in pairs.items()}
            case list():
                items = cast("list[Any]", value)
                return [self.own(item) for item in items]
            case _:
                return value

    def put(self, name: str, content: Content, directory: Path | None = None) -> None:
        """A file, a chart's directory or its archive (`….tgz`), made at a fixed time."""
        path = (directory or self.work) / self.own(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        match content:
            case Chart() if path.suffix == ".tgz":
                path.write_bytes(content.archive())
            case Chart():
                for file, text in content.contents().items():
                    (path / file).parent.mkdir(parents=True, exist_ok=True)
                    (path / file).write_bytes(self.own(text).encode())
            case Path():
                _ = shutil.copytree(content, path) if content.is_dir() else shutil.copyfile(content, path)
            case bytes():
                path.write_bytes(content)
            case str():
                path.write_bytes(self.own(content).encode())
        for one in [path, *path.rglob("*")]:
            os.utime(one, (FIXED, FIXED), follow_symlinks=False)

    def serve(self, chart: Chart | Path) -> None:
        """The chart's archive in the side's own repository."""
        if isinstance(chart, Chart):
            chart.save(self.served)
        else:
            shutil.copyfile(chart, self.served / chart.name)

    def push(self, chart: Chart) -> None:
        """The chart in the registry, below `@registry@/@side@`."""
        oci.push(self.cluster.registry, self.side, chart)

    def state(self) -> dict[str, Any]:
        """All that is left in the directories, and in the side's part of the registry, made comparable."""
        text = self.text()
        found = read(self.root, text)
        if self._cluster is not None:
            found |= {text(f"registry/{name}"): pushed for name, pushed in self._pushed(text)}
        return found

    def _pushed(self, text: Text) -> Iterator[tuple[str, Any]]:
        registry = self.cluster.registry
        for name, written in oci.manifests(registry, self.side).items():
            manifest = json.loads(written)
            repository = name.rpartition(":")[0]
            layers: list[dict[str, Any]] = manifest["layers"]
            # A digest differs where the archive holds the moment it was made at: the content is compared instead.
            for part in [manifest["config"], *layers]:
                part["content"] = content(oci.blob(registry, repository, part.pop("digest")), text)
                part.pop("size")
            yield name, plain(manifest, text)

    def text(self) -> Text:
        """What stands for a text of this side."""
        own = {"root": str(self.root), "side": self.side}
        if self._namespace is not None:
            own["namespace"] = self._namespace
        digests: dict[str, str] = {}
        if self._cluster is not None:
            # The moment of the push is in the manifest.
            digests = {
                hashlib.sha256(written).hexdigest(): f"SHA256-OF-MANIFEST-{name}".replace(self.side, "@side@")
                for name, written in oci.manifests(self._cluster.registry, self.side).items()
            }
        return text_of(own, self.root, digests)

    def clean(self) -> None:
        """Nothing of the side's is left in what others use too."""
        if self._cluster is not None:
            shutil.rmtree(self._cluster.charts / self.side, ignore_errors=True)
        if self._namespace is not None:
            self.cluster.request("DELETE", f"/api/v1/namespaces/{self._namespace}")

    @abstractmethod
    async def do(self, step: Do, form: Form) -> Outcome:
        """Do a step."""

    @abstractmethod
    async def run(self, line: Line) -> Printed:
        """Run a whole command line."""

    def _name(self, name: str) -> str:
        match name:
            case "side":
                return self.side
            case "root":
                return str(self.root)
            case "work" | "home" | "cache" | "config" | "data":
                return str(self.root / name)
            case "namespace":
                return self.namespace
            case _:
                return getattr(self.cluster, name)

    @property
    def namespace(self) -> str:
        """A namespace of the side's own, made when a case wants it."""
        if self._namespace is None:
            self._namespace = self.side
            self.cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.side}})
        return self._namespace

    def _spawn(self, program: list[str], arguments: list[str], environment: Mapping[str, str]) -> Printed:
        done = subprocess.run(
            [*program, *arguments],
            cwd=self.work,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Printed(done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"), done.returncode)

    def _root_options(self, step: Do) -> dict[str, Any]:
        options: dict[str, Any] = self.own(dict(step.config))
        if step.cluster:
            return {"namespace": self.namespace, "kubeconfig": self.cluster.kubeconfig, **options}
        return options


_NAMED: Final = re.compile(
    r"@(side|root|work|home|cache|config|data|namespace|server|username|password|ca_file|kubeconfig"
    r"|client_certificate|client_key|(?:registry|repository)(?:_\w+?)?)@"
)


class Command(Place):
    """The helm command."""

    async def do(self, step: Do, form: Form) -> Outcome:
        """Run it, and read what it prints as the form says."""
        options: dict[str, Any] = self.own(dict(step.options))
        arguments = step.action.split()
        for name in form.positional:
            arguments += [str(one) for one in _listed(options.pop(name, None))]
        if "values" in options:
            # The command has no mapping: a file after the others is the nearest thing.
            file = self.root / "tmp" / "values.json"
            file.write_text(json.dumps(options.pop("values")))
            options["values_files"] = [*_listed(options.get("values_files")), str(file)]
        arguments += [*flags(options), *form.flags, *flags(self._root_options(step))]
        printed = await asyncio.to_thread(self._spawn, [str(HELM)], arguments, self.own(dict(step.env)))
        failed = form.failed(printed) if printed.code != 0 and form.failed is not None else None
        if failed is not None:
            return Outcome(result=failed)
        if printed.code != 0:
            _, _, said = ("\n" + printed.err).rpartition("\nError: ")
            # What stands before and after the reason belongs to a terminal: docs/parity.md.
            refusal = re.sub(r"^(INSTALLATION|UPGRADE) FAILED: |\n\nUse --debug flag .*$", "", said.strip()).strip()
            return Outcome(refusal=refusal, origin=None if form.refusals is None else form.refusals[0](printed))
        return Outcome(result=form.command(printed))

    async def run(self, line: Line) -> Printed:
        """Run the helm command."""
        return await asyncio.to_thread(self._spawn, [str(HELM)], self.own(line.arguments), self.own(dict(line.env)))


class Library(Place):
    """The library."""

    async def do(self, step: Do, form: Form) -> Outcome:
        """Await the method of the command's class, in the side's directory and with its environment."""
        method = method_of(step.action)
        given: dict[str, Any] = self.own(dict(step.options))
        with self._moved(self.own(dict(step.env))), Configuration(**self._root_options(step)) as config:
            try:
                return Outcome(result=form.library(await method(config)(**given)))
            except HelmError as error:
                origin = None if form.refusals is None else form.refusals[1](error)
                return Outcome(refusal=str(error), origin=origin)

    async def run(self, line: Line) -> Printed:
        """Run `python -m helm_sdkpy`."""
        program = [sys.executable, "-m", "helm_sdkpy"]
        return await asyncio.to_thread(self._spawn, program, self.own(line.arguments), self.own(dict(line.env)))

    @contextlib.contextmanager
    def _moved(self, environment: Mapping[str, str]) -> Generator[None]:
        # The steps of a case and the cases of a process come one after the other.
        with (
            contextlib.chdir(self.work),
            mock.patch.dict(os.environ, {**self.environment, **environment}, clear=True),
        ):
            yield


def method_of(action: str) -> Callable[[Configuration], Callable[..., Any]]:
    """The method that does what a command does; skips the test while there is none."""
    if action == "env":
        return _env
    first, *others = action.split()
    words, name = ([first], others[0]) if first in OF_METHODS else ([first, *others], "run")
    kind = getattr(helm_sdkpy, CLASSES.get(action, "".join(word.title() for word in words)), None)
    if kind is None:
        pytest.skip(f"no class does `helm {action}` yet")
    return lambda config: getattr(kind(config), name)


def _env(config: Configuration) -> Callable[..., Any]:
    async def env() -> dict[str, str]:
        return config.env()

    return env


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return cast("list[Any]", value) if isinstance(value, list) else [value]
