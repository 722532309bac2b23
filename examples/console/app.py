"""The console's web application: the page, what it asks for, and the stream of what changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from helm_sdkpy import Configuration, Diff, GetAll, GetValues, HelmError, History
from helm_sdkpy.exceptions import ReleaseNotFoundError

from .access import HOSTS, Access, Guard
from .charts import Charts, UnknownChart
from .failures import told
from .feed import Feed
from .objects import Objects
from .operations import Busy, Operations, values_file
from .releases import Releases
from .requests import Refused, wanted

PAGE: Final = Path(__file__).resolve().parent / "page"

LARGEST: Final = 1 << 20
"""Bytes of a request, most of which are values."""

READ: Final = 60.0
"""Seconds for what only reads."""


@dataclass(frozen=True)
class About:
    """Where the console works, as the page shows it."""

    namespace: str
    cluster: str
    version: str


class Console:
    """The console's parts, put together.

    Args:
        config: The namespace that it works in.
        charts: What can be installed.
        access: Who is let in.
        about: What the page says of where it is.
    """

    def __init__(self, config: Configuration, charts: Charts, access: Access, about: About) -> None:
        self._config = config
        self._charts = charts
        self._about = about
        self.feed = Feed()
        self._objects = Objects(self.feed)
        self.operations = Operations(config, self.feed, self._objects, self._changed)
        self._releases = Releases(config, self.feed, self._objects, self.operations.works_on)
        self.app = Starlette(
            routes=[
                Route("/", _index),
                Mount("/page", StaticFiles(directory=PAGE)),
                Route("/api/about", self._tell_about),
                Route("/api/events", self._events),
                Route("/api/look", self._look, methods=["POST"]),
                Route("/api/charts", self._all_charts),
                Route("/api/charts/{name}", self._chart),
                Route("/api/releases/{name}", self._release),
                Route("/api/diff", self._diff, methods=["POST"]),
                Route("/api/operations", self._start, methods=["POST"]),
                Route("/api/operations/clear", self._clear, methods=["POST"]),
                Route("/api/operations/{number:int}/cancel", self._cancel, methods=["POST"]),
            ],
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS)),
                Middleware(Guard, access=access, refuse=_ask_for_a_link),
            ],
            exception_handlers={
                Refused: _refused,
                UnknownChart: _not_found,
                ReleaseNotFoundError: _failed(404),
                HelmError: _failed(422),
                Busy: _busy,
                HTTPException: _http,
            },
        )

    async def close(self) -> list[str]:
        """Cancel what runs and end; gives what was cancelled."""
        cancelled = await self.operations.close()
        await self._releases.close()
        return cancelled

    def _changed(self, release: str) -> None:
        self._releases.changed(release)

    async def _tell_about(self, request: Request) -> Response:
        return JSONResponse(
            {
                "namespace": self._about.namespace,
                "cluster": self._about.cluster,
                "version": self._about.version,
            }
        )

    async def _events(self, request: Request) -> Response:
        page = request.query_params.get("page", "")
        # The header is what the browser sends when it comes back by itself, the parameter when the page does.
        seen = request.headers.get("last-event-id") or request.query_params.get("seen")
        # No limit for a browser that takes nothing: it costs a connection, of which this machine tells when it is gone.
        return EventSourceResponse(self._follow(page, seen))

    async def _follow(self, page: str, seen: str | None) -> AsyncGenerator[ServerSentEvent]:
        with self._releases.page(page):
            async with aclosing(self.feed.follow(seen)) as batches:
                async for batch in batches:
                    data = json.dumps({"whole": batch.whole, "changes": batch.changes}, separators=(",", ":"))
                    yield ServerSentEvent(data, id=batch.id, retry=1000)

    async def _look(self, request: Request) -> Response:
        body = await _body(request)
        page, release = body.get("page"), body.get("release")
        known = self._releases.look(str(page), release if isinstance(release, str) and release else None)
        return JSONResponse({"known": known})

    async def _all_charts(self, request: Request) -> Response:
        return JSONResponse({"charts": await self._charts.all()})

    async def _chart(self, request: Request) -> Response:
        return JSONResponse(await self._charts.details(request.path_params["name"]))

    async def _release(self, request: Request) -> Response:
        name = request.path_params["name"]
        whole, history, values = await asyncio.gather(
            GetAll(self._config).run(name, deadline=READ),
            History(self._config).run(name, deadline=READ),
            GetValues(self._config).run(name, deadline=READ),
        )
        return JSONResponse(
            {
                "name": name,
                "revision": whole["version"],
                "status": whole["info"]["status"],
                "description": whole["info"].get("description", ""),
                "notes": whole["info"].get("notes", ""),
                "chart": whole["chart"]["metadata"]["name"],
                "chart_version": whole["chart"]["metadata"]["version"],
                "values": _yaml(values),
                "tests": any("test" in event for hook in whole["hooks"] for event in hook.get("events", [])),
                "history": [
                    {name: past[name] for name in ("revision", "updated", "status", "app_version", "description")}
                    | {"chart": f"{past['chart']['metadata']['name']}-{past['chart']['metadata']['version']}"}
                    for past in reversed(history)
                ],
            }
        )

    async def _diff(self, request: Request) -> Response:
        asked = wanted(await _body(request), self._charts)
        with values_file(asked.values) as values:
            diff = await Diff(self._config).run(
                asked.release, asked.source, values_files=values, reset_values=True, install=True, deadline=READ
            )
        objects = [
            {
                name: each[name]
                for name in ("api_version", "kind", "namespace", "name", "action", "hook", "crd", "message")
            }
            for each in diff["objects"]
        ]
        return JSONResponse({"changed": diff["changed"], "text": diff["text"], "objects": objects})

    async def _start(self, request: Request) -> Response:
        number = self.operations.start(wanted(await _body(request), self._charts))
        return JSONResponse({"id": number}, 202)

    async def _cancel(self, request: Request) -> Response:
        return JSONResponse({"cancelled": self.operations.cancel(request.path_params["number"])})

    async def _clear(self, request: Request) -> Response:
        self.operations.clear()
        return JSONResponse({})


async def _index(request: Request) -> Response:
    return FileResponse(PAGE / "index.html")


def _ask_for_a_link() -> Response:
    return FileResponse(PAGE / "link.html", 401)


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object of a request."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "send JSON")
    received = bytearray()
    async for part in request.stream():
        received += part
        if len(received) > LARGEST:
            raise HTTPException(413, f"more than {LARGEST} bytes")
    try:
        body = json.loads(received)
    except ValueError as error:
        raise HTTPException(400, f"no JSON: {error}") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "no JSON object")
    return body  # pyright: ignore[reportUnknownVariableType]


def _yaml(values: Any) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True) if values else ""


def _error(status: int, code: str, message: str, **details: Any) -> Response:
    return JSONResponse({"error": {"code": code, "message": message, "details": details, "not_ready": []}}, status)


def _failed(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": told(error)}, status)

    return answer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _error(422, "refused", str(error), field=error.field)


async def _not_found(request: Request, error: Exception) -> Response:
    return _error(404, "chart_not_found", str(error), field="chart")


async def _busy(request: Request, error: Exception) -> Response:
    return _error(429, "busy", str(error))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "http", error.detail)
