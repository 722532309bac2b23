"""Values: every way to give them, in Helm's order, and numbers that stay what they are."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import Configuration, GetValues, Install, InstallError, ValidationError, ValuesError
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import NAME, Chart, configmap
from tests.integration.objects import Objects

DEFAULTS: dict[str, Any] = {
    "source": "chart",
    "nested": {"kept": True, "source": "chart"},
    "items": ["a", "b"],
    "text": "",
    "id": 0,
}
SHOW = Chart({"c.yaml": configmap(seen="{{ .Values | toJson | b64enc }}", id="{{ .Values.id }}")}, DEFAULTS)


async def rendered(config: Configuration, **options: Any) -> dict[str, str]:
    """The ConfigMap's data; rendered only, since nothing here needs a cluster's answer."""
    release = await Install(config).run("shop", SHOW.archive(), dry_run="client", **options)
    return json.loads(release["manifest"].splitlines()[2])["data"]


async def seen(config: Configuration, **options: Any) -> dict[str, Any]:
    """The values that templates see."""
    return json.loads(base64.b64decode((await rendered(config, **options))["seen"]))


async def test_a_mapping_is_merged_over_the_chart(helm_config: Configuration) -> None:
    values = await seen(helm_config, values={"nested": {"source": "mapping"}, "more": [1, {"deep": None}]})
    assert values["nested"] == {"kept": True, "source": "mapping"}
    assert values["more"] == [1, {"deep": None}]
    assert values["source"] == "chart"


async def test_null_removes_a_value_of_the_chart(helm_config: Configuration) -> None:
    assert "source" not in await seen(helm_config, values={"source": None})


@pytest.mark.parametrize("number", [8080, 1234567, 9007199254740993, -9007199254740993, 2**63 - 1, -(2**63)])
async def test_integers_stay_whole(helm_config: Configuration, number: int) -> None:
    data = await rendered(helm_config, values={"id": number})
    assert data["id"] == str(number)
    assert json.loads(base64.b64decode(data["seen"]))["id"] == number


async def test_set_keeps_integers_as_the_command_does(helm_config: Configuration) -> None:
    assert (await rendered(helm_config, set="id=9007199254740993"))["id"] == "9007199254740993"


async def test_files_and_json_have_floats_as_the_command_has(helm_config: Configuration, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("id: 1234567\n")
    assert (await rendered(helm_config, values_files=tmp_path / "values.yaml"))["id"] == "1.234567e+06"
    assert (await rendered(helm_config, set_json="id=1234567"))["id"] == "1.234567e+06"


async def test_an_integer_beyond_64_bits_is_refused(helm_config: Configuration) -> None:
    with pytest.raises(ValidationError, match="id") as raised:
        await rendered(helm_config, values={"id": 2**64})
    assert isinstance(raised.value, InstallError)


async def test_integers_come_back_whole_from_the_record(helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", SHOW.archive(), {"port": 8080})
    values = await GetValues(helm_config).run("shop")
    assert values == {"port": 8080}
    assert isinstance(values["port"], int)


async def test_each_way_wins_over_the_one_before(helm_config: Configuration, tmp_path: Path) -> None:
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text("source: first\nfirst: true\nnested: {first: true}\n")
    second.write_text("source: second\nnested: {second: true}\n")
    (tmp_path / "content.txt").write_text("file")
    ways: list[tuple[str, Any, str]] = [
        ("values_files", [first, second], "second"),
        ("values", {"source": "mapping"}, "mapping"),
        ("set_json", 'source="json"', "json"),
        ("set", "source=set", "set"),
        ("set_string", "source=string", "string"),
        ("set_file", f"source={tmp_path / 'content.txt'}", "file"),
        ("set_literal", "source=literal", "literal"),
    ]
    given: dict[str, Any] = {}
    for name, value, wins in ways:
        given[name] = value
        values = await seen(helm_config, **given)
        assert values["source"] == wins, name
        assert values["first"] is True
        assert values["nested"] == {"kept": True, "source": "chart", "first": True, "second": True}
    # The order in which the keywords are written has no say.
    assert (await seen(helm_config, **dict(reversed(given.items()))))["source"] == "literal"


async def test_set_reads_types_lists_and_indexes(helm_config: Configuration) -> None:
    values = await seen(helm_config, set=["a=1,b=true,c=null,d={x,y}", "items[1]=z", "nested.new.deep=1.5", r"e\.f=g"])
    assert (values["a"], values["b"], values["d"], values["e.f"]) == (1, True, ["x", "y"], "g")
    assert values["c"] is None
    # The index is looked for in what was given, not in the chart's own list.
    assert values["items"] == [None, "z"]
    # strvals knows no fractions.
    assert values["nested"]["new"] == {"deep": "1.5"}


async def test_set_changes_one_item_of_a_list_that_was_given(helm_config: Configuration) -> None:
    values = await seen(helm_config, values={"hosts": ["a", "b", "c"]}, set="hosts[1]=changed")
    assert values["hosts"] == ["a", "changed", "c"]


async def test_set_string_is_always_text(helm_config: Configuration) -> None:
    values = await seen(helm_config, set_string=["text=true", "id=0123"])
    assert (values["text"], values["id"]) == ("true", "0123")


async def test_set_json_takes_a_key_or_an_object(helm_config: Configuration) -> None:
    values = await seen(helm_config, set_json=['items=["x",{"y":null}]', '{"nested":{"source":"json"},"more":[1]}'])
    assert values["items"][0] == "x"
    assert values["nested"] == {"kept": True, "source": "json"}
    assert values["more"] == [1]


async def test_set_file_takes_content_and_set_literal_takes_all(helm_config: Configuration, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN-----\na,b=c\n")
    values = await seen(helm_config, set_file=f"text={tmp_path / 'key.pem'}", set_literal=r"source=a,b=c\d{e}")
    assert values["text"] == "-----BEGIN-----\na,b=c\n"
    assert values["source"] == r"a,b=c\d{e}"


async def test_a_values_file_may_be_a_url(
    helm_config: Configuration, helm_cluster: TestCluster, served_charts: Path, helm_namespace: str
) -> None:
    served = served_charts / f"{helm_namespace}.yaml"
    served.write_text("source: url\n")
    try:
        values = await seen(helm_config, values_files=f"{helm_cluster.repository}/{served.name}")
    finally:
        served.unlink()
    assert values["source"] == "url"


async def test_values_are_copied_when_the_call_begins(helm_config: Configuration, objects: Objects) -> None:
    values: dict[str, Any] = {"id": 1}
    running = Install(helm_config).run("shop", SHOW.archive(), values)
    await running
    values["id"] = 2
    assert objects.data("shop")["id"] == "1"
    assert (await GetValues(helm_config).run("shop")) == {"id": 1}


@pytest.mark.parametrize(
    ("option", "given", "shown"),
    [
        ("set", "a", "set"),
        ("set_json", "a={", "set_json"),
        ("set_json", "{not json", "set_json"),
        ("values_files", "no-such-file.yaml", "no-such-file.yaml"),
        ("set_file", "a=no-such-file.txt", "set_file"),
    ],
)
async def test_what_can_not_be_read_names_the_option(
    helm_config: Configuration, objects: Objects, option: str, given: str, shown: str
) -> None:
    options: dict[str, Any] = {option: given}
    with pytest.raises(ValuesError, match=shown) as raised:
        await Install(helm_config).run("shop", SHOW.archive(), **options)
    assert raised.value.code == "values_invalid"
    assert raised.value.details["field"] == option
    assert objects.statuses("shop") == []


async def test_a_values_file_that_is_no_yaml_is_named(helm_config: Configuration, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    with pytest.raises(ValuesError, match=r"broken\.yaml"):
        await rendered(helm_config, values_files=[tmp_path / "broken.yaml"])


async def test_what_follows_the_equals_sign_is_in_no_message(helm_config: Configuration) -> None:
    with pytest.raises(ValuesError) as raised:
        await rendered(helm_config, set_json='password={"hunter2":')
    assert "hunter2" not in f"{raised.value}{raised.value.details}"


async def test_values_of_a_subchart_and_globals_reach_it(helm_config: Configuration) -> None:
    sub = Chart(
        {"c.yaml": configmap(f"{NAME}-sub", own="{{ .Values.own }}", all="{{ .Values.global.zone }}")}, {"own": "sub"}
    )
    parent = Chart(
        {"c.yaml": configmap(all="{{ .Values.global.zone }}")},
        metadata={"dependencies": [{"name": "sub", "version": "0.1.0", "repository": ""}]},
        files={f"charts/sub/{path}": text for path, text in Chart(sub.templates, sub.values, "sub").contents().items()},
    )
    release = await Install(helm_config).run(
        "shop", parent.archive(), {"global": {"zone": "here"}, "sub": {"own": "given"}}, dry_run="client"
    )
    assert '"own": "given", "all": "here"' in release["manifest"]
    assert '"data": {"all": "here"}' in release["manifest"]
