"""The comparison of files itself: what differs must be seen, or every other test on it passes for nothing."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE
from tests.parity import places, trees
from tests.parity.files import FORMS, Both, Cases, Do, Line, Look, Put, Touch
from tests.parity.places import Place, Printed

CASES: Final[Cases] = {
    "result": [
        Put({"web": SIMPLE, "v.yaml": "value: file"}),
        Do(
            "install",
            release_name="a",
            chart_path="web",
            values_files=["v.yaml"],
            dry_run="client",
            wait=False,
        ),
    ],
    "refusal": [Do("install", fails="web", release_name="a", chart_path="@work@/web", wait=False, cluster=True)],
    "version": [Line(["version", "--template={{.Version}}"])],
}
"""What passes on both sides alike."""


@pytest.fixture
def commands(both: Both) -> Both:
    """The helm command on both sides."""
    library = both.library
    return Both(both.command, places.Command(library.root.parent / "h", library.side, lambda: library.cluster))


@pytest.mark.parametrize("case", CASES)
async def test_both_alike(both: Both, case: str) -> None:
    if case == "version":
        pytest.importorskip("helm_sdkpy.__main__")
    await both.go(CASES[case])


ALIKE: Final[Cases] = {
    "package": [
        Put({"web": SIMPLE}),
        Do("package", chart_path="web", dest_dir="out"),
        Look(),
        Do("package", chart_path="@work@/web", version="1.2.3", app_version="9"),
    ],
    "template": [
        Put({"web.tgz": SIMPLE}),
        Do("template", release_name="a", chart_path="web.tgz", show_only=["templates/configmap.yaml"], set="value=b"),
    ],
    "refused": [Do("template", fails="none", release_name="a", chart_path="none")],
    "create": [Do("create", name="a"), Do("package", chart_path="a"), Do("show chart", chart_path="a-0.1.0.tgz")],
    "root-flag": [Do("repo remove", fails="no repositories", name="a", config={"repository_config": "r.yaml"})],
    "line": [Line(["version", "--short"])],
    "repository": [
        Touch(lambda place: place.serve(SIMPLE)),
        Do("repo add", name="mine", url="@repository@/@side@"),
        Do("search repo", keyword="web"),
        Do("pull", chart_ref="mine/web", untar=True),
    ],
    "registry": [
        Put({"web": SIMPLE}),
        Do("package", chart_path="web"),
        Do("push", chart_path="web-0.1.0.tgz", remote="oci://@registry@/@side@", plain_http=True),
        Do("template", release_name="a", chart_path="oci://@registry@/@side@/web", plain_http=True),
    ],
    "cluster": [
        Put({"web": SIMPLE}),
        Do("template", release_name="a", chart_path="web", dry_run="server", cluster=True),
    ],
}
"""What the helm command does the same way twice."""


@pytest.mark.parametrize("case", ALIKE)
async def test_the_command_is_like_itself(commands: Both, case: str) -> None:
    await commands.go(ALIKE[case])


def of_second(do: Callable[[Path], object]) -> Touch:
    """Something that happens on one side alone."""
    return Touch(lambda place: do(place.work) if place.side.startswith("l-") else None)


def other_value(place: Place) -> None:
    """Another text of the same length on one side."""
    (place.work / "v.yaml").write_text(f"value: {place.side[0]}")


DIFFERENT: Final[Cases] = {
    "text": [Touch(other_value)],
    "mode": [Put({"a": "a"}), of_second(lambda work: (work / "a").chmod(0o640))],
    "directory": [of_second(lambda work: (work / "a").mkdir())],
    "link": [of_second(lambda work: (work / "a").symlink_to("b")), Look()],
    "in-between": [
        of_second(lambda work: (work / "a").touch()),
        Look(),
        of_second(lambda work: (work / "a").unlink()),
    ],
    "printed": [
        Put({"web": SIMPLE}),
        Touch(other_value),
        Do("template", release_name="a", chart_path="web", values_files=["v.yaml"]),
    ],
    "no-refusal": [Put({"web": SIMPLE}), Do("template", fails="", release_name="a", chart_path="web")],
    "a-refusal": [Do("template", release_name="a", chart_path="web")],
    "other-words": [Do("template", fails="no such words", release_name="a", chart_path="web")],
    "one-refuses": [
        Put({"web": SIMPLE}),
        of_second(lambda work: (work / "web" / "Chart.yaml").unlink()),
        Do("package", chart_path="web"),
    ],
    "archive": [
        Put({"web": SIMPLE}),
        of_second(lambda work: (work / "web" / "more.txt").write_text("more")),
        Do("package", chart_path="web"),
        Touch(lambda place: (place.work / "web" / "more.txt").unlink(missing_ok=True)),
    ],
    "home": [Touch(lambda place: (place.root / "config" / place.side[0]).touch())],
    "pushed": [
        Put({"web": SIMPLE}),
        Touch(other_value),
        Touch(lambda place: (place.work / "v.yaml").rename(place.work / "web" / "values.yaml")),
        Do("package", chart_path="web"),
        Do("push", chart_path="web-0.1.0.tgz", remote="oci://@registry@/@side@", plain_http=True),
        Touch(lambda place: (place.work / "web-0.1.0.tgz").unlink()),
        Touch(lambda place: (place.work / "web" / "values.yaml").unlink()),
    ],
}


@pytest.mark.parametrize("case", DIFFERENT)
async def test_a_difference_is_seen(commands: Both, case: str) -> None:
    with pytest.raises(AssertionError, match=r"helm|what is left"):
        await commands.go(DIFFERENT[case])


async def test_a_difference_of_results_is_seen(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    form = FORMS["install"]

    def other(printed: Printed) -> Any:
        return {**form.command(printed), "name": "b"}

    monkeypatch.setitem(FORMS, "install", replace(form, command=other))
    with pytest.raises(AssertionError, match="/name"):
        await both.go(CASES["result"])


def test_texts(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("mine")
    digest = "2b05cc4b8ea5faa5d3cd3fd2cf6dbd1a6c17ec5a0ae2a1a2e6dfd9ca40b1d1b5"
    of = trees.text_of({"root": str(tmp_path), "side": "c-1"}, tmp_path)
    assert of(f"{tmp_path}/work for c-1 at 2026-11-24T15:52:40.123+01:00") == "@root@/work for @side@ at TIMET+01:00"
    assert of(digest) == digest
    own = hashlib.sha256(b"mine").hexdigest()
    assert of(f"sha256:{own}") == "sha256:SHA256-OF-own"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"mode": 0o644}, {"mode": 0o600}),
        ({"mtime": 1}, {"mtime": 2}),
        ({"uname": "a"}, {"uname": "b"}),
        ({"name": "a"}, {"name": "b"}),
    ],
)
def test_headers_of_members_are_compared(one: dict[str, Any], other: dict[str, Any]) -> None:
    def packed(header: dict[str, Any]) -> bytes:
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w") as archive:
            entry = tarfile.TarInfo("x")
            for key, value in header.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO())
        return gzip.compress(written.getvalue(), mtime=0)

    assert trees.content(packed(one), str) != trees.content(packed(other), str)
    assert trees.content(packed(one), str) == trees.content(packed(one), str)
