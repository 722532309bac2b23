"""The codes of errors, wherever Go or Python names one, and the tests that make each error for real."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest import mock

from helm_sdkpy import HelmError
from helm_sdkpy.exceptions import CAUSES

ROOT: Final = Path(__file__).parents[1]
GO: Final = ROOT / "go"
PAGE: Final = ROOT / "docs" / "errors.md"

_CAUSES: Final = "integration/test_error_causes.py::test_cause"

TESTS: Final[dict[str, str]] = {
    "admission": f"{_CAUSES}[admission]",
    "callable_failed": f"{_CAUSES}[callable_failed]",
    "certificate": "integration/test_errors.py::test_a_certificate_that_nobody_knows",
    "chart_invalid": f"{_CAUSES}[chart_invalid]",
    "chart_not_found": f"{_CAUSES}[chart_not_found]",
    "cluster_unreachable": "integration/test_errors.py::test_a_cluster_that_is_not_there[https://127.0.0.1:1]",
    "configuration": "integration/test_configuration.py::test_contexts",
    "configuration_busy": "integration/test_lifetime.py::test_a_close_that_does_not_cancel_is_refused[close]",
    "configuration_closed": "integration/test_lifetime.py::test_use_after_close",
    "conflict": f"{_CAUSES}[conflict]",
    "deadline_exceeded": "integration/test_deadline.py::test_a_deadline_that_passes_while_it_waits",
    "digest_mismatch": "integration/test_package.py::test_another_archive_than_was_signed",
    "forbidden": "integration/test_errors.py::test_what_somebody_may_not_do[token]",
    "forked": "unit/test_process.py::test_fork_after_the_first_call_is_a_clear_error",
    "helm": "integration/test_create.py::test_what_only_the_system_says",
    "hook_failed": f"{_CAUSES}[hook_failed]",
    "immutable_field": f"{_CAUSES}[immutable_field]",
    "invalid_argument": f"{_CAUSES}[invalid_argument]",
    "invalid_object": f"{_CAUSES}[invalid_object]",
    "invalid_release_name": f"{_CAUSES}[invalid_release_name]",
    "invalid_request": "unit/test_abi.py::test_garbage_is_refused_and_named",
    "kube_version": f"{_CAUSES}[kube_version]",
    "lease_lost": "integration/test_lease.py::test_a_lost_lease_stops_the_operation",
    "library_not_found": "unit/test_process.py::test_platform_without_a_library_is_named",
    "manifest_invalid": f"{_CAUSES}[manifest_invalid]",
    "missing_dependency": f"{_CAUSES}[missing_dependency]",
    "namespace_not_found": "integration/test_errors.py::test_a_namespace_that_is_not_there",
    "namespace_terminating": "integration/test_errors.py::test_a_namespace_that_is_being_deleted",
    "ownership": f"{_CAUSES}[ownership]",
    "plugin_exists": "integration/test_plugins.py::test_a_directory_is_linked",
    "plugin_hook": "integration/test_plugins.py::test_a_hook_that_fails",
    "plugin_invalid": "integration/test_plugins.py::test_what_is_no_plugin",
    "plugin_not_found": "integration/test_plugins.py::test_over_http",
    "post_render": f"{_CAUSES}[post_render]",
    "provenance": "integration/test_package.py::test_an_unknown_signer",
    "quota": f"{_CAUSES}[quota]",
    "registry": "integration/test_registry.py::test_http_where_https_was_meant",
    "release_exists": f"{_CAUSES}[release_exists]",
    "release_not_deployed": f"{_CAUSES}[release_not_deployed]",
    "release_not_found": f"{_CAUSES}[release_not_found]",
    "release_pending": f"{_CAUSES}[release_pending]",
    "release_too_large": "integration/test_errors.py::test_a_record_that_is_too_large",
    "render": f"{_CAUSES}[render]",
    "repository": "integration/test_repositories.py::test_what_is_no_repository_is_not_added[not_an_index]",
    "shutting_down": "unit/test_process.py::test_call_while_the_interpreter_goes_down",
    "stale_handle": "unit/test_abi.py::test_handles_that_stand_for_nothing",
    "storage": "integration/test_storage.py::test_a_database_that_is_not_there"
    "[postgres://me:hunter2@127.0.0.1:1/helm?sslmode=disable-connection refused]",
    "unauthorized": "integration/test_errors.py::test_somebody_unknown",
    "values_invalid": f"{_CAUSES}[values_invalid]",
    "values_schema": f"{_CAUSES}[values_schema]",
    "wait_failed": f"{_CAUSES}[wait_failed]",
    "wait_timeout": f"{_CAUSES}[wait_timeout]",
}
"""For each code the test, below tests/, in which its error is raised and says what the page shows."""

DEFECTS: Final = frozenset({"panic", "invalid_result", "duplicate_operation"})
"""Codes that only a defect of the library can give: the Go tests make them (go/bridge/start_test.go)."""

UNTOLD: Final = frozenset({"cancelled", "abandoned", "unknown_call"})
"""Codes between Go and Python that no caller ever sees as an error."""


def of_go() -> set[str]:
    """Every code that the Go side declares, or gives without declaring it."""
    declared = re.compile(r'^(?:const )?\s*[cC]ode\w+\s*=\s*"(\w+)"', re.M)
    given = re.compile(r'(?:\bCode: *|Errorf\()"(\w+)"')
    texts = [path.read_text() for path in GO.rglob("*.go") if not path.name.endswith("_test.go")]
    return {code for text in texts for pattern in (declared, given) for code in pattern.findall(text)}


def of_python() -> set[str]:
    """Every code that the Python side gives, and those that it has a class for."""
    trees = (ast.parse(path.read_text()) for path in (ROOT / "helm_sdkpy").rglob("*.py"))
    return set(CAUSES) | {code for tree in trees for node in ast.walk(tree) for code in _given(node)}


def _given(node: ast.AST) -> Iterator[str]:
    """The codes in `error(kind, "code", …)`, `operation.stop("code", …)`, `code="code"` and `{"code": "code"}`."""
    found: list[ast.expr] = []
    match node:
        case (
            ast.Call(func=ast.Name(id="error"), args=[_, code, *_])
            | ast.Call(func=ast.Attribute(attr="stop"), args=[code, _])
        ):
            found = [code]
        case ast.Dict(keys=keys, values=values):
            found = [
                value
                for key, value in zip(keys, values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "code"
            ]
        case ast.keyword(arg="code", value=code):
            found = [code]
        case _:
            pass
    for code in found:
        if isinstance(code, ast.Constant) and isinstance(code.value, str):
            yield code.value


@dataclass(frozen=True)
class Section:
    """What the page has of a code."""

    classes: str
    message: str
    remedy: str


def sections() -> dict[str, Section]:
    """The page's sections: a code's classes, the message that it shows, and what to do."""
    written = re.compile(
        r"^### (\w+)\n(?P<classes>`[^\n]*)\n.*?^```text\n(?P<message>.*?)\n```\n.*?"
        r"^What to do: (?P<remedy>.*?)(?=^#|\Z)",
        re.M | re.S,
    )
    return {found[1]: Section(**found.groupdict()) for found in written.finditer(PAGE.read_text())}


_heard: list[list[tuple[str, str]]] = []


def said(code: str, message: str) -> None:
    """Tell of an error that was raised in another process."""
    for told in _heard:
        told.append((code, message))


@contextlib.contextmanager
def heard() -> Generator[list[tuple[str, str]]]:
    """Collect the code and message of every error that is made meanwhile."""
    told: list[tuple[str, str]] = []
    make: Any = HelmError.__init__

    def made(self: HelmError, message: str = "", **more: Any) -> None:
        make(self, message, **more)
        said(self.code, message)

    _heard.append(told)
    try:
        with mock.patch.object(HelmError, "__init__", made):
            yield told
    finally:
        _heard.pop()


def is_shown(message: str, shown: str, names: dict[str, str]) -> bool:
    """Whether a message is the one that the page shows, where `…` stands for anything, and names for a test's own."""
    for name, instead in names.items():
        message = message.replace(name, instead)
    pattern = ".*?".join(re.escape(part) for part in re.split("…", " ".join(shown.split())))
    return re.fullmatch(pattern, " ".join(message.split())) is not None
