"""A TLS proxy in front of an API server that spoils one request, which is named by what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import ssl
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import parse_qs, urlsplit

import yaml

from helm_sdkpy.testing import TestCluster


@dataclass(frozen=True, order=True)
class Asked:
    """A request by what it asks for: the same in each run, in whatever order parallel requests arrive."""

    method: str
    path: str
    number: int

    def __str__(self) -> str:
        return f"{self.method} {self.path} #{self.number}"


def _status(code: int, reason: str, message: str) -> bytes:
    body: dict[str, object] = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps({**body, "reason": reason, "message": message}).encode()


def _answer(status: str, body: bytes, kind: str = "application/json", *more: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


ANSWERS: Final = {
    "500": _answer("500 Internal Server Error", _status(500, "InternalError", "injected: the server is not well")),
    "429": _answer(
        "429 Too Many Requests", _status(429, "TooManyRequests", "injected: slow down"), "application/json",
        "Retry-After: 1",
    ),
    "409": _answer("409 Conflict", _status(409, "Conflict", "injected: somebody was faster")),
    "html": _answer("200 OK", b"<html><body>Please log in</body></html>", "text/html"),
}  # fmt: skip
"""Manners in which the request is not forwarded and the answer is made up."""

MANNERS: Final = {
    "cut": "the connection is cut, the server never saw the request",
    "lost": "the server did it, the connection is cut before the answer",
    "delay": "the server gets it 0.3 s late",
    "500": "500 with a Status, not forwarded",
    "429": "429 with Retry-After: 1, not forwarded",
    "409": "409 Conflict with a Status, not forwarded",
    "garbage": "the server did it, the answer is 200 with JSON that breaks off",
    "short": "the server did it, the connection is cut in the middle of the answer",
    "html": "200 with a page of HTML, not forwarded",
}
"""How a request is spoilt."""

DELAY: Final = 0.3


@dataclass
class _Message:
    head: bytes
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def first(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")


async def _head(reader: asyncio.StreamReader) -> _Message | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        return None
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return _Message(head, headers={name.strip().lower(): value.strip() for name, _, value in pairs})


async def _chunks(reader: asyncio.StreamReader, message: _Message) -> list[bytes]:
    return [chunk async for chunk in _stream(reader, message)]


async def _stream(reader: asyncio.StreamReader, message: _Message) -> AsyncGenerator[bytes, None]:
    """The body as it stands on the wire, piece by piece."""
    if message.headers.get("transfer-encoding") == "chunked":
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            yield line + await reader.readexactly(size + 2)
            if size == 0:
                return
    elif length := int(message.headers.get("content-length", "0")):
        yield await reader.readexactly(length)


class Proxy:
    """Forwards to a test cluster's API server as its administrator, over TLS and HTTP/1.1.

    Args:
        cluster: Whose API server.
        names: What differs from run to run in paths, and what stands for it.
    """

    def __init__(self, cluster: TestCluster, names: dict[str, str]) -> None:
        self._cluster = cluster
        self._names = names
        self._counts: Counter[tuple[str, str]] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked: list[Asked] = []
        self.spoilt: tuple[Asked, str] | None = None
        self.happened = False
        self._server: asyncio.Server | None = None
        host, _, port = cluster.server.removeprefix("https://").rpartition(":")
        self._upstream = (host, int(port))
        self._client = ssl.create_default_context(cafile=cluster.ca_file)
        self._client.load_cert_chain(cluster.client_certificate, cluster.client_key)

    async def __aenter__(self) -> Proxy:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificates = Path(self._cluster.ca_file).parent
        context.load_cert_chain(certificates / "apiserver.crt", certificates / "apiserver.key")
        context.set_alpn_protocols(["http/1.1"])
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=context, limit=1 << 20)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def kubeconfig(self) -> str:
        """A kubeconfig, as text, that leads through here."""
        assert self._server
        config = yaml.safe_load(Path(self._cluster.kubeconfig).read_text())
        port = self._server.sockets[0].getsockname()[1]
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
        return yaml.safe_dump(config)

    def name(self, method: str, target: str) -> Asked:
        """Count a request."""
        parts = urlsplit(target)
        path, query = parts.path, parse_qs(parts.query)
        for old, new in self._names.items():
            path = path.replace(old, new)
        # Pods of a Deployment have names that nobody can foresee.
        path = re.sub(r"NAME-[a-z0-9]{8,10}(-[a-z0-9]{5})?(?=/|$)", "NAME-*", path)
        if "watch" in query:
            method = "WATCH"
        elif "dryRun" in query:
            method += "(dry)"
        self._counts[method, path] += 1
        asked = Asked(method, path, self._counts[method, path])
        self.asked.append(asked)
        return asked

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        upstream: asyncio.StreamWriter | None = None
        try:
            ahead, upstream = await asyncio.open_connection(
                *self._upstream, ssl=self._client, server_hostname=self._upstream[0], limit=1 << 20
            )
            while request := await _head(reader):
                request.body = b"".join(await _chunks(reader, request))
                if not await self._one(request, writer, ahead, upstream):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for side in (writer, upstream):
                if side:
                    side.transport.abort()

    async def _one(
        self,
        request: _Message,
        writer: asyncio.StreamWriter,
        ahead: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> bool:
        """Serve one request; False cuts the connection."""
        method, target, _ = request.first.split(" ")
        asked = self.name(method, target)
        manner = None
        if self.spoilt and self.spoilt[0] == asked:
            manner = self.spoilt[1]
            self.happened = True
        if manner == "cut":
            return False
        if manner == "delay":
            await asyncio.sleep(DELAY)
        if manner in ANSWERS:
            writer.write(ANSWERS[manner])
            await writer.drain()
            return True
        upstream.write(request.head + request.body)
        await upstream.drain()
        response = await _head(ahead)
        if response is None:
            return False
        if manner == "lost":
            return False
        if manner in ("garbage", "short"):
            first = b""
            with contextlib.suppress(asyncio.IncompleteReadError):
                async for chunk in _stream(ahead, response):
                    first = chunk
                    break
            if manner == "garbage":
                writer.write(_answer("200 OK", b'{"kind": "ConfigMap", "metadata": {"na'))
            else:
                writer.write(response.head + first[: len(first) // 2])
            await writer.drain()
            # What was written must arrive before the connection is cut.
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            return False
        writer.write(response.head)
        if not (response.first.split(" ")[1] in ("204", "304") or method == "HEAD"):
            async for chunk in _stream(ahead, response):
                writer.write(chunk)
                await writer.drain()
        await writer.drain()
        return True
