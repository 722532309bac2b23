"""Who is let into the console, and what every answer forbids the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from examples.console.access import Access
from examples.console.app import About, Console
from examples.console.charts import Charts
from helm_sdkpy import Configuration

ADDRESS = "http://127.0.0.1:8000"
SAME = {"origin": ADDRESS}


class Door:
    """A console without a cluster, and the tokens of its links."""

    def __init__(self, charts: Path) -> None:
        self.tokens: list[str] = []
        self.access = Access(self.tokens.append)
        config = Configuration(kubeconfig={"clusters": []})
        console = Console(config, Charts(config, charts), self.access, About("web", "nowhere", "0"))
        self._app = console.app
        self.client = self.browser()
        self.access.renew()

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url=ADDRESS)

    async def enter(self) -> httpx.Response:
        return await self.client.get("/", params={"token": self.tokens[-1]})


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    door = Door(tmp_path)
    async with door.client:
        yield door


async def test_a_link_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(door: Door) -> None:
    answer = await door.enter()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
    assert cookie.key == "console-8000"
    assert cookie["httponly"]
    assert cookie["samesite"] == "strict"
    assert cookie.value not in door.tokens
    assert (await door.client.get("/")).status_code == 200
    assert (await door.client.get("/api/about")).json()["namespace"] == "web"


async def test_a_link_is_good_once_and_the_next_one_is_told(door: Door) -> None:
    await door.enter()
    first, second = door.tokens
    async with door.browser() as other:
        assert (await other.get("/", params={"token": first})).status_code == 401
        assert (await other.get("/", params={"token": second})).status_code == 303
        assert (await other.get("/")).status_code == 200
    assert (await door.client.get("/")).status_code == 200, "the first browser stays"


@pytest.mark.parametrize("token", ["", "wrong", "ü", "\udcff", "0" * 43])
async def test_a_wrong_token_is_refused(door: Door, token: str) -> None:
    answer = await door.client.get("/", params={"token": token.encode("utf-8", "surrogateescape")})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert len(door.tokens) == 1, "the link is still good"


@pytest.mark.parametrize(
    "path", ["/", "/api/about", "/api/events", "/api/charts", "/page/js/main.js", "/page/index.html"]
)
async def test_without_a_cookie_there_is_nothing(door: Door, path: str) -> None:
    assert (await door.client.get(path)).status_code == 401
    door.client.cookies.set("console-8000", "guessed")
    assert (await door.client.get(path)).status_code == 401
    assert (await door.client.get("/page/style.css")).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""])
async def test_another_name_for_this_machine_is_refused(door: Door, host: str) -> None:
    await door.enter()
    assert (await door.client.get("/api/about", headers={"host": host})).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:8001"},
        {"origin": "https://127.0.0.1:8000"},
        {"origin": "http://localhost:8000"},
        {**SAME, "sec-fetch-site": "same-site"},
        {**SAME, "sec-fetch-site": "cross-site"},
    ],
)
async def test_another_site_can_not_ask_for_anything(door: Door, headers: dict[str, str]) -> None:
    await door.enter()
    answer = await door.client.post("/api/operations/clear", json={}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_site")
    assert (await door.client.post("/api/operations/clear", json={}, headers=SAME)).status_code == 200


async def test_another_site_can_not_open_the_stream(door: Door) -> None:
    await door.enter()
    assert (await door.client.get("/api/events", headers={"sec-fetch-site": "same-site"})).status_code == 403


async def test_a_form_of_another_site_is_no_json(door: Door) -> None:
    await door.enter()
    answer = await door.client.post("/api/operations", data={"kind": "uninstall"}, headers=SAME)
    assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/", "/api/about", "/page/js/main.js", "/page/nothing", "/nothing"])
async def test_every_answer_forbids_what_the_page_does_not_need(door: Door, path: str) -> None:
    for _ in range(2):
        headers = (await door.client.get(path)).headers
        parts = [part.split() for part in headers["content-security-policy"].split(";")]
        policy = {name: " ".join(values) for name, *values in parts}
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        await door.enter()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "kind"),
        ({"kind": "format"}, "kind"),
        ({"kind": "install"}, "release"),
        ({"kind": "install", "release": "Web"}, "release"),
        ({"kind": "install", "release": "w" * 54}, "release"),
        ({"kind": "install", "release": "web/../other"}, "release"),
        ({"kind": "install", "release": "web"}, "chart"),
        ({"kind": "install", "release": "web", "chart": "../../etc"}, "chart"),
        ({"kind": "install", "release": "web", "chart": "/etc"}, "chart"),
        ({"kind": "rollback", "release": "web", "revision": -1}, "revision"),
        ({"kind": "rollback", "release": "web", "revision": "1"}, "revision"),
        ({"kind": "uninstall", "release": "web", "timeout": 0}, "timeout"),
        ({"kind": "uninstall", "release": "web", "wait": "yes"}, "wait"),
    ],
)
async def test_what_can_not_be_done_is_refused_by_its_field(door: Door, asked: dict[str, object], field: str) -> None:
    await door.enter()
    answer = await door.client.post("/api/operations", json=asked, headers=SAME)
    assert answer.status_code in (404, 422)
    assert answer.json()["error"]["details"]["field"] == field


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 400), (b'"' + b"x" * (1 << 20) + b'"', 413)])
async def test_a_body_that_is_no_request(door: Door, body: bytes, status: int) -> None:
    await door.enter()
    headers = {**SAME, "content-type": "application/json"}
    assert (await door.client.post("/api/operations", content=body, headers=headers)).status_code == status
