"""Everybody can use the console: with a keyboard alone, on a phone, in the dark, and with a screen reader."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.async_api import expect

from helm_sdkpy import Configuration, Install, Status
from tests.accessibility import barriers
from tests.browser import DESKTOP, PHONE, overflow
from tests.integration.console.user import CHARTS, User

pytestmark = pytest.mark.asyncio(loop_scope="session")

BAD = "replicas: many\nservice: {prot: TCP}\n"


async def tab_to(user: User, name: str, limit: int = 60) -> None:
    """Press Tab until the focus is on what has that name."""
    for _ in range(limit):
        await user.page.keyboard.press("Tab")
        focused = await user.page.evaluate(
            """() => {
                const at = document.activeElement;
                return (at.labels?.[0]?.textContent || at.getAttribute("aria-label") || at.textContent || "").trim();
            }"""
        )
        if focused == name:
            style = await user.page.evaluate(
                "(s => [s.outlineStyle, parseFloat(s.outlineWidth)])(getComputedStyle(document.activeElement))"
            )
            assert style[0] != "none", f"one sees that the focus is on {name}"
            assert style[1] >= 2, f"one sees that the focus is on {name}"
            return
    raise AssertionError(f"no Tab leads to {name!r}")


async def test_with_the_keyboard_alone(user: User, helm_config: Configuration) -> None:
    keyboard, page = user.page.keyboard, user.page
    await tab_to(user, "Skip to the content")
    await keyboard.press("Enter")
    await expect(user.heading("What runs")).to_be_focused()
    await tab_to(user, "Install a chart")
    await keyboard.press("Enter")
    await expect(user.heading("Install a chart")).to_be_focused()
    await expect(page.get_by_role("option", name="shop 1.0.0")).to_be_attached()
    await tab_to(user, "Chart")
    await keyboard.type("shop")
    await expect(page.get_by_label("Release name")).to_have_value("shop")
    await tab_to(user, "Values (YAML)")
    await keyboard.type("replicas: many")
    await expect(user.problems).to_have_count(1)
    await keyboard.press("Control+A")
    await keyboard.type("replicas: 1")
    await expect(user.problems).to_have_count(0)
    await tab_to(user, "Install")
    await keyboard.press("Enter")
    await expect(user.heading("shop")).to_be_focused()
    await user.ended("done")

    await tab_to(user, "Upgrade")
    await keyboard.press("Enter")
    await expect(user.heading("Upgrade shop")).to_be_focused()
    await expect(user.values).to_have_value("replicas: 1\n")
    await tab_to(user, "Values (YAML)")
    await keyboard.press("Control+A")
    await keyboard.type("replicas: 2")
    await tab_to(user, "Review changes")
    await keyboard.press("Enter")
    await expect(page.get_by_role("region", name="What would change")).to_be_focused()
    await tab_to(user, "Upgrade")
    await keyboard.press("Enter")
    await expect(user.heading("shop")).to_be_focused()
    await user.ended("done")

    back = user.button("Roll back to revision 1")
    await expect(back).to_be_visible()
    await tab_to(user, "Roll back to revision 1")
    await keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Roll shop back to revision 1?")
    await expect(user.button("Keep as it is", dialog)).to_be_focused()
    await keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(back).to_be_focused()
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    await keyboard.press("Enter")
    await expect(user.revision(3)).to_contain_text("deployed")
    assert (await Status(helm_config).run("shop"))["config"] == {"replicas": 1}

    await tab_to(user, "Uninstall")
    await keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Uninstall shop?")).to_be_visible()
    await tab_to(user, "Uninstall", limit=3)
    await keyboard.press("Enter")
    await expect(page.get_by_text("There is no such release.")).to_be_visible()


# Colours are the same in both widths: both schemes are looked at in one of them.
@pytest.mark.parametrize(
    ("size", "schemes"), [(DESKTOP, ("light", "dark")), (PHONE, ("dark",))], ids=["desktop", "phone"]
)
async def test_every_view_fits_and_is_told_to_everybody(
    size: tuple[int, int], schemes: tuple[Literal["light", "dark"], ...], user: User, helm_config: Configuration
) -> None:
    page = user.page
    await page.set_viewport_size({"width": size[0], "height": size[1]})

    async def look(view: str) -> None:
        assert await overflow(page) == [], view
        for scheme in schemes:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert await barriers(page) == [], f"{view}, {scheme}"

    await look("nothing yet")
    await user.form("shop", values=BAD)
    await expect(user.problems).to_have_count(2)
    await look("the form, with wrong values")
    await user.install(
        "stuck",
        timeout=5,
        values="podAnnotations: {testcluster/ready: never, testcluster/log: a-very-long-line-" + "x" * 200 + "}",
    )
    await expect(user.object("Deployment stuck")).to_contain_text("in progress")
    await look("an install that runs")
    await user.ended("failed")
    await look("an install that failed")
    await user.link("Helm console").click()
    await look("operations")
    long = "a-release-with-a-name-that-is-as-long-as-helm-lets-it"
    await Install(helm_config).run(long, CHARTS / "shop")
    await page.goto(f"{user.served.origin}/#/releases/{long}")
    await expect(user.object("Deployment")).to_contain_text("ready")
    await look("a release")
    await user.button("Uninstall").click()
    await look("a question")
    await page.keyboard.press("Escape")
    await user.link("Upgrade").click()
    await expect(page.locator("#chart-about")).not_to_be_empty()
    await user.values.fill("replicas: 3\ngreeting: " + "long " * 60)
    await user.button("Review changes").click()
    await expect(user.heading("What would change")).to_be_visible()
    await look("what would change")
