"""Which cluster, as whom, and how: what every action is given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import weakref
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, TypeAlias, cast, get_args

from . import _arguments
from ._connection import Connection
from ._ffi import command, loader
from .exceptions import ConfigurationError, error
from .options import StrPath

Kubeconfig: TypeAlias = StrPath | Sequence[StrPath] | Mapping[str, Any]
"""A path, several paths, YAML or JSON text, or the same as a mapping."""

Storage: TypeAlias = Literal["secret", "configmap", "memory", "sql"]
"""Where records of releases are kept."""

Lock: TypeAlias = Literal["lease"]
"""How other processes are kept from a release while it is changed."""

_KUBECONFIG_KEY: Final = re.compile(
    r"""^\s*["']?(apiVersion|kind|clusters|contexts|current-context|users)["']?\s*:""", re.M
)
_KUBECONFIG_KEYS: Final = frozenset({"apiVersion", "kind", "clusters", "contexts", "current-context", "users"})

_SERVICE_ACCOUNT: Final[Mapping[str, Any]] = {"in_cluster": True}
"""Known by its identity: no kubeconfig of a user's can be it."""

_ENCODERS: Final[dict[str, _arguments.Encoder]] = {
    "namespace": _arguments.text,
    "kubecontext": _arguments.text,
    "plain_http": _arguments.flag,
    "insecure_skip_tls_verify": _arguments.flag,
    "burst_limit": _arguments.count,
    "content_cache": _arguments.path,
    "kube_apiserver": _arguments.text,
    "kube_as_group": _arguments.texts,
    "kube_as_user": _arguments.text,
    "kube_ca_file": _arguments.path,
    "kube_insecure_skip_tls_verify": _arguments.flag,
    "kube_tls_server_name": _arguments.text,
    "kube_token": _arguments.text,
    "qps": _arguments.number,
    "registry_config": _arguments.path,
    "repository_cache": _arguments.path,
    "repository_config": _arguments.path,
    "sql_connection": _arguments.text,
}


class Configuration:
    """Which cluster, as whom, and how.

    Making one only checks its arguments; the first operation connects. It belongs to no event loop and no thread: use
    one from as many as you like, and for as many operations at once as you like.

    Close it with `with`, `async with`, `close()` or `aclose()`; one that is no longer referred to is closed by itself.

    Args:
        namespace: The namespace of the releases. Default: `default`. None: the environment's `HELM_NAMESPACE`, else the
            one of the kubeconfig's context.
        kubeconfig: A path, a list of paths, YAML text (a str with a line break or a kubeconfig's key), a mapping, or
            None. Default: None, which is `KUBECONFIG`, `~/.kube/config` or the pod's service account, whichever is
            there first.
        kubecontext: The context of the kubeconfig. Default: `HELM_KUBECONTEXT`, else its current one.
        plain_http: Speak HTTP to OCI registries. Default: False.
        insecure_skip_tls_verify: Do not check certificates of registries and repositories. Default: False.
        registry_auth: For each registry's host a mapping with `username` and `password`; never written to a file.
            Default: None, the registry config file alone.
        burst_limit: Requests at once before `qps` applies. Default: `HELM_BURST_LIMIT`, else 100; no `qps`, no limit.
        content_cache: Directory of the charts that were downloaded. Default: helm's.
        kube_apiserver: Address of the API server. Default: `HELM_KUBEAPISERVER`, else the kubeconfig's.
        kube_as_group: Group or groups to impersonate. Default: `HELM_KUBEASGROUPS`, else none.
        kube_as_user: User to impersonate. Default: `HELM_KUBEASUSER`, else none.
        kube_ca_file: Certificate authority of the API server. Default: `HELM_KUBECAFILE`, else the kubeconfig's.
        kube_insecure_skip_tls_verify: Do not check the API server's certificate. Default: False, or what the
            kubeconfig or `HELM_KUBEINSECURE_SKIP_TLS_VERIFY` says.
        kube_tls_server_name: Name that the API server's certificate must have. Default: `HELM_KUBETLS_SERVER_NAME`,
            else its host.
        kube_token: Bearer token. Default: `HELM_KUBETOKEN`, else the kubeconfig's credentials.
        qps: Requests a second. Default: `HELM_QPS`, else no limit; the API server has priorities of its own.
        registry_config: File with the registries' credentials. Default: helm's.
        repository_cache: Directory of the repositories' indexes. Default: helm's.
        repository_config: File with the names of repositories. Default: helm's.
        storage: Where releases are recorded: `secret`, `configmap`, `memory` or `sql`. Default: None, which is the
            environment's `HELM_DRIVER`, else `secret`.
        sql_connection: Where the SQL database is. Default: None, which is the environment's
            `HELM_DRIVER_SQL_CONNECTION_STRING`.
        lock: `"lease"`: hold a Lease of the cluster (`coordination.k8s.io`) for a release while an action changes it,
            so that of all programs that do so only one works on it; the others get `ReleasePendingError` at
            once. It takes the permission to get, create and update leases (docs/recovering.md). Default: None: only the
            operations of this process are kept apart.

    Raises:
        ConfigurationError: An argument is wrong, or a kubeconfig can not be read.

    Example:
        >>> config = Configuration(namespace="web", kubeconfig="~/.kube/config")
        >>> release = await Install(config).run("shop", "./shop")
        >>> release["info"]["status"]
        'deployed'
    """

    def __init__(  # noqa: PLR0917 - in the drop-in target's order
        self,
        namespace: str | None = "default",
        kubeconfig: Kubeconfig | None = None,
        kubecontext: str | None = None,
        plain_http: bool = False,
        insecure_skip_tls_verify: bool = False,
        registry_auth: Mapping[str, Mapping[str, str]] | None = None,
        *,
        burst_limit: int | None = None,
        content_cache: StrPath | None = None,
        kube_apiserver: str | None = None,
        kube_as_group: str | Sequence[str] | None = None,
        kube_as_user: str | None = None,
        kube_ca_file: StrPath | None = None,
        kube_insecure_skip_tls_verify: bool = False,
        kube_tls_server_name: str | None = None,
        kube_token: str | None = None,
        qps: float | None = None,
        registry_config: StrPath | None = None,
        repository_cache: StrPath | None = None,
        repository_config: StrPath | None = None,
        storage: Storage | None = None,
        sql_connection: str | None = None,
        lock: Lock | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name in _ENCODERS and value is not None}
        self._namespace = namespace or ""
        with _refusals():
            options = {name: _ENCODERS[name](name, value) for name, value in given.items()}
            options["kubeconfig"] = _kubeconfig(kubeconfig)
            options["registry_auth"] = _registry_auth(registry_auth)
            options["storage"] = _storage(storage, sql_connection)
            options["lock"] = _lock(lock)
        self._shown = {"kubeconfig": _shown(options["kubeconfig"]), "kubecontext": kubecontext}
        sent = {name: value for name, value in options.items() if value is not None}
        # Sent in any case: where it is left out, a kubeconfig's own would be taken.
        sent["namespace"] = self._namespace
        # As it is now: Go's own copy is of the process's start. What is not UTF-8 can not be sent.
        sent["environment"] = {name: value for name, value in os.environ.items() if _is_text(name + value)}
        self._connection = Connection(sent)
        # At exit all operations are shut down at once; no Configuration need be closed then.
        weakref.finalize(self, self._connection.close).atexit = False

    @classmethod
    def from_service_account(
        cls,
        namespace: str | None = "default",
        plain_http: bool = False,
        insecure_skip_tls_verify: bool = False,
        registry_auth: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Configuration:
        """Make one for a program in a pod, with the pod's service account and nothing else.

        Args:
            namespace: The namespace of the releases. Default: `default`.
            plain_http: Speak HTTP to OCI registries. Default: False.
            insecure_skip_tls_verify: Do not check certificates of registries and repositories. Default: False.
            registry_auth: For each registry's host a mapping with `username` and `password`. Default: None, the
                registry config file alone.

        Returns:
            The configuration. Whether there is a service account shows in the first operation.

        Raises:
            ConfigurationError: An argument is wrong.

        Example:
            >>> config = Configuration.from_service_account(namespace="web")
            >>> config.namespace
            'web'
        """
        return cls(
            namespace=namespace,
            kubeconfig=_SERVICE_ACCOUNT,
            plain_http=plain_http,
            insecure_skip_tls_verify=insecure_skip_tls_verify,
            registry_auth=registry_auth,
        )

    def env(self) -> dict[str, str]:
        """What `helm env` prints for the same settings: names and values, of the environment and of the arguments.

        No request is sent. It reads the kubeconfig and loads the library, which takes 50 to 75 ms once.

        Returns:
            Each variable by its name, sorted. `HELM_KUBETOKEN` is in it as it is: a secret. `HELM_BIN` is the library,
            which is the helm command where it is run as a program, `HELM_QPS` is 0.00 where nothing is set, and
            `KUBECONFIG` is there where paths were given.

        Raises:
            ConfigurationError: It is closed, or the kubeconfig can not be used.

        Example:
            >>> config.env()["HELM_NAMESPACE"]
            'web'
        """
        found = self._connection.env(loader.load())
        found["HELM_BIN"] = command()[-1]
        return dict(sorted(found.items()))

    @property
    def connection(self) -> Connection:
        """For the package itself: what operations run on."""
        return self._connection

    @property
    def namespace(self) -> str:
        """The namespace of the releases; empty where it was made with None.

        Example:
            >>> Configuration(namespace="shop").namespace
            'shop'
        """
        return self._namespace

    @property
    def closed(self) -> bool:
        """Whether it is closed.

        Example:
            >>> config.closed
            False
        """
        return self._connection.closed

    def close(self, *, cancel: bool = True) -> None:
        """Close it, once or more often. Operations that still run are cancelled, and their callers get an error.

        In a thread without a running event loop it waits for those operations to end: up to a second, and where they
        have a clean-up to do (`rollback_on_failure`, `cleanup_on_fail`), its `cleanup_timeout` more. In an event loop
        it does not wait, since they end by means of that loop: use `async with` or `aclose()` to wait there.

        Args:
            cancel: Cancel what still runs. Default: True. False: where something runs, refuse and leave everything as
                it is.

        Raises:
            ConfigurationError: With `cancel=False`: operations run (code `configuration_busy`); the message names them,
                `details["running"]` has `action`, `release` and `namespace` of each.

        Example:
            >>> config.close(cancel=False)
            >>> config.closed
            True
        """
        bound = self._connection.close(cancel=cancel)
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self._connection.wait_idle(bound)

    async def aclose(self, *, cancel: bool = True) -> None:
        """Close it as `close` does, and wait for the operations that it cancels, as long as that does in a thread.

        Args:
            cancel: Cancel what still runs. Default: True. False: where something runs, refuse and leave everything as
                it is.

        Raises:
            ConfigurationError: With `cancel=False`: operations run, as of `close`.

        Example:
            >>> await config.aclose()
            >>> config.closed
            True
        """
        bound = self._connection.close(cancel=cancel)
        loop = asyncio.get_running_loop()
        idle = loop.create_future()
        self._connection.when_idle(lambda: _resolve(loop, idle))
        await asyncio.wait([idle], timeout=bound)

    def __enter__(self) -> Configuration:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Configuration:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        shown = {"namespace": self._namespace} | {name: value for name, value in self._shown.items() if value}
        state = " closed" if self.closed else ""
        return f"<Configuration {' '.join(f'{name}={value!r}' for name, value in shown.items())}{state}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "a Configuration can not be copied or pickled: it is a connection. Share it between tasks and threads, "
            "and make a new one in another process"
        )


def get_version() -> str:
    """The versions of the library and of what it is made of. Loads the library, which takes 50 to 75 ms once.

    Returns:
        `helm-sdkpy-v0.2.0 (helm v4.3.1, kubernetes v1.37.1, go1.27.3)`.

    Raises:
        HelmLibraryNotFound: There is no library for this machine.

    Example:
        >>> get_version()
        'helm-sdkpy-v... (helm v..., kubernetes v..., go...)'
    """
    # Not at the top: helm_sdkpy/__init__.py imports this module first.
    from . import __version__  # noqa: PLC0415

    versions: dict[str, str] = json.loads(loader.load().version())
    parts = (f"helm {versions['helm']}", f"kubernetes {versions['kubernetes']}", versions["go"])
    return f"helm-sdkpy-v{__version__} ({', '.join(parts)})"


@contextlib.contextmanager
def _refusals() -> Generator[None, None, None]:
    """Make a refused argument a ConfigurationError."""
    try:
        yield
    except _arguments.Refused as refused:
        raise error(ConfigurationError, "configuration", str(refused), {"field": refused.field}) from None


def _kubeconfig(given: object) -> dict[str, Any] | None:
    """The wire's form of a kubeconfig, read as far as it must be to know that it is there."""
    if given is _SERVICE_ACCOUNT:
        return dict(_SERVICE_ACCOUNT)
    # As in the drop-in target: an environment variable that is not set often comes as an empty text.
    if given is None or given == "":
        return None
    if isinstance(given, Mapping):
        copied = cast("dict[str, Any]", _arguments.json_value("kubeconfig", cast("object", given)))
        if not _KUBECONFIG_KEYS & copied.keys():
            raise _arguments.Refused("kubeconfig", f"is a mapping without any of {', '.join(sorted(_KUBECONFIG_KEYS))}")
        return {"text": json.dumps(copied)}
    if isinstance(given, str) and _looks_like_text(given):
        return {"text": _checked_text(given)}
    if isinstance(given, (str, os.PathLike)):
        given = [cast("object", given)]
    if isinstance(given, bytes) or not isinstance(given, Sequence):
        kind = type(given).__name__
        raise _arguments.Refused(
            "kubeconfig", f"must be a path, a list of paths, YAML text, a mapping or None, not a {kind}"
        )
    paths = [_readable(path) for path in cast("Sequence[object]", given)]
    if not paths:
        raise _arguments.Refused("kubeconfig", "is an empty list: name a file, or leave it out for the default")
    return {"paths": paths}


def _looks_like_text(given: str) -> bool:
    return "\n" in given or given.lstrip().startswith("{") or _KUBECONFIG_KEY.match(given) is not None


def _checked_text(given: str) -> str:
    text = _arguments.text("kubeconfig", given)
    if text is None or _KUBECONFIG_KEY.search(text.replace("{", "\n").replace(",", "\n")) is None:
        keys = ", ".join(sorted(_KUBECONFIG_KEYS))
        raise _arguments.Refused("kubeconfig", f"is text, not a path, and holds none of a kubeconfig's keys ({keys})")
    return text


def _readable(given: object) -> str:
    """The absolute path of a file that can be read: a later chdir must not change which one it is."""
    name = _arguments.path("kubeconfig", given)
    if name is None:
        raise _arguments.Refused("kubeconfig", "holds an empty path")
    path = Path(name).expanduser().absolute()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as failed:
        raise _arguments.Refused("kubeconfig", f"{path} can not be read: {failed.strerror}") from failed


def _registry_auth(given: object) -> dict[str, dict[str, str]] | None:
    """Credentials by host; a message names the host and never what is wrong with the secret itself."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise _arguments.Refused("registry_auth", "must be a mapping of hosts to username and password")
    checked: dict[str, dict[str, str]] = {}
    for host, credentials in cast("Mapping[object, object]", given).items():
        if not isinstance(host, str) or not isinstance(credentials, Mapping):
            raise _arguments.Refused(
                "registry_auth", "must be a mapping of hosts to mappings with username and password"
            )
        found = cast("Mapping[object, object]", credentials)
        if set(found) != {"username", "password"} or not all(isinstance(part, str) for part in found.values()):
            raise _arguments.Refused(
                f"registry_auth[{host!r}]", "must have a username and a password, both str, and nothing else"
            )
        checked[host] = {str(name): str(part) for name, part in found.items()}
    return checked or None


def _storage(storage: object, sql_connection: str | None) -> str | None:
    if storage is not None and storage not in get_args(Storage):
        raise _arguments.Refused("storage", f"is {storage!r}: it must be {', '.join(map(repr, get_args(Storage)))}")
    if sql_connection is not None and storage not in ("sql", None):
        raise _arguments.Refused("sql_connection", f"needs storage='sql', not {storage!r}")
    return cast("str | None", storage)


def _lock(lock: object) -> str | None:
    if lock is not None and lock not in get_args(Lock):
        raise _arguments.Refused("lock", f"is {lock!r}: it must be 'lease' or None")
    return cast("str | None", lock)


def _shown(kubeconfig: Mapping[str, Any] | None) -> object:
    """What repr may say: text holds credentials."""
    if kubeconfig is None:
        return None
    if "paths" in kubeconfig:
        return kubeconfig["paths"][0] if len(kubeconfig["paths"]) == 1 else kubeconfig["paths"]
    return "the service account" if "in_cluster" in kubeconfig else "text"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _resolve(loop: asyncio.AbstractEventLoop, idle: asyncio.Future[None]) -> None:
    """Resolve a future from any thread, if anybody still waits for it."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(lambda: None if idle.done() else idle.set_result(None))
