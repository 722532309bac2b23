"""The two axes of errors: what is caught by what, and that all of it survives pickling."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

import helm_sdkpy
from helm_sdkpy import exceptions
from helm_sdkpy.exceptions import (
    CAUSES,
    ConfigurationError,
    HelmError,
    InstallError,
    ReleaseError,
    ReleaseNotFoundError,
    UpgradeError,
    WaitTimeoutError,
    error,
)
from tests import codes

BUILT_IN = {
    "wait_timeout": TimeoutError,
    "cluster_unreachable": ConnectionError,
    "certificate": ConnectionError,
    "unauthorized": PermissionError,
    "forbidden": PermissionError,
}


@pytest.mark.parametrize("code", sorted(CAUSES))
@pytest.mark.parametrize("action", [InstallError, ReleaseError, HelmError, ConfigurationError])
def test_both_axes_and_pickling(action: type[HelmError], code: str) -> None:
    raised = error(action, code, "what to do", {"not_ready": [{"name": "shop"}], "release": "shop"})
    assert isinstance(raised, action)
    assert isinstance(raised, CAUSES[code])
    assert isinstance(raised, BUILT_IN.get(code, HelmError))
    raised.add_note("a note")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(raised, protocol))
        assert type(again) is type(raised)
        assert (str(again), again.code, again.details, again.release) == ("what to do", code, raised.details, "shop")
        assert again.__notes__ == ["a note"]
    assert copy.copy(raised).details == raised.details


def test_pickle_goes_through_the_two_classes() -> None:
    raised = error(InstallError, "wait_timeout", "m", {"a": 1})
    rebuild, arguments, *_ = raised.__reduce__()
    assert rebuild.__name__ == "_rebuild"
    assert arguments == (InstallError, WaitTimeoutError, "m", {"a": 1})


def test_class_is_made_once_and_named() -> None:
    one, other = error(InstallError, "wait_timeout", "m"), error(InstallError, "wait_timeout", "m")
    assert type(one) is type(other)
    assert type(one).__name__ == "InstallWaitTimeoutError"
    assert type(error(UpgradeError, "wait_timeout", "m")) is not type(one)
    assert type(error(ReleaseError, "release_not_found", "m")) is ReleaseNotFoundError
    assert type(error(ConfigurationError, "stale_handle", "m")) is ConfigurationError


@pytest.mark.parametrize("code", ["helm", "panic", "shutting_down", "never heard of"])
def test_unknown_codes_are_the_actions_class(code: str) -> None:
    raised = error(InstallError, code, "m")
    assert type(raised) is InstallError
    assert raised.code == code


def test_plain_use() -> None:
    raised = HelmError("text")
    assert (str(raised), raised.args, raised.code) == ("text", ("text",), "helm")
    assert (raised.details, raised.release) == ({}, None)
    assert str(WaitTimeoutError("text")) == "text"
    assert WaitTimeoutError("text", details={"a": 1}).details == {"a": 1}
    assert str(HelmError()) == ""


def test_release_of_the_call_is_kept_where_the_details_name_none() -> None:
    assert error(InstallError, "helm", "m", None, "shop").release == "shop"
    assert error(InstallError, "helm", "m", {"release": "other"}, "shop").release == "other"


def test_every_class_is_public_and_in_the_tree() -> None:
    kinds = {name: value for name, value in vars(exceptions).items() if isinstance(value, type)}
    classes = {name for name, value in kinds.items() if issubclass(value, HelmError)}
    assert classes <= set(helm_sdkpy.__all__)
    assert classes == set(re.findall(r"\b[A-Z]\w*Error\b|HelmLibraryNotFound", exceptions.__doc__ or "")) - {
        "TimeoutError", "ConnectionError", "PermissionError",
    }  # fmt: skip


def test_every_code_of_the_go_side_is_known() -> None:
    if not codes.GO.is_dir():
        pytest.skip("no Go sources here")
    given = codes.of_go()
    assert len(given) > 30
    # These are the action's class alone: nothing a caller could do tells them apart.
    plain = {"helm", "shutting_down"} | codes.DEFECTS | codes.UNTOLD
    assert given - plain <= set(CAUSES)
