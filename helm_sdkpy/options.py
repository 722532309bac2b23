"""The keyword options of the actions: families of helm's flags, named as the flags are with `-` as `_`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, TypeAlias, TypedDict

from .events import OnEvent

StrPath: TypeAlias = str | os.PathLike[str]
"""A file or directory."""

ChartSource: TypeAlias = str | os.PathLike[str] | bytes
"""A directory, an archive, `oci://…`, a URL, `repo/name`, or the bytes of an archive."""

Seconds: TypeAlias = int | float | timedelta
"""A time span, in seconds where it is a number."""

WaitStrategy: TypeAlias = bool | Literal["watcher", "hookOnly", "legacy"]
"""True is `"watcher"`, False is `"hookOnly"`."""

ServerSide: TypeAlias = bool | Literal["true", "false", "auto"]
"""Whether objects are applied by the server."""

DryRun: TypeAlias = bool | Literal["none", "client", "server"] | None
"""True is `"client"`, False and None are `"none"`."""

PostRenderer: TypeAlias = str | Callable[[str], str | Awaitable[str]]
"""A plugin's name, or a callable, sync or async, that takes the manifest and gives the one to use."""


class EventOptions(TypedDict, total=False):
    """Watching an operation."""

    on_event: OnEvent | None


class CleanupOptions(TypedDict, total=False):
    """What is done after a failure or a cancel."""

    cleanup_timeout: Seconds | None


class WaitOptions(TypedDict, total=False):
    """What is waited for; Install, Upgrade and Uninstall have these in their signature."""

    wait: WaitStrategy
    timeout: Seconds


class ChartSourceOptions(TypedDict, total=False):
    """Where a chart comes from and how it is fetched."""

    repo: str | None
    username: str | None
    password: str | None
    pass_credentials: bool
    cert_file: StrPath | None
    key_file: StrPath | None
    ca_file: StrPath | None
    insecure_skip_tls_verify: bool
    plain_http: bool
    verify: bool
    keyring: StrPath | None
    devel: bool
    dependency_update: bool


class ValuesOptions(TypedDict, total=False):
    """Values besides the mapping, in the order in which they are merged: files, (the mapping), JSON, set and so on."""

    values_files: StrPath | Sequence[StrPath] | None
    set_json: str | Sequence[str] | None
    set: str | Sequence[str] | None
    set_string: str | Sequence[str] | None
    set_file: str | Sequence[str] | None
    set_literal: str | Sequence[str] | None


class ApplyOptions(TypedDict, total=False):
    """How objects are written to the cluster."""

    dry_run: DryRun
    force_replace: bool
    no_hooks: bool
    server_side: ServerSide | None
    description: str | None


class RenderOptions(TypedDict, total=False):
    """How a chart is rendered and recorded."""

    labels: Mapping[str, str | None] | None
    enable_dns: bool
    hide_notes: bool
    hide_secret: bool
    post_renderer: PostRenderer | None
    post_renderer_args: str | Sequence[str] | None
    render_subchart_notes: bool
    skip_crds: bool


class InstallOptions(
    ChartSourceOptions, ValuesOptions, ApplyOptions, RenderOptions, CleanupOptions, EventOptions, total=False
):
    """The options of Install beyond its signature."""

    generate_name: bool
    name_template: str | None
    replace: bool


class UpgradeOptions(
    ChartSourceOptions, ValuesOptions, ApplyOptions, RenderOptions, CleanupOptions, EventOptions, total=False
):
    """The options of Upgrade beyond its signature."""

    history_max: int | None
    reset_then_reuse_values: bool


class RollbackOptions(WaitOptions, ApplyOptions, CleanupOptions, EventOptions, total=False):
    """The options of Rollback beyond its signature."""

    cleanup_on_fail: bool
    force_conflicts: bool
    history_max: int
    server_side_apply: ServerSide | None
    wait_for_jobs: bool


class UninstallOptions(EventOptions, total=False):
    """The options of Uninstall beyond its signature."""

    cascade: Literal["background", "orphan", "foreground"]
    description: str | None
    dry_run: bool
    ignore_not_found: bool
    keep_history: bool
    no_hooks: bool


class ListOptions(EventOptions, total=False):
    """The options of List beyond its signature."""

    all_namespaces: bool
    date: bool
    deployed: bool
    failed: bool
    filter: str | None
    max: int | None
    offset: int
    pending: bool
    reverse: bool
    selector: str | None
    superseded: bool
    uninstalled: bool
    uninstalling: bool


class StatusOptions(EventOptions, total=False):
    """The options of Status beyond its signature."""

    revision: int


class HistoryOptions(EventOptions, total=False):
    """The options of History beyond its signature."""

    max: int | None
    show_rollback_revision: bool


class GetValuesOptions(EventOptions, total=False):
    """The options of GetValues beyond its signature."""

    revision: int
