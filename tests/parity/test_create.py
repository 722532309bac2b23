"""`helm create` by the command and by the library: every file byte for byte."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.integration.charts import Chart
from tests.parity.files import Both, Cases, Do, Put, Touch

STARTER: Final = Chart(
    name="starter",
    version="9.9.9",
    metadata={"description": "of the starter", "appVersion": "5", "keywords": ["x"], "type": "library"},
    templates={
        "a.yaml": 'name: {{ include "<CHARTNAME>.name" . }}\r\n',
        "tests/b.yaml": "b: <CHARTNAME>",
        "_helpers.tpl": '{{ define "<CHARTNAME>.name" }}<CHARTNAME>{{ end }}',
        "NOTES.txt": "<CHARTNAME> <chartname>",
    },
    files={
        "values.yaml": "# of <CHARTNAME>\n<CHARTNAME>:\n  a: 1 # one\nlist: [<CHARTNAME>]\n",
        "values.schema.json": '{"title": "<CHARTNAME>"}',
        "README.md": "# <CHARTNAME>\n",
        "files/deep/x.txt": "<CHARTNAME>",
        "crds/c.yaml": "kind: <CHARTNAME>\n",
        ".helmignore": "*.tmp\n",
        "left.tmp": "out",
        "charts/sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
        "charts/sub/templates/s.yaml": "s: <CHARTNAME>",
        "Chart.lock": "dependencies: []\ndigest: sha256:0\ngenerated: 2020-01-01T00:00:00Z\n",
    },
)
THIRD: Final = {"HELM_EXPERIMENTAL_CHART_V3": "1"}
NAMED: Final = "@data@/starters/mine"


def made_before(path: str, text: str = "mine\n") -> Touch:
    """A file that is there already."""

    def do(place: Any) -> None:
        file = place.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return Touch(do)


CASES: Final[Cases] = {
    "name": [Do("create", name="web")],
    "odd-name": [Do("create", name="We_b.1-x")],
    "number": [Do("create", name="123")],
    "path": [Put({"a/b/x": ""}), Do("create", name="a/b/web")],
    "absolute": [Do("create", name="@work@/web")],
    "slash": [Put({"web/x": ""}), Do("create", name="web/")],
    "twice": [Do("create", name="web"), Do("create", name="web")],
    "over-other-files": [
        made_before("web/values.yaml"),
        made_before("web/templates/mine.yaml"),
        made_before("web/charts/sub/Chart.yaml"),
        Do("create", name="web"),
    ],
    "no-directory-above": [Do("create", fails="no such file or directory", name="none/web")],
    "a-file-above": [Put({"none": "x"}), Do("create", fails="no such directory", name="none/web")],
    "a-file": [Put({"web": "x"}), Do("create", fails="already exists and is not a directory", name="web")],
    "bad-name": [Do("create", fails="chart name must match the regular expression", name="we b")],
    "bad-letters": [Do("create", fails="chart name must match the regular expression", name="wéb")],
    "long-name": [Do("create", fails="chart name must be between 1 and 250 characters", name="a" * 251)],
    "chart-api-version": [Do("create", name="web", chart_api_version="v2")],
    "unknown-api": [
        Do("create", fails="v2", reworded=True, name="web", chart_api_version="v9"),
    ],
    # Starters.
    "starter": [Put({NAMED: STARTER}), Do("create", name="web", starter="mine")],
    "starter-absolute": [Put({"@work@/from": STARTER}), Do("create", name="web", starter="@work@/from")],
    "starter-archive": [Put({"@work@/from.tgz": STARTER}), Do("create", name="web", starter="@work@/from.tgz")],
    "starter-below": [Put({f"{NAMED}/deep": STARTER}), Do("create", name="web", starter="mine/deep")],
    "starter-makes-directories": [Put({NAMED: STARTER}), Do("create", name="a/b/web", starter="mine")],
    "starter-any-name": [Put({NAMED: STARTER}), Do("create", name="we b", starter="mine")],
    "starter-over": [
        Put({NAMED: STARTER}),
        Do("create", name="web"),
        Do("create", name="web", starter="mine"),
    ],
    "starter-with-xdg": [
        Put({"@home@/xdg/helm/starters/mine": STARTER}),
        Do("create", name="web", starter="mine", env={"HELM_DATA_HOME": "", "XDG_DATA_HOME": "@home@/xdg"}),
    ],
    "starter-none": [Do("create", fails="/starters/none: no such file", name="web", starter="none")],
    "starter-broken": [
        Put({f"{NAMED}/Chart.yaml": "name: x\n"}),
        Do("create", fails="chart.metadata.version is required", name="web", starter="mine"),
    ],
    "starter-a-file": [
        Put({NAMED: STARTER, "web": "x"}),
        Do("create", fails="already exists and is not a directory", name="web", starter="mine"),
    ],
    # The third version of charts.
    "third": [Do("create", name="web", chart_api_version="v3", env=THIRD)],
    "third-path": [Put({"a/x": ""}), Do("create", name="a/web", chart_api_version="v3", env=THIRD)],
    "third-over": [Do("create", name="web"), Do("create", name="web", chart_api_version="v3", env=THIRD)],
    "third-starter": [
        Put({NAMED: STARTER}),
        Do("create", name="web", chart_api_version="v3", starter="mine", env=THIRD),
    ],
    "third-from-third": [
        Do("create", name="a", chart_api_version="v3", env=THIRD),
        Do("create", name="web", chart_api_version="v3", starter="@work@/a", env=THIRD),
        Do("lint", chart_path="web"),
        Do("template", fails="invalid chart apiVersion", release_name="r", chart_path="web"),
        Do("show values", chart_path="web"),
        Do("dependency list", chart_path="web"),
        Do("package", fails="invalid chart apiVersion", chart_path="web"),
    ],
    "third-closed": [
        Do("create", fails="this feature has been marked as experimental", name="web", chart_api_version="v3"),
    ],
    "third-bad-name": [
        Do("create", fails="chart name must match", name="we b", chart_api_version="v3", env=THIRD),
    ],
    "goes-on": [
        Do("create", name="web"),
        Do("lint", chart_path="web"),
        Do("template", release_name="r", chart_path="web"),
        Do("package", chart_path="web", env={"SOURCE_DATE_EPOCH": "1700000000"}),
    ],
}


@pytest.mark.parametrize("case", CASES)
async def test_case(both: Both, case: str) -> None:
    await both.go(CASES[case])
