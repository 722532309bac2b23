"""Packaging charts and checking what was packaged: whole archives or none, and signatures that hold."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import (
    ChartError,
    ChartInvalidError,
    ChartNotFoundError,
    Configuration,
    ConfigurationError,
    DigestMismatchError,
    MissingDependencyError,
    Package,
    ProvenanceError,
    Template,
    ValidationError,
    Verify,
)
from tests.integration.charts import SIMPLE, Chart
from tests.integration.keys import LOCKED, OPEN, Key, formats


@pytest.fixture
def config() -> Configuration:
    return Configuration()


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The directory of a chart."""
    return SIMPLE.write(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where archives go."""
    return tmp_path / "out"


def files(directory: Path) -> list[str]:
    """Everything in a directory, what is hidden too."""
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def digest(file: Path) -> str:
    """The digest of a file."""
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


def change(file: Path, old: bytes, new: bytes) -> None:
    """Write other bytes into a file."""
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new))


def replace(file: Path, content: bytes | None) -> None:
    """Write a file anew, or remove it."""
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


def signing(key: Key, /, **more: Any) -> dict[str, Any]:
    """The options that sign with a key."""
    passphrase = {} if key.passphrase is None else {"passphrase": key.passphrase}
    return {"sign": True, "key": key.name, "keyring": key.secring, **passphrase, **more}


async def test_the_result_tells_of_the_archive(config: Configuration, chart: Path, out: Path) -> None:
    made = await Package(config).run(chart, out)
    assert made == {
        "path": str(out / "web-0.1.0.tgz"),
        "name": "web",
        "version": "0.1.0",
        "digest": digest(out / "web-0.1.0.tgz"),
        "size": (out / "web-0.1.0.tgz").stat().st_size,
        "provenance": None,
    }
    assert files(out) == ["web-0.1.0.tgz"]


async def test_the_result_is_the_path_too(config: Configuration, chart: Path, out: Path) -> None:
    """Code for helm-sdkpy 0.1.32, which gave the path alone, hands it on."""
    made: Any = await Package(config).run(str(chart), dest_dir=str(out))
    assert Path(made) == out / "web-0.1.0.tgz"
    assert os.fspath(made) == made["path"]
    assert "kind: ConfigMap" in (await Template(config).run("a", made)).replace('"', "")
    assert json.loads(json.dumps(made)) == made == pickle.loads(pickle.dumps(made))


async def test_where_it_goes_by_default(
    config: Configuration, chart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert (await Package(config).run(chart))["path"] == str(tmp_path / "web-0.1.0.tgz")
    assert (await Package(config).run("web", destination="a/b"))["path"] == "a/b/web-0.1.0.tgz"
    assert (tmp_path / "a" / "b" / "web-0.1.0.tgz").is_file()


async def test_two_names_for_the_destination(config: Configuration, chart: Path, out: Path) -> None:
    assert (await Package(config).run(chart, out, destination=out))["path"].startswith(str(out))
    with pytest.raises(ValidationError, match="dest_dir"):
        await Package(config).run(chart, out, destination=out / "other")


async def test_several_charts(config: Configuration, tmp_path: Path, out: Path) -> None:
    one, other = SIMPLE.write(tmp_path), Chart(name="other", version="2.0.0").write(tmp_path)
    made = await Package(config).run([one, other], out, app_version="7")
    assert [each["name"] for each in made] == ["web", "other"]
    assert files(out) == ["other-2.0.0.tgz", "web-0.1.0.tgz"]
    with pytest.raises(ValidationError, match="chart_path"):
        await Package(config).run([], out)


async def test_an_epoch_makes_the_same_archive_twice(
    chart: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    config = Configuration()
    # The environment is the one that the Configuration was made in.
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    one = await Package(config).run(chart, tmp_path / "one")
    (chart / "values.yaml").touch()
    assert (await Package(config).run(chart, tmp_path / "other"))["digest"] == one["digest"]


@pytest.mark.parametrize("epoch", ["soon", "-1", "1.5"])
async def test_no_epoch(chart: Path, out: Path, monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(ConfigurationError, match="SOURCE_DATE_EPOCH"):
        await Package(Configuration()).run(chart, out)
    assert files(out) == []


@pytest.mark.parametrize(
    ("broken", "cause", "match"),
    [
        ({"version": "not a version"}, ChartInvalidError, "version"),
        ({"version": "1.2.3", "metadata": {"apiVersion": "v3"}}, ChartInvalidError, "apiVersion"),
        ({"metadata": {"dependencies": [{"name": "a", "version": "1"}]}}, MissingDependencyError, "missing in charts"),
        ({"files": {"values.schema.json": "{"}}, ChartInvalidError, "JSON"),
    ],
)
async def test_what_can_not_be_packaged_leaves_nothing(
    config: Configuration, tmp_path: Path, broken: Any, cause: type[ChartError], match: str
) -> None:
    chart = dataclasses.replace(SIMPLE, name="a", **broken).write(tmp_path)
    with pytest.raises(cause, match=match) as raised:
        await Package(config).run(chart, tmp_path)
    assert isinstance(raised.value, ChartError)
    assert files(tmp_path) == ["a"]


async def test_an_archive_that_was_there_stays_where_the_new_one_fails(
    config: Configuration, chart: Path, out: Path
) -> None:
    before = await Package(config).run(chart, out)
    with pytest.raises(ProvenanceError):
        await Package(config).run(chart, out, **signing(OPEN, key="nobody"))
    assert digest(out / "web-0.1.0.tgz") == before["digest"]
    assert files(out) == ["web-0.1.0.tgz"]


async def test_no_such_directory(config: Configuration, tmp_path: Path, out: Path) -> None:
    with pytest.raises(ChartNotFoundError, match="nowhere") as raised:
        await Package(config).run(tmp_path / "nowhere", out)
    assert raised.value.details["chart"] == str(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(ChartError, match="is not a directory"):
        await Package(config).run(SIMPLE.write(tmp_path), tmp_path / "file")


# Signing.


@pytest.mark.parametrize("key", [OPEN, LOCKED], ids=["open", "locked"])
async def test_a_signature_holds(config: Configuration, chart: Path, out: Path, key: Key) -> None:
    made = await Package(config).run(chart, out, **signing(key, version="1.2.3"))
    assert made["provenance"] == f"{made['path']}.prov"
    assert files(out) == ["web-1.2.3.tgz", "web-1.2.3.tgz.prov"]
    verified = await Verify(config).run(made["path"], keyring=key.pubring)
    assert any(key.name in name for name in verified["signed_by"])
    assert verified["chart_hash"] == made["digest"]
    assert set(verified["fingerprint"]) <= set("0123456789ABCDEF")
    assert len(verified["fingerprint"]) == 40
    # Anybody who verifies a chart on the way reads the same.
    assert await Template(config).run("a", made["path"], verify=True, keyring=key.pubring)


async def test_a_passphrase_from_a_file(config: Configuration, chart: Path, out: Path, tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(f"{LOCKED.passphrase}\nsomething else\n")
    options = signing(LOCKED, passphrase=None, passphrase_file=file)
    assert (await Package(config).run(chart, out, **options))["provenance"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"passphrase": None}, r"is locked: set passphrase= or passphrase_file="),
        ({"passphrase": "wr0ng"}, "passphrase does not open it"),
        ({"key": "nobody@example.org"}, r"no key whose name contains .nobody@example\.org."),
        ({"keyring": Path("/no/such/ring")}, r"/no/such/ring: no such file"),
    ],
)
async def test_a_key_that_can_not_sign(
    config: Configuration, chart: Path, out: Path, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(ProvenanceError, match=match) as raised:
        await Package(config).run(chart, out, **signing(LOCKED, **options))
    assert raised.value.code == "provenance"
    assert isinstance(raised.value, ChartError)
    assert "keyring" in raised.value.details
    assert "wr0ng" not in repr(raised.value) + str(raised.value.details)
    assert files(out) == []


async def test_a_public_key_can_not_sign(config: Configuration, chart: Path, out: Path) -> None:
    with pytest.raises(ProvenanceError, match="not a private key"):
        await Package(config).run(chart, out, **signing(OPEN, keyring=OPEN.pubring))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"key": None}, "key is required"),
        ({"passphrase_file": "-", "passphrase": None}, "standard input"),
        ({"passphrase_file": "/no/such/file", "passphrase": None}, "passphrase_file"),
        ({"passphrase_file": "/dev/null", "passphrase": None}, "passphrase_file"),
        ({"passphrase_file": "/dev/null"}, "exclude each other"),
    ],
)
async def test_options_that_can_not_sign(
    config: Configuration, chart: Path, out: Path, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValidationError, match=match):
        await Package(config).run(chart, out, **signing(LOCKED, **options))
    assert files(out) == []


def test_nothing_is_asked_or_printed(chart: Path, out: Path) -> None:
    """Helm's own way would ask for the passphrase on the terminal."""
    code = f"""
import asyncio
from helm_sdkpy import Configuration, Package, ProvenanceError
try:
    asyncio.run(Package(Configuration()).run({str(chart)!r}, {str(out)!r}, sign=True, key={LOCKED.name!r},
        keyring={str(LOCKED.secring)!r}))
except ProvenanceError:
    pass
"""
    done = subprocess.run([sys.executable, "-c", code], input="secret\n", capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


async def test_many_at_once(config: Configuration, chart: Path, out: Path) -> None:
    made = await asyncio.gather(
        *(Package(config).run(chart, out, **signing(OPEN, version=f"1.0.{number % 4}")) for number in range(16))
    )
    assert files(out) == sorted(f"web-1.0.{number}.tgz{end}" for number in range(4) for end in ("", ".prov"))
    assert {each["size"] > 0 for each in made} == {True}


@pytest.fixture(params=["", "a pass phrase"], ids=["open", "locked"])
def gpg(request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    """A home of gpg's with a new key of today's kind, exported to secring.gpg and pubring.gpg, and its passphrase."""
    program = shutil.which("gpg")
    if program is None:
        pytest.skip("there is no gpg here")
    passphrase: str = request.param
    with tempfile.TemporaryDirectory() as name:  # short: the agent's socket is in it
        home = Path(name)

        def run(*arguments: str) -> bytes:
            unlock = ["--pinentry-mode", "loopback", "--passphrase", passphrase]
            command = [program, "--homedir", name, "--batch", *unlock, *arguments]
            return subprocess.run(command, check=True, capture_output=True).stdout

        try:
            run("--quick-generate-key", "Ann <ann@example.org>", "ed25519", "sign", "never")
            (home / "secring.gpg").write_bytes(run("--export-secret-keys"))
            (home / "exported.gpg").write_bytes(run("--export"))
            yield home, passphrase
        finally:
            subprocess.run(["gpgconf", "--homedir", name, "--kill", "gpg-agent"], check=False)


async def test_keys_of_todays_gpg(config: Configuration, chart: Path, out: Path, gpg: tuple[Path, str]) -> None:
    home, passphrase = gpg
    options: dict[str, Any] = {"passphrase": passphrase} if passphrase else {}
    made = await Package(config).run(chart, out, sign=True, key="ann@", keyring=home / "secring.gpg", **options)
    for ring in ("exported.gpg", "pubring.kbx"):
        verified = await Verify(config).run(made["path"], keyring=home / ring)
        assert verified["signed_by"] == ["Ann <ann@example.org>"]
    assert b"Good signature" in await asyncio.to_thread(gpg_says, home, f"{made['path']}.prov")


def gpg_says(home: Path, signed: str) -> bytes:
    """What gpg itself says of a signature; that Helm's text has no checksum at its end, it says too."""
    command = ["gpg", "--homedir", str(home), "--verify", signed]
    return subprocess.run(command, check=False, capture_output=True).stderr


# Verifying.


@pytest.fixture
async def signed(config: Configuration, chart: Path, out: Path) -> Path:
    """A signed archive."""
    return Path((await Package(config).run(chart, out, **signing(OPEN)))["path"])


@pytest.mark.parametrize("form", formats())
async def test_every_form_of_a_keyring(config: Configuration, signed: Path, form: str) -> None:
    assert (await Verify(config).run(signed, keyring=formats()[form]()))["signed_by"]


@pytest.mark.parametrize("name", ["pubring.gpg", "pubring.kbx"])
async def test_the_keyring_is_gpgs_by_default(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home = tmp_path / ".gnupg"
    home.mkdir()
    (home / name).write_bytes(formats()["pub" if name.endswith("gpg") else "kbx"]().read_bytes())
    monkeypatch.delenv("GNUPGHOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await Verify(Configuration()).run(signed))["signed_by"]
    monkeypatch.setenv("GNUPGHOME", str(tmp_path / "nowhere"))
    with pytest.raises(ProvenanceError, match="nowhere"):
        await Verify(Configuration()).run(signed)
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("GNUPGHOME", str(home))
    assert (await Verify(Configuration()).run(signed))["signed_by"]


async def test_an_unknown_signer(config: Configuration, signed: Path) -> None:
    with pytest.raises(ProvenanceError, match=r"unknown entity .*not in the keyring") as raised:
        await Verify(config).run(signed, keyring=LOCKED.pubring)
    assert raised.value.code == "provenance"
    assert raised.value.details == {"chart": str(signed), "keyring": str(LOCKED.pubring)}


async def test_another_archive_than_was_signed(config: Configuration, signed: Path) -> None:
    change(signed, b"Helm", b"helm")  # the comment in the archive's head
    with pytest.raises(DigestMismatchError, match="sha256 sum does not match") as raised:
        await Verify(config).run(signed, keyring=OPEN.pubring)
    assert raised.value.code == "digest_mismatch"
    with pytest.raises(DigestMismatchError):
        await Template(config).run("a", signed, verify=True, keyring=OPEN.pubring)


async def test_a_signature_of_another_text(config: Configuration, signed: Path) -> None:
    change(Path(f"{signed}.prov"), b"name: web", b"name: wet")
    with pytest.raises(ProvenanceError, match="openpgp"):
        await Verify(config).run(signed, keyring=OPEN.pubring)


@pytest.mark.parametrize("content", [None, b"nothing of the kind", b""], ids=["missing", "other", "empty"])
async def test_no_signature(config: Configuration, signed: Path, content: bytes | None) -> None:
    prov = Path(f"{signed}.prov")
    replace(prov, content)
    match = "could not load provenance file" if content is None else "signature block not found"
    with pytest.raises(ProvenanceError, match=match):
        await Verify(config).run(signed, keyring=OPEN.pubring)
    with pytest.raises(ProvenanceError, match=match):
        await Template(config).run("a", signed, verify=True, keyring=OPEN.pubring)


async def test_what_can_not_be_verified(config: Configuration, chart: Path, signed: Path) -> None:
    with pytest.raises(ProvenanceError, match="unpacked charts"):
        await Verify(config).run(chart, keyring=OPEN.pubring)
    with pytest.raises(ProvenanceError, match="must be a tgz file"):
        await Verify(config).run(f"{signed}.prov", keyring=OPEN.pubring)
    with pytest.raises(ChartNotFoundError, match="nowhere"):
        await Verify(config).run(signed.parent / "nowhere.tgz", keyring=OPEN.pubring)
    with pytest.raises(ProvenanceError, match=r"keyring.*no such file"):
        await Verify(config).run(signed, keyring="/no/such/ring")
    with pytest.raises(ValidationError, match="standard input"):
        await Verify(config).run("-")


async def test_bytes_can_not_be_verified(config: Configuration) -> None:
    """They must not pass for verified."""
    with pytest.raises(ValidationError, match="verify needs a chart that has a provenance file"):
        await Template(config).run("a", SIMPLE.archive(), verify=True, keyring=OPEN.pubring)
