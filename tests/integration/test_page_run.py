"""What runs the documentation's blocks sees what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from helm_sdkpy.testing import TestCluster
from tests import pages
from tests.integration.page_place import Place
from tests.integration.page_run import Page, free_port

RIGHT = """
<!-- setup python
_cluster.get("/livez")
-->

```python
import asyncio
from helm_sdkpy import *

config = Configuration(namespace="web")
print((await Install(config).run("shop", "oci://registry.example/charts/shop", version="1.0.0"))["namespace"])
```

```text title="Output"
web
```

```python
async def main() -> None:
    print(len(await List(config).run()))


asyncio.run(main())
```

```json title="Output"
1
```

<!-- exits: 1 -->
```python
raise SystemExit("never")
```

```text title="Output"
SystemExit: never
```

```python
def test_nothing():
    assert True
```

```text title="Output"
… 1 passed …
```

```python title="serve.py"
import signal, sys
```

```python title="serve.py"
print("listening", sys.argv)
signal.pause()
```

<!-- until: listening -->
```bash
python serve.py --port 8000
```

```bash
cd shop && export WHERE="$(basename "$PWD")"
```

<!-- exits: 3 -->
```console
$ echo "$WHERE" && cat <<'END'
> and more
> END
shop
and …
$ ls \\
  Chart.yaml
Chart.yaml
$ exit 3
```

```dockerfile
FROM debian:13
```

<!-- needs: NO_SUCH_VARIABLE -->
```bash
false
```

<!-- not run: it would fail -->
```bash
false
```
"""


@pytest.fixture
def place(helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path) -> Place:
    return Place(helm_cluster, helm_namespace, tmp_path / "place", free_port())


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    return tmp_path / "page.md"


def test_a_page_whose_blocks_are_right(place: Place, page: Path) -> None:
    page.write_text(RIGHT)
    with Page(place) as running:
        for block in pages.blocks(page):
            running.run(block)
        [serving] = [
            process for process in psutil.Process().children(recursive=True) if "serve.py" in process.cmdline()
        ]
        assert str(place.port) in serving.cmdline()
    assert running.counted == {
        "setup": 1, "run": 7, "outputs compared": 4, "files": 2, "parsed": 1, "not run": 2
    }  # fmt: skip
    assert not serving.is_running()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("```python\n1 / 0\n```\n", r"page\.md:2 \(python\) (.|\n)*page\.md\", line 2(.|\n)*ZeroDivisionError"),
        ("<!-- exits: 1 -->\n```python\n1\n```\n", "ended without an error"),
        ('```python\nprint(1)\n```\n\n```text title="Output"\n2\n```\n', r"page\.md:6 (.|\n)*says\n2\n\nbut it is\n1"),
        ("```console\n$ echo 1\n2\n```\n", r"\$ echo 1\nsays\n2\nbut it is\n1"),
        ("```console\nls\n```\n", "no line begins"),
        ("```bash\nfalse\ntrue\n```\n", "exit code 1, not 0"),
        ("<!-- until: never -->\n```bash\necho something\n```\n", "'never' was not written(.|\n)*something"),
        ("```python\ndef test_it():\n    assert 1 == 2\n```\n", "assert 1 == 2"),
        ("```dockerfile\nFROM debian\n```\n", "DL3006"),
    ],
)
def test_a_page_with_a_block_that_is_wrong(place: Place, page: Path, source: str, says: str) -> None:
    page.write_text(source)
    *before, wrong = pages.blocks(page)
    with Page(place) as running:
        for block in before:
            running.run(block)
        with pytest.raises(pytest.fail.Exception, match=says):
            running.run(wrong)
