"""What a test cluster says before anything of it runs: which program it takes, which features it does not."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import helm_sdkpy_testing
import pytest

import helm_sdkpy
from helm_sdkpy.testing import ClusterStartError, TestCluster
from helm_sdkpy.testing.cluster import BINARY, find_binary

ROOT = Path(__file__).resolve().parents[2]


def project(*path: str) -> dict[str, Any]:
    return tomllib.loads(ROOT.joinpath(*path, "pyproject.toml").read_text())["project"]


def test_both_distributions_ask_for_each_other_in_one_version() -> None:
    main, testing = project(), project("testing")
    assert testing["version"] == main["version"]
    assert main["optional-dependencies"]["testing"] == [f"helm-sdkpy-testing=={main['version']}"]
    assert testing["dependencies"] == [f"helm-sdkpy=={main['version']}"]


class TestProgram:
    @pytest.fixture(autouse=True)
    def no_other_program(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(BINARY, raising=False)

    def test_is_what_the_variable_names(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(helm_sdkpy_testing, "__version__", "0.1.0")  # which is then nobody's business
        monkeypatch.setenv(BINARY, str(tmp_path / "none"))
        with pytest.raises(ClusterStartError, match=rf"{BINARY} names .*none, which is no file"):
            TestCluster().start()
        (tmp_path / "none").touch()
        assert find_binary() == tmp_path / "none"

    def test_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "helm_sdkpy_testing", None)
        with pytest.raises(ClusterStartError, match=r"pip install 'helm-sdkpy\[testing\]'"):
            TestCluster().start()

    def test_is_of_another_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(helm_sdkpy_testing, "__version__", "0.1.0")
        version = helm_sdkpy.__version__
        said = f"helm-sdkpy-testing 0.1.0 is not for helm-sdkpy {version}: pip install 'helm-sdkpy[testing]=={version}'"
        with pytest.raises(ClusterStartError, match=re.escape(said)):
            TestCluster().start()

    def test_is_for_another_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platform.machine", lambda: "pdp11")
        with pytest.raises(ClusterStartError, match=r"there is no .*-pdp11/testcluster(?s:.*)x86_64 and aarch64"):
            TestCluster().start()


class TestFeatures:
    def test_are_kept(self) -> None:
        assert TestCluster().kubernetes_features == {}
        assert TestCluster(kubernetes_features={"One": True, "Two": False}).kubernetes_features == {
            "One": True,
            "Two": False,
        }

    @pytest.mark.parametrize(
        ("features", "kind", "said"),
        [
            (["One"], TypeError, "a mapping of names to bools, not list"),
            ("One=true", TypeError, "a mapping of names to bools, not str"),
            ({1: True}, TypeError, "a feature's name is a str, not int"),
            ({"One": "false"}, TypeError, "One is True or False, not 'false'"),
            ({"One": 1}, TypeError, "One is True or False, not 1"),
            ({"One=true,Two": True}, ValueError, "'One=true,Two' is no name of a feature"),
            ({"kube:One": True}, ValueError, "'kube:One' is no name of a feature"),
            ({"": True}, ValueError, "'' is no name of a feature"),
        ],
    )
    def test_that_are_none(self, features: Any, kind: type[Exception], said: str) -> None:
        with pytest.raises(kind, match=f"^kubernetes_features.*{re.escape(said)}$"):
            TestCluster(kubernetes_features=features)
