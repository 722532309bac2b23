"""The keyword options of the actions: families of helm's flags, named as the flags are with `-` as `_`."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Required, TypeAlias, TypedDict

from .events import OnEvent

StrPath: TypeAlias = str | os.PathLike[str]
"""A file or directory."""

ChartSource: TypeAlias = str | os.PathLike[str] | bytes
"""A directory, an archive, `oci://…`, a URL, `repo/name`, or the bytes of an archive."""

Seconds: TypeAlias = int | float | timedelta
"""A time span, in seconds where it is a number."""

Deadline: TypeAlias = int | float | timedelta | datetime
"""A time span from now on, in seconds where it is a number, or a moment with a time zone."""

WaitStrategy: TypeAlias = bool | Literal["watcher", "hookOnly", "legacy"]
"""True is `"watcher"`, False is `"hookOnly"`."""

ServerSide: TypeAlias = bool | Literal["true", "false", "auto"]
"""Whether objects are applied by the server."""

DryRun: TypeAlias = bool | Literal["none", "client", "server"]
"""True is `"client"`, False is `"none"`."""

PostRenderer: TypeAlias = str | Callable[[str], str | Awaitable[str]]
"""A plugin's name, or a callable, sync or async, that takes the manifest and gives the one to use."""


class DeadlineOptions(TypedDict, total=False):
    """How long the whole call may take."""

    deadline: Deadline | None
    """Seconds from now, or a datetime with a time zone, for the whole call: queueing, download, rendering, waiting.

    When it passes the operation is stopped as a cancel stops it, and `DeadlineExceededError` is raised. (`timeout` is
    for each phase.) Default: None, no limit.
    """


class EventOptions(DeadlineOptions, total=False):
    """Watching an operation and bounding it: what every action takes."""

    on_event: OnEvent | None
    """A callable, sync or async, that gets each event while the call is awaited, in its loop. Default: None."""


class CleanupOptions(TypedDict, total=False):
    """What is done after a failure or a cancel."""

    cleanup_timeout: Seconds | None
    """Seconds for what `rollback_on_failure`, `cleanup_on_fail` and hooks' deletion then do.

    Default: the smaller of `timeout` and 60.
    """


class PendingOptions(TypedDict, total=False):
    """What becomes of a release whose process was killed while it worked on it: see docs/recovering.md."""

    force_pending: bool
    """Record a revision that is stuck in `pending-*` or `uninstalling` as failed, and go on.

    Only where its process is gone: two processes that work on one release spoil it. Default: False.
    """
    pending_age: Seconds | None
    """With `force_pending`, seconds for which nothing must have touched the revision; 0 takes it over at once.

    Default: the larger of `timeout` and 300.
    """


class WaitOptions(TypedDict, total=False):
    """What is waited for; Install, Upgrade and Uninstall have these in their signature."""

    wait: WaitStrategy
    """Wait until resources are ready. Default: False, hooks only."""
    timeout: Seconds
    """Seconds for each phase. Default: 300."""


class AccessOptions(TypedDict, total=False):
    """How a repository or a registry is reached."""

    username: str | None
    """User name at the repository or registry. Default: None."""
    password: str | None
    """Password at the repository or registry. Default: None."""
    cert_file: StrPath | None
    """Client certificate. Default: None."""
    key_file: StrPath | None
    """Client certificate's key. Default: None."""
    ca_file: StrPath | None
    """Certificate authorities of the server. Default: the system's."""
    insecure_skip_tls_verify: bool
    """Do not check the server's certificate. Default: False."""
    plain_http: bool
    """Speak HTTP. Default: False."""


class ChartSourceOptions(AccessOptions, total=False):
    """Where a chart comes from and how it is fetched."""

    repo: str | None
    """URL of the repository that has the chart. Default: None."""
    pass_credentials: bool
    """Send user name and password to other hosts that the repository's index names too. Default: False."""
    verify: bool
    """Check the chart's signature. Default: False."""
    keyring: StrPath | None
    """Public keys for `verify`. Default: `~/.gnupg/pubring.gpg`, or `pubring.kbx` there."""
    devel: bool
    """Take pre-releases too; ignored where `version` is given. Default: False."""


class RegistryUserOptions(TypedDict, total=False):
    """Who one is at a registry, for one call alone."""

    username: str | None
    """User name at the registry. Default: None, what it is logged in with."""
    password: str | None
    """Password at the registry. Default: None."""


class ValuesOptions(TypedDict, total=False):
    """Values besides the mapping, which is merged after the files."""

    values_files: StrPath | Sequence[StrPath] | None
    """YAML files or URLs. Default: none."""
    set_json: str | Sequence[str] | None
    """`key=json`, or a JSON object. Default: none."""
    set: str | Sequence[str] | None
    """`key=value`, several with commas. Default: none."""
    set_string: str | Sequence[str] | None
    """`key=value`, always a string. Default: none."""
    set_file: str | Sequence[str] | None
    """`key=path`: the file's content. Default: none."""
    set_literal: str | Sequence[str] | None
    """`key=value`, taken as it is. Default: none."""


class ApplyOptions(TypedDict, total=False):
    """How objects are written to the cluster."""

    dry_run: DryRun | None
    """Write nothing: `"client"` asks no cluster, `"server"` asks it. Default: `"none"`."""
    force_replace: bool
    """Replace objects instead of changing them. Default: False."""
    no_hooks: bool
    """Run no hooks. Default: False."""
    server_side: ServerSide | None
    """The same as `server_side_apply`, by the flag's name. Default: None."""
    description: str | None
    """What the revision's description says. Default: helm's own text."""


class RenderOptions(TypedDict, total=False):
    """How a chart is rendered and recorded."""

    dependency_update: bool
    """Fetch dependencies that are missing in the chart's directory. Default: False."""
    labels: Mapping[str, str | None] | None
    """Labels of the release's record; in an upgrade None unsets one. Default: none."""
    enable_dns: bool
    """Let templates look up host names. Default: False."""
    hide_notes: bool
    """Leave the notes out of the result. Default: False."""
    hide_secret: bool
    """With `dry_run`, leave Secrets out of the result. Default: False."""
    post_renderer: PostRenderer | None
    """A plugin's name, or a callable that changes what was rendered. Default: None."""
    post_renderer_args: str | Sequence[str] | None
    """Arguments of the plugin. Default: none."""
    render_subchart_notes: bool
    """Render the notes of subcharts too. Default: False."""
    skip_crds: bool
    """Do not install the chart's `crds/`. Default: False."""


class InstallOptions(
    ChartSourceOptions,
    ValuesOptions,
    ApplyOptions,
    RenderOptions,
    CleanupOptions,
    PendingOptions,
    EventOptions,
    total=False,
):
    """The options of Install beyond its signature."""

    generate_name: bool
    """Make a name of the chart's and the time; `release_name` is None then. Default: False."""
    name_template: str | None
    """A template that makes the name; `release_name` is None then. Default: None."""
    replace: bool
    """Take the name of a release that was uninstalled with its history kept. Default: False."""


class UpgradeOptions(
    ChartSourceOptions,
    ValuesOptions,
    ApplyOptions,
    RenderOptions,
    CleanupOptions,
    PendingOptions,
    EventOptions,
    total=False,
):
    """The options of Upgrade beyond its signature."""

    history_max: int | None
    """The same as `max_history`, by the flag's name; an explicit 10 counts here. Default: None."""
    reset_then_reuse_values: bool
    """Start from the chart's values with the last revision's over them. Default: False."""


class RollbackOptions(WaitOptions, ApplyOptions, CleanupOptions, EventOptions, total=False):
    """The options of Rollback beyond its signature."""

    cleanup_on_fail: bool
    """If the rollback fails, delete what it created. Default: False."""
    force_conflicts: bool
    """With server-side apply, take over fields that others own. Default: False."""
    history_max: int | None
    """How many revisions are kept; 0 keeps all. Default: `HELM_MAX_HISTORY` of the environment, else 10."""
    max_history: int | None
    """The same as `history_max`, as Upgrade has it. Default: None."""
    server_side_apply: ServerSide | None
    """Let the server apply the objects. Default: `"auto"`, as the release was applied before."""
    wait_for_jobs: bool
    """With `wait`, also wait until Jobs are complete. Default: False."""


class UninstallOptions(CleanupOptions, EventOptions, total=False):
    """The options of Uninstall beyond its signature."""

    cascade: Literal["background", "orphan", "foreground"]
    """What becomes of dependents. Default: `"background"`."""
    description: str | None
    """With `keep_history`, what the record's description says. Default: helm's own text."""
    dry_run: bool
    """Only say what would be uninstalled. Default: False."""
    ignore_not_found: bool
    """It is no error if there is no such release. Default: False."""
    keep_history: bool
    """Keep the records. Default: False."""
    no_hooks: bool
    """Run no hooks. Default: False."""


class ListOptions(EventOptions, total=False):
    """The options of List beyond its signature. Without one of the states, every state is listed."""

    all_namespaces: bool
    """Look into every namespace. Default: False."""
    date: bool
    """Sort by date. Default: False, by name."""
    deployed: bool
    """Releases that are deployed. Default: False."""
    failed: bool
    """Releases that failed. Default: False."""
    filter: str | None
    """A regular expression that names must match. Default: None."""
    max: int | None
    """How many at most; 0 and None are all. Default: None."""
    offset: int
    """How many to leave out first. Default: 0."""
    pending: bool
    """Releases that something works on. Default: False."""
    reverse: bool
    """Sort the other way round. Default: False."""
    selector: str | None
    """A selector of the labels of releases. Default: None."""
    superseded: bool
    """Releases that are superseded. Default: False."""
    uninstalled: bool
    """Releases that were uninstalled with their history kept. Default: False."""
    uninstalling: bool
    """Releases that are being uninstalled. Default: False."""


class RevisionOptions(EventOptions, total=False):
    """The options of the actions that show one revision of a release: Status and the Get ones."""

    revision: int
    """The revision. Default: 0, the newest."""


class HistoryOptions(EventOptions, total=False):
    """The options of History beyond its signature."""

    max: int | None
    """How many at most, the newest ones; 0 and None are all. Default: None."""
    show_rollback_revision: bool
    """Accepted for the command's sake: `rollback_revision` is in every result that has one. Default: False."""


class ReleaseTestOptions(EventOptions, total=False):
    """The options of ReleaseTest beyond its signature."""

    filter: str | Sequence[str] | None
    """`name=TEST` runs these tests only, `!name=TEST` leaves some out; several with commas. Default: all tests."""
    logs: bool
    """Give what the tests wrote, up to 4 MiB of each container. Default: False."""
    timeout: Seconds
    """Seconds, or a timedelta, for each test. Default: 300."""


class ReadyOptions(EventOptions, total=False):
    """The options of Wait beyond its signature."""

    revision: int
    """The revision whose objects are waited for. Default: 0, the newest."""
    timeout: Seconds
    """Seconds, or a timedelta, until it is given up; 0 is helm's default of 30 seconds. Default: 300."""
    wait: bool | Literal["watcher", "legacy"]
    """By which of helm's rules an object is ready; True is `"watcher"`. Default: True."""
    wait_for_jobs: bool
    """Also wait until Jobs are complete. Default: False."""


class IndexOptions(TypedDict, total=False):
    """How a repository's index is downloaded."""

    timeout: Seconds
    """Seconds for the download. Default: 120."""


class RepoAddOptions(IndexOptions, EventOptions, total=False):
    """The options of RepoAdd beyond its signature."""

    allow_deprecated_repos: bool
    """Allow repositories of the Helm project that are gone. Default: False."""
    force_update: bool
    """Replace the repository of that name. Default: False."""
    pass_credentials: bool
    """The same as `pass_credentials_all`, by the flag's name. Default: False."""


class RepoRemoveOptions(EventOptions, total=False):
    """The options of RepoRemove beyond its signature."""


class RepoListOptions(EventOptions, total=False):
    """The options of RepoList."""


class RepoUpdateOptions(IndexOptions, EventOptions, total=False):
    """The options of RepoUpdate beyond its signature."""


class TemplateOptions(
    ChartSourceOptions, ValuesOptions, WaitOptions, ApplyOptions, RenderOptions, EventOptions, total=False
):
    """The options of Template beyond its signature.

    As the helm command has it, those that say how a release is applied are accepted and have no effect:
    `create_namespace`, `description`, `force_conflicts`, `force_replace`, `generate_name`, `hide_notes`,
    `render_subchart_notes`, `replace`, `rollback_on_failure`, `server_side`, `timeout`, `wait`, `wait_for_jobs`, and
    unless the cluster is asked `disable_openapi_validation`, `skip_crds` and `take_ownership`.
    """

    api_versions: str | Sequence[str] | None
    """What `.Capabilities.APIVersions` has besides Kubernetes' own; several with commas. Default: none."""
    create_namespace: bool
    """Without effect. Default: False."""
    disable_openapi_validation: bool
    """With `dry_run="server"`, do not check the objects against the cluster's schemas. Default: False."""
    force_conflicts: bool
    """Without effect. Default: False."""
    generate_name: bool
    """Without effect: the name is `release-name` unless one is given. Default: False."""
    include_crds: bool
    """Render the chart's `crds/` too. Default: False."""
    is_upgrade: bool
    """Set `.Release.IsUpgrade` instead of `.Release.IsInstall`. Default: False."""
    kube_version: str | None
    """The Kubernetes version for `.Capabilities.KubeVersion`. Default: that of helm's client."""
    name_template: str | None
    """A template that makes the name; `release_name` is None then. Default: None."""
    output_dir: StrPath | None
    """Write what was rendered to files below this directory. Default: None."""
    replace: bool
    """Without effect. Default: False."""
    rollback_on_failure: bool
    """Without effect. Default: False."""
    show_only: str | Sequence[str] | None
    """Only what these templates render, as paths in the chart (`templates/a.yaml`) or globs. Default: all."""
    skip_schema_validation: bool
    """Do not check the values against the chart's schema. Default: False."""
    skip_tests: bool
    """Leave out tests. Default: False."""
    take_ownership: bool
    """With `dry_run="server"`, objects that are there are no error. Default: False."""
    use_release_name: bool
    """helm's `--release-name`: below `output_dir` comes a directory of the release's name. Default: False."""
    validate: bool
    """The same as `dry_run="server"`. Default: False."""
    wait_for_jobs: bool
    """Without effect. Default: False."""


class LintOptions(ValuesOptions, EventOptions, total=False):
    """The options of Lint beyond its signature."""

    kube_version: str | None
    """The Kubernetes version for capabilities and for what is deprecated. Default: that of helm's client."""
    skip_schema_validation: bool
    """Do not check the values against the chart's schema. Default: False."""
    strict: bool
    """Warnings are failures. Default: False."""
    with_subcharts: bool
    """Lint the charts in `charts/` too. Default: False."""


class ShowOptions(ChartSourceOptions, EventOptions, total=False):
    """The options of Show's methods."""

    version: str | None
    """Version or range of the chart. Default: the newest."""


class ShowValuesOptions(ShowOptions, total=False):
    """The options of Show.values."""

    jsonpath: str | None
    """A JSONPath expression that picks some of the values, such as `{.image.tag}`. Default: None."""


class RepoIndexOptions(EventOptions, total=False):
    """The options of RepoIndex beyond its signature."""

    json: bool
    """Write JSON. Default: False, YAML."""
    merge: StrPath | None
    """An index to take over what is not in the directory from; made where it is missing. Default: None."""
    url: str | None
    """The address that the charts will be under. Default: None, addresses relative to the index."""


class SearchRepoOptions(EventOptions, total=False):
    """The options of SearchRepo beyond its signature."""

    devel: bool
    """Pre-releases too; ignored where `version` is given. Default: False."""
    regexp: bool
    """The keyword is a regular expression (of Go's kind). Default: False."""
    version: str | None
    """A range that versions must be in. Default: None, every one that is no pre-release."""
    versions: bool
    """Every version, not the newest of each chart alone. Default: False."""


class SearchHubOptions(EventOptions, total=False):
    """The options of SearchHub beyond its signature."""

    endpoint: str | None
    """The hub to ask. Default: `https://hub.helm.sh`, which is Artifact Hub."""


class PackageOptions(AccessOptions, EventOptions, total=False):
    """The options of Package beyond its signature. Access is to registries, for `dependency_update`."""

    destination: StrPath | None
    """The same as `dest_dir`, by the flag's name. Default: None."""
    version: str | None
    """Give the archive this version, a semantic one. Default: the chart's own."""
    app_version: str | None
    """Give the archive this version of the application. Default: the chart's own."""
    dependency_update: bool
    """Fetch the chart's dependencies first, as DependencyUpdate does. Default: False."""
    sign: bool
    """Sign the archive: a provenance file comes with it. Default: False."""
    key: str | None
    """With `sign`, the key's name, or a part of it that no other key of the keyring has. Default: None."""
    keyring: StrPath | None
    """With `sign`, the file with the secret key. Default: `~/.gnupg/pubring.gpg`, or `pubring.kbx` there."""
    passphrase: str | None
    """What opens the key; nothing asks for it. Default: None, the key is not locked."""
    passphrase_file: StrPath | None
    """A file whose first line opens the key. Default: None."""


class VerifyOptions(EventOptions, total=False):
    """The options of Verify beyond its signature."""

    keyring: StrPath | None
    """Public keys of who may sign. Default: `~/.gnupg/pubring.gpg`, or `pubring.kbx` there."""


class CreateOptions(EventOptions, total=False):
    """The options of Create beyond its signature."""

    starter: StrPath | None
    """A chart to start from: `NAME` of helm's data directory, `starters/NAME`, or an absolute path. Default: None."""
    chart_api_version: Literal["v2", "v3"]
    """The format's version; `"v3"` needs `HELM_EXPERIMENTAL_CHART_V3` in the environment. Default: `"v2"`."""


class DependencyListOptions(EventOptions, total=False):
    """The options of DependencyList beyond its signature."""


class DependencyOptions(AccessOptions, EventOptions, total=False):
    """The options of DependencyUpdate and DependencyBuild beyond their signatures. Access is to registries.

    What repositories ask for is in helm's list of repositories (RepoAdd).
    """

    skip_refresh: bool
    """Use the repositories' indexes as they are on this machine. Default: False."""
    verify: bool
    """Check the signatures. Default: False."""
    keyring: StrPath | None
    """Public keys for `verify`. Default: `~/.gnupg/pubring.gpg`, or `pubring.kbx` there."""


class PluginInstallOptions(EventOptions, total=False):
    """The options of PluginInstall beyond its signature. All but the first two are for `oci://` sources."""

    verify: bool
    """Check the signature of an archive; a directory has none. Default: True."""
    keyring: StrPath | None
    """Public keys. Default: `$GNUPGHOME/pubring.gpg`, `~/.gnupg/pubring.gpg`."""
    cert_file: StrPath | None
    """Client certificate. Default: None."""
    key_file: StrPath | None
    """Client certificate's key. Default: None."""
    ca_file: StrPath | None
    """Certificate authorities of the registry. Default: the system's."""
    insecure_skip_tls_verify: bool
    """Do not check the registry's certificate. Default: False, or the Configuration's."""
    plain_http: bool
    """Speak HTTP. Default: False, or the Configuration's."""
    username: str | None
    """User name at the registry. Default: None, what the Configuration has for it."""
    password: str | None
    """Password at the registry; it is on no command line. Default: None."""


class PluginListOptions(EventOptions, total=False):
    """The options of PluginList beyond its signature."""


class PluginUninstallOptions(EventOptions, total=False):
    """The options of PluginUninstall beyond its signature."""


class PluginUpdateOptions(EventOptions, total=False):
    """The options of PluginUpdate beyond its signature."""


class PluginPackageOptions(EventOptions, total=False):
    """The options of PluginPackage beyond its signature."""

    sign: bool
    """Sign the archive. Default: True."""
    key: str | None
    """Name of the key to sign with. Default: None, which only a keyring of one key allows."""
    keyring: StrPath | None
    """Private keys. Default: `$GNUPGHOME/pubring.gpg`, `~/.gnupg/pubring.gpg`."""
    passphrase_file: StrPath | None
    """File with the key's passphrase. Default: None, the key has none."""
    destination: StrPath | None
    """Directory for the archive; made where it is missing. Default: the working directory."""


class PluginVerifyOptions(EventOptions, total=False):
    """The options of PluginVerify beyond its signature."""

    keyring: StrPath | None
    """Public keys. Default: `$GNUPGHOME/pubring.gpg`, `~/.gnupg/pubring.gpg`."""


class PullOptions(ChartSourceOptions, EventOptions, total=False):
    """The options of Pull beyond its signature."""

    destination: StrPath | None
    """The same as `dest_dir`, by the flag's name. Default: None."""
    prov: bool
    """Fetch the provenance file too, where there is one, and do not check it. Default: False."""
    untar: bool
    """Unpack the chart, and keep no archive. Default: False."""
    untardir: StrPath | None
    """With `untar`, the directory for the chart's own, below `dest_dir` unless it is absolute. Default: `.`."""


class PushOptions(RegistryUserOptions, EventOptions, total=False):
    """The options of Push beyond its signature."""


class RegistryLoginOptions(EventOptions, total=False):
    """The options of RegistryLogin beyond its signature."""


class RegistryLogoutOptions(EventOptions, total=False):
    """The options of RegistryLogout beyond its signature."""


class IgnoreRule(TypedDict, total=False):
    """Fields of some objects that a comparison leaves out. Selectors are patterns: `*` is any text, `?` any letter."""

    paths: Required[str | Sequence[str]]
    """JSON pointers such as `/spec/replicas`; a step `*` is every key or item, and `""` is the whole object."""
    api_version: str
    """As `apps/v1`. Default: any."""
    kind: str
    """As `Deployment`. Default: any."""
    namespace: str
    """Default: any."""
    name: str
    """Default: any."""


class DriftOptions(TypedDict, total=False):
    """What is no difference between the cluster and what was, or would be, deployed."""

    ignore: str | IgnoreRule | Sequence[str | IgnoreRule] | None
    """JSON pointers of fields of any object, or rules that select objects too. Default: none."""
    ignore_managers: str | Sequence[str] | None
    """Field managers whose fields may differ, such as `kube-controller-manager`, by which an autoscaler scales.

    Default: none.
    """


class RecoverOptions(CleanupOptions, EventOptions, total=False):
    """The options of Recover beyond its signature."""

    all_namespaces: bool
    """Look into all namespaces. Default: False."""
    dry_run: bool
    """Only tell what is stuck. Default: False."""
    pending_age: Seconds | None
    """Seconds for which nothing must have touched a stuck revision; 0 mends it at once.

    Default: the larger of `timeout` and 300.
    """
    timeout: Seconds
    """Seconds for each phase of a rollback. Default: 300."""
    to: Literal["failed", "deployed"]
    """`"failed"` records it, `"deployed"` then rolls back to what was deployed last. Default: `"failed"`."""
    wait: WaitStrategy
    """Wait until what is rolled back is ready. Default: True."""


class EnsureOptions(
    ChartSourceOptions,
    ValuesOptions,
    ApplyOptions,
    RenderOptions,
    CleanupOptions,
    DriftOptions,
    EventOptions,
    total=False,
):
    """The options of Ensure beyond its signature: those of Upgrade, but for what takes over the last revision's values.

    With `dry_run`, `"client"` or `"server"`, Ensure asks the cluster and says what it would do.
    """

    cleanup_on_fail: bool
    """If an upgrade fails, delete what it created. Default: False."""
    create_namespace: bool
    """Create the namespace if it is not there. Default: False."""
    disable_openapi_validation: bool
    """Do not check the objects against the cluster's schemas. Default: False."""
    drift: bool
    """Look at the objects in the cluster too, and set back what differs. Default: True."""
    force_conflicts: bool
    """With server-side apply, take over fields that others own. What has drifted is taken back in any case.

    Default: False.
    """
    history_max: int | None
    """The same as `max_history`, by the flag's name. Default: None."""
    max_history: int | None
    """How many revisions are kept; 0 keeps all. Default: `HELM_MAX_HISTORY` of the environment, else 10."""
    pending_age: Seconds | None
    """Seconds for which nothing must have touched a revision that is stuck in `pending-*` or `uninstalling`: then a
    killed process left it, and it is upgraded over. 0 does so at once; see docs/recovering.md for the danger.

    Default: the larger of `timeout` and 300.
    """
    rollback_on_failure: bool
    """If an upgrade fails, roll back; if an install does, uninstall. Default: False."""
    server_side_apply: ServerSide | None
    """Let the server apply the objects. Default: `"auto"`, as the release was applied before."""
    skip_schema_validation: bool
    """Do not check the values against the chart's schema. Default: False."""
    take_ownership: bool
    """Adopt objects that are there and belong to no release. Default: False."""
    timeout: Seconds
    """Seconds, or a timedelta, for each phase (each hook, the wait). Default: 300."""
    wait: WaitStrategy
    """Wait until resources are ready, also where nothing had to be changed. Default: True."""
    wait_for_jobs: bool
    """With `wait`, also wait until Jobs are complete. Default: False."""


class DiffOptions(ChartSourceOptions, ValuesOptions, DriftOptions, EventOptions, total=False):
    """The options of Diff beyond its signature. What says how a chart is deployed is as in Upgrade."""

    context: int
    """How many lines of `text` there are around a change. Default: 3."""
    create_namespace: bool
    """With `install`, the namespace would be created. Default: False."""
    dependency_update: bool
    """Fetch dependencies that are missing in the chart's directory. Default: False."""
    disable_openapi_validation: bool
    """Do not check the objects against the cluster's schemas. Default: False."""
    enable_dns: bool
    """Let templates look up host names. Default: False."""
    force_conflicts: bool
    """With server-side apply, fields that others own would be taken over. Default: False."""
    force_replace: bool
    """Objects would be replaced instead of changed. Default: False."""
    install: bool
    """A release that is not there would be installed: everything is created. Default: False, it is an error."""
    no_hooks: bool
    """Leave the hooks out. Default: False."""
    post_renderer: PostRenderer | None
    """A plugin's name, or a callable that changes what was rendered. Default: None."""
    post_renderer_args: str | Sequence[str] | None
    """Arguments of the plugin. Default: none."""
    render: Literal["unified", "color"]
    """How `text` is written: `"color"` is for a terminal. Default: `"unified"`."""
    reset_then_reuse_values: bool
    """Start from the chart's values with the last revision's over them. Default: False."""
    reset_values: bool
    """Start from the chart's own values. Default: False."""
    reuse_values: bool
    """Start from the last revision's values. Default: False."""
    server_side: ServerSide | None
    """The same as `server_side_apply`, by the flag's name. Default: None."""
    server_side_apply: ServerSide | None
    """The server would apply the objects; `"auto"`: as the release was applied before. Default: `"auto"`."""
    show_secrets: bool
    """Show the values of Secrets. Default: False, they are `***`."""
    skip_crds: bool
    """With `install`, the chart's `crds/` would not be installed. Default: False."""
    skip_schema_validation: bool
    """Do not check the values against the chart's schema. Default: False."""
    take_ownership: bool
    """Objects that are there and belong to no release would be adopted. Default: False."""
