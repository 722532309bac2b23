"""Starts and stops the process that is a whole test cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import select
import subprocess
import time
import weakref
from collections.abc import Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from helm_sdkpy.testing._directory import StateDirectory
    from helm_sdkpy.testing.rest import Rest

BINARY = "HELM_SDKPY_TESTCLUSTER"
START_TIMEOUT = 180.0
STOP_TIMEOUT = 10.0
TAIL_LINES = 20

logger = logging.getLogger("helm_sdkpy.testing")


class ClusterStartError(RuntimeError):
    """A test cluster did not start; the message says which part failed, why, and what it wrote last."""


class TestCluster:
    """A Kubernetes control plane, a node, an OCI registry and a chart repository server, on this machine alone.

    Use it with `with` or `async with`, or call `start` and `stop`. It ends with the process that started it, however
    that ends. Any number may run side by side.
    """

    # The name begins like a test class's, and pytest would try to collect it.
    __test__ = False

    def __init__(self, *, watch_cache: bool = False, kubernetes_features: Mapping[str, bool] | None = None) -> None:
        """Prepare a cluster; nothing runs yet.

        Args:
            watch_cache: Have the API server answer reads from its watch cache, as in production. That costs up to
                100 ms for each LIST that follows a write, so it is off unless that is what you measure.
            kubernetes_features: Feature gates of Kubernetes to switch on or off, `{"NAME": True}`, for all of its
                programs. Kubernetes checks the names when the cluster starts.

        Raises:
            TypeError: `kubernetes_features` is no mapping of texts to bools.
            ValueError: A name in it is none that a feature gate can have.
        """
        self.watch_cache = watch_cache
        self.kubernetes_features = _features(kubernetes_features)
        self._description: dict[str, Any] | None = None
        self._rest: Rest | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None

    def start(self) -> None:
        """Start the cluster and return when pods can be scheduled.

        Raises:
            ClusterStartError: It could not start, or runs already, or its program is not installed.
        """
        if self._description is not None:
            raise ClusterStartError("this test cluster runs already")
        from helm_sdkpy.testing._directory import StateDirectory  # noqa: PLC0415 - fcntl is not everywhere

        binary = find_binary()
        try:
            directory = StateDirectory()
        except OSError as error:
            raise ClusterStartError(f"no directory for the test cluster's state: {error}") from error
        command = [str(binary), "-directory", str(directory.path), "-parent", str(os.getpid())]
        command += ["-watch-cache"] if self.watch_cache else []
        gates = ",".join(f"{name}={str(on).lower()}" for name, on in self.kubernetes_features.items())
        command += ["-kubernetes-features", gates] if gates else []
        try:
            with (directory.path / "stderr.log").open("wb") as errors:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    pass_fds=[directory.lock],
                    # A Ctrl-C at the terminal is for us: we stop the cluster when we are done with it.
                    start_new_session=True,
                )
        except OSError as error:
            directory.remove()
            raise ClusterStartError(f"could not run {binary}: {error}") from error
        end = weakref.finalize(self, _end, process, directory, os.getpid())
        try:
            self._description = _wait_until_ready(process, directory) | {
                "kubernetes_features": self.kubernetes_features
            }
        except BaseException:
            end()
            raise
        self._process = process
        self._end = end

    def stop(self) -> None:
        """Stop the cluster and remove all that it wrote; does nothing where it does not run."""
        if self._process is not None and self._process.poll() is not None:
            written = "".join(f"\n    {line}" for line in _last_lines(self.directory))
            logger.error("the test cluster had ended by itself with %s%s", self._process.returncode, written)
        self._process = None
        self._description = None
        self._rest = None
        if self._end is not None:
            self._end()
            self._end = None

    @classmethod
    def attach(cls, description: Mapping[str, Any]) -> TestCluster:
        """A view on a cluster that another process runs, from what its `describe` gave; `stop` leaves it running."""
        cluster = cls(
            watch_cache=bool(description["watch_cache"]), kubernetes_features=description["kubernetes_features"]
        )
        cluster._description = dict(description)
        return cluster

    def describe(self) -> dict[str, Any]:
        """All addresses, files and credentials, as JSON can hold them."""
        if self._description is None:
            raise RuntimeError("the test cluster does not run: call start() or use it in a with statement")
        return dict(self._description)

    def __enter__(self) -> TestCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> TestCluster:
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread goes on; what it starts must not stay.
            await asyncio.wait([starting])
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def kubeconfig(self) -> str:
        """The path of a kubeconfig with all rights; the file needs no other."""
        return self._text("kubeconfig")

    @property
    def server(self) -> str:
        """The API server's address, `https://127.0.0.1:…`."""
        return self._text("server")

    @property
    def directory(self) -> Path:
        """Where the cluster keeps all that it writes; `logs/` in it says what its parts do."""
        return Path(self._text("directory"))

    @property
    def pid(self) -> int:
        """The number of the cluster's process."""
        return int(self.describe()["pid"])

    @property
    def timings(self) -> dict[str, float]:
        """Seconds that each part took to start, and under `ready` all together."""
        return dict(self.describe()["timings"])

    @property
    def ca_file(self) -> str:
        """The certificate authority of everything here that speaks TLS."""
        return self._text("ca_file")

    @property
    def client_certificate(self) -> str:
        """A client certificate: of an administrator, and for the `mtls` addresses."""
        return self._text("client_certificate")

    @property
    def client_key(self) -> str:
        """The key of `client_certificate`."""
        return self._text("client_key")

    @property
    def username(self) -> str:
        """The user of the addresses that ask for basic authentication."""
        return self._text("username")

    @property
    def password(self) -> str:
        """The password of `username`."""
        return self._text("password")

    @property
    def registry(self) -> str:
        """The OCI registry, `127.0.0.1:PORT`: plain HTTP, open to all. All addresses show the same content."""
        return self._text("registry", "plain")

    @property
    def registry_tls(self) -> str:
        """The registry over TLS (`ca_file`)."""
        return self._text("registry", "tls")

    @property
    def registry_auth(self) -> str:
        """The registry over plain HTTP, for `username` and `password` only."""
        return self._text("registry", "auth")

    @property
    def registry_tls_auth(self) -> str:
        """The registry over TLS, for `username` and `password` only."""
        return self._text("registry", "tls_auth")

    @property
    def registry_mtls(self) -> str:
        """The registry over TLS, for those with `client_certificate` only."""
        return self._text("registry", "mtls")

    @property
    def registry_token(self) -> str:
        """The registry over plain HTTP, with tokens that a token server at the same address gives out.

        `username` may do all, the user `reader` with the same password may pull, nobody needs a user to pull below
        `public/`, and the token server lets nobody into `private/` (403).
        """
        return self._text("registry", "token")

    @property
    def registry_redirect(self) -> str:
        """The registry as `registry_auth`, that sends its clients to another address for blobs.

        There, a signed address is asked for, and credentials are refused, as object stores do.
        """
        return self._text("registry", "redirect")

    @property
    def charts(self) -> Path:
        """The directory that the repository serves: put archives there, and an index.yaml unless it should be made."""
        return Path(self._text("charts"))

    @property
    def repository(self) -> str:
        """The chart repository, `http://127.0.0.1:PORT`: open to all. All addresses show the same content."""
        return self._text("repository", "plain")

    @property
    def repository_tls(self) -> str:
        """The repository over TLS (`ca_file`)."""
        return self._text("repository", "tls")

    @property
    def repository_auth(self) -> str:
        """The repository over plain HTTP, for `username` and `password` only."""
        return self._text("repository", "auth")

    @property
    def repository_tls_auth(self) -> str:
        """The repository over TLS, for `username` and `password` only."""
        return self._text("repository", "tls_auth")

    @property
    def repository_mtls(self) -> str:
        """The repository over TLS, for those with `client_certificate` only."""
        return self._text("repository", "mtls")

    @property
    def repository_slow(self) -> str:
        """The repository with archives that trickle in at 1 KiB a second."""
        return self._text("repository", "slow")

    @property
    def repository_slow_index(self) -> str:
        """The repository with an index that trickles in at 1 KiB a second."""
        return self._text("repository", "slow_index")

    @property
    def repository_broken(self) -> str:
        """The repository with archives that break off half way."""
        return self._text("repository", "broken")

    @property
    def repository_broken_index(self) -> str:
        """The repository with an index that breaks off half way."""
        return self._text("repository", "broken_index")

    def get(self, path: str) -> Any:
        """Read something from the API server, such as `/api/v1/namespaces/web/pods`.

        Returns:
            The decoded object, or the text where it is none (logs).

        Raises:
            ApiError: The API server refused, with `status` 404 where there is no such object.
        """
        return self.request("GET", path)

    def request(self, method: str, path: str, body: object = None, *, content_type: str = "application/json") -> Any:
        """Send any request to the API server; `body` that is not text is sent as JSON.

        Returns:
            The decoded object, or the text where it is none (logs).

        Raises:
            ApiError: The API server refused.
        """
        return self._connection().request(method, path, body, content_type=content_type)

    @contextlib.contextmanager
    def namespace(self, prefix: str = "test") -> Generator[str]:
        """A fresh namespace that is deleted afterwards, without waiting until it is gone."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        try:
            self._wait_for_service_account(name)
            yield name
        finally:
            self.request("DELETE", f"/api/v1/namespaces/{name}")

    def _wait_for_service_account(self, namespace: str) -> None:
        """Pods are refused until a controller has made the namespace's service account, some milliseconds later."""
        from helm_sdkpy.testing.rest import ApiError  # noqa: PLC0415 - as all of `rest`

        deadline = time.monotonic() + 30
        while True:
            try:
                self.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/default")
            except ApiError as error:
                if error.status != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                return

    def _connection(self) -> Rest:
        if self._rest is None:
            from helm_sdkpy.testing.rest import Rest  # noqa: PLC0415 - the plugin must not load http.client

            self._rest = Rest(self.server, self.ca_file, self.client_certificate, self.client_key)
        return self._rest

    def _text(self, *path: str) -> str:
        value: Any = self.describe()
        for key in path:
            value = value[key]
        return str(value)


def find_binary() -> Path:
    """The test cluster's program: `HELM_SDKPY_TESTCLUSTER`, or the one of the distribution helm-sdkpy-testing."""
    named = os.environ.get(BINARY)
    if named:
        binary = Path(named)
        if not binary.is_file():
            raise ClusterStartError(f"{BINARY} names {named}, which is no file")
        return binary
    from helm_sdkpy import __version__  # noqa: PLC0415 - only a start pays for reading it

    try:
        import helm_sdkpy_testing  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ClusterStartError(
            "the test cluster's program is not installed: pip install 'helm-sdkpy[testing]'. "
            f"Or name a binary built elsewhere in {BINARY}"
        ) from error
    brought = helm_sdkpy_testing.__version__
    if brought != __version__:
        # What the program is told and what it answers may differ from one version to the next.
        raise ClusterStartError(
            f"helm-sdkpy-testing {brought} is not for helm-sdkpy {__version__}: "
            f"pip install 'helm-sdkpy[testing]=={__version__}'"
        )
    binary = helm_sdkpy_testing.binary()
    if not binary.is_file():
        raise ClusterStartError(
            f"helm-sdkpy-testing {brought} has no program for this machine: there is no {binary}. There is one for "
            "Linux on x86_64 and aarch64: pip install --force-reinstall 'helm-sdkpy[testing]'; in a checkout of "
            f"helm-sdkpy run ./scripts/dev build-cluster. Or name a binary built elsewhere in {BINARY}"
        )
    return binary


def _features(features: object) -> dict[str, bool]:
    """The feature gates, where they are such: what is said of one must not be taken for two."""
    if features is None:
        return {}
    if not isinstance(features, Mapping):
        raise TypeError(f"kubernetes_features is a mapping of names to bools, not {type(features).__name__}")
    gates: dict[str, bool] = {}
    for name, on in cast("Mapping[object, object]", features).items():
        if not isinstance(name, str):
            raise TypeError(f"kubernetes_features: a feature's name is a str, not {type(name).__name__}")
        if not isinstance(on, bool):
            raise TypeError(f"kubernetes_features: {name} is True or False, not {on!r}")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", name):
            raise ValueError(f"kubernetes_features: {name!r} is no name of a feature")
        gates[name] = on
    return gates


def _wait_until_ready(process: subprocess.Popen[bytes], directory: StateDirectory) -> dict[str, Any]:
    line = _read_line(process)
    if line:
        answer: dict[str, Any] = json.loads(line)
        failure = answer.get("error")
        if failure is None:
            return answer
        raise ClusterStartError(_explain(f"{failure['part']}: {failure['message']}", failure["log"]))
    ended = "its process does not answer" if process.poll() is None else f"its process ended with {process.returncode}"
    raise ClusterStartError(_explain(ended, _last_lines(directory.path)))


def _read_line(process: subprocess.Popen[bytes]) -> bytes:
    """The one line that the cluster prints, or nothing where it ended or took too long."""
    assert process.stdout is not None
    deadline = time.monotonic() + START_TIMEOUT
    line = b""
    while not line.endswith(b"\n"):
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([process.stdout], [], [], remaining)[0]:
            return b""
        part = os.read(process.stdout.fileno(), 65536)
        if not part:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
            return b""
        line += part
    return line


def _last_lines(directory: Path) -> list[str]:
    """What every part wrote last, the part that wrote last of all at the end."""
    logs = sorted(directory.glob("**/*.log"), key=lambda path: path.stat().st_mtime)
    return [line for log in logs for line in log.read_text(errors="replace").splitlines()[-TAIL_LINES:]]


def _explain(reason: str, log: list[str]) -> str:
    lines = "".join(f"\n    {line}" for line in log)
    return f"the test cluster did not start: {reason}" + (f"\n  the last lines of its log:{lines}" if log else "")


def _end(process: subprocess.Popen[bytes], directory: StateDirectory, owner: int) -> None:
    """End the process and remove its directory; a forked child, which inherits this call, leaves both alone."""
    if os.getpid() != owner:
        return
    assert process.stdin is not None
    assert process.stdout is not None
    # The cluster ends when its input does.
    process.stdin.close()
    for stronger in (process.terminate, process.kill):
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            stronger()
    process.wait()
    process.stdout.close()
    directory.remove()
