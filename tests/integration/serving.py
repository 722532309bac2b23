"""Chart repositories of a test's own, where those of the test cluster do not do what the test needs."""

from __future__ import annotations

import base64
import contextlib
import http.server
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

Answer = Callable[["Request"], None]


class Request(http.server.BaseHTTPRequestHandler):
    """One request to a `Server`."""

    def respond(self) -> None:
        """What the server does with it."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.respond()

    def do_HEAD(self) -> None:
        self.respond()

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        """Answer with these bytes."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def user(self) -> str | None:
        """`name:password` that the request was sent with."""
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        return base64.b64decode(given).decode() or None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass
class Server:
    """What was asked of a server, and its URL."""

    url: str
    paths: list[str] = field(default_factory=list[str])
    users: list[str | None] = field(default_factory=list["str | None"])
    agents: list[str] = field(default_factory=list[str])


@contextlib.contextmanager
def serving(answer: Answer, host: str = "127.0.0.1") -> Generator[Server]:
    """Let `answer` answer each request."""

    class Handler(Request):
        def respond(self) -> None:
            told.paths.append(self.path)
            told.users.append(self.user())
            told.agents.append(self.headers.get("User-Agent", ""))
            answer(self)

    class Listener(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client may go away in the middle of an answer."""

    with Listener((host, 0), Handler) as listener:
        told = Server(f"http://{host}:{listener.server_port}")
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield told
        finally:
            listener.shutdown()
            thread.join()


def directory(root: Path) -> Answer:
    """Answer with the files of a directory."""

    def answer(request: Request) -> None:
        path = root / request.path.lstrip("/").partition("?")[0]
        if path.is_file():
            request.send(path.read_bytes())
        else:
            request.send(b"", 404)

    return answer
