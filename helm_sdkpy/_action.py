"""The one way from the arguments of an action's class to the result of its operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, cast

from . import _arguments, _tracing
from ._operation import Call, operations
from .configuration import Configuration
from .exceptions import HelmError, error

ENCODERS: Final[dict[str, _arguments.Encoder]] = {
    "all": _arguments.flag,
    "all_namespaces": _arguments.flag,
    "allow_deprecated_repos": _arguments.flag,
    "api_versions": _arguments.texts,
    "app_version": _arguments.text,
    "ca_file": _arguments.path,
    "cascade": _arguments.choice("background", "orphan", "foreground"),
    "cert_file": _arguments.path,
    "chart_api_version": _arguments.choice("v2", "v3"),
    "chart_ref": _arguments.texts,
    "cleanup_on_fail": _arguments.flag,
    "cleanup_timeout": _arguments.seconds,
    "context": _arguments.count,
    "create_namespace": _arguments.flag,
    "date": _arguments.flag,
    "dependency_update": _arguments.flag,
    "deployed": _arguments.flag,
    "description": _arguments.text,
    "dest_dir": _arguments.path,
    "destination": _arguments.path,
    "devel": _arguments.flag,
    "directory": _arguments.path,
    "disable_openapi_validation": _arguments.flag,
    "dry_run": _arguments.dry_run,
    "drift": _arguments.switch,
    "enable_dns": _arguments.flag,
    "endpoint": _arguments.text,
    "failed": _arguments.flag,
    "filter": _arguments.text,
    "force_conflicts": _arguments.flag,
    "force_pending": _arguments.flag,
    "force_replace": _arguments.flag,
    "force_update": _arguments.flag,
    "generate_name": _arguments.flag,
    "hide_notes": _arguments.flag,
    "hide_secret": _arguments.flag,
    "history_max": _arguments.count,
    "hostname": _arguments.text,
    "ignore": _arguments.ignore_rules,
    "ignore_managers": _arguments.texts,
    "ignore_not_found": _arguments.flag,
    "include_crds": _arguments.flag,
    "insecure": _arguments.flag,
    "insecure_skip_tls_verify": _arguments.flag,
    "install": _arguments.flag,
    "is_upgrade": _arguments.flag,
    "json": _arguments.flag,
    "jsonpath": _arguments.text,
    "keep_history": _arguments.flag,
    "key": _arguments.text,
    "key_file": _arguments.path,
    "keyring": _arguments.path,
    "keyword": _arguments.text,
    "kube_version": _arguments.text,
    "labels": _arguments.labels,
    "logs": _arguments.flag,
    "max": _arguments.count,
    "max_history": _arguments.count,
    "merge": _arguments.path,
    "name": _arguments.text,
    "name_template": _arguments.text,
    "no_hooks": _arguments.flag,
    "offset": _arguments.count,
    "output_dir": _arguments.path,
    "pass_credentials": _arguments.flag,
    "pass_credentials_all": _arguments.flag,
    "passphrase": _arguments.text,
    "passphrase_file": _arguments.path,
    "password": _arguments.text,
    "pending": _arguments.flag,
    "pending_age": _arguments.seconds,
    "plain_http": _arguments.flag,
    "post_renderer_args": _arguments.texts,
    "prov": _arguments.flag,
    "regexp": _arguments.flag,
    "remote": _arguments.text,
    "render": _arguments.choice("unified", "color"),
    "render_subchart_notes": _arguments.flag,
    "replace": _arguments.flag,
    "repo": _arguments.text,
    "reset_then_reuse_values": _arguments.flag,
    "reset_values": _arguments.flag,
    "reuse_values": _arguments.flag,
    "reverse": _arguments.flag,
    "revision": _arguments.count,
    "rollback_on_failure": _arguments.flag,
    "selector": _arguments.text,
    "server_side": _arguments.server_side,
    "server_side_apply": _arguments.server_side,
    "set": _arguments.texts,
    "set_file": _arguments.texts,
    "set_json": _arguments.texts,
    "set_literal": _arguments.texts,
    "set_string": _arguments.texts,
    "show_only": _arguments.texts,
    "show_secrets": _arguments.flag,
    "sign": _arguments.flag,
    "skip_crds": _arguments.flag,
    "skip_refresh": _arguments.flag,
    "skip_schema_validation": _arguments.flag,
    "skip_tests": _arguments.flag,
    "starter": _arguments.path,
    "strict": _arguments.flag,
    "superseded": _arguments.flag,
    "take_ownership": _arguments.flag,
    "timeout": _arguments.seconds,
    "to": _arguments.choice("failed", "deployed"),
    "uninstalled": _arguments.flag,
    "uninstalling": _arguments.flag,
    "untar": _arguments.flag,
    "untardir": _arguments.path,
    "url": _arguments.text,
    "use_release_name": _arguments.flag,
    "username": _arguments.text,
    "validate": _arguments.flag,
    "values": _arguments.values,
    "values_files": _arguments.paths,
    "verify": _arguments.flag,
    "version": _arguments.text,
    "versions": _arguments.flag,
    "wait": _arguments.wait,
    "wait_for_jobs": _arguments.flag,
    "with_subcharts": _arguments.flag,
}
"""How each keyword is checked and sent. What is missing here has a rule of its own below."""


class Action:
    """What all actions share: a Configuration, and the one way from arguments to a result."""

    _name: ClassVar[str]
    _error: ClassVar[type[HelmError]]
    _options: ClassVar[frozenset[str]]
    _required: ClassVar[tuple[str, ...]] = ("release_name",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = ENCODERS

    def __init__(self, config: Configuration) -> None:
        if not isinstance(config, Configuration):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{type(self).__name__}() needs a Configuration, not a {type(config).__name__}")
        self.config = config

    async def _run(self, options: Mapping[str, object], **leading: object) -> Any:
        """Check the arguments, run the operation, give its result."""
        return await self._start(self._name, "run", self._options, options, leading)

    async def _start(
        self,
        action: str,
        method: str,
        known: frozenset[str],
        options: Mapping[str, object],
        leading: Mapping[str, object],
    ) -> Any:
        """Do it for one of several methods of a class."""
        _arguments.check_names(f"{type(self).__name__}.{method}", options, known, leading)
        given = {name: value for name, value in {**leading, **options}.items() if value is not None}
        release = given.get("release_name")
        try:
            call = self._call(action, given)
        except _arguments.Refused as refused:
            named = release if isinstance(release, str) else None
            raise error(self._error, "invalid_argument", str(refused), {"field": refused.field}, named) from None
        if (trace := _tracing.begin(call)) is None:
            return await operations.run(self.config.connection, call)
        with trace as traced:
            result = await operations.run(self.config.connection, traced)
            trace.result(result)
            return result

    def _call(self, action: str, given: dict[str, object]) -> Call:
        on_event = given.pop("on_event", None)
        if on_event is not None and not callable(on_event):
            raise _arguments.Refused("on_event", f"must be callable, not a {type(on_event).__name__}")
        deadline = given.pop("deadline", None)
        post_renderer = given.get("post_renderer")
        _arguments.exclusive(given, "force_replace", "force_conflicts")
        arguments = self._encode(given)
        return Call(
            action=action,
            error=self._error,
            arguments=arguments,
            release=cast("str | None", arguments.get("release_name")),
            namespace=self.config.namespace,
            on_event=on_event,
            post_renderer=post_renderer if callable(post_renderer) else None,
            cleanup_seconds=_cleanup_seconds(arguments),
            deadline=None if deadline is None else _arguments.deadline("deadline", deadline),
        )

    def _encode(self, given: dict[str, object]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for name in self._required:
            if name not in given:
                raise _arguments.Refused(name, "is None")
        for name, value in given.items():
            if (rule := RULES.get(name)) is not None:
                arguments |= rule(value)
            elif (encoded := self._encoders[name](name, value)) is not None:
                arguments[name] = encoded
        for alias, (name, default) in ALIASES.items():
            _one_name(arguments, name, alias, default)
        return arguments


def _release_name(value: object) -> dict[str, Any]:
    name = _arguments.text("release_name", value)
    if name is None:
        raise _arguments.Refused("release_name", "is empty")
    return {"release_name": name}


def _chart_path(value: object) -> dict[str, Any]:
    if isinstance(value, (bytes, bytearray)):
        if not value:
            raise _arguments.Refused("chart_path", "is an empty archive")
        return {"chart_archive": _arguments.archive(value)}
    path = _arguments.path("chart_path", value)
    if path is None:
        raise _arguments.Refused("chart_path", "is empty: name a directory, an archive, a URL, oci://… or repo/name")
    return {"chart_path": path}


def _post_renderer(value: object) -> dict[str, Any]:
    if callable(value):
        return {"post_renderer_callable": True}
    if not isinstance(value, str):
        raise _arguments.Refused(
            "post_renderer", f"must be a callable or a plugin's name, not a {type(value).__name__}"
        )
    return {"post_renderer": value} if value else {}


def _show_rollback_revision(value: object) -> dict[str, Any]:
    # A column of the command's table: what History gives has it in any case.
    _arguments.flag("show_rollback_revision", value)
    return {}


RULES: Final[dict[str, Callable[[object], dict[str, Any]]]] = {
    "release_name": _release_name,
    "chart_path": _chart_path,
    "post_renderer": _post_renderer,
    "show_rollback_revision": _show_rollback_revision,
}
"""The arguments whose name on the wire depends on their value."""


ALIASES: Final[dict[str, tuple[str, object]]] = {
    "dest_dir": ("destination", None),
    "server_side_apply": ("server_side", "auto"),
    "history_max": ("max_history", None),
    "pass_credentials_all": ("pass_credentials", False),
}
"""Second keywords for the same thing: the name on the wire, and the default that both have."""


def _one_name(arguments: dict[str, Any], name: str, alias: str, default: object) -> None:
    """Send two keywords for the same thing as one. The default is nobody's wish: it gives way, and is not sent."""
    given = {key: value for key in (name, alias) if (value := arguments.pop(key, default)) != default}
    value = _arguments.one_of(alias, given)
    if value is not None:
        arguments[name] = value


def _cleanup_seconds(arguments: Mapping[str, Any]) -> float:
    """How long the clean-up that was asked for may take after a cancel, as the Go side reckons it."""
    if not (arguments.get("rollback_on_failure") or arguments.get("cleanup_on_fail")):
        return 0.0
    timeout: float = arguments.get("timeout", 300)
    bound: float = arguments.get("cleanup_timeout", min(timeout, 60))
    return bound
