"""`helm show` against Show: texts byte for byte."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import pytest

from tests.integration.charts import Chart, configmap
from tests.integration.test_real_charts import CHARTS
from tests.parity.files import Both, Cases, Do, Put, Step
from tests.parity.rendered import (
    CRLF,
    EVERYTHING,
    MISSING,
    PARENT,
    REAL_CHARTS,
    SUB,
    UNICODE,
    packed,
    ways,
)

PARTS: Final = ("chart", "values", "readme", "crds", "all")


def show(part: str, chart_path: str = "web", **options: Any) -> Do:
    return Do(f"show {part}", chart_path=chart_path, **options)


def whole(chart: Chart, *more: Step) -> list[Step]:
    return [Put({"web": chart}), *(show(part) for part in PARTS), *more]


CASES: Final[Cases] = {
    "everything": whole(EVERYTHING),
    "parent": whole(PARENT),
    "crlf": whole(CRLF),
    "unicode": whole(UNICODE),
    "empty": whole(Chart()),
    "values-of-none": whole(Chart(files={"values.yaml": ""})),
    "values-with-comments": whole(
        Chart(files={"values.yaml": "# first\n\na: 1 # why\n---\nb: {c: [1, 2.50, 1e3]}\n\n"})
    ),
    "no-newlines": whole(
        Chart(files={"values.yaml": "a: 1", "README": "read", "crds/a.yml": "---\nkind: A", "crds/b.json": "{}"})
    ),
    "readmes": whole(Chart(files={"readme.txt": "text", "README.md": "markdown", "docs/README.md": "deeper"})),
    "crds-of-subcharts": whole(
        Chart(
            files={
                "crds/a.yaml": "kind: A\n",
                "charts/sub/crds/b.yaml": "kind: B\n",
                **{f"charts/sub/{path}": text for path, text in SUB.contents().items()},
            }
        )
    ),
    "metadata": whole(
        Chart(
            metadata={
                "kubeVersion": ">=1.20",
                "home": "https://example.org",
                "icon": "x",
                "keywords": ["b", "a"],
                "sources": ["one"],
                "maintainers": [{"name": "ä", "email": "a@b"}],
                "deprecated": True,
                "annotations": {"z": "1", "a": "multi\nline"},
                "appVersion": "1.10",
                "unknown": {"x": 1},
                "dependencies": [
                    {
                        "name": "sub",
                        "version": ">1",
                        "repository": "https://r",
                        "tags": ["t"],
                        "import-values": ["x"],
                        "alias": "y",
                        "condition": "c",
                    }
                ],
            }
        )
    ),
    "jsonpath": whole(
        EVERYTHING,
        *(
            show("values", jsonpath=path)
            for path in (
                "{.value}",
                "{.number}",
                "{.large}",
                "{$}",
                "{.none}",
                "{.value}{'\\n'}",
                "text",
            )
        ),
        show("values", jsonpath="{.value", fails="unclosed action"),
    ),
    "jsonpath-lists": [
        Put({"web": Chart(values={"list": [{"a": 1, "b": "x"}, {"a": 2}], "deep": {"k.e": {"y": True}}, "n": None})}),
        *(
            show("values", jsonpath=path)
            for path in (
                "{.list[*].a}",
                "{.list[?(@.a==2)]}",
                "{.list[-1:].a}",
                "{.deep.k\\.e.y}",
                "{.n}",
                "{.list[9]}",
                "{..a}",
            )
        ),
    ],
    "archive": [Put({"web.tgz": EVERYTHING}), *(show(part, "web.tgz") for part in PARTS)],
    "api-v1": whole(Chart(metadata={"apiVersion": "v1"}, files={"requirements.yaml": "dependencies: []\n"})),
    "api-v3": whole(Chart({"a.yaml": configmap()}, metadata={"apiVersion": "v3"})),
    "library": whole(Chart(metadata={"type": "library"})),
    "no-chart": [
        show("chart", "./none", fails='path "./none" not found'),
        show("all", "none", fails="non-absolute URLs should be in form of repo_name/path_to_chart, got: none"),
        show("values", "none/none", fails="none", reworded=True),
    ],
    "no-chart-yaml": [Put({"web/x": ""}), show("chart", fails="Chart.yaml"), show("readme", fails="Chart.yaml")],
    "broken": [
        Put(
            {
                "web/Chart.yaml": "a: [\n",
                "v/Chart.yaml": "apiVersion: v2\nname: v\nversion: 1.0.0\n",
                "v/values.yaml": "a: [",
                "b.tgz": b"x",
            }
        ),
        show("chart", fails="cannot load Chart.yaml"),
        show("crds", "v", fails="cannot load values.yaml"),
        show("all", "b.tgz", fails="b.tgz"),
    ],
}

ROWS: Final[Cases] = {
    **CASES,
    **{f"{part}-{name}": steps for part in PARTS for name, steps in ways(partial(show, part)).items()},
}


@pytest.mark.parametrize("row", ROWS)
async def test_row(both: Both, row: str) -> None:
    await both.go(ROWS[row])


@pytest.mark.skipif(bool(MISSING), reason=f"not part of the project, and not in {CHARTS}: {', '.join(MISSING)}")
@pytest.mark.parametrize("name", REAL_CHARTS)
async def test_real(both: Both, name: str) -> None:
    path = REAL_CHARTS[name]
    await both.go([Put({packed(path): path}), *(show(part, packed(path)) for part in PARTS)])
