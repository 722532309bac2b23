"""Compares what needs no release: commands that work on files, charts, repositories and registries.

Each side, the helm command and the library, has an empty directory `work` that is its current one, a HOME and helm's
three homes. A case is a list of steps; after the last one (and at each `Look`) all files and directories of both sides
are compared: modes, texts, archives by members, and what was pushed to the registry below the side's own name.

    CASES: Final[Cases] = {
        "show-only": [
            Put({"web": SIMPLE, "v.yaml": "value: file"}),
            Do("template", release_name="a", chart_path="web", values_files=["v.yaml"], show_only=["templates/c.yaml"]),
        ],
        "no-chart": [Do("package", fails="no such file", chart_path="none")],
    }

    @pytest.mark.parametrize("case", CASES)
    async def test_case(both: Both, case: str) -> None:
        await both.go(CASES[case])

- `Do(command, **keywords)`: a command once, in the library's keywords. Those that the command's `Form` calls positional
  become arguments, the others flags (`show_only` is `--show-only`, tests/parity/steps.py has the few other names).
  `fails="…"`: both refuse and say that; the library's words must contain the command's whole (unless `reworded=True`,
  or the words that the library has instead).
  `config={"repository_config": "r.yaml"}`: root flags, and arguments of Configuration. `env={"NAME": "value"}`: of this
  step alone. `cluster=True`: with kubeconfig and a namespace of the side's own. `apart={"key"}`: left out of results.
- `Put({path: content})` writes charts (a directory, or an archive where the path ends in `.tgz`), text, bytes, or a
  copy of a Path; `Serve(chart, …)` puts archives into the side's own repository `@repository@/@side@`;
  `Pushed(chart, …)` puts charts below `@registry@/@side@`; `Touch(function)` does what it likes to a side
  (`place.work`, `place.own(…)`).
- `Line([...])`: a whole command line, for helm and for `python -m helm_sdkpy`; output and exit code are compared.
- In every text `@name@` is the side's own: side root work home cache config data namespace, and what TestCluster has:
  `registry`, `registry_tls`, `repository_auth`, `username`, `ca_file`, `client_certificate`, …
- `FORMS` says for each command how what it prints and what the library gives become the same. A command without one
  prints what the library gives as text. Add yours here; where the command has `-o json`, use it (`flags`).
  A class that does not exist yet skips the case.

`tests/parity/trees.py` has the rules for what two runs can not have in common; there are no others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from tests.integration.charts import Chart
from tests.parity.normal import plain
from tests.parity.parity import FORMS as OF_RELEASES
from tests.parity.parity import same, without
from tests.parity.places import Library, Outcome, Place, Printed
from tests.parity.sides import PRINTS_JSON

Content: TypeAlias = Chart | Path | str | bytes


@dataclass(frozen=True, init=False)
class Do:
    """One helm command, in the library's keywords."""

    action: str
    """The command after `helm`: `template`, `repo add`, `show chart`."""
    options: Mapping[str, Any]
    fails: str | None
    reworded: bool | str
    config: Mapping[str, Any]
    env: Mapping[str, str]
    cluster: bool
    apart: frozenset[str]

    def __init__(
        self,
        action: str,
        /,
        *,
        fails: str | None = None,
        reworded: bool | str = False,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        cluster: bool = False,
        apart: Sequence[str] | frozenset[str] = (),
        **options: Any,
    ) -> None:
        given = {
            "action": action,
            "options": options,
            "fails": fails,
            "reworded": reworded,
            "config": config or {},
            "env": env or {},
            "cluster": cluster,
            "apart": frozenset(apart),
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Put:
    """Files and charts by their paths below `work` (or anywhere else: `@data@/plugins/…`)."""

    files: Mapping[str, Content]


@dataclass(frozen=True, init=False)
class Serve:
    """Archives in the side's own chart repository."""

    charts: tuple[Chart | Path, ...]

    def __init__(self, *charts: Chart | Path) -> None:
        object.__setattr__(self, "charts", charts)


@dataclass(frozen=True, init=False)
class Pushed:
    """Charts in the registry, put there by neither of the two."""

    charts: tuple[Chart, ...]

    def __init__(self, *charts: Chart) -> None:
        object.__setattr__(self, "charts", charts)


@dataclass(frozen=True)
class Touch:
    """Something that somebody does to a side."""

    do: Callable[[Place], object]


@dataclass(frozen=True)
class Look:
    """Files are compared here too, not at the end alone."""


@dataclass(frozen=True)
class Line:
    """A whole command line."""

    arguments: list[str]
    env: Mapping[str, str] = field(default_factory=dict[str, str])


Step: TypeAlias = Do | Put | Serve | Pushed | Touch | Look | Line
Cases: TypeAlias = Mapping[str, Sequence[Step]]


@dataclass(frozen=True)
class Form:
    """How the two results of a command become comparable; every change is a row of docs/parity.md."""

    positional: tuple[str, ...] = ()
    """Keywords that the command takes as arguments, in its order. A list gives several."""
    flags: tuple[str, ...] = ()
    """What the command is told besides: `-o json`."""
    command: Callable[[Printed], Any] = lambda printed: printed.out
    library: Callable[[Any], Any] = lambda result: result
    refusals: tuple[Callable[[Printed], Any], Callable[[Any], Any]] | None = None
    """What more of a refusal is compared: of what the command printed, and of the library's error."""
    failed: Callable[[Printed], Any] | None = None
    """What a command gave that ends with a failure, where the library has a result for it; None: it is a refusal."""


def printed_json(printed: Printed) -> Any:
    """What the command prints with `-o json`, after lines on what it fetched."""
    begin = re.search(r"^([{\[]|null$)", printed.out, re.M)
    return json.loads(printed.out[begin.start() :]) if begin else None


def nothing(_: object) -> None:
    """Nothing of the result is compared: what is left in the directories is."""


def linted(printed: Printed) -> Any:
    """What `helm lint` found where a chart failed: the summary is its error then."""
    _, _, summary = printed.err.rpartition("Error: ")
    return printed.out + summary if "linted, " in summary else None


def rendered(printed: Printed) -> str:
    """What `helm template` rendered, without what it told of downloads before: that is logged by the library."""
    told, mark, text = printed.out.partition("---\n")
    return mark + text if "Saving " in told else printed.out


_ADDED: Final = {
    "added": '"{name}" has been added to your repositories\n',
    "replaced": '"{name}" has been added to your repositories\n',
    "unchanged": '"{name}" already exists with the same configuration, skipping\n',
}
_HANG_TIGHT: Final = "Hang tight while we grab the latest from your chart repositories..."
_HAPPY: Final = "Update Complete. ⎈Happy Helming!⎈"
_UPDATED: Final = '...Successfully got an update from the "{name}" chart repository'

UNDERSCORE: Final = """
OCI artifact references (e.g. tags) do not support the plus sign (+). To support
storing semantic versions, Helm adopts the convention of changing plus (+) to
an underscore (_) in chart version tags when pushing to a registry and back to
a plus (+) when pulling from a registry.
"""


def transferred(word: str, ref: str, digest: str) -> str:
    """What the command prints of a chart that came from a registry or went to one."""
    noted = f"{ref} contains an underscore.\n{UNDERSCORE}" if "_" in ref else ""
    return f"{word}: {ref}\nDigest: {digest}\n{noted}"


def pulled(result: Any) -> str:
    """What the command prints of charts that were pulled."""
    text = ""
    charts: list[Any] = cast("list[Any]", result) if isinstance(result, list) else [result]
    for chart in charts:
        if chart["ref"] is not None:
            # The provenance file is fetched by itself, and said again.
            times = 2 if chart["provenance"] or chart["verification"] else 1
            text += transferred("Pulled", chart["ref"], chart["manifest_digest"]) * times
        if (verified := chart["verification"]) is not None:
            text += "".join(f"Signed by: {name}\n" for name in verified["signed_by"])
            text += f"Using Key With Fingerprint: {verified['fingerprint']}\n"
            text += f"Chart Hash Verified: {verified['chart_hash']}\n"
    return text


_CHART: Final = Form(("chart_path",))
# What the command prints of the downloads comes in any order; the lock and charts/ are compared.
_DEPENDENCIES: Final = Form(("chart_path",), command=nothing, library=nothing)


def _printed_dependencies(printed: Printed) -> Any:
    """The command's table: columns with tabs between them, one of any width, then an empty line and warnings."""
    table, _, warnings = printed.out.partition("\n\n")
    if not table.startswith("NAME"):
        table, warnings = "NAME", printed.out
    rows = [[cell.strip() for cell in line.split("\t")] for line in table.splitlines()[1:]]
    names = ("name", "version", "repository", "status")
    return {
        "dependencies": [dict(zip(names, row, strict=True)) for row in rows],
        "warnings": warnings.strip("\n").splitlines(),
    }


def _of_packages(printed: Printed) -> str:
    """What the command prints of archives, without what it told of downloads before."""
    return "".join(line for line in printed.out.splitlines(keepends=True) if line.startswith("Successfully packaged"))


def _packaged(result: Any) -> str:
    """What the command prints of archives."""
    made = cast("list[Any]", result if isinstance(result, list) else [result])
    return "".join(f"Successfully packaged chart and saved it to: {each['path']}\n" for each in made)


def _verified(result: Any) -> str:
    """What the command prints of a chart's signature that holds."""
    return _signed(result, "Chart", result["chart_hash"])


def _signed(result: Any, what: str, archive: str) -> str:
    signers = "".join(f"Signed by: {name}\n" for name in result["signed_by"])
    return f"{signers}Using Key With Fingerprint: {result['fingerprint']}\n{what} Hash Verified: {archive}\n"


def _table(printed: Printed) -> list[list[str]]:
    """The rows of a table, below its head."""
    return [[cell.strip() for cell in line.split("\t")] for line in printed.out.splitlines()[1:]]


def _plugin_table(result: Any) -> list[list[str]]:
    columns = ("name", "version", "type", "api_version", "provenance")
    return [[*(each[name] for name in columns), each["source_url"] or "unknown"] for each in result]


# What these leave in the cluster is compared in tests/parity/test_flags.py; here they are dry runs, or read.
_RELEASE: Final = {
    action: Form(
        ("release_name", "chart_path"),
        ("-o", "json"),
        lambda printed, form=form: form.command(printed_json(printed)),
        form.library,
    )
    for action, form in OF_RELEASES.items()
    if action in PRINTS_JSON
}

FORMS: Final[dict[str, Form]] = {
    **_RELEASE,
    "create": Form(("name",), command=nothing, library=nothing),
    "dependency build": _DEPENDENCIES,
    "dependency list": Form(("chart_path",), ("--max-col-width", "0"), _printed_dependencies),
    "dependency update": _DEPENDENCIES,
    "env": Form(
        # Each is a program of its own.
        command=lambda printed: {**dict(re.findall(r'^(\w+)="(.*)"$', printed.out, re.M)), "HELM_BIN": ""},
        library=lambda env: {**env, "HELM_BIN": ""},
    ),
    "lint": Form(("chart_path",), library=lambda result: result["output"], failed=linted),
    "package": Form(("chart_path",), command=_of_packages, library=_packaged),
    "plugin install": Form(("source",), library=lambda result: result["output"]),
    "plugin list": Form((), command=_table, library=_plugin_table),
    "plugin package": Form(("path",), library=lambda result: result["output"]),
    # What the delete hook printed, the library logs.
    "plugin uninstall": Form(
        ("plugin_names",),
        command=lambda printed: re.findall(r"^Uninstalled plugin: (.*)$", printed.out, re.M),
        library=lambda result: [each["name"] for each in result],
    ),
    "plugin update": Form(
        ("plugin_names",),
        command=lambda printed: re.findall(r"^Updated plugin: (.*)$", printed.out, re.M),
        library=lambda result: [each["name"] for each in result],
    ),
    "plugin verify": Form(("path",), library=lambda result: _signed(result, "Plugin", result["file_hash"])),
    "pull": Form(("chart_ref",), library=pulled),
    "push": Form(
        ("chart_path", "remote"), library=lambda result: transferred("Pushed", result["ref"], result["digest"])
    ),
    "registry login": Form(("hostname",), library=lambda _: "Login Succeeded\n"),
    "registry logout": Form(
        ("hostname",), library=lambda result: f"Removing login credentials for {result['hostname']}\n"
    ),
    "repo add": Form(("name", "url"), library=lambda result: _ADDED[result["status"]].format(**result)),
    # Its result says what is in the file, which is compared.
    "repo index": Form(("directory",), library=lambda _: ""),
    # The command shows no more, and no password either.
    "repo list": Form(
        (),
        ("-o", "json"),
        printed_json,
        lambda result: [{key: each[key] for key in ("name", "url")} for each in result],
    ),
    "repo remove": Form(
        ("name",),
        library=lambda result: "".join(
            f'"{each["name"]}" has been removed from your repositories\n' for each in result
        ),
    ),
    # Repositories end in any order.
    "repo update": Form(
        ("name",),
        (),
        lambda printed: sorted(printed.out.splitlines()),
        lambda result: sorted([_HANG_TIGHT, _HAPPY, *(_UPDATED.format(**each) for each in result)]),
        refusals=(
            lambda printed: sorted(
                re.findall(r'Unable to get an update from the "(.*?)" chart repository', printed.out)
            ),
            lambda error: sorted(each["name"] for each in error.details.get("failed", [])),
        ),
    ),
    "search hub": Form(("keyword",), ("-o", "json"), printed_json),
    "search repo": Form(("keyword",), ("-o", "json"), printed_json),
    "show all": _CHART,
    "show chart": _CHART,
    "show crds": _CHART,
    "show readme": _CHART,
    "show values": _CHART,
    "template": Form(("release_name", "chart_path"), command=rendered),
    "verify": Form(("chart_path",), library=_verified),
}
"""Names of positional keywords and shapes of results: whoever writes the command's class makes its row right."""


@dataclass
class Both:
    """The helm command and the library, each in its directories."""

    command: Place
    library: Place

    async def go(self, steps: Sequence[Step], others: Sequence[Step] | None = None) -> None:
        """Do all steps, and compare what they leave. The second side may do others, one for each."""
        for number, (step, other) in enumerate(zip(steps, others or steps, strict=True), 1):
            match step:
                case Do():
                    await self.do(step, f"step {number}, ", cast("Do", other))
                case Line():
                    await self._line(step, f"step {number}, ")
                case Look():
                    self.look(f"after step {number - 1}")
                case _:
                    for place in (self.command, self.library):
                        _prepare(place, step)
        self.look("at the end")

    async def do(self, step: Do, which: str = "", other: Do | None = None) -> None:
        """Do a step on one side and then on the other, and compare what they say."""
        form = FORMS.get(step.action, Form())
        # The library first: while its class is missing, nothing is run at all.
        library = await self.library.do(other or step, form)
        command = await self.command.do(step, form)
        self._compare(f"{which}helm {step.action}", step, command, library)

    def look(self, when: str) -> None:
        """Compare what is in the directories."""
        same(f"what is left {when}", self.command.state(), self.library.state())

    async def _line(self, line: Line, which: str) -> None:
        shown = [plain(vars(await place.run(line)), place.text()) for place in (self.command, self.library)]
        same(f"what {which}helm {' '.join(line.arguments)} prints", *shown)

    def _compare(self, what: str, step: Do, command: Outcome, library: Outcome) -> None:
        texts = (self.command.text(), self.library.text())
        outcomes = (command, library)
        said = [
            None if outcome.refusal is None else text(outcome.refusal)
            for outcome, text in zip(outcomes, texts, strict=True)
        ]
        if step.fails is None:
            assert said == [None, None], f"{what}: the command said {said[0]!r}, the library {said[1]!r}"
        else:
            assert said[0] is not None, f"{what} was to fail: the library said {said[1]!r}"
            assert said[1] is not None, f"{what} was to fail: the command said {said[0]!r}"
            assert step.fails in said[0], f"{what}: the command said {said[0]!r}"
            wanted = step.fails if step.reworded else said[0]
            if isinstance(step.reworded, str) and isinstance(self.library, Library):
                wanted = step.reworded
            assert wanted in said[1], f"{what}: the library said\n    {said[1]}\nand the command\n    {said[0]}"
        given = [
            plain(without(step.apart, outcome.result if step.fails is None else outcome.origin), text)
            for outcome, text in zip(outcomes, texts, strict=True)
        ]
        same(f"what {what} gives", *given)


def _prepare(place: Place, step: Put | Serve | Pushed | Touch) -> None:
    match step:
        case Put(files):
            for name, content in files.items():
                place.put(name, content)
        case Serve(charts):
            for chart in charts:
                place.serve(chart)
        case Pushed(charts):
            for chart in charts:
                place.push(chart)
        case Touch(do):
            do(place)
