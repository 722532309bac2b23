"""The user's ways through the console, in a real browser on a real control plane."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Browser, Request, expect

from helm_sdkpy import Configuration, History, Install, List, Status, Upgrade
from helm_sdkpy.testing import TestCluster
from tests.integration.console.user import CHARTS, SECONDS, Served, User
from tests.integration.objects import Objects

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEVER = "podAnnotations:\n  testcluster/ready: never\n"


async def test_first_visit(user: User, helm_namespace: str) -> None:
    page = user.page
    assert "token" not in page.url, "nor in the address that the browser remembers"
    [cookie] = await page.context.cookies()
    assert cookie.get("httpOnly")
    assert cookie.get("sameSite") == "Strict"
    assert await page.evaluate("document.cookie") == ""
    await expect(page.get_by_text(f"Nothing is installed in {helm_namespace}.")).to_be_visible()
    await expect(page).to_have_title("Operations · Helm console")
    await page.reload()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()


async def test_wrong_and_spent_links(browser: Browser, user: User, served: Served) -> None:
    for token in ("wrong", served.tokens[0]):
        page = await browser.new_page()
        answer = await page.goto(f"{served.origin}/?token={token}")
        assert answer is not None
        assert answer.status == 401
        await expect(page.get_by_role("heading", name="A link is needed")).to_be_visible()
        assert await page.context.cookies() == []
    await page.get_by_label("The token of the newest link").fill(served.tokens[-1])
    await page.get_by_role("button", name="Open the console").click()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()


async def test_bad_values_are_told_in_the_page_and_nothing_is_sent(user: User, helm_config: Configuration) -> None:
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "look" not in request.url:
            sent.append(request.url)

    user.page.on("request", note)
    await user.form(
        "shop", values="greeting: Hello\nreplicas: many\nservice:\n  port: 70000\n  prot: TCP\nimage: null\n"
    )
    await expect(user.problems).to_have_text(
        [
            re.compile(r"line 2 .*replicas must be integer, not string"),
            re.compile(r"line 4 .*service\.port must be at most 65535"),
            re.compile(r"line 5 .*service\.prot is not a name that the chart knows"),
            re.compile(r"line 6 .*image is required"),
        ]
    )
    await expect(user.values).to_have_attribute("aria-invalid", "true")
    for button in ("Install", "Review changes"):
        await user.button(button).click()
        await expect(user.values).to_be_focused()
    await user.button("service.port").click()
    assert (
        await user.values.evaluate("node => node.value.slice(node.selectionStart, node.selectionEnd)")
        == "  port: 70000"
    )

    await user.values.fill("replicas: 1\nreplicas: 2\n")
    await expect(user.problems).to_have_text([re.compile("line 2 .*unique")])
    await user.values.fill("- replicas\n")
    await expect(user.problems).to_have_text([re.compile("must be a mapping")])
    await user.button("Install").click()
    assert sent == []
    assert await List(helm_config).run() == []

    await user.values.fill("replicas: 1\n")
    await expect(user.problems).to_have_count(0)
    await user.button("Install").click()
    await user.ended("done")
    assert [address.rsplit("/", 1)[-1] for address in sent] == ["operations"]


async def test_what_only_helm_can_tell_is_told_too(user: User) -> None:
    # Neither chart has a schema: the template does not know what to do with the one, the API server with the other.
    await user.form("stack", values="routes: {api: text}\n")
    await user.button("Review changes").click()
    refusal = user.page.get_by_role("alert").filter(has_text="Failed:")
    await expect(refusal).to_contain_text("render")
    await expect(refusal).to_contain_text("configmap.yaml")
    user.wrong.clear()  # the answer's status, which the browser logs

    await user.form("migrate", values="replicas: {a: 1}\n")
    await expect(refusal).to_have_count(0)
    await user.button("Review changes").click()
    await expect(user.page.locator(".diff .refusal")).to_contain_text("Deployment migrate is refused by the server")
    await expect(user.page.locator(".diff .refusal")).to_contain_text(".spec.replicas: expected numeric")


async def test_install_and_watch_it_become_ready(
    user: User, helm_config: Configuration, helm_cluster: TestCluster
) -> None:
    await user.install("shop", values=NEVER)
    row = user.object("Deployment shop")
    await expect(row).to_contain_text("in progress")
    await expect(row).to_contain_text("0/2")
    await expect(user.operation).to_contain_text("waiting")
    await expect(user.object("ConfigMap shop")).to_contain_text("ready")
    await asyncio.to_thread(make_ready, helm_cluster, helm_config.namespace)
    await user.ended("done")
    await expect(row).to_contain_text("ready")
    await expect(user.object("Service shop")).to_contain_text("ready")
    await user.status("deployed")
    await expect(user.page.get_by_text("3 of 3 ready")).to_be_visible()
    await expect(user.page.get_by_label("Notes")).to_contain_text("Welcome! The shop runs with 2 replicas.")
    await expect(user.page.locator("#announcer")).to_have_text("Install of shop: done.")
    assert (await Status(helm_config).run("shop"))["config"] == {"podAnnotations": {"testcluster/ready": "never"}}


def make_ready(cluster: TestCluster, namespace: str) -> None:
    """Let the pods of a namespace become ready."""
    pods = f"/api/v1/namespaces/{namespace}/pods"
    for pod in cluster.get(pods)["items"]:
        ready = {"metadata": {"annotations": {"testcluster/ready": "always"}}}
        path = f"{pods}/{pod['metadata']['name']}"
        cluster.request("PATCH", path, ready, content_type="application/merge-patch+json")


async def test_diff_and_then_upgrade(user: User, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", CHARTS / "shop", {"greeting": "Hello"})
    await user.page.goto(f"{user.served.origin}/#/releases/shop")
    await user.link("Upgrade").click()
    await expect(user.values).to_have_value("greeting: Hello\n")
    await expect(user.page.get_by_role("button", name="Upgrade")).to_have_count(0)
    await user.values.fill("greeting: Hello\nreplicas: 3\n")
    await user.button("Review changes").click()
    await expect(user.heading("What would change")).to_be_visible()
    diff = user.page.locator(".diff")
    await expect(diff.locator(".removed")).to_have_text(["-  replicas: 2"])
    await expect(diff.locator(".added")).to_have_text(["+  replicas: 3"])
    await expect(diff).to_contain_text("1 changed")

    # What was reviewed is what is done, and nothing else.
    await user.values.fill("greeting: Hello\nreplicas: 4\n")
    await expect(user.heading("What would change")).to_be_hidden()
    await user.values.press("Control+End")
    await user.button("Review changes").click()
    await expect(diff.locator(".added")).to_have_text(["+  replicas: 4"])
    await user.button("Upgrade").click()
    await user.ended("done")
    await expect(user.revision(2)).to_contain_text("deployed")
    await expect(user.revision(1)).to_contain_text("superseded")
    upgraded = await Status(helm_config).run("shop")
    assert (upgraded["version"], upgraded["config"]) == (2, {"greeting": "Hello", "replicas": 4})


async def test_values_that_are_emptied_are_the_charts_own(user: User, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", CHARTS / "shop", {"replicas": 1})
    await user.page.goto(f"{user.served.origin}/#/releases/shop")
    await user.upgrade("")
    await user.ended("done")
    assert (await Status(helm_config).run("shop"))["config"] == {}


async def test_an_upgrade_that_fails_says_why(user: User, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", CHARTS / "shop")
    await user.page.goto(f"{user.served.origin}/#/releases/shop")
    await user.upgrade(
        "podAnnotations:\n"
        "  testcluster/waiting-reason: ImagePullBackOff\n"
        "  testcluster/waiting-message: Back-off pulling image\n",
        timeout=4,
    )
    await user.ended("failed")
    await expect(user.failure).to_contain_text("wait_timeout")
    cause = user.failure.locator(".cause")
    await expect(cause.get_by_role("heading", name="Deployment shop")).to_be_visible()
    await expect(cause).to_contain_text("ImagePullBackOff: Back-off pulling image")
    await expect(user.object("Deployment shop")).to_contain_text("ImagePullBackOff")
    await user.status("failed")
    # What is not ready is looked at after the operation as well, without another one.
    await expect(user.object("Deployment shop")).to_contain_text("in progress")


async def test_cancel_what_is_stuck_and_mend_it(user: User, helm_config: Configuration) -> None:
    await user.install("stuck")
    await expect(user.object("Deployment stuck")).to_contain_text("in progress")
    await user.button("Cancel", user.operation).click()
    await user.ended("cancelled")
    await user.status("failed")
    assert (await Status(helm_config).run("stuck"))["info"].get("description") == "Install cancelled"
    await user.upgrade("podAnnotations:\n  testcluster/ready: always\n")
    await user.ended("done")
    await user.status("deployed")


async def test_roll_back(user: User, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", CHARTS / "shop", {"replicas": 1})
    await Upgrade(helm_config).run("shop", CHARTS / "shop", {"replicas": 2})
    await user.page.goto(f"{user.served.origin}/#/releases/shop")
    await expect(user.button("Roll back", user.revision(2))).to_have_count(0)
    await user.button("Roll back to revision 1").click()
    dialog = user.page.get_by_role("dialog", name="Roll shop back to revision 1?")
    await user.button("Keep as it is", dialog).click()
    await expect(dialog).to_have_count(0)
    assert len(await History(helm_config).run("shop")) == 2
    await user.button("Roll back to revision 1").click()
    await user.button("Roll back to 1", dialog).click()
    await user.ended("done")
    await expect(user.revision(3)).to_contain_text("Rollback to 1")
    assert (await Status(helm_config).run("shop"))["config"] == {"replicas": 1}


async def test_what_hooks_wrote_is_shown(user: User) -> None:
    await user.install("broken")
    await user.ended("failed")
    await expect(user.log.locator(".output")).to_contain_text("the licence has expired")
    await expect(user.failure).to_contain_text("hook_failed")
    await expect(user.object("Job broken-check")).to_contain_text("hook: pre-install")
    await expect(user.object("Job broken-check")).to_contain_text("failed")

    await user.install("migrate")
    await user.ended("done")
    await expect(user.object("Job migrate-migration")).to_contain_text("succeeded")
    await expect(user.log).to_contain_text("pre-install succeeded")
    await expect(user.log).to_contain_text("Pod migrate-seed")
    await user.upgrade(
        'migration: {podAnnotations: {testcluster/exit-code: "1", testcluster/log: "no such table: orders"}}'
    )
    await user.ended("failed")
    await expect(user.log.locator(".output")).to_contain_text("no such table: orders")


async def test_tests_of_a_release(user: User, helm_config: Configuration) -> None:
    await Install(helm_config).run("shop", CHARTS / "shop", {"replicas": 1})
    await user.page.goto(f"{user.served.origin}/#/releases/shop")
    await user.button("Test").click()
    await expect(user.operation.get_by_role("heading", name="Test")).to_be_visible()
    await user.ended("done")
    await expect(user.object("Pod shop-answers")).to_contain_text("hook: test")
    await expect(user.object("Pod shop-answers")).to_contain_text("succeeded")
    # Once, though it is in the events and in the outcome.
    await expect(user.log.locator(".output")).to_have_count(1)
    await expect(user.log.locator(".output")).to_contain_text("answers of ")


async def test_uninstall(user: User, helm_config: Configuration, objects: Objects) -> None:
    await user.install("shop")
    await user.ended("done")
    await user.button("Uninstall").click()
    dialog = user.page.get_by_role("dialog", name="Uninstall shop?")
    await user.button("Uninstall", dialog).click()
    await user.ended("done")
    await expect(user.page.get_by_text("There is no such release.")).to_be_visible()
    await expect(user.page.get_by_role("navigation").get_by_text("None yet.")).to_be_visible()
    assert await List(helm_config).run() == []


async def test_reload_in_the_midst(user: User) -> None:
    await user.install("stuck")
    await expect(user.object("Deployment stuck")).to_contain_text("in progress")
    before = await user.log.locator("li").all_inner_texts()
    await user.page.reload()
    await expect(user.heading("stuck")).to_be_visible()
    await user.ended("running")
    await expect(user.object("Deployment stuck")).to_contain_text("in progress")
    assert (await user.log.locator("li").all_inner_texts())[: len(before)] == before
    await user.button("Cancel", user.operation).click()
    await user.ended("cancelled")


async def test_two_browsers_see_the_same(browser: Browser, user: User, served: Served) -> None:
    async with User.visit(browser, served) as other:
        await _cancel_what_another_began(user, other)
        assert other.troubles() == []


async def _cancel_what_another_began(user: User, other: User) -> None:
    await user.install("stuck")
    await other.page.get_by_role("navigation").get_by_role("link", name="stuck").click()
    await expect(other.object("Deployment stuck")).to_contain_text("in progress")
    await other.button("Cancel", other.operation).click()
    for each in (user, other):
        await each.ended("cancelled")
        await each.status("failed")


async def test_what_others_do_in_the_namespace_is_seen(
    user: User, helm_config: Configuration, objects: Objects
) -> None:
    await Install(helm_config).run("elsewhere", CHARTS / "shop")
    await user.page.get_by_role("navigation").get_by_role("link", name="elsewhere").click()
    row = user.object("Deployment elsewhere")
    await expect(row).to_contain_text("ready")
    await Upgrade(helm_config).run(
        "elsewhere", CHARTS / "shop", {"podAnnotations": {"testcluster/ready": "never"}}, wait=False
    )
    await expect(row).to_contain_text("in progress")
    await expect(row).to_contain_text("Readiness probe failed")


async def test_a_page_goes_on_where_the_connection_broke_off(user: User, served: Served) -> None:
    await user.install("shop")
    await user.ended("done")
    streams: list[str | None] = []

    async def note(request: Request) -> None:
        if "/api/events" in request.url:
            streams.append((await request.all_headers()).get("last-event-id"))

    user.page.on("request", note)
    seen = served.console.feed.since(None).id
    await served.end()
    await expect(user.page.get_by_text("Reconnecting …")).to_be_visible()
    await Install(served.config).run("other", CHARTS / "stuck", wait=False)
    served.begin()
    await expect(user.page.get_by_text("Live", exact=True)).to_be_visible()
    await expect(user.page.get_by_role("navigation").get_by_role("link", name="other")).to_be_visible()
    assert streams[-1] is not None
    assert streams[-1].partition("-")[0] == seen.partition("-")[0]
    await expect(user.log.locator("li").filter(has_text="Deployment shop")).to_have_count(1)
    user.wrong.clear()  # the connection that was refused


async def test_thirty_at_once_stay_smooth(user: User, helm_config: Configuration) -> None:
    """How much is drawn is bounded by frames and batches, not by events; and what is asked meanwhile is answered."""
    await user.page.evaluate("""() => {
        window.drawn = 0;
        document.addEventListener("console:rendered", () => window.drawn += 1);
    }""")
    told = 0
    feed = user.served.console.feed
    change = feed.put

    def count(key: str, value: object) -> None:
        nonlocal told
        told += 1
        change(key, value)

    feed.put = count
    names = [f"shop-{number:02}" for number in range(30)]
    started = await user.page.evaluate(
        """async (names) => {
            const values = "replicas: 1";
            const answers = await Promise.all(names.map((release) => fetch("/api/operations", {
                method: "POST", headers: {"content-type": "application/json"},
                body: JSON.stringify({kind: "install", release, chart: "shop", values}),
            })));
            return answers.map((answer) => answer.status);
        }""",
        names,
    )
    assert started == [202] * 30
    await user.page.get_by_role("link", name="Helm console").click()
    rows = user.page.locator("table.operations tbody tr")
    await expect(rows).to_have_count(30)
    # The page answers while they run: it goes to one of them and back, and the server reads a chart.
    await rows.get_by_role("link", name="shop-00", exact=True).click()
    await expect(user.heading("shop-00")).to_be_visible()
    await user.form("stack")
    await user.link("Helm console").click()
    await expect(rows.filter(has_text="done")).to_have_count(30, timeout=2 * SECONDS)
    drawn: int = await user.page.evaluate("window.drawn")
    assert {release["status"] for release in await List(helm_config).run()} == {"deployed"}
    assert told > 30 * 15, "each install told of its phases, its objects and its log"
    assert drawn < told / 2, f"{drawn} renderings for {told} changes"


async def test_a_browser_that_reads_nothing_holds_nobody_up(user: User, served: Served) -> None:
    """Its connection fills up; the console goes on, and it gets the newest state once it reads."""
    [cookie] = await user.page.context.cookies()
    stalled_reader, stalled_writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
    asked = (
        "GET /api/events?page=slow HTTP/1.1",
        f"Host: 127.0.0.1:{served.port}",
        f"Cookie: {cookie.get('name')}={cookie.get('value')}",
    )
    stalled_writer.write("".join(f"{line}\r\n" for line in (*asked, "")).encode())
    feed = served.console.feed
    for round in range(400):
        for number in range(50):
            feed.put(f"line/0/{number}", {"operation": 0, "number": number, "text": f"{round} " + "x" * 2000})
        await asyncio.sleep(0.005)
    await user.install("shop")
    await user.ended("done")
    assert len(feed.keys("line/0/")) == 50
    received = b""
    while b'"399 x' not in received:
        more = await stalled_reader.read(1 << 16)
        assert more, "the stream ended before the newest state came"
        received = received[-100_000:] + more
    stalled_writer.close()
    await stalled_writer.wait_closed()
