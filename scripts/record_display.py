"""Records the progress displays from a real run, as text, into docs/watching.md.

Run by `./scripts/dev python scripts/record_display.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402

from examples.demo import releases  # noqa: E402
from helm_sdkpy import Configuration, HelmError, Install, progress  # noqa: E402
from helm_sdkpy.events import Event  # noqa: E402
from helm_sdkpy.testing import TestCluster  # noqa: E402

PAGE: Final = ROOT / "docs" / "watching.md"
WIDTH: Final = 108
MIDDLE: Final = 2.4
"""Seconds after the start at which the table is looked at."""


def picture(display: progress.Display) -> str:
    """The table as it is now."""
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(display)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


async def record(config: Configuration) -> list[str]:
    """Install at once with both displays, and give what they showed."""
    lines = io.StringIO()
    table = progress.rich(Console(width=WIDTH, file=io.StringIO()))

    async def install(wanted: releases.Wanted, plain: progress.Display) -> None:
        with contextlib.suppress(HelmError), table(wanted.name) as drawn, plain(wanted.name) as written:

            def tell(event: Event) -> None:
                drawn(event)
                written(event)

            await Install(config).run(wanted.name, wanted.chart, wanted.values, on_event=tell, timeout=8)

    wanted = [*releases.examples(real=False)[:3], releases.broken(), releases.stuck()]
    with table, progress.plain(lines) as plain:
        async with asyncio.TaskGroup() as group:
            for each in wanted:
                group.create_task(install(each, plain))
            await asyncio.sleep(MIDDLE)
            middle = picture(table)
    return [middle, picture(table), lines.getvalue().rstrip()]


async def main() -> None:
    """Record, and write the page."""
    async with TestCluster() as cluster, Configuration(kubeconfig=cluster.kubeconfig) as config:
        pictures = await record(config)
    blocks = "\n\n".join(f"```text\n{text}\n```" for text in pictures)
    page, count = re.subn(
        r"(<!-- recording -->\n).*?(<!-- end of recording -->)",
        lambda found: f"{found[1]}{blocks}\n{found[2]}",
        PAGE.read_text(),
        flags=re.S,
    )
    assert count == 1
    PAGE.write_text(page)


if __name__ == "__main__":
    asyncio.run(main())
