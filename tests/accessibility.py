"""What keeps people from using a page, as axe-core finds it."""

from __future__ import annotations

from importlib import resources

from playwright.async_api import Page


async def barriers(page: Page) -> list[str]:
    """Each violation of axe-core's rules, with the elements that it is about; empty where there is none."""
    # The package brings axe-core along: no test fetches anything.
    await page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(
        """async () => {
            const { violations } = await axe.run({ resultTypes: ["violations"] });
            return violations.map(({ id, impact, help, nodes }) =>
                `${id} (${impact}): ${help}: ${nodes.map((node) => node.html).join(" ")}`);
        }"""
    )
    return found
