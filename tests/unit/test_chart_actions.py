"""What Template, Lint and Show send, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import ChartError, Configuration, Lint, Show, Template, ValidationError

from .conftest import Wire


def sent(client: Wire) -> tuple[str, dict[str, Any]]:
    action, _, _, request = client.library.started[-1]
    return action, request["arguments"]


async def test_template(client: Wire) -> None:
    template = Template(Configuration())
    await template.run("shop", "./shop")
    assert sent(client) == ("template", {"release_name": "shop", "chart_path": "./shop"})
    await template.run(
        None, Path("shop"), {"a": 1}, "1.2", show_only="a", api_versions=["b", "c"], output_dir=Path("out"),
        include_crds=True, skip_tests=True, is_upgrade=True, use_release_name=True, kube_version="1.33",
        dry_run=True, name_template="x", post_renderer=str.upper,
    )  # fmt: skip
    assert sent(client) == ("template", {
        "chart_path": "shop", "values": {"a": 1}, "version": "1.2", "show_only": ["a"], "api_versions": ["b", "c"],
        "output_dir": "out", "include_crds": True, "skip_tests": True, "is_upgrade": True, "use_release_name": True,
        "kube_version": "1.33", "dry_run": "client", "name_template": "x", "post_renderer_callable": True,
    })  # fmt: skip
    await template.run("shop", b"archive", validate=True)
    assert sent(client)[1] == {"release_name": "shop", "chart_archive": "YXJjaGl2ZQ==", "validate": True}


@pytest.mark.parametrize("dry_run", [False, "none", "later", 1])
async def test_a_template_is_always_a_dry_run(client: Wire, dry_run: Any) -> None:
    with pytest.raises(ValidationError, match="dry_run"):
        await Template(Configuration()).run("shop", "./shop", dry_run=dry_run)
    assert client.library.started == []


async def test_lint(client: Wire) -> None:
    lint = Lint(Configuration())
    await lint.run("./shop")
    assert sent(client) == ("lint", {"chart_path": ["./shop"]})
    await lint.run([Path("a"), "b.tgz"], values={"a": 1}, strict=True, with_subcharts=True, kube_version="1.33")
    assert sent(client) == ("lint", {
        "chart_path": ["a", "b.tgz"], "values": {"a": 1}, "strict": True, "with_subcharts": True,
        "kube_version": "1.33",
    })  # fmt: skip
    await lint.run(b"archive")
    assert sent(client)[1] == {"chart_archive": "YXJjaGl2ZQ=="}
    for wrong in ("", [], ["a", ""], b"", None, 7, {"a": 1}, "-"):
        with pytest.raises(ValidationError, match="chart_path") as raised:
            await lint.run(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        assert isinstance(raised.value, ChartError)


@pytest.mark.parametrize("part", ["chart", "values", "readme", "crds", "all"])
async def test_show(client: Wire, part: str) -> None:
    method = getattr(Show(Configuration()), part)
    await method("repo/shop", version="1.2", devel=True)
    assert sent(client) == (f"show_{part}", {"chart_path": "repo/shop", "version": "1.2", "devel": True})
    with pytest.raises(ValidationError, match="chart_path"):
        await method(None)
    with pytest.raises(TypeError, match=rf"Show\.{part}\(\) got an unexpected keyword argument 'vers'"):
        await method("shop", vers=1)


async def test_only_values_have_a_jsonpath(client: Wire) -> None:
    show = Show(Configuration())
    await show.values("shop", jsonpath="{.a}")
    assert sent(client) == ("show_values", {"chart_path": "shop", "jsonpath": "{.a}"})
    with pytest.raises(TypeError, match="jsonpath"):
        await show.all("shop", jsonpath="{.a}")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
