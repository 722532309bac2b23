"""Tells what differs between two versions of Helm for this project: what a person who moves it has to look at."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import versions

ROOT: Final = Path(__file__).resolve().parent.parent

Commands = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Moved:
    """Both versions: helm's commands by name, the texts of ours that name the new one, and what sources differ in."""

    old: str
    version: str
    was: Commands
    now: Commands
    rewritten: list[str]
    differs: dict[str, Any]


@dataclass(frozen=True)
class Citation:
    """A place of Helm's sources that a comment of ours names."""

    ours: str
    file: str
    symbol: str

    def __str__(self) -> str:
        return f"{self.file}, {self.symbol}" if self.symbol else self.file


def citations() -> Iterator[Citation]:
    """Every `helm: pkg/action/upgrade.go, failRelease` in a comment."""
    place = re.compile(r"(?:pkg|internal|cmd)/[\w/]+(?:\.go)?|Makefile")
    for path in sorted([*ROOT.glob("go/**/*.go"), *ROOT.glob("*/**/*.py")]):
        if path.is_relative_to(ROOT / ".venv") or path == Path(__file__):
            continue
        text = path.read_text()
        for found in re.finditer(r"\bhelm: (?=pkg/|internal/|cmd/|Makefile)", text):
            # It may go on in the next line, behind that line's own sign of a comment.
            behind = re.sub(r"\s*\n\s*(?://|#)?\s*", " ", text[found.end() :][:400])
            ours = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}"
            file, symbols = "", 0
            for word in re.split(r"[,;]? and |[,;] ", re.split(r"\)|: |\. ", behind)[0]):
                beside = word.endswith(".go") and "/" not in word
                if beside or place.fullmatch(word):
                    if file and not symbols:
                        yield Citation(ours, file, "")
                    file, symbols = f"{file.rpartition('/')[0]}/{word}" if beside else word, 0
                elif file and re.fullmatch(r"\w+(\.\w+)?", word):
                    symbols += 1
                    yield Citation(ours, file, word)
                else:
                    break
            if file and not symbols:
                yield Citation(ours, file, "")


def report(moved: Moved) -> Iterator[str]:
    """What a person has to look at, as Markdown."""
    yield f"# Helm {moved.old} → {moved.version}"
    yield f"The client is of Kubernetes {versions.client()}, the test cluster is {versions.kubernetes()}."
    if versions.client().split(".")[1] != versions.kubernetes().split(".")[1]:
        yield f"Move the cluster too: `--kubernetes {versions.client()[1:]}`, or a newer patch of it."
    yield f"Texts that name the new version: {', '.join(moved.rewritten) or 'none'}."
    yield ""
    yield from _section("Commands and flags", _flags(moved.was, moved.now))
    yield from _section("Help texts", _help(moved.was, moved.now))
    yield from _section("Cited places that are not what they were", _cited(moved.differs["cited"]))
    yield from _section("Texts of errors that are gone, and where we have their words", _gone(moved.differs["gone"]))
    yield from _section("New texts of errors", [f"- {each['file']}: `{each['text']}`" for each in moved.differs["new"]])


def _section(title: str, lines: list[str]) -> Iterator[str]:
    yield f"## {title}"
    yield from lines or ["None."]
    yield ""


def _flags(was: Commands, now: Commands) -> list[str]:
    told = [f"- new command `{name}`" for name in now if name not in was]
    told += [f"- `{name}` is gone" for name in was if name not in now]
    for name, command in now.items():
        here = {flag["name"]: flag for flag in command["flags"]}
        there = {flag["name"]: flag for flag in was[name]["flags"]} if name in was else {}
        for flag in sorted({*here, *there}):
            one, other = there.get(flag), here.get(flag)
            if other is None:
                told.append(f"- `{name} --{flag}` is gone")
            elif one is None:
                told.append(
                    f"- new: `{name} --{flag}` ({other['type']}, {other['default'] or 'empty'}): {other['usage']}"
                )
            else:
                told += [
                    f"- `{name} --{flag}`: {part} `{one[part]}` → `{other[part]}`"
                    for part in ("type", "default", "usage")
                    if one[part] != other[part]
                ]
    return told


def _help(was: Commands, now: Commands) -> list[str]:
    told: list[str] = []
    for name in now.keys() & was.keys():
        pair = [side[name]["use"] + "\n" + side[name]["help"] for side in (was, now)]
        lines = difflib.unified_diff(*(text.splitlines() for text in pair), lineterm="", n=0)
        changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
        if changed:
            told += [f"- `{name}`", "  ```diff", *(f"  {line}" for line in changed), "  ```"]
    return told


def _cited(verdicts: list[dict[str, str]]) -> list[str]:
    places: dict[tuple[str, str], list[str]] = {}
    for each in verdicts:
        if each["state"] != "same":
            what = str(Citation("", each["file"], each["symbol"]))
            places.setdefault((what, each["state"]), []).append(each["ours"])
    words = {"unknown": "was in neither: mend the comment"}
    return [
        f"- {what}: {words.get(state, state)} ({', '.join(ours)})" for (what, state), ours in sorted(places.items())
    ]


def _gone(texts: list[dict[str, str]]) -> list[str]:
    """The texts that are gone; first those of which our code or tests have a part."""
    ours = dict(_words())
    told: list[str] = []
    for each in texts:
        parts = [part.strip() for part in re.split(r"%[+#]?\w", each["text"])]
        places = sorted({place for words, place in ours.items() if any(_matches(words, part) for part in parts)})
        told.append(f"- {each['file']}: `{each['text']}`" + (f" — ours: {', '.join(places)}" if places else ""))
    return sorted(told, key=lambda line: " — ours: " not in line)


def _matches(ours: str, part: str) -> bool:
    return (len(ours) >= 10 and ours in part) or (len(part) >= 16 and part in ours)


def _words() -> Iterator[tuple[str, str]]:
    """Every string of our Go code and of the tests, and where it is first."""
    for path in sorted([*ROOT.glob("go/**/*.go"), *ROOT.glob("tests/**/*.py")], reverse=True):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for words in re.findall(r'"((?:[^"\\]|\\.)*)"', line):
                yield words, f"{path.relative_to(ROOT)}:{number}"
