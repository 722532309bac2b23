"""`helm package` and `helm verify` by the command and by the library: archives byte for byte, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Any, Final

import pytest

from tests.integration.charts import SIMPLE, Chart
from tests.integration.keys import LOCKED, OPEN, Key, formats
from tests.parity.files import Both, Cases, Do, Line, Put, Touch

EPOCH: Final = {"SOURCE_DATE_EPOCH": "1700000000"}

ODD: Final = Chart(
    name="odd",
    version="1.2.3-rc.1+build.7",
    metadata={
        "appVersion": "1.0",
        "description": "Ünïcode: 中文 'quoted' \"twice\"",
        "keywords": ["a", "b: c"],
        "annotations": {"x/y": "true", "multi": "line\nline\n"},
        "maintainers": [{"name": "Änn", "email": "ann@example.org"}],
        "kubeVersion": ">=1.20.0-0",
        "type": "application",
        "icon": "https://example.org/icon.png",
        "deprecated": True,
        "sources": ["https://example.org/a?b=c&d"],
    },
    templates={
        "a b.yaml": "a: b\r\nc: {{ .Values.c }}\r\n",
        "ü.yaml": "x: 1",
        "deep/er/c.yaml": "",
        "NOTES.txt": "notes",
    },
    values={"c": "ü\n", "big": 12345678901234567890, "n": None},
    files={
        "files/empty": "",
        "files/.hidden": "hidden",
        "files/x.md": "# x\n",
        "README.md": "read\r\nme",
        "LICENSE": "none",
        "crds/c.yaml": "kind: CustomResourceDefinition\n",
        "values.schema.json": '{"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"}',
        ".helmignore": "*.tmp\n/secret/\n# comment\n",
        "a.tmp": "left out",
        "secret/x": "left out",
        ".git/config": "kept",
        "Chart.lock": "dependencies: []\ndigest: sha256:0\ngenerated: 2020-01-01T00:00:00Z\n",
    },
)
OLD: Final = Chart(
    name="old",
    metadata={"apiVersion": "v1"},
    files={
        "requirements.yaml": "dependencies:\n- name: sub\n  version: 0.1.0\n  repository: file://../sub\n",
        "requirements.lock": "dependencies: []\ndigest: sha256:0\ngenerated: 2020-01-01T00:00:00Z\n",
        "charts/sub/Chart.yaml": "apiVersion: v1\nname: sub\nversion: 0.1.0\n",
        "charts/sub/templates/x.yaml": "a: 1",
    },
)
SUB: Final = Chart(name="sub", version="0.3.0", templates={"s.yaml": "a: {{ .Chart.Version }}"})


def parent(*dependencies: dict[str, Any], **more: Any) -> Chart:
    """A chart with dependencies."""
    return Chart(name="top", version="1.0.0", metadata={"dependencies": list(dependencies)}, **more)


def bring(name: str, key: Key, *, public: bool = False) -> Touch:
    """A key's file in the side's directory."""
    return Touch(lambda place: place.put(name, key.pubring if public else key.secring))


def ring(form: str) -> Touch:
    """A keyring in one of its forms."""
    return Touch(lambda place: place.put("ring", formats()[form]()))


SIGNED: Final = [
    Put({"web": SIMPLE}),
    bring("secring", OPEN),
    bring("pubring", OPEN, public=True),
    Do("package", chart_path="web", sign=True, key=OPEN.name, keyring="secring", env=EPOCH),
]


def lock(passphrase: str) -> list[Any]:
    """A chart, a locked key, and a file with this passphrase."""
    return [Put({"web": SIMPLE, "pass": passphrase}), bring("secring", LOCKED)]


def spoil(path: str, old: bytes, new: bytes) -> Touch:
    """Other bytes in a file."""

    def do(place: Any) -> None:
        file = place.work / path
        assert old in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(old, new))

    return Touch(do)


OF_LOCKED: Final[dict[str, Any]] = {"chart_path": "web", "sign": True, "key": LOCKED.name, "keyring": "secring"}

CASES: Final[Cases] = {
    "plain": [Put({"web": SIMPLE}), Do("package", chart_path="web")],
    "epoch": [Put({"web": SIMPLE}), Do("package", chart_path="web", env=EPOCH)],
    "epoch-empty": [Put({"web": SIMPLE}), Do("package", chart_path="web", env={"SOURCE_DATE_EPOCH": ""})],
    "epoch-zero": [Put({"web": SIMPLE}), Do("package", chart_path="web", env={"SOURCE_DATE_EPOCH": "0"})],
    "epoch-none": [
        Put({"web": SIMPLE}),
        Do("package", fails="SOURCE_DATE_EPOCH", reworded=True, chart_path="web", env={"SOURCE_DATE_EPOCH": "soon"}),
    ],
    "absolute": [Put({"web": SIMPLE}), Do("package", chart_path="@work@/web", destination="@work@/out")],
    "destination-deep": [Put({"web": SIMPLE}), Do("package", chart_path="web", destination="a/b/../c")],
    "destination-dot": [Put({"web": SIMPLE}), Do("package", chart_path="./web/", destination="./")],
    "destination-file": [
        Put({"web": SIMPLE, "out": "a file"}),
        Do("package", fails="is not a directory", chart_path="web", destination="out"),
    ],
    "odd": [Put({"odd": ODD}), Do("package", chart_path="odd", env=EPOCH)],
    "odd-now": [Put({"odd": ODD}), Do("package", chart_path="odd", destination="out")],
    "version": [Put({"web": SIMPLE}), Do("package", chart_path="web", version="2.0.0", env=EPOCH)],
    "version-loose": [Put({"web": SIMPLE}), Do("package", chart_path="web", version="v2", env=EPOCH)],
    "version-plus": [Put({"web": SIMPLE}), Do("package", chart_path="web", version="1.0.0-a.1+b.2", env=EPOCH)],
    "version-none": [
        Put({"web": SIMPLE}),
        Do("package", fails="invalid semantic version", chart_path="web", version="new"),
    ],
    "app-version": [Put({"web": SIMPLE}), Do("package", chart_path="web", app_version="2.0 'x'", env=EPOCH)],
    "both-versions": [
        Put({"odd": ODD}),
        Do("package", chart_path="odd", version="0.0.1", app_version="main", destination="o", env=EPOCH),
    ],
    "several": [
        Put({"web": SIMPLE, "sub": SUB, "odd": ODD}),
        Do("package", chart_path=["web", "sub", "@work@/odd"], destination="out", env=EPOCH),
    ],
    "several-one-missing": [
        Put({"web": SIMPLE}),
        Do("package", fails="no such file", chart_path=["web", "none", "web"], env=EPOCH),
    ],
    "twice": [Put({"web": SIMPLE}), Do("package", chart_path="web"), Do("package", chart_path="web", app_version="2")],
    "old-api": [Put({"old": OLD, "sub": SUB}), Do("package", chart_path="old", env=EPOCH)],
    "no-api": [Put({"a/Chart.yaml": "name: a\nversion: 1.0.0\n"}), Do("package", chart_path="a", env=EPOCH)],
    "subchart": [
        Put({"top": parent({"name": "sub", "version": ">0"}), "top/charts/sub": SUB, "top/charts/_sub.txt": "x"}),
        Do("package", chart_path="top", env=EPOCH),
    ],
    "subchart-archive": [
        Put({"top": parent({"name": "sub", "version": "*"}), "top/charts/sub-0.3.0.tgz": SUB}),
        Do("package", chart_path="top", env=EPOCH),
    ],
    "library": [
        Put({"lib": dataclasses.replace(SIMPLE, name="lib", metadata={"type": "library"})}),
        Do("package", chart_path="lib", env=EPOCH),
    ],
    "update": [
        Put({"top": parent({"name": "sub", "version": "~0.3", "repository": "file://../sub"}), "sub": SUB}),
        Do("package", chart_path="top", dependency_update=True, env=EPOCH),
    ],
    "update-fails": [
        Put({"top": parent({"name": "sub", "version": "~4", "repository": "file://../sub"}), "sub": SUB}),
        Do("package", fails="can't get a valid version", chart_path="top", dependency_update=True, env=EPOCH),
    ],
    "dependency-missing": [
        Put({"top": parent({"name": "sub", "version": "1", "repository": "file://../sub"}), "sub": SUB}),
        Do("package", fails="missing in charts/ directory: sub", chart_path="top"),
    ],
    "no-such-chart": [Do("package", fails="stat none: no such file", reworded=True, chart_path="none")],
    "a-file": [Put({"web.tgz": SIMPLE}), Do("package", fails="not a directory", chart_path="web.tgz")],
    "no-chart": [Put({"a/values.yaml": ""}), Do("package", fails="unable to detect chart", chart_path="a")],
    "unknown-api": [
        Put({"a": dataclasses.replace(SIMPLE, metadata={"apiVersion": "v9"})}),
        Do("package", fails="unsupported chart version", chart_path="a"),
    ],
    "third-api": [
        Put({"a": dataclasses.replace(SIMPLE, metadata={"apiVersion": "v3"})}),
        Do("package", fails="invalid chart apiVersion", chart_path="a"),
    ],
    "no-version": [
        Put({"a/Chart.yaml": "apiVersion: v2\nname: a\n"}),
        Do("package", fails="chart.metadata.version is required", chart_path="a"),
    ],
    "no-name": [
        Put({"a/Chart.yaml": "apiVersion: v2\nversion: 1.0.0\n"}),
        Do("package", fails="chart.metadata.name is required", chart_path="a"),
    ],
    "path-for-name": [
        Put({"a/Chart.yaml": "apiVersion: v2\nversion: 1.0.0\nname: ../a\n"}),
        Do("package", fails='chart.metadata.name "../a" is invalid', chart_path="a"),
    ],
    "broken-yaml": [
        Put({"a/Chart.yaml": "apiVersion: v2\n  version: ]\n"}),
        Do("package", fails="cannot load Chart.yaml", chart_path="a"),
    ],
    "broken-values": [
        Put({"web": SIMPLE, "web/values.yaml": "a: [\n"}),
        Do("package", fails="cannot load values.yaml", chart_path="web"),
    ],
    "broken-schema": [
        Put({"web": SIMPLE, "web/values.schema.json": "{"}),
        Do("package", fails="failed to save: invalid JSON in values.schema.json", chart_path="web"),
    ],
    "negated-ignore": [
        Put({"web": SIMPLE, "web/.helmignore": "*.tmp\n!keep.tmp\n"}),
        Do("package", fails="Chart.yaml file is missing", chart_path="web"),
    ],
    "odd-file-in-charts": [
        Put({"top": parent({"name": "sub", "version": ">0"}), "top/charts/sub": SUB, "top/charts/sub.txt": "x"}),
        Do("package", fails="error unpacking subchart sub.txt", chart_path="top", env=EPOCH),
    ],
    "old-archive-stays": [
        Put({"web": SIMPLE}),
        Do("package", chart_path="web", env=EPOCH),
        Put({"web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 0.1\ntype: odd\n"}),
        Do("package", fails="chart.metadata.type must be application or library", chart_path="web"),
    ],
    # Signing.
    "sign": [
        *SIGNED,
        Do("verify", chart_path="web-0.1.0.tgz", keyring="pubring"),
        Do("verify", chart_path="@work@/web-0.1.0.tgz", keyring="secring"),
    ],
    "sign-odd": [
        Put({"odd": ODD}),
        bring("secring", OPEN),
        Do("package", chart_path="odd", sign=True, key="helm-test", keyring="secring", destination="o", env=EPOCH),
        Do("verify", chart_path="o/odd-1.2.3-rc.1+build.7.tgz", keyring="secring"),
    ],
    "sign-old": [
        Put({"old": OLD}),
        bring("secring", OPEN),
        Do("package", chart_path="old", sign=True, key="Helm Testing", keyring="secring", env=EPOCH),
        Do("verify", chart_path="old-0.1.0.tgz", keyring="secring"),
    ],
    "sign-several": [
        Put({"web": SIMPLE, "sub": SUB, "pass": "secret"}),
        bring("secring", LOCKED),
        Do(
            "package",
            chart_path=["web", "sub"],
            sign=True,
            key=LOCKED.name,
            keyring="secring",
            passphrase_file="pass",
            env=EPOCH,
        ),
        Do("verify", chart_path="sub-0.3.0.tgz", keyring="secring"),
    ],
    "sign-locked": [*lock("secret\nmore\n"), Do("package", **OF_LOCKED, passphrase_file="pass", env=EPOCH)],
    "sign-locked-crlf": [*lock("secret\r\n"), Do("package", **OF_LOCKED, passphrase_file="pass", env=EPOCH)],
    "sign-with-gpgs-ring": [
        Put({"web": SIMPLE}),
        bring("@home@/.gnupg/pubring.gpg", OPEN),
        Do("package", chart_path="web", sign=True, key=OPEN.name, env=EPOCH),
        Do("verify", chart_path="web-0.1.0.tgz"),
    ],
    "sign-with-gnupghome": [
        Put({"web": SIMPLE}),
        bring("@home@/gpg/pubring.gpg", OPEN),
        Do("package", chart_path="web", sign=True, key=OPEN.name, env={**EPOCH, "GNUPGHOME": "@home@/gpg"}),
        Do("verify", chart_path="web-0.1.0.tgz", env={"GNUPGHOME": "@home@/gpg"}),
    ],
    "sign-needs-key": [
        Put({"web": SIMPLE}),
        Do("package", fails="key is required for signing a package", reworded=True, chart_path="web", sign=True),
    ],
    "key-without-sign": [Put({"web": SIMPLE}), Do("package", chart_path="web", key="x", keyring="none", env=EPOCH)],
    "no-passphrase-file": [*lock(""), Do("package", chart_path="web", passphrase_file="none", env=EPOCH)],
    # Verifying.
    **{
        f"verify-{form}": [*SIGNED, ring(form), Do("verify", chart_path="web-0.1.0.tgz", keyring="ring")]
        for form in formats()
    },
    "verify-unknown-signer": [
        *SIGNED,
        bring("other", LOCKED),
        Do("verify", fails="openpgp: signature made by unknown entity", chart_path="web-0.1.0.tgz", keyring="other"),
    ],
    "verify-other-archive": [
        *SIGNED,
        spoil("web-0.1.0.tgz", b"Helm", b"helm"),
        Do(
            "verify", fails="sha256 sum does not match for web-0.1.0.tgz", chart_path="web-0.1.0.tgz", keyring="pubring"
        ),
    ],
    "verify-other-text": [
        *SIGNED,
        spoil("web-0.1.0.tgz.prov", b"name: web", b"name: wet"),
        Do("verify", fails="openpgp: invalid signature", chart_path="web-0.1.0.tgz", keyring="pubring"),
    ],
    "verify-other-name": [
        *SIGNED,
        Touch(lambda place: (place.work / "web-0.1.0.tgz").rename(place.work / "a.tgz")),
        Touch(lambda place: (place.work / "web-0.1.0.tgz.prov").rename(place.work / "a.tgz.prov")),
        Do("verify", fails='does not contain a SHA for a file named "a.tgz"', chart_path="a.tgz", keyring="pubring"),
    ],
    "verify-unsigned": [
        Put({"web.tgz": SIMPLE}),
        bring("ring", OPEN),
        Do("verify", fails="could not load provenance file web.tgz.prov", chart_path="web.tgz", keyring="ring"),
    ],
    "verify-no-signature": [
        Put({"web.tgz": SIMPLE, "web.tgz.prov": "none"}),
        bring("ring", OPEN),
        Do("verify", fails="signature block not found", chart_path="web.tgz", keyring="ring"),
    ],
    "verify-no-ring": [
        *SIGNED,
        Do("verify", fails="failed to load keyring: open none", chart_path="web-0.1.0.tgz", keyring="none"),
    ],
    "verify-empty-ring": [
        *SIGNED,
        Put({"empty": ""}),
        Do("verify", fails="openpgp", chart_path="web-0.1.0.tgz", keyring="empty"),
    ],
    "verify-no-keyring-but-a-text": [
        *SIGNED,
        Put({"text": "no key\n"}),
        Do("verify", fails="failed to load keyring", chart_path="web-0.1.0.tgz", keyring="text"),
    ],
    "verify-directory": [
        Put({"web": SIMPLE}),
        bring("ring", OPEN),
        Do("verify", fails="unpacked charts cannot be verified", chart_path="web", keyring="ring"),
    ],
    "verify-other-ending": [
        Put({"web.zip": "x"}),
        bring("ring", OPEN),
        Do("verify", fails="chart must be a tgz file", chart_path="web.zip", keyring="ring"),
    ],
    "verify-nothing": [
        bring("ring", OPEN),
        Do("verify", fails="no such file", chart_path="none.tgz", keyring="ring"),
    ],
    "verify-on-the-way": [
        *SIGNED,
        Do("template", release_name="a", chart_path="web-0.1.0.tgz", verify=True, keyring="pubring"),
        Do("show chart", chart_path="web-0.1.0.tgz", verify=True, keyring="pubring"),
        Do(
            "template",
            fails="failed to load keyring",
            release_name="a",
            chart_path="./web-0.1.0.tgz",
            verify=True,
        ),
    ],
    "command-line": [*SIGNED, Line(["verify", "web-0.1.0.tgz", "--keyring", "pubring"])],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])


FAILED_SIGNING: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "unknown-key": ({"key": "nobody"}, "private key not found"),
    "wrong-passphrase": ({"passphrase_file": "pass"}, "private key checksum failure"),
    "no-ring": ({"keyring": "none"}, "open none: no such file"),
    "no-such-passphrase-file": ({"passphrase_file": "none"}, "open none: no such file"),
}


@pytest.mark.parametrize("case", FAILED_SIGNING)
async def test_what_can_not_be_signed(both: Both, case: str) -> None:
    """The command leaves an archive without a signature there; the library leaves none."""
    options, said = FAILED_SIGNING[case]
    steps = [*lock("wrong"), Do("package", fails=said, reworded=True, **{**OF_LOCKED, **options}, env=EPOCH)]
    archive = "web-0.1.0.tgz"
    left = Touch(lambda place: (place.work / archive).unlink() if place.side.startswith("c-") else None)
    await both.go([*steps, left])


async def test_each_reads_what_the_other_signed(both: Both) -> None:
    await both.go(SIGNED)
    there, here = both.command.work, both.library.work
    for from_, to in ((there, here), (here, there)):
        for end in ("tgz", "tgz.prov"):
            shutil.move(from_ / f"web-0.1.0.{end}", to / f"other.{end}")
    for place in (there, here):
        for end in ("tgz", "tgz.prov"):
            (place / f"other.{end}").rename(place / f"web-0.1.0.{end}")
    await both.go([Do("verify", chart_path="web-0.1.0.tgz", keyring="pubring")])


async def test_the_bytes_are_the_same(both: Both) -> None:
    """Not only what the comparison of archives takes apart."""
    await both.go([Put({"odd": ODD}), Do("package", chart_path="odd", env=EPOCH)])
    name = "odd-1.2.3-rc.1+build.7.tgz"
    assert (both.command.work / name).read_bytes() == (both.library.work / name).read_bytes()
