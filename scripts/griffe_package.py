"""Tells mkdocstrings what reading the package's source alone does not show: a Griffe extension.

- A method's `**options` are listed below its parameters: every key with its families', type, default and meaning.
- A TypedDict is one list of its keys, in place of a heading for each.
- `stream = streamed(run)` is the method that it is when the package runs.
- A public name in backticks is a link.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

import griffe

import helm_sdkpy
from helm_sdkpy import events, options, progress, results

UNPACK: Final = "typing.Unpack"
TYPED_DICT: Final = "typing.TypedDict"

LINKED: Final[dict[str, str]] = {
    **{
        name: f"{module.__name__}.{name}"
        for module in (events, options, results, progress)
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    },
    **{name: f"helm_sdkpy.{name}" for name in helm_sdkpy.__all__},
}
"""The identifier of what a name in a docstring means."""

NAME: Final = re.compile(r"`([A-Z]\w+)((?:\.[a-z]\w*)?)(\(\))?`")


class PackageExtension(griffe.Extension):
    """Goes over the package once it is loaded as a whole."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: Any) -> None:
        """Change what is shown."""
        if pkg.name != "helm_sdkpy":
            return
        kinds = list(_classes(pkg))
        for kind in kinds:
            for name, member in list(kind.members.items()):
                if isinstance(member, griffe.Attribute) and str(member.value) == "streamed(run)":
                    kind.set_member(name, _stream(kind))
        for found in list(_objects(pkg)):
            if found.docstring is not None:
                found.docstring.value = _readable(found.docstring.value, found)
            if isinstance(found, griffe.Function):
                _list_options(found)
        # Whose keys were listed has none any more: those that others inherit from come last.
        for kind in sorted(filter(_is_typed_dict, kinds), key=lambda kind: kind.name.startswith("_")):
            _list_keys(kind)


def _objects(container: griffe.Module | griffe.Class) -> Iterator[griffe.Object]:
    yield container
    for member in container.members.values():
        if isinstance(member, griffe.Module | griffe.Class):
            yield from _objects(member)
        elif isinstance(member, griffe.Object):
            yield member


def _classes(pkg: griffe.Module) -> Iterator[griffe.Class]:
    return (found for found in _objects(pkg) if isinstance(found, griffe.Class))


def _readable(text: str, found: griffe.Object) -> str:
    # Griffe knows examples by Google's plural; what is singular would be a note with quotations in it.
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.M)

    def link(name: re.Match[str]) -> str:
        path = LINKED.get(name[1])
        return name[0] if path is None or path.endswith(f".{found.name}") else f"[{name[0]}][{path}{name[2]}]"

    return NAME.sub(link, text)


def _stream(kind: griffe.Class) -> griffe.Function:
    """The method that `streamed` makes of `run`."""
    run = kind.members["run"]
    assert isinstance(run, griffe.Function)
    shown = inspect.getdoc(getattr(helm_sdkpy, kind.name).stream) or ""
    # Only Griffe's own headings are sections; this one says that the arguments are another method's.
    stream = griffe.Function(
        "stream",
        parameters=run.parameters,
        returns=griffe.ExprSubscript(griffe.ExprName("Run", parent=kind), run.returns or "None"),
        docstring=griffe.Docstring(shown, parser="google"),
        lineno=run.lineno,
        endlineno=run.endlineno,
        runtime=True,
    )
    assert stream.docstring is not None
    stream.docstring.parent = stream
    return stream


def _list_options(method: griffe.Function) -> None:
    """List the keys of `**options` below the parameters."""
    if method.name == "stream" or method.docstring is None:
        return
    described = [
        griffe.DocstringParameter(name=key.name, annotation=key.annotation, description=_readable(text_of(key), key))
        for key in options_of(method)
    ]
    if described:
        sections = method.docstring.parsed
        place = 1 + max(number for number, each in enumerate(sections) if each.kind.value == "parameters")
        sections.insert(place, griffe.DocstringSectionOtherParameters(described, title="Options:"))


def options_of(method: griffe.Function) -> Iterator[griffe.Attribute]:
    """The keys that a method's `**options` takes: its own, then those of the families."""
    for parameter in method.parameters:
        annotation = parameter.annotation
        if isinstance(annotation, griffe.ExprSubscript) and annotation.canonical_path == UNPACK:
            assert isinstance(annotation.slice, griffe.Expr)
            kind = method.modules_collection[annotation.slice.canonical_path]
            yield from _own_keys(kind)
            for base in reversed(kind.mro()):
                yield from _own_keys(base)


def _own_keys(kind: griffe.Class) -> Iterator[griffe.Attribute]:
    return (
        member
        for member in kind.members.values()
        if isinstance(member, griffe.Attribute) and not member.name.startswith("_")
    )


def text_of(found: griffe.Object) -> str:
    """The docstring, empty where there is none."""
    return found.docstring.value if found.docstring else ""


def _is_typed_dict(kind: griffe.Class) -> bool:
    bases = [base for base in kind.bases if isinstance(base, griffe.Expr)]
    if any(base.canonical_path == TYPED_DICT for base in bases):
        return True
    return any(_is_typed_dict(each) for each in kind.mro())


def _list_keys(kind: griffe.Class) -> None:
    """Make one list of the keys, with those of bases that have no place of their own."""
    private = [base for base in kind.mro() if base.name.startswith("_")]
    keys = [key for each in (kind, *private) for key in _own_keys(each)]
    kind.bases = [base for base in kind.bases if not str(base).startswith("_")]
    if not keys:
        return
    if kind.docstring is None:
        kind.docstring = griffe.Docstring("", parent=kind, parser="google")
    described = [
        griffe.DocstringAttribute(name=key.name, annotation=key.annotation, description=text_of(key)) for key in keys
    ]
    kind.docstring.parsed.append(griffe.DocstringSectionAttributes(described, title="Keys:"))
    for key in list(_own_keys(kind)):
        kind.del_member(key.name)
