"""Every page of docs/ is in the site's navigation."""

from __future__ import annotations

import re
import tomllib

from tests.docs.site import ROOT


def test_every_page_is_in_the_navigation_once() -> None:
    navigation = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    named = re.findall(r"'([\w./-]+\.md)'", str(navigation))
    docs = ROOT / "docs"
    assert sorted(named) == sorted(str(page.relative_to(docs)) for page in docs.rglob("*.md"))
