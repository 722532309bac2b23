"""Lets in who has a link of this console, and nothing that another site sends."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS: Final = ("127.0.0.1", "localhost")
"""The names that the console is asked for by. Another one is a page elsewhere whose name leads here (DNS rebinding)."""

SESSIONS: Final = 64
"""How many browsers are known; one more takes the place of the first."""

OPEN: Final = ("/page/style.css", "/page/icon.svg")
"""What everybody may have: what the page that asks for a link is made of."""

HEADERS: Final = {
    # Only what this console serves: no inline script, no style attribute, no other address, no frame around it. Text
    # never becomes markup: the browser itself refuses innerHTML and its like (trusted types).
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # The link's token is part of an address.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Access:
    """The links and the browsers that are known.

    A link is good for one browser: that exchanges its token for a cookie, and the next link is told.

    Args:
        tell: Called with the token of each new link.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._token = ""
        self._sessions: deque[str] = deque(maxlen=SESSIONS)

    def renew(self) -> str:
        """Make a new link, which replaces the last one, and tell it; gives its token."""
        self._token = secrets.token_urlsafe(32)
        self._tell(self._token)
        return self._token

    def spend(self, token: str) -> str | None:
        """Take a link's token for a session; None where it is not the token."""
        if not self._token or not _same(token, self._token):
            return None
        session = secrets.token_urlsafe(32)
        self._sessions.append(session)
        self.renew()
        return session

    def knows(self, session: str) -> bool:
        """Whether a browser has come by a link."""
        # All of them, so that the time tells nothing of how many there are before the right one.
        return sum([_same(session, known) for known in self._sessions]) > 0


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


class Guard:
    """Asks each request where it comes from before the application sees it.

    Args:
        app: The application.
        access: Who is known.
        refuse: Makes the page that asks for a link.
    """

    def __init__(self, app: ASGIApp, access: Access, refuse: Callable[[], Response]) -> None:
        self._app = app
        self._access = access
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        request = Request(scope)
        answer = self._answer(request) or self._app
        await answer(scope, receive, with_headers)

    def _answer(self, request: Request) -> Response | None:
        """The answer to who is not let through."""
        path, cookie = request.url.path, _cookie(request)
        if path == "/" and request.method == "GET" and (token := request.query_params.get("token")) is not None:
            if (session := self._access.spend(token)) is None:
                return self._refuse()
            entered = RedirectResponse("/", 303)
            # Cookies belong to a host, whatever the port: the name keeps those of two consoles apart.
            entered.set_cookie(cookie, session, httponly=True, samesite="strict", path="/")
            return entered
        if path in OPEN:
            return None
        if not self._access.knows(request.cookies.get(cookie, "")):
            return _problem(401, "no_session", "open a link of the console first") if _api(path) else self._refuse()
        if _api(path) and not _from_here(request.headers, request.method):
            return _problem(403, "other_site", "this request comes from another site")
        return None


def _cookie(request: Request) -> str:
    return f"console-{request.url.port or 80}"


def _api(path: str) -> bool:
    return path.startswith("/api/")


def _from_here(headers: Headers, method: str) -> bool:
    """Whether the page that sent it is the console's own.

    A strict cookie is not enough: for a browser all ports of 127.0.0.1 are one site. Browsers send `Origin` with
    whatever is no GET, and `Sec-Fetch-Site` with everything.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    if method in ("GET", "HEAD"):
        return True
    origin = urlsplit(headers.get("origin", ""))
    return origin.scheme == "http" and bool(origin.netloc) and origin.netloc == headers.get("host")


def _problem(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
