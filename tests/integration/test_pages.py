"""Every code block of every page of the documentation runs, on the embedded cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from helm_sdkpy.testing import TestCluster
from tests import pages
from tests.integration.page_place import Place
from tests.integration.page_run import Page, free_port

PAGES: Final = {pages.name(page): blocks for page in pages.pages() if (blocks := list(pages.blocks(page)))}


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(
    page: str, helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """One after the other, with what those before them made."""
    with Page(Place(helm_cluster, helm_namespace, tmp_path, free_port())) as running:
        for block in PAGES[page]:
            running.run(block)
    request.node.user_properties.append(("page", json.dumps([page, running.counted])))
