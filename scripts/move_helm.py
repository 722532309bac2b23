"""Moves the project to another version of Helm, and tells what differs for us: ./scripts/dev move-helm VERSION.

It requires the version, builds library and helm command, tells what differs (helm_report.py), then runs the tests of
parity. Where the version can not be had or does not build, every file is as it was. What tests say is for people: the
tree stays moved.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import build
import supported
import versions
from helm_report import Commands, Moved, citations, report

ROOT: Final = Path(__file__).resolve().parent.parent
MODULE: Final = "helm.sh/helm/v4"
COMMANDS: Final = ROOT / "tests" / "helm-commands.json"
REPORT: Final = ROOT / ".build" / "move-helm.md"
# Texts that name the version of today; those that say what something was measured with are not among them.
TEXTS: Final = (ROOT / "README.md", ROOT / "docs" / "index.md", ROOT / "helm_sdkpy" / "configuration.py")
CHANGED: Final = (
    *(ROOT / module / name for module in ("go", "testcluster") for name in ("go.mod", "go.sum")),
    COMMANDS,
    ROOT / "docs" / "reference" / "commands.md",
    supported.PAGE,
    *TEXTS,
)


def main() -> None:
    """Move, tell, test."""
    parser = argparse.ArgumentParser(prog="./scripts/dev move-helm", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("version", help="a version of Helm, as 4.3.1")
    parser.add_argument("--kubernetes", metavar="VERSION", help="the test cluster's Kubernetes too, as 1.37.2")
    parser.add_argument("--keep", action="store_true", help="leave what is changed where it does not build")
    parser.add_argument("--no-tests", action="store_true", help="stop after the report")
    arguments, tests = parser.parse_known_args()
    version = _named(arguments.version)
    old = versions.helm()
    if version == old:
        raise SystemExit(f"move-helm: the project is at Helm {old} already")
    before, after = sources(old), sources(version)
    with unchanged_on_failure(keep=arguments.keep):
        was = commands()
        require(version)
        if arguments.kubernetes:
            require_kubernetes(_named(arguments.kubernetes))
        now = commands()
        record(now)
        rewritten = rewrite(old, version, now)
        supported.write()
        rewritten += page_of_commands()
        for artifact in [build.helm(), build.library(), *([build.cluster()] if arguments.kubernetes else [])]:
            build.build(artifact)
    moved = Moved(old, version, was, now, rewritten, compared(before, after))
    told = "\n".join(report(moved))
    REPORT.write_text(told)
    print(told)
    if not arguments.no_tests:
        raise SystemExit(run_tests(tests))


def _named(version: str) -> str:
    if not re.fullmatch(r"v?\d+\.\d+\.\d+(-[\w.]+)?", version):
        raise SystemExit(f"move-helm: {version!r} is no version: write one as 4.3.1")
    return f"v{version.removeprefix('v')}"


def _go(*arguments: str, directory: Path = ROOT / "go", given: str | None = None) -> str:
    """What a go command prints; where it fails, its own words end the move."""
    # As the helm command is built, so that nothing is compiled twice.
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
    done = subprocess.run(
        ["go", *arguments], cwd=directory, env=environment, input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"move-helm: `go {' '.join(arguments)}` failed:\n{done.stderr.strip()}")
    return done.stdout


def sources(version: str) -> Path:
    """Where the sources of a version of Helm are, downloaded if need be."""
    done = subprocess.run(
        ["go", "mod", "download", "-json", f"{MODULE}@{version}"],
        cwd=ROOT / "go", capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError:
        told = {"Error": done.stderr.strip()}
    if "Error" in told:
        known = ""
        with contextlib.suppress(SystemExit):  # the list can not be had either: then the first error says why
            known = "\nKnown are " + " ".join(_go("list", "-m", "-versions", MODULE).split()[1:])
        raise SystemExit(f"move-helm: Helm {version} can not be had: {told['Error']}{known}")
    return Path(told["Dir"])


@contextlib.contextmanager
def unchanged_on_failure(*, keep: bool) -> Generator[None]:
    """Put every file back where what is done here fails."""
    were = {path: path.read_bytes() if path.exists() else None for path in CHANGED}
    try:
        yield
    except BaseException:
        if keep:
            print("move-helm: what is changed stays, as --keep says", file=sys.stderr)
            raise
        for path, content in were.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        print("move-helm: nothing is changed", file=sys.stderr)
        raise


def require(version: str) -> None:
    """Take that Helm, and of all that it needs at least what it asks for."""
    _go("get", f"{MODULE}@{version}")
    _go("mod", "tidy")
    build.modules()


def require_kubernetes(version: str) -> None:
    """Take another Kubernetes for the test cluster: it names no versions of its own libraries, so each is replaced."""
    directory = ROOT / "testcluster"
    text = _go("mod", "download", "-json", f"k8s.io/kubernetes@{version}", directory=directory)
    staging = Path(json.loads(text)["GoMod"]).read_text()
    libraries = version.replace("v1.", "v0.", 1)
    names = set(re.findall(r"(k8s\.io/\S+) => \./staging", staging))
    required: list[dict[str, str]] = json.loads(_go("mod", "edit", "-json", directory=directory))["Require"]
    edits = [
        f"-require=k8s.io/kubernetes@{version}",
        *(f"-replace={name}={name}@{libraries}" for name in sorted(names)),
    ]
    edits += [f"-require={each['Path']}@{libraries}" for each in required if each["Path"] in names]
    _go("mod", "edit", *edits, directory=directory)
    _go("mod", "tidy", directory=directory)


def commands() -> Commands:
    """Every command of the required Helm, with its flags and what it says of itself."""
    program = ROOT / ".build" / "bin" / "surface"
    program.parent.mkdir(parents=True, exist_ok=True)
    _go("build", "-trimpath", "-ldflags=-s -w", "-o", str(program), "./cmd/surface")
    told = subprocess.run(
        [program], env={"HOME": "/nowhere", "HELM_NO_PLUGINS": "1"}, capture_output=True, text=True, check=True
    )
    return {each["command"]: each for each in json.loads(told.stdout)}


def record(now: Commands) -> None:
    """Write down the commands and flags, with the reasons why some have no keyword."""
    reasons = {
        (command["command"], flag["name"]): flag["left_out"]
        for command in json.loads(COMMANDS.read_text())
        for flag in command["flags"]
        if "left_out" in flag
    }
    told: list[dict[str, Any]] = []
    for name, command in now.items():
        flags = [
            flag | ({"left_out": reasons[name, flag["name"]]} if (name, flag["name"]) in reasons else {})
            for flag in command["flags"]
        ]
        told.append({"command": name, "use": command["use"], "flags": flags})
    COMMANDS.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")


def rewrite(old: str, version: str, now: Commands) -> list[str]:
    """Name the new version, and how many flags it has, where texts name the one of today."""
    count = sum("left_out" not in flag for command in json.loads(COMMANDS.read_text()) for flag in command["flags"])
    rewritten: list[str] = []
    for path in filter(Path.exists, TEXTS):
        text = path.read_text()
        named = re.sub(rf"(?<=[Hh]elm )(v?){re.escape(old[1:])}\b", rf"\g<1>{version[1:]}", text)
        named = re.sub(r"(?<=kubernetes )v1\.\d+\.\d+\b", versions.client(), named)
        named = re.sub(r"\b\d+(?=\s+flags of helm\b)", str(count), named)
        if named != text:
            path.write_text(named)
            rewritten.append(str(path.relative_to(ROOT)))
    return rewritten


def page_of_commands() -> list[str]:
    """Write the page of commands and flags anew; where a new flag has no keyword yet, it has to wait."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "commands_page.py"], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return ["docs/reference/commands.md"]
    return [f"(not docs/reference/commands.md: {done.stderr.strip().splitlines()[-1]})"]


def compared(before: Path, after: Path) -> dict[str, Any]:
    """What became of each citation, and of the texts of errors."""
    given = [{"file": each.file, "symbol": each.symbol, "ours": each.ours} for each in citations()]
    told = json.loads(_go("run", "-trimpath", "./cmd/sources", str(before), str(after), given=json.dumps(given)))
    # In the order in which they were given.
    told["cited"] = [verdict | {"ours": each["ours"]} for verdict, each in zip(told["cited"], given, strict=True)]
    return told


def run_tests(chosen: list[str]) -> int:
    """Run the tests of parity and those without a cluster, or what was asked for."""
    for target in ("env", "cluster"):
        build.TARGETS[target]()
    workers = os.environ.get("HELM_SDKPY_TEST_WORKERS", "6")
    python = str(build.ENVIRONMENT / "bin" / "python")
    tests = chosen or ["tests/unit", "tests/parity"]
    done = subprocess.run(
        [python, "-m", "pytest", "-n", workers, "--dist", "worksteal", *tests], cwd=ROOT, check=False
    ).returncode
    if done:
        print(f"The tree is moved, and tests fail. The report is in {REPORT.relative_to(ROOT)}.", file=sys.stderr)
    return done


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
