"""The errors that helm_sdkpy raises, so that callers can catch what failed, why it failed, or both.

    HelmError
    │   which action failed
    ├── InstallError
    ├── UpgradeError
    ├── UninstallError
    ├── RollbackError
    ├── ReleaseError
    ├── ChartError
    ├── ReleaseTestError                                                    also ReleaseError, ChartError
    ├── RegistryError
    ├── PluginError
    ├── ConfigurationError
    ├── ValidationError
    │   why it failed
    ├── HelmLibraryNotFound
    ├── ReleaseNotFoundError, ReleaseExistsError, ReleasePendingError,      also ReleaseError
    │   ReleaseNotDeployedError, ReleaseTooLargeError, LeaseLostError
    ├── ChartNotFoundError, ChartInvalidError, MissingDependencyError,      also ChartError
    │   KubeVersionError, RenderError, DigestMismatchError, ProvenanceError
    ├── ValuesError
    │   └── ValuesSchemaError
    ├── ManifestError
    ├── PostRenderError
    ├── HookError
    ├── WaitFailedError
    ├── WaitTimeoutError, DeadlineExceededError                             also TimeoutError
    ├── ClusterUnreachableError, CertificateError                           also ConnectionError
    ├── StorageError                                                        also ConnectionError
    ├── UnauthorizedError, ForbiddenError                                   also PermissionError
    ├── ConflictError
    ├── OwnershipError
    ├── ImmutableFieldError
    ├── QuotaError
    ├── AdmissionError
    ├── InvalidObjectError
    ├── NamespaceNotFoundError
    ├── NamespaceTerminatingError
    ├── PluginNotFoundError, PluginExistsError, PluginInvalidError,         also PluginError
    │   PluginHookError
    └── RepositoryError

What is raised is both at once: an install that was not ready in time is an `InstallError` and a `WaitTimeoutError`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from .results import NotReady


class HelmError(Exception):
    """The base of every error of this library.

    Attributes:
        code: What happened, as a word for programs (`"release_not_found"`); `"helm"` where nothing more is known.
        details: What else is known: the `field` that was wrong, the `namespace`, the resources that are `not_ready`…
        release: The name of the release that it is about, or None.

    Example:
        >>> try:
        ...     await Status(config).run("nowhere")
        ... except HelmError as error:
        ...     print(error.code, error.release)
        release_not_found nowhere
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: str = "helm",
        details: Mapping[str, Any] | None = None,
        release: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code: str = code
        self.details: dict[str, Any] = dict(details or {})
        self.release: str | None = release

    def __str__(self) -> str:
        # Not left to the next base: OSError, which is among those of some classes, has a rule of its own.
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the two classes that the error's own was made of: a class made on demand has no name to look up."""
        action, cause = _axes(type(self))
        return _rebuild, (action, cause, str(self), self.details), self.__dict__


class InstallError(HelmError):
    """An install failed."""


class UpgradeError(HelmError):
    """An upgrade failed."""


class UninstallError(HelmError):
    """An uninstall failed."""


class RollbackError(HelmError):
    """A rollback failed."""


class ReleaseError(HelmError):
    """Reading, testing or finding a release failed."""


class ChartError(HelmError):
    """Something is wrong with a chart, or an action on one failed."""


class ReleaseTestError(ReleaseError, ChartError):
    """A test of a release failed, or the tests could not be run."""


class RegistryError(HelmError):
    """An action on a registry or a chart repository failed, or a registry could not be used."""


class PluginError(HelmError):
    """An action on helm's plugins failed."""


class ConfigurationError(HelmError):
    """A Configuration can not be made or used: its kubeconfig can not be read, or it is closed."""


class ValidationError(HelmError):
    """An argument is wrong; nothing was done. `details["field"]` says which."""


class HelmLibraryNotFound(HelmError):
    """The shared library for this machine is not there or can not be loaded."""


class ReleaseNotFoundError(ReleaseError):
    """There is no release, or no revision, of that name in the namespace."""


class ReleaseExistsError(ReleaseError):
    """A release of that name is there already."""


class ReleasePendingError(ReleaseError):
    """Another operation works on the release, or one was killed while it did."""


class LeaseLostError(ReleaseError):
    """The operation was stopped, since another process may work on the release by now (`Configuration(lock="lease")`).

    `details["phase"]` is what it was doing. Nothing was cleaned up, and nothing written of what another has taken over.
    """


class ReleaseNotDeployedError(ReleaseError):
    """The release has no revision that is deployed."""


class ReleaseTooLargeError(ReleaseError):
    """The record of the release is larger than the cluster keeps in one object (about 1 MiB)."""


class ChartNotFoundError(ChartError):
    """The chart, or the version asked for, is not where it was looked for."""


class ChartInvalidError(ChartError):
    """The chart can not be read, or can not be installed."""


class MissingDependencyError(ChartError):
    """The chart names dependencies that are not in its charts/ directory."""


class KubeVersionError(ChartError):
    """The chart does not support the cluster's version of Kubernetes."""


class RenderError(ChartError):
    """A template of the chart failed."""


class DigestMismatchError(ChartError):
    """What was downloaded is not what its digest says."""


class ProvenanceError(ChartError):
    """The chart's signature is missing or does not hold, or can not be made."""


class ValuesError(HelmError):
    """Values could not be read or put together."""


class ValuesSchemaError(ValuesError):
    """The values do not meet the chart's schema."""


class ManifestError(HelmError):
    """What was rendered is not valid, or the cluster does not know the kind."""


class PostRenderError(HelmError):
    """The post-renderer failed; where it was a Python callable, its exception is the `__cause__`."""


class HookError(HelmError):
    """A hook of the chart failed; `details["not_ready"]` is as for `WaitTimeoutError`."""

    @property
    def not_ready(self) -> list[NotReady]:
        """`details["not_ready"]`, typed."""
        return self.details.get("not_ready", [])


class WaitFailedError(HelmError):
    """A resource that was waited for failed for good; `details["not_ready"]` is as for `WaitTimeoutError`."""

    @property
    def not_ready(self) -> list[NotReady]:
        """`details["not_ready"]`, typed."""
        return self.details.get("not_ready", [])


class WaitTimeoutError(HelmError, TimeoutError):
    """Resources were not ready in time.

    `details["not_ready"]` lists them, each a `helm_sdkpy.results.NotReady`: `api_version`, `kind`, `namespace`, `name`,
    `status` and `message`, and where they could be had the `conditions`, `pods`, `claims`, `events` and `logs`.

    Example:
        >>> try:
        ...     await Install(config).run("shop", chart, timeout=60)
        ... except WaitTimeoutError as error:
        ...     for found in error.not_ready:
        ...         print(found["kind"], found["name"], found["message"])
    """

    @property
    def not_ready(self) -> list[NotReady]:
        """`details["not_ready"]`, typed."""
        return self.details.get("not_ready", [])


class DeadlineExceededError(HelmError, TimeoutError):
    """The call's `deadline` passed, and it was stopped as a cancel stops it.

    `details` has `seconds` (what the call had), `phase` (what it was doing: `"queued"` where it had not begun, empty
    where it was in no phase yet) and, where it waited, `not_ready` as `WaitTimeoutError` has it.
    """


class ClusterUnreachableError(HelmError, ConnectionError):
    """The cluster's API server can not be reached."""


class CertificateError(HelmError, ConnectionError):
    """A server's certificate is not trusted."""


class StorageError(HelmError, ConnectionError):
    """The SQL database that keeps the releases can not be reached, or refuses."""


class UnauthorizedError(HelmError, PermissionError):
    """The server does not know who asks."""


class ForbiddenError(HelmError, PermissionError):
    """The server knows who asks, and does not allow it."""


class ConflictError(HelmError):
    """Somebody else changed the object, or owns a field of it."""


class OwnershipError(HelmError):
    """An object is there already and does not belong to the release."""


class ImmutableFieldError(HelmError):
    """A field that must not change would change."""


class QuotaError(HelmError):
    """The namespace's quota is used up."""


class AdmissionError(HelmError):
    """An admission webhook refused."""


class InvalidObjectError(HelmError):
    """The API server refused an object as invalid."""


class NamespaceNotFoundError(HelmError):
    """The namespace does not exist."""


class NamespaceTerminatingError(HelmError):
    """The namespace is being deleted."""


class PluginNotFoundError(PluginError):
    """There is no such plugin, or nothing where it was to come from."""


class PluginExistsError(PluginError):
    """A plugin is there already."""


class PluginInvalidError(PluginError):
    """What was to be installed or packaged is no plugin that helm can use."""


class PluginHookError(PluginError):
    """The plugin's own hook failed. It stays installed, or removed, as helm leaves it."""


class RepositoryError(HelmError):
    """A chart repository, or the local list of repositories, can not be read."""


# The one place where codes become classes. A code that is not here (helm, panic, …) is the action's class alone.
CAUSES: dict[str, type[HelmError]] = {
    "admission": AdmissionError,
    "callable_failed": PostRenderError,
    "certificate": CertificateError,
    "chart_invalid": ChartInvalidError,
    "chart_not_found": ChartNotFoundError,
    "cluster_unreachable": ClusterUnreachableError,
    "configuration": ConfigurationError,
    "configuration_busy": ConfigurationError,
    "configuration_closed": ConfigurationError,
    "conflict": ConflictError,
    "deadline_exceeded": DeadlineExceededError,
    "digest_mismatch": DigestMismatchError,
    "forbidden": ForbiddenError,
    "hook_failed": HookError,
    "immutable_field": ImmutableFieldError,
    "invalid_argument": ValidationError,
    "invalid_object": InvalidObjectError,
    "invalid_release_name": ValidationError,
    "invalid_request": ValidationError,
    "kube_version": KubeVersionError,
    "lease_lost": LeaseLostError,
    "library_not_found": HelmLibraryNotFound,
    "manifest_invalid": ManifestError,
    "missing_dependency": MissingDependencyError,
    "namespace_not_found": NamespaceNotFoundError,
    "namespace_terminating": NamespaceTerminatingError,
    "ownership": OwnershipError,
    "plugin_exists": PluginExistsError,
    "plugin_hook": PluginHookError,
    "plugin_invalid": PluginInvalidError,
    "plugin_not_found": PluginNotFoundError,
    "post_render": PostRenderError,
    "provenance": ProvenanceError,
    "quota": QuotaError,
    "registry": RegistryError,
    "release_exists": ReleaseExistsError,
    "release_not_deployed": ReleaseNotDeployedError,
    "release_not_found": ReleaseNotFoundError,
    "release_pending": ReleasePendingError,
    "release_too_large": ReleaseTooLargeError,
    "render": RenderError,
    "repository": RepositoryError,
    "stale_handle": ConfigurationError,
    "storage": StorageError,
    "unauthorized": UnauthorizedError,
    "values_invalid": ValuesError,
    "values_schema": ValuesSchemaError,
    "wait_failed": WaitFailedError,
    "wait_timeout": WaitTimeoutError,
}


def error(
    action: type[HelmError],
    code: str,
    message: str,
    details: Mapping[str, Any] | None = None,
    release: str | None = None,
) -> HelmError:
    """Make the error of an action for a code, of a class that is both the action's and the cause's."""
    details = dict(details or {})
    named = details.get("release", release)
    kind = _both(action, CAUSES.get(code, action))
    return kind(message, code=code, details=details, release=named if isinstance(named, str) else None)


@functools.cache
def _both(action: type[HelmError], cause: type[HelmError]) -> type[HelmError]:
    if issubclass(cause, action):
        return cause
    if issubclass(action, cause):
        return action
    name = action.__name__.removesuffix("Error") + cause.__name__
    return type(name, (action, cause), {"__doc__": cause.__doc__, "__module__": __name__, "_made_of": (action, cause)})


def _axes(kind: type[HelmError]) -> tuple[type[HelmError], type[HelmError]]:
    return kind.__dict__.get("_made_of", (kind, kind))


def _rebuild(action: type[HelmError], cause: type[HelmError], message: str, details: dict[str, Any]) -> HelmError:
    return _both(action, cause)(message, details=details)
