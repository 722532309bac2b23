"""The surface that users see: the drop-in target's signatures, helm's flags, the Go side's requests, run-time types."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any

import pytest

import helm_sdkpy
from helm_sdkpy import actions, events, options, results

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
ACTIONS = {
    "install": helm_sdkpy.Install,
    "upgrade": helm_sdkpy.Upgrade,
    "rollback": helm_sdkpy.Rollback,
    "uninstall": helm_sdkpy.Uninstall,
    "list": helm_sdkpy.List,
    "status": helm_sdkpy.Status,
    "history": helm_sdkpy.History,
    "get values": helm_sdkpy.GetValues,
}
# Names of the drop-in target whose time has not come: they belong to other commands.
LATER = {
    "Lint", "Package", "Pull", "Push", "RegistryLogin", "RegistryLogout", "ReleaseTest", "RepoAdd", "RepoList",
    "RepoRemove", "RepoUpdate", "Show", "Test",
}  # fmt: skip
# The two defaults that are helm's and not the drop-in target's (design, "Names and options").
CHANGED_DEFAULTS = {
    ("Install", "server_side_apply"): None,
    ("Install", "disable_openapi_validation"): False,
    ("Upgrade", "disable_openapi_validation"): False,
}
# Keywords that are not called as their flag is.
RENAMED = {"values": "values_files", "kube-context": "kubecontext"}


def reference(name: str) -> Any:
    file = REFERENCE / name
    if not file.is_file():
        pytest.skip(f"{file} is not on this machine")
    return json.loads(file.read_text())


def keywords(kind: type) -> set[str]:
    """What `run` takes: its leading parameters and the keys of its options."""
    parameters = inspect.signature(kind.run).parameters.values()  # type: ignore[attr-defined]
    leading = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD} - {"self"}
    [unpacked] = typing.get_args(typing.get_type_hints(kind.run)["options"])  # type: ignore[attr-defined]
    assert not leading & set(unpacked.__annotations__), "a leading parameter stands among the options too"
    return leading | set(unpacked.__annotations__)


def test_all_is_sorted_and_there() -> None:
    names = helm_sdkpy.__all__
    assert names == sorted(names)
    assert len(set(names)) == len(names)
    assert all(hasattr(helm_sdkpy, name) for name in names)
    public = {
        name for name, value in vars(helm_sdkpy).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public <= set(names)


def test_reference_names() -> None:
    wanted = set(reference("helm-sdkpy-0.1.32-signatures.json"))
    assert wanted - LATER <= set(helm_sdkpy.__all__)


def test_reference_signatures() -> None:
    checked = 0
    for name, known in reference("helm-sdkpy-0.1.32-signatures.json").items():
        ours = getattr(helm_sdkpy, name, None)
        if ours is None or known["kind"] != "class":
            continue
        for method, signature in known["methods"].items():
            function = getattr(ours, method)
            assert inspect.iscoroutinefunction(function) == signature["async"], f"{name}.{method}"
            parameters = [each for each in inspect.signature(function).parameters.values() if each.name != "self"]
            leading = parameters[: len(signature["params"])]
            # What we have besides comes after, by keyword.
            assert all(each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) for each in parameters[len(leading) :])
            for ours_, theirs in zip(leading, signature["params"], strict=True):
                where = f"{name}.{method}({theirs['name']})"
                assert ours_.name == theirs["name"], where
                assert ours_.kind.name.lower() == theirs["kind"], where
                default = CHANGED_DEFAULTS.get((name, ours_.name), theirs.get("default", inspect.Parameter.empty))
                assert ours_.default == default, where
                assert type(ours_.default) is type(default), where
                checked += 1
    assert checked > 60


def test_reference_bases() -> None:
    for name, known in reference("helm-sdkpy-0.1.32-signatures.json").items():
        ours = getattr(helm_sdkpy, name, None)
        if ours is not None and known["kind"] == "class":
            assert set(known["bases"]) <= {base.__name__ for base in ours.__mro__[1:]}, name


@pytest.mark.parametrize("command", ACTIONS)
def test_every_flag_is_a_keyword(command: str) -> None:
    [known] = [each for each in reference("helm-4.3.1-flags.json") if each["command"] == f"helm {command}"]
    flags: set[str] = {flag["name"] for flag in known["flags"] if "left_out" not in flag}
    wanted = {RENAMED.get(flag, flag).replace("-", "_") for flag in flags}
    assert wanted
    assert wanted <= keywords(ACTIONS[command]), f"helm {command}"


def test_every_root_flag_is_a_keyword_of_configuration() -> None:
    [known] = [each for each in reference("helm-4.3.1-flags.json") if each["command"] == "helm"]
    flags: set[str] = {flag["name"] for flag in known["flags"] if "left_out" not in flag}
    wanted = {RENAMED.get(flag, flag).replace("-", "_") for flag in flags}
    assert len(wanted) > 10
    assert wanted <= set(inspect.signature(helm_sdkpy.Configuration).parameters)


@pytest.mark.parametrize("command", ACTIONS)
def test_keywords_are_the_fields_of_the_go_request(command: str) -> None:
    sources = ROOT / "go" / "actions"
    if not sources.is_dir():
        pytest.skip("no Go sources here")
    text = "\n".join(path.read_text() for path in sorted(sources.glob("*.go")) if not path.name.endswith("_test.go"))
    structs = dict(re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S))

    def fields(name: str) -> set[str]:
        tags = set(re.findall(r'json:"(\w+)', structs[name]))
        return tags.union(*(fields(embedded) for embedded in re.findall(r"^\t(\w+)$", structs[name], re.M)))

    # Keywords that are something else on the wire (docs/architecture.md), or never reach it.
    ours = keywords(ACTIONS[command]) - {"on_event", "server_side_apply", "history_max", "show_rollback_revision"}
    theirs = fields("".join(word.title() for word in command.split()) + "Request")
    assert ours == theirs - {"chart_archive", "post_renderer_callable"}


@pytest.mark.parametrize("kind", ACTIONS.values())
def test_every_keyword_has_a_rule(kind: Any) -> None:
    rules = set(kind._encoders) | set(actions._RULES) | {"on_event"}  # pyright: ignore[reportPrivateUsage]
    assert keywords(kind) <= rules


def test_type_hints_are_there_at_run_time() -> None:
    for name in helm_sdkpy.__all__:
        value = getattr(helm_sdkpy, name)
        members = [value, *vars(value).values()] if isinstance(value, type) else [value]
        for member in members:
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if inspect.isfunction(function):
                hints = typing.get_type_hints(function)
                parameters = set(inspect.signature(function).parameters) - {"self", "cls"}
                assert parameters | {"return"} <= set(hints), f"{name}: {function.__qualname__}"
    for module in (options, results, events):
        for value in vars(module).values():
            if typing.is_typeddict(value):
                typing.get_type_hints(value)


def test_every_public_thing_has_a_docstring_with_its_arguments() -> None:
    for kind in ACTIONS.values():
        text = inspect.getdoc(kind.run) or ""
        for section in ("Args:", "Returns:", "Raises:", "Example:"):
            assert section in text, f"{kind.__name__}.run"
        for name in inspect.signature(kind.run).parameters:
            if name != "self":
                assert re.search(rf"^ +\**{name}: ", text, re.M), f"{kind.__name__}.run: {name}"
    source = Path(options.__file__).read_text()
    for name in re.findall(r"^    (\w+): ", source, re.M):
        assert re.search(rf'^    {name}: .*\n    """.*', source, re.M), f"options.py: {name} says nothing"


def test_import_is_light() -> None:
    code = "import sys, helm_sdkpy; print([n for n in ('cffi', 'pycparser', 'rich', 'pytest') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_version_is_the_packages() -> None:
    assert re.match(r"\d+\.\d+\.\d+", helm_sdkpy.__version__)
