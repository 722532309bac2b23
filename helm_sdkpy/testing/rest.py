"""Plain HTTPS to an API server, so that tests can look at objects without a Kubernetes client library."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl


class ApiError(Exception):
    """The API server refused a request.

    Attributes:
        status: The HTTP status, such as 404.
        reason: Kubernetes' reason, such as `NotFound`; empty where the answer was no Status object.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason


class Rest:
    """Requests to one API server with one client certificate; a connection each, so it may be used from any thread."""

    def __init__(self, server: str, ca_file: str, client_certificate: str, client_key: str) -> None:
        self._address = server.removeprefix("https://")
        self._ca = Path(ca_file).read_text()
        self._identity = (client_certificate, client_key)
        self._context: ssl.SSLContext | None = None

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        timeout: float = 30,
    ) -> Any:
        """Send one request.

        Args:
            method: The HTTP method.
            path: Path and query, such as `/api/v1/namespaces`.
            body: What to send: text or bytes as they are, anything else as JSON.
            content_type: What the body is, such as `application/apply-patch+yaml`.
            timeout: Seconds to wait for the answer.

        Returns:
            The decoded JSON, or the text where the answer is none (logs).

        Raises:
            ApiError: The answer's status is 400 or more.
        """
        payload = body if body is None or isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Accept": "application/json"} | ({} if payload is None else {"Content-Type": content_type})
        connection = http.client.HTTPSConnection(self._address, context=self._tls(), timeout=timeout)
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            status: dict[str, Any] = json.loads(text) if is_json else {"message": text}
            raise ApiError(response.status, status.get("reason", ""), status.get("message", text))
        return json.loads(text) if is_json else text

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            import ssl  # noqa: PLC0415 - the pytest plugin imports this module in every pytest run

            self._context = ssl.create_default_context(cadata=self._ca)
            self._context.load_cert_chain(*self._identity)
        return self._context
