"""`python -m helm_sdkpy` against the helm command: the same lines, and what both print, write and end with compared."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from helm_sdkpy import _ffi
from helm_sdkpy.testing import TestCluster
from tests.commands import HELM_FLAGS
from tests.parity.sides import HELM

COMMANDS: Final = [
    "", "completion", "completion bash", "completion fish", "completion powershell", "completion zsh", "create",
    "dependency", "dependency build", "dependency list", "dependency update", "docs", "env", "get", "get all",
    "get hooks", "get manifest", "get metadata", "get notes", "get values", "history", "install", "lint",
    "list", "package", "plugin", "plugin install", "plugin list", "plugin package", "plugin uninstall",
    "plugin update", "plugin verify", "pull", "push", "registry", "registry login", "registry logout", "repo",
    "repo add", "repo index", "repo list", "repo remove", "repo update", "rollback", "search", "search hub",
    "search repo", "show", "show all", "show chart", "show crds", "show readme", "show values", "status",
    "template", "test", "uninstall", "upgrade", "verify", "version",
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it left."""

    status: int
    stdout: str
    stderr: str
    files: dict[str, bytes | None]


@dataclass(frozen=True)
class Line:
    """A command line, what is given to it, and the variables that it sees."""

    text: str
    given: str | None = None
    environment: dict[str, str] = field(default_factory=dict[str, str])

    def __str__(self) -> str:
        return self.text + "".join(f" {name}={value}" for name, value in self.environment.items())


LINES: Final = [
    # What it says of itself.
    Line("version"),
    Line("version --short"),
    Line("version --template {{.Version}}--{{.GoVersion}}"),
    Line("version --template {{.Nope}}"),
    Line("version extra"),
    Line("env"),
    Line("env HELM_NAMESPACE"),
    Line("env NOPE"),
    Line("env --namespace elsewhere --debug"),
    Line("env", environment={"HELM_NAMESPACE": "größe", "HELM_DEBUG": "1", "HELM_MAX_HISTORY": "3"}),
    Line("env", environment={"XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}),
    Line("env", environment={"HELM_KUBEASGROUPS": "a,b", "HELM_QPS": "7.5", "HELM_BURST_LIMIT": "x"}),
    Line("env --color always"),
    Line("env --color loud"),
    # What it refuses.
    Line("bogus"),
    Line("instal"),
    Line("--bogus"),
    Line("template"),
    Line("template x"),
    Line("template x nowhere/at-all"),
    Line("template x ./nowhere"),
    Line("template Bad_Name chart"),
    Line("template x chart --set a"),
    Line("template x chart --set-json a=b"),
    Line("template x chart --set-file a=nowhere.txt"),
    Line("template x chart -f nowhere.yaml"),
    Line("template x chart --kube-version nonsense"),
    Line("template x chart --show-only templates/nowhere.yaml"),
    Line("template x broken"),
    Line("template x broken --debug"),
    Line("lint nowhere"),
    Line("show values nowhere"),
    Line("dependency list nowhere"),
    Line("get bogus"),
    Line("plugin bogus"),
    Line("list", environment={"KUBECONFIG": "nowhere"}),
    Line("list --kube-apiserver http://127.0.0.1:1"),
    Line("status x --kube-apiserver http://127.0.0.1:1 --debug"),
    Line("install x chart --kube-apiserver http://127.0.0.1:1 -o yaml"),
    Line("repo list"),
    Line("repo update"),
    Line("search repo x"),
    Line("pull oci://127.0.0.1:1/x"),
    Line("registry login 127.0.0.1:1 -u a --password-stdin --plain-http", given="secret"),
    # What it does without a cluster.
    Line("create made"),
    Line("create made --starter nowhere"),
    Line("template x chart"),
    Line("template x chart --namespace elsewhere --set replicas=3 --set-string a.b=7 --set-json c=[1,2]"),
    Line("template x chart -f -", given="replicas: 9\n"),
    Line("template x chart -f -", given="replicas: [\n"),
    Line("template x chart -f values.yaml --set-file text=values.yaml --set-literal raw=a,b"),
    Line("template x chart --output-dir out"),
    Line("template x chart --show-only templates/one.yaml --debug"),
    Line("template x chart --api-versions a/v1 --kube-version 1.30.0 --is-upgrade"),
    Line("template chart --generate-name --name-template fixed-{{.Values}}"),
    Line("template x chart --dry-run=server", environment={"KUBECONFIG": "nowhere"}),
    Line("lint chart"),
    Line("lint chart broken --quiet"),
    Line("lint chart --strict --set replicas=x"),
    Line("package chart --version 9.9.9 --app-version 8 -d out", environment={"SOURCE_DATE_EPOCH": "1700000000"}),
    Line("show all chart"),
    Line("show values chart --jsonpath {.replicas}"),
    Line("show chart chart"),
    Line("dependency list chart"),
    Line("plugin list"),
    # Completion.
    Line("completion bash"),
    Line("completion zsh --no-descriptions"),
    Line("completion fish"),
    Line("completion powershell"),
    Line("__complete "),
    Line("__complete templ"),
    Line("__complete install --wa"),
    Line("__complete list --output "),
    Line("__completeNoDesc plugin "),
    # Plugins of its own.
    Line("echoes one --two three"),
    Line("echoes --debug --namespace other"),
    Line("fails"),
    Line("fails", environment={"HELM_NO_PLUGINS": "1"}),
    Line("help echoes"),
    Line("--help", environment={"HELM_NO_PLUGINS": "1"}),
]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What each line finds in its working directory."""
    root = tmp_path_factory.mktemp("ground")
    write(
        root / "chart/Chart.yaml",
        "apiVersion: v2\nname: chart\nversion: 1.2.3\nappVersion: '4'\nkubeVersion: '>=1.20.0'\n",
    )
    write(root / "chart/values.yaml", "# a comment\nreplicas: 1\n")
    write(root / "chart/README.md", "# Read me\n")
    write(root / "chart/templates/one.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata:\n"
          "  v: {{ toJson .Values | quote }}\n  r: {{ toJson .Release | quote }}\n"
          "  k: {{ .Capabilities.KubeVersion }} {{ .Capabilities.HelmVersion.Version }}\n"
          '  a: {{ .Capabilities.APIVersions.Has "a/v1" | quote }}\n')  # fmt: skip
    write(root / "chart/templates/NOTES.txt", "Hello\n")
    write(root / "broken/Chart.yaml", "apiVersion: v2\nname: broken\nversion: 1.2.3\n")
    write(root / "broken/templates/one.yaml", "a: {{ .Values.x.y }}\n")
    write(root / "values.yaml", "number: 1234567\ntext: größe\n")
    for name, script in {
        "echoes": 'echo "$@"; env | grep ^HELM_ | grep -v _HOME= | grep -v _BIN= | sort; echo to stderr >&2',
        "fails": "echo half; exit 42",
    }.items():
        directory = root / "plugins" / name
        write(
            directory / "plugin.yaml",
            f"name: {name}\nversion: 1.0.0\nusage: {name} things\ncommand: $HELM_PLUGIN_DIR/run\n",
        )
        write(directory / "run", f"#!/bin/sh\n{script}\n")
        (directory / "run").chmod(0o755)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(argv: Sequence[str], directory: Path, line: Line) -> Ended:
    """Run a line in a directory that both sides have in turn."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory / "home"),
        "HELM_PLUGINS": str(directory / "plugins"),
    }
    done = subprocess.run(
        [*argv, *line.text.split(" ")] if line.text else argv,
        cwd=directory,
        input=(line.given or "").encode(),
        capture_output=True,
        env=environment | line.environment,
        timeout=60,
        check=False,
    )
    files = {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }
    # Where the command itself is, is the one thing that it can tell them apart by.
    stdout, stderr = (text.decode().replace(argv[0], "helm") for text in (done.stdout, done.stderr))
    return Ended(done.returncode, stdout, stderr, files)


def both(line: Line, ground: Path, place: Path) -> tuple[Ended, Ended]:
    assert HELM.is_file(), f"there is no {HELM}: run `./scripts/dev build helm`"
    ended: list[Ended] = []
    [ours] = _ffi.command()
    # By the same name: completion scripts are for that.
    named = place.with_name("named") / Path(ours).name
    named.parent.mkdir()
    named.symlink_to(HELM)
    for argv in ([str(named)], [ours]):
        shutil.copytree(ground, place)
        ended.append(run(argv, place, line))
        shutil.rmtree(place)
    return ended[0], ended[1]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_a_line(line: Line, ground: Path, tmp_path: Path) -> None:
    command, library = both(line, ground, tmp_path / "place")
    assert library == command
    assert command.stdout + command.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, ground: Path, tmp_path: Path) -> None:
    command, library = both(Line(f"{name} --help".strip()), ground, tmp_path / "place")
    assert library == command
    assert "Usage:" in command.stdout


def test_help_is_compared_of_every_command() -> None:
    assert set(HELM_FLAGS) <= set(COMMANDS)


def test_the_life_of_a_release(helm_cluster: TestCluster, ground: Path) -> None:
    """The command, through Python, on a real cluster: with what helm says of it there."""
    said: list[list[str]] = []
    for argv in ([str(HELM)], [sys.executable, "-m", "helm_sdkpy"]):
        with helm_cluster.namespace("command") as namespace:
            texts: list[str] = []
            for text in (
                "install x chart --set replicas=2", "upgrade x chart --wait", "list --short", "get values x -o json",
                "get manifest x", "rollback x 1", "uninstall x", "uninstall x", "status x",
            ):  # fmt: skip
                done = subprocess.run(
                    [*argv, *text.split(), "--namespace", namespace, "--kubeconfig", str(helm_cluster.kubeconfig)],
                    cwd=ground,
                    capture_output=True,
                    text=True,
                    timeout=60,
                    check=False,
                )
                shown = done.stdout.replace(namespace, "NAMESPACE")
                lines = [line for line in shown.splitlines() if not line.startswith("LAST DEPLOYED:")]
                texts.append(f"{done.returncode} {lines} {done.stderr}")
            said.append(texts)
    assert said[1] == said[0]
    assert said[0][0].startswith("0 ")
    assert said[0][-1].startswith("1 ")
