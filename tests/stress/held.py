"""A server that answers nothing for as long as a row lasts: a repository, a registry or a cluster that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import urllib.request
from collections.abc import Generator

from tests.integration.serving import Request, serving

ASK = "/is-anything-held"


@contextlib.contextmanager
def holding() -> Generator[str]:
    """The address of such a server. What it still holds at the end is answered then."""
    held, over = threading.Event(), threading.Event()

    def answer(request: Request) -> None:
        if request.path == ASK:
            request.send(b"", 200 if held.wait(40) else 504)
            return
        held.set()
        over.wait(120)
        with contextlib.suppress(OSError):
            request.send(b"", 503)

    with serving(answer) as server:
        try:
            yield server.url
        finally:
            over.set()


async def anything_held(url: str) -> None:
    """Until a request is held."""

    def ask() -> None:
        with urllib.request.urlopen(url + ASK, timeout=60):
            pass

    await asyncio.to_thread(ask)
