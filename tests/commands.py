"""Which method does what a helm command does: the table that tests of the public surface go through."""

from __future__ import annotations

import inspect
import json
import re
import typing
from pathlib import Path
from typing import Any, Final

import helm_sdkpy

GO_ACTIONS: Final = Path(__file__).parents[1] / "go" / "actions"

HELM_FLAGS: Final[dict[str, list[dict[str, str]]]] = {
    each["command"].removeprefix("helm").strip(): each["flags"]
    for each in json.loads(Path(__file__).with_name("helm-commands.json").read_text())
}
"""Every command of helm with its flags, as go/cmd/surface tells them; "" has those of all commands.

scripts/move_helm.py writes the file. A flag that no keyword stands for has the reason in `left_out`, put there by hand.
"""

COMMANDS: Final[dict[str, Any]] = {
    "create": helm_sdkpy.Create.run,
    "dependency build": helm_sdkpy.DependencyBuild.run,
    "dependency list": helm_sdkpy.DependencyList.run,
    "dependency update": helm_sdkpy.DependencyUpdate.run,
    "diff": helm_sdkpy.Diff.run,
    "ensure": helm_sdkpy.Ensure.run,
    "get all": helm_sdkpy.GetAll.run,
    "get hooks": helm_sdkpy.GetHooks.run,
    "get manifest": helm_sdkpy.GetManifest.run,
    "get metadata": helm_sdkpy.GetMetadata.run,
    "get notes": helm_sdkpy.GetNotes.run,
    "get values": helm_sdkpy.GetValues.run,
    "history": helm_sdkpy.History.run,
    "install": helm_sdkpy.Install.run,
    "lint": helm_sdkpy.Lint.run,
    "list": helm_sdkpy.List.run,
    "package": helm_sdkpy.Package.run,
    "plugin install": helm_sdkpy.PluginInstall.run,
    "plugin list": helm_sdkpy.PluginList.run,
    "plugin package": helm_sdkpy.PluginPackage.run,
    "plugin uninstall": helm_sdkpy.PluginUninstall.run,
    "plugin update": helm_sdkpy.PluginUpdate.run,
    "plugin verify": helm_sdkpy.PluginVerify.run,
    "pull": helm_sdkpy.Pull.run,
    "push": helm_sdkpy.Push.run,
    "recover": helm_sdkpy.Recover.run,
    "registry login": helm_sdkpy.RegistryLogin.run,
    "registry logout": helm_sdkpy.RegistryLogout.run,
    "repo add": helm_sdkpy.RepoAdd.run,
    "repo index": helm_sdkpy.RepoIndex.run,
    "repo list": helm_sdkpy.RepoList.run,
    "repo remove": helm_sdkpy.RepoRemove.run,
    "repo update": helm_sdkpy.RepoUpdate.run,
    "rollback": helm_sdkpy.Rollback.run,
    "search hub": helm_sdkpy.SearchHub.run,
    "search repo": helm_sdkpy.SearchRepo.run,
    "show all": helm_sdkpy.Show.all,
    "show chart": helm_sdkpy.Show.chart,
    "show crds": helm_sdkpy.Show.crds,
    "show readme": helm_sdkpy.Show.readme,
    "show values": helm_sdkpy.Show.values,
    "status": helm_sdkpy.Status.run,
    "template": helm_sdkpy.Template.run,
    "test": helm_sdkpy.ReleaseTest.run,
    "uninstall": helm_sdkpy.Uninstall.run,
    "upgrade": helm_sdkpy.Upgrade.run,
    "verify": helm_sdkpy.Verify.run,
    "wait": helm_sdkpy.Wait.run,
}

NO_COMMANDS: Final = {"diff", "ensure", "recover", "wait"}
"""What helm has no command for."""

SHARED_REQUESTS: Final[dict[str, str]] = {
    "dependency build": "DependencyRequest",
    "dependency update": "DependencyRequest",
    "get all": "RevisionRequest",
    "get hooks": "RevisionRequest",
    "get manifest": "RevisionRequest",
    "get metadata": "RevisionRequest",
    "get notes": "RevisionRequest",
    "show all": "ShowRequest",
    "show chart": "ShowRequest",
    "show crds": "ShowRequest",
    "show readme": "ShowRequest",
    "status": "RevisionRequest",
}
"""Commands whose request struct in Go is not called as they are (`helm get values`: GetValuesRequest)."""

# docs/architecture.md, "Arguments that are not one to one with the keywords".
WIRE_ONLY: Final = {"chart_archive", "post_renderer_callable"}
PYTHON_ONLY: Final = {
    "deadline", "dest_dir", "on_event", "server_side_apply", "history_max", "pass_credentials_all",
    "show_rollback_revision",
}  # fmt: skip
"""Other names for a field of the wire, and what results always carry (a column of helm's table)."""


RENAMED: Final = {"values": "values_files", "kube-context": "kubecontext"}
"""Keywords that are not called as their flag is."""


def keyword_of(flag: str) -> str:
    """The keyword that stands for a flag."""
    return RENAMED.get(flag, flag).replace("-", "_")


def flags_of(command: str) -> set[str]:
    """The names of a helm command's flags that a keyword must stand for."""
    return {flag["name"] for flag in HELM_FLAGS[command] if "left_out" not in flag}


def kind_of(command: str) -> Any:
    """The class that the command's method belongs to."""
    return getattr(helm_sdkpy, COMMANDS[command].__qualname__.partition(".")[0])


def keywords(command: str) -> set[str]:
    """What the method takes: its leading parameters and the keys of its options."""
    run = COMMANDS[command]
    parameters = inspect.signature(run).parameters.values()
    leading = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD} - {"self"}
    [unpacked] = typing.get_args(typing.get_type_hints(run)["options"])
    assert not leading & set(unpacked.__annotations__), "a leading parameter stands among the options too"
    return leading | set(unpacked.__annotations__)


def request_fields(command: str) -> set[str]:
    """The JSON keys of the command's request struct, with those of the families that it embeds."""
    text = "\n".join(path.read_text() for path in sorted(GO_ACTIONS.glob("*.go")) if not path.stem.endswith("_test"))
    structs = dict(re.findall(r"^type (\w+) struct \{\n(.*?)^\}", text, re.M | re.S))

    def fields(name: str) -> set[str]:
        tags = set(re.findall(r'json:"(\w+)', structs[name]))
        return tags.union(*(fields(embedded) for embedded in re.findall(r"^\t(\w+)$", structs[name], re.M)))

    named = "".join(word.title() for word in command.split())
    return fields(SHARED_REQUESTS.get(command, f"{named}Request"))
