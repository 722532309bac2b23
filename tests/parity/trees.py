"""Reads what a side left in its directories, and takes out what two runs can not have in common."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import stat
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Rule = tuple[re.Pattern[str], str]

RULES: Final[Mapping[str, Rule]] = {
    # os.CreateTemp: a random number after a fixed beginning. First, for it may look like a moment.
    "temporary": (re.compile(r"(/tmp/|@root@/tmp/)([a-z-]*?)\d{6,}"), r"\1\2RANDOM"),
    "moment": (re.compile(r"(?!0001-01-01)\d{4}-\d\d-\d\d([T ])\d\d:\d\d:\d\d(\.\d+)?"), r"TIME\1"),
    # `Z` and `+02:00` are the same moment's; which one is written depends on the machine's zone, and is kept.
    "second": (re.compile(r"\b1[6-9]\d{8}\b"), "SECONDS"),
    # An OpenPGP signature holds the moment it was made at; the text that it signs is compared.
    "signature": (
        re.compile(r"(-----BEGIN PGP SIGNATURE-----\n).*?(-----END PGP SIGNATURE-----)", re.S),
        r"\1SIGNATURE\n\2",
    ),
    # A request's own number, in answers of the registry.
    "uuid": (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
}
"""What each run makes anew, wherever it stands."""

NOT_COMPARED: Final = ("home/.kube/", "tmp/")
"""The command's own discovery cache (the library keeps its in memory), and temporary files, which must be gone."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

Text = Callable[[str], str]


def text_of(own: Mapping[str, str], root: Path, pushed: Mapping[str, str] | None = None) -> Text:
    """What stands for a text of a side: its own names by theirs, then the rules, then digests of its own files."""
    names = sorted(own.items(), key=lambda pair: -len(pair[1]))
    digests = {**dict(_digests(root)), **(pushed or {})}

    def of(text: str) -> str:
        for name, value in names:
            text = text.replace(value, f"@{name}@")
        for pattern, word in RULES.values():
            text = pattern.sub(word, text)
        # An archive that differs by the moment it was made at has another digest; which file it is of is compared.
        return _DIGEST.sub(lambda found: digests.get(found[0], found[0]), text)

    return of


def read(root: Path, text: Text) -> dict[str, Any]:
    """Everything below a directory by its path: modes, texts, links, and archives by their members."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if f"{name}/".startswith(NOT_COMPARED) or _is_lock(path) or (name.startswith("cache/") and _is_empty(path)):
            continue
        found[text(name)] = _entry(path, text)
    return found


def _is_empty(directory: Path) -> bool:
    """Whether a directory of helm's cache holds nothing: it is made before or after what then fails."""
    return directory.is_dir() and not any(path.is_file() or path.is_symlink() for path in directory.rglob("*"))


def _entry(path: Path, text: Text) -> dict[str, Any]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return {"link": text(str(path.readlink()))}
    mode = f"{stat.S_IMODE(status.st_mode):o}"
    if stat.S_ISDIR(status.st_mode):
        return {"mode": mode, "directory": True}
    data = path.read_bytes()
    if path.name.endswith("-charts.txt"):
        # The names of an index, which the command writes in another order each time.
        data = b"".join(sorted(data.splitlines(keepends=True)))
    return {"mode": mode, **content(data, text)}


def _is_lock(path: Path) -> bool:
    # What locks a list of repositories stays, and says nothing; the library makes it only where it has to write.
    return path.suffix == ".lock" and path.is_file() and path.stat().st_size == 0


def content(data: bytes, text: Text) -> dict[str, Any]:
    """Bytes made comparable: an archive by its headers, members and their contents, a text by its lines."""
    if data.startswith(b"\x1f\x8b"):
        return {"gzip": _gzip_header(data), "members": _members(gzip.decompress(data), text)}
    try:
        return {"text": text(data.decode()).splitlines(keepends=True)}
    except UnicodeDecodeError:
        return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _gzip_header(data: bytes) -> dict[str, Any]:
    """Flags, level and system of a gzip's header; its extra field, name and comment. RFC 1952."""
    header: dict[str, Any] = {"flags": data[3], "made at": _moment(int.from_bytes(data[4:8], "little"))}
    header |= {"level": data[8], "system": data[9]}
    at = 10
    if data[3] & 4:
        length = int.from_bytes(data[at : at + 2], "little")
        header["extra"] = data[at + 2 : at + 2 + length].decode("latin-1")
        at += 2 + length
    for bit, name in ((8, "name"), (16, "comment")):
        if data[3] & bit:
            end = data.index(b"\0", at)
            header[name] = data[at:end].decode("latin-1")
            at = end + 1
    return header


def _members(data: bytes, text: Text) -> Any:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return [_member(archive, member, text) for member in archive.getmembers()]
    except tarfile.ReadError:
        return content(data, text)


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, text: Text) -> dict[str, Any]:
    header = {name: getattr(member, name) for name in ("name", "mode", "uid", "gid", "uname", "gname", "linkname")}
    header |= {"type": member.type.decode(), "made at": _moment(member.mtime), "pax": dict(member.pax_headers)}
    packed = archive.extractfile(member) if member.isfile() else None
    return {**header, **({} if packed is None else content(packed.read(), text))}


def _moment(seconds: float) -> object:
    # Of this run, or a moment that came from somewhere: the latter must be the same.
    return "now" if seconds > time.time() - 3600 else seconds


def _digests(root: Path) -> Iterator[tuple[str, str]]:
    # The last one wins: a file with a name of its own before one in a cache, whose name is a digest.
    for path in sorted(root.rglob("*"), key=lambda path: (not _DIGEST.search(path.name), path), reverse=True):
        if path.is_file() and not path.is_symlink() and path.stat().st_size:
            yield hashlib.sha256(path.read_bytes()).hexdigest(), f"SHA256-OF-{_DIGEST.sub('DIGEST', path.name)}"
