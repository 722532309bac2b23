"""`helm plugin …` by the command and by the library, and plugins that other commands use."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest

from tests.integration import oci
from tests.integration.charts import SIMPLE, Chart
from tests.integration.keys import LOCKED, OPEN, Key
from tests.parity.files import Both, Cases, Do, Line, Look, Put, Touch
from tests.parity.places import Place

SHOWN: Final = Chart(name="shown", templates={"t.yaml": "value: {{ .Values.value | quote }}"})

CLI: Final = """\
apiVersion: v1
name: notes
type: cli/v1
version: VERSION
runtime: subprocess
sourceURL: https://example.invalid/notes
config: {usage: notes, shortHelp: takes notes, longHelp: takes longer notes, ignoreFlags: true}
runtimeConfig:
  platformCommand: [{command: echo, args: [noted]}]
  platformHooks:
    install: [{command: echo, args: [hook, of, the, install]}]
    delete: [{command: echo, args: [hook, of, the, delete]}]
    update: [{command: echo, args: [hook, of, the, update]}]
"""
LEGACY: Final = """\
name: old
version: 0.1.0
usage: is old
description: is really old
command: echo old
hooks:
  install: echo "$HELM_PLUGIN_NAME in $HELM_PLUGIN_DIR"; echo complains >&2
  delete: echo gone
"""
FAILING: Final = LEGACY.replace("name: old", "name: failing").replace("echo complains >&2", "exit 7")
GETTER: Final = """\
name: fetches
version: 1.0.0
downloaders: [{command: run, protocols: [mine]}]
"""
POST_RENDERER: Final = """\
apiVersion: v1
name: renders
type: postrenderer/v1
version: 1.0.0
runtime: subprocess
runtimeConfig:
  platformCommand: [{command: "${HELM_PLUGIN_DIR}/run", args: ["$HELM_PLUGIN_NAME", "a$$b"]}]
"""


def plugin(description: str = CLI, at: str = "notes", version: str = "1.0.0", **files: str) -> Put:
    """A plugin's directory."""
    return Put({
        f"{at}/plugin.yaml": description.replace("VERSION", version),
        f"{at}/doc/read.md": "größe\n",
        **{f"{at}/{name}": text for name, text in files.items()},
    })  # fmt: skip


def program(description: str, name: str, script: str) -> list[Any]:
    """An installed plugin that is a program."""
    at = f"@data@/plugins/{name}"
    return [
        Put({f"{at}/plugin.yaml": description, f"{at}/run": f"#!/bin/sh\n{script}\n"}),
        Touch(lambda place: Path(place.own(f"{at}/run")).chmod(0o755)),
    ]


def bring(name: str, key: Key, *, public: bool = False) -> Touch:
    """A key's file in the side's directory."""
    return Touch(lambda place: place.put(name, key.pubring if public else key.secring))


def packed(name: str = "notes", version: str = "1.0.0", at: str = "") -> Touch:
    """An archive of a directory, made by neither of the two."""

    def pack(place: Place) -> None:
        with tarfile.open(place.work / (at or f"{name}-{version}.tgz"), "w:gz", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(place.work / name, name)

    return Touch(pack)


def pushed(*, signed: bool = False) -> Touch:
    """The plugin's archive in the registry."""

    def push(place: Place) -> None:
        archive = place.work / "notes-1.0.0.tgz"
        signature = archive.with_name(f"{archive.name}.prov").read_bytes() if signed else None
        oci.push_plugin(place.cluster.registry, f"{place.side}/notes", "1.0.0", archive.read_bytes(), signature)

    return Touch(push)


def repository(*versions: str) -> Touch:
    """A repository of git with a tag for each version."""

    def make(place: Place) -> None:
        directory = place.work / "origin" / "notes"
        for number, version in enumerate(versions):
            place.put("origin/notes/plugin.yaml", CLI.replace("VERSION", version))
            (directory / "plugin.yaml").touch()  # git looks at the time before it looks into the file
            git = ["git", "-C", str(directory), "-c", "user.name=x", "-c", "user.email=x@example.invalid"]
            lines = [["add", "-A"], ["commit", "-qm", version], ["tag", version]]
            for line in [["init", "-q"], *lines] if number == 0 else lines:
                subprocess.run([*git, *line], check=True, capture_output=True)

    return Touch(make)


def forget_git(place: Place) -> None:
    """What git keeps holds moments and numbers of files, and its place in the cache the source's path, with dashes."""
    for directory in [*place.root.rglob(".git"), place.root / "cache" / "plugins"]:
        shutil.rmtree(directory, ignore_errors=True)


SIGNING: Final[dict[str, Any]] = {"key": OPEN.name, "keyring": "ring"}
MAKE_SIGNED: Final[list[Any]] = [
    plugin(),
    bring("ring", OPEN),
    Touch(lambda place: place.put("pub", OPEN.pubring)),
]

CASES: Final[Cases] = {
    # What is there.
    "list-none": [Do("plugin list")],
    "list": [plugin(), Do("plugin install", source="notes"), Do("plugin list")],
    "list-by-type": [
        *program(GETTER, "fetches", "true"),
        *program(POST_RENDERER, "renders", "cat"),
        plugin(at="@data@/plugins/notes"),
        Do("plugin list"),
        Do("plugin list", type="getter/v1"),
        Do("plugin list", type="postrenderer/v1"),
        Do("plugin list", type="nothing/v1"),
    ],
    "list-what-is-none": [
        Put({"@data@/plugins/broken/plugin.yaml": "name: [", "@data@/plugins/file": "x"}),
        plugin(at="@data@/plugins/notes"),
        Do("plugin list"),
    ],
    "list-two-of-a-name": [
        plugin(at="@data@/plugins/a"),
        plugin(at="@data@/plugins/b"),
        Do("plugin list", fails='two plugins claim the name "notes"'),
    ],
    "list-several-directories": [
        plugin(at="a/notes"),
        plugin(LEGACY, at="b/old"),
        Do("plugin list", env={"HELM_PLUGINS": "@work@/a:@work@/b:@work@/none"}),
    ],
    "list-without-plugins": [plugin(at="@data@/plugins/notes"), Do("plugin list", env={"HELM_NO_PLUGINS": "1"})],
    # Directories.
    "install-directory": [plugin(), Do("plugin install", source="notes")],
    "install-directory-with-a-slash": [plugin(), Do("plugin install", source="./notes/"), Do("plugin list")],
    "install-legacy-with-hooks": [plugin(LEGACY, at="old"), Do("plugin install", source="old"), Do("plugin list")],
    "install-twice": [
        plugin(),
        Do("plugin install", source="notes"),
        Do("plugin install", fails="plugin already exists", source="notes"),
    ],
    "install-into-another-directory": [
        plugin(),
        Do("plugin install", source="notes", env={"HELM_PLUGINS": "@work@/mine"}),
    ],
    "install-by-another-name": [plugin(at="called-otherwise"), Do("plugin install", source="called-otherwise")],
    "install-nothing": [
        Put({"empty/x": "x"}),
        Do("plugin install", fails="plugin metadata (plugin.yaml) missing", source="empty"),
    ],
    "install-nowhere": [Do("plugin install", fails="does it exist", source="nowhere")],
    "install-a-file": [
        Put({"file": "x"}),
        Do("plugin install", fails="expected plugin to be a directory", source="file"),
    ],
    "install-unusable": [
        Put({"notes/plugin.yaml": "apiVersion: v1\nname: notes\n"}),
        Do("plugin install", fails="plugin is installed but unusable", source="notes"),
    ],
    "install-hook-fails": [
        plugin(FAILING, at="failing"),
        Do("plugin install", fails='plugin install hook for "failing" exited with error', source="failing"),
        Do("plugin list"),
    ],
    # Archives.
    "install-archive": [plugin(), packed(), Do("plugin install", source="notes-1.0.0.tgz", verify=False)],
    "install-archive-tar-gz": [
        plugin(),
        packed(at="notes-1.0.0.tar.gz"),
        Do("plugin install", source="notes-1.0.0.tar.gz", verify=False),
        Do("plugin list"),
    ],
    "install-archive-unsigned": [
        plugin(),
        packed(),
        bring("pub", OPEN, public=True),
        Do("plugin install", fails="no provenance file (.prov) found", source="notes-1.0.0.tgz", keyring="pub"),
    ],
    "install-archive-of-another-name": [
        plugin(),
        packed(at="other-1.0.0.tgz"),
        Do("plugin install", fails="plugin.yaml not found", source="other-1.0.0.tgz", verify=False),
    ],
    "install-archive-that-is-none": [
        Put({"notes-1.0.0.tgz": "no archive"}),
        Do("plugin install", fails="gzip", source="notes-1.0.0.tgz", verify=False),
    ],
    "install-signed": [
        *MAKE_SIGNED,
        Do("plugin package", path="notes", **SIGNING),
        Do("plugin install", source="notes-1.0.0.tgz", keyring="pub"),
        Do("plugin list"),
    ],
    "install-signed-by-another": [
        *MAKE_SIGNED,
        bring("other", LOCKED, public=True),
        Do("plugin package", path="notes", **SIGNING),
        Do("plugin install", fails="plugin verification failed", source="notes-1.0.0.tgz", keyring="other"),
    ],
    "install-tampered": [
        *MAKE_SIGNED,
        Do("plugin package", path="notes", **SIGNING),
        packed(),
        Do("plugin install", fails="plugin verification failed", source="notes-1.0.0.tgz", keyring="pub"),
    ],
    # From elsewhere.
    "install-over-http": [
        plugin(),
        packed(),
        Touch(lambda place: shutil.copy(place.work / "notes-1.0.0.tgz", place.served)),
        Do("plugin install", source="@repository@/@side@/notes-1.0.0.tgz", verify=False),
        Do("plugin list"),
    ],
    "install-over-http-nowhere": [
        Do("plugin install", fails="404", source="@repository@/@side@/nowhere-1.0.0.tgz", verify=False),
    ],
    "install-out-of-a-registry": [
        plugin(),
        packed(),
        pushed(),
        Do("plugin install", source="oci://@registry@/@side@/notes:1.0.0", verify=False, plain_http=True),
        Do("plugin list"),
    ],
    "install-signed-out-of-a-registry": [
        *MAKE_SIGNED,
        Do("plugin package", path="notes", **SIGNING),
        pushed(signed=True),
        Do("plugin install", source="oci://@registry@/@side@/notes:1.0.0", keyring="pub", plain_http=True),
        Do("plugin list"),
    ],
    "install-out-of-a-registry-with-an-authority": [
        plugin(),
        packed(),
        pushed(),
        Do("plugin install", source="oci://@registry_tls@/@side@/notes:1.0.0", verify=False, ca_file="@ca_file@"),
    ],
    "install-out-of-a-registry-with-a-client-certificate": [
        plugin(),
        packed(),
        pushed(),
        Do(
            "plugin install",
            source="oci://@registry_mtls@/@side@/notes:1.0.0",
            verify=False,
            ca_file="@ca_file@",
            cert_file="@client_certificate@",
            key_file="@client_key@",
        ),
    ],
    "install-out-of-a-registry-unchecked": [
        plugin(),
        packed(),
        pushed(),
        Do(
            "plugin install",
            source="oci://@registry_tls@/@side@/notes:1.0.0",
            verify=False,
            insecure_skip_tls_verify=True,
        ),
    ],
    "install-out-of-a-registry-untrusted": [
        Do("plugin install", fails="x509", source="oci://@registry_tls@/@side@/notes:1.0.0", verify=False),
    ],
    "install-out-of-a-registry-nowhere": [
        Do(
            "plugin install",
            fails="not found",
            source="oci://@registry@/@side@/nowhere:1.0.0",
            verify=False,
            plain_http=True,
        ),
    ],
    "install-out-of-git": [
        repository("1.0.0", "1.1.0", "2.0.0"),
        Do("plugin install", source="file://@work@/origin/notes", version="~1", verify=False),
        Do("plugin list"),
        Touch(forget_git),
    ],
    "install-out-of-git-verified": [
        repository("1.0.0"),
        Do("plugin install", fails="does not support verification", source="file://@work@/origin/notes"),
        Touch(forget_git),
    ],
    # Removing and updating.
    "uninstall": [
        plugin(),
        plugin(LEGACY, at="old"),
        Do("plugin install", source="notes"),
        Do("plugin install", source="old"),
        Do("plugin uninstall", plugin_names=["old", "notes"]),
        Do("plugin list"),
    ],
    "uninstall-archive": [
        plugin(),
        packed(),
        Do("plugin install", source="notes-1.0.0.tgz", verify=False),
        Do("plugin uninstall", plugin_names="notes"),
    ],
    "uninstall-nowhere": [
        plugin(at="@data@/plugins/notes"),
        Do("plugin uninstall", fails="plugin: nowhere not found", plugin_names=["nowhere", "notes"]),
    ],
    "update-out-of-git": [
        repository("1.0.0"),
        Do("plugin install", source="file://@work@/origin/notes", verify=False),
        repository("1.1.0"),
        Do("plugin update", plugin_names=["notes"]),
        Do("plugin list"),
        Touch(forget_git),
    ],
    "update-what-came-from-elsewhere": [
        plugin(at="@data@/plugins/notes"),
        Do("plugin update", fails="cannot get information about plugin source", plugin_names="notes"),
    ],
    "update-nowhere": [Do("plugin update", fails="plugin: nowhere not found", plugin_names=["nowhere"])],
    # Packaging and verifying.
    "package": [plugin(), Do("plugin package", path="notes", sign=False)],
    "package-destination": [plugin(), Do("plugin package", path="./notes/", sign=False, destination="out/deep")],
    "package-over-another": [
        plugin(),
        Put({"notes-1.0.0.tgz": "older"}),
        Do("plugin package", path="notes", sign=False),
    ],
    "package-legacy": [plugin(LEGACY, at="x"), Do("plugin package", path="x", sign=False, destination="out")],
    "package-signed": [*MAKE_SIGNED, Do("plugin package", path="notes", **SIGNING)],
    "package-signed-with-a-passphrase": [
        plugin(),
        bring("ring", LOCKED),
        Put({"secret": f"{LOCKED.passphrase}\n"}),
        Do("plugin package", path="notes", key=LOCKED.name, keyring="ring", passphrase_file="secret"),
    ],
    "package-signed-with-a-wrong-passphrase": [
        plugin(),
        bring("ring", LOCKED),
        Put({"secret": "wrong"}),
        Do(
            "plugin package",
            fails="private key checksum failure",
            path="notes",
            key=LOCKED.name,
            keyring="ring",
            passphrase_file="secret",
        ),
    ],
    "package-without-a-ring": [
        plugin(),
        Do("plugin package", fails="error reading from keyring", path="notes", keyring="nowhere"),
    ],
    "package-with-an-unknown-key": [
        *MAKE_SIGNED,
        Do("plugin package", fails="private key not found", path="notes", keyring="ring", key="nobody@example.org"),
    ],
    "package-nothing": [
        Put({"empty/x": "x"}),
        Do("plugin package", fails="invalid plugin directory", path="empty", sign=False),
    ],
    "package-a-file": [
        Put({"file": "x"}),
        Do("plugin package", fails="only supports directories", path="file", sign=False),
    ],
    "package-nowhere": [Do("plugin package", fails="no such file", path="nowhere", sign=False)],
    "verify": [
        *MAKE_SIGNED,
        Do("plugin package", path="notes", **SIGNING),
        Do("plugin verify", path="notes-1.0.0.tgz", keyring="pub"),
        Do("plugin verify", fails="open nowhere: no such file", path="notes-1.0.0.tgz", keyring="nowhere"),
    ],
    "verify-with-the-default-ring": [
        *MAKE_SIGNED,
        Do("plugin package", path="notes", **SIGNING),
        Do("plugin verify", fails="pubring.gpg: no such file", path="notes-1.0.0.tgz"),
        Touch(lambda place: place.put("@home@/.gnupg/pubring.gpg", OPEN.pubring)),
        Do("plugin verify", path="notes-1.0.0.tgz"),
        Do("plugin install", source="notes-1.0.0.tgz"),
    ],
    "verify-another-key": [
        *MAKE_SIGNED,
        bring("other", LOCKED, public=True),
        Do("plugin package", path="notes", **SIGNING),
        Do("plugin verify", fails="signature made by unknown entity", path="notes-1.0.0.tgz", keyring="other"),
    ],
    "verify-unsigned": [
        plugin(),
        packed(),
        Do("plugin verify", fails="could not find provenance file", path="notes-1.0.0.tgz", keyring="pub"),
    ],
    "verify-a-directory": [
        plugin(),
        Do("plugin verify", fails="directory verification not supported", path="notes"),
        Do("plugin verify", fails="must be a gzipped tarball", path="notes/plugin.yaml"),
        Do("plugin verify", fails="no such file", path="nowhere"),
    ],
    # Plugins that other commands use.
    "post-renderer": [
        *program(POST_RENDERER, "renders", 'sed s/here/"$1-$2-$3-$HELM_PLUGIN_NAME-$OWN"/; echo to stderr >&2'),
        Put({"shown": SHOWN}),
        Do(
            "template",
            release_name="a",
            chart_path="shown",
            set=["value=here"],
            post_renderer="renders",
            post_renderer_args=["x y"],
            env={"OWN": "mine"},
        ),
    ],
    "post-renderer-fails": [
        *program(POST_RENDERER, "renders", "echo why >&2; exit 3"),
        Put({"shown": SHOWN}),
        Do(
            "template",
            fails='plugin "renders" exited with error',
            release_name="a",
            chart_path="shown",
            post_renderer="renders",
        ),
    ],
    "post-renderer-says-nothing": [
        *program(POST_RENDERER, "renders", "cat >/dev/null"),
        Put({"shown": SHOWN}),
        Do(
            "template",
            fails="produced empty output",
            release_name="a",
            chart_path="shown",
            post_renderer="renders",
        ),
    ],
    "getter-of-values": [
        *program(GETTER, "fetches", 'echo "value: $1 $2 $3 $4 $HELM_PLUGIN_NAME $HELM_NAMESPACE $HELM_MAX_HISTORY"'),
        Put({"shown": SHOWN}),
        Do("template", release_name="a", chart_path="shown", values_files=["mine://host/values.yaml"]),
        Do("lint", chart_path="shown", values_files=["mine://host/values.yaml"]),
    ],
    "getter-fails": [
        *program(GETTER, "fetches", "exit 3"),
        Put({"shown": SHOWN}),
        Do(
            "template",
            fails='plugin "fetches" exited with error',
            reworded=True,  # the command names the plugin by all that Go knows of it
            release_name="a",
            chart_path="shown",
            values_files=["mine://host/values.yaml"],
        ),
    ],
    "getter-of-charts": [
        *program(GETTER, "fetches", 'cat "${4#mine://host}"'),
        Put({"simple.tgz": SIMPLE}),
        Do("template", release_name="a", chart_path="mine://host@work@/simple.tgz"),
        Do("show chart", chart_path="mine://host@work@/simple.tgz"),
    ],
    "getter-of-a-repository": [
        *program(GETTER, "fetches", 'cat "${4#mine://}"'),
        Put({"served/simple-1.0.0.tgz": SIMPLE}),
        Line(["repo", "index", "served"]),
        Do("repo add", name="own", url="mine://@work@/served"),
        Do("search repo", keyword=""),
        Look(),
    ],
    "without-plugins-they-are-used-all-the-same": [
        *program(GETTER, "fetches", "echo value: fetched"),
        Put({"shown": SHOWN}),
        Do(
            "template",
            release_name="a",
            chart_path="shown",
            values_files=["mine://x"],
            env={"HELM_NO_PLUGINS": "1"},
        ),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
