"""The results of actions: plain dicts with the keys of Helm's own JSON."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from .events import Resource


class Maintainer(TypedDict, total=False):
    """Who looks after a chart."""

    name: str
    email: str
    url: str


# `import-values` is no identifier.
Dependency = TypedDict(
    "Dependency",
    {
        "name": str,
        "version": NotRequired[str],
        "repository": str,
        "condition": NotRequired[str],
        "tags": NotRequired[list[str]],
        "enabled": NotRequired[bool],
        "import-values": NotRequired[list[Any]],
        "alias": NotRequired[str],
    },
)


class ChartMetadata(TypedDict):
    """A chart's Chart.yaml."""

    name: str
    version: str
    apiVersion: str
    home: NotRequired[str]
    sources: NotRequired[list[str]]
    description: NotRequired[str]
    keywords: NotRequired[list[str]]
    maintainers: NotRequired[list[Maintainer]]
    icon: NotRequired[str]
    condition: NotRequired[str]
    tags: NotRequired[str]
    appVersion: NotRequired[str]
    deprecated: NotRequired[bool]
    annotations: NotRequired[dict[str, str]]
    kubeVersion: NotRequired[str]
    dependencies: NotRequired[list[Dependency]]
    type: NotRequired[str]


class Chart(TypedDict):
    """What a release tells of its chart; templates and files are left out."""

    metadata: ChartMetadata


class ReleaseInfo(TypedDict):
    """When a revision was made and what became of it."""

    status: str
    """`deployed`, `failed`, `superseded`, `uninstalled`, `uninstalling`, `pending-install`, …"""
    first_deployed: NotRequired[str]
    last_deployed: NotRequired[str]
    deleted: NotRequired[str]
    description: NotRequired[str]
    rollback_revision: NotRequired[int]
    notes: NotRequired[str]
    resources: NotRequired[dict[str, list[dict[str, Any]]]]
    """Status only: the objects of the release as the cluster holds them, by kind."""


class HookExecution(TypedDict):
    """A hook's last run."""

    phase: str
    started_at: NotRequired[str]
    completed_at: NotRequired[str]


class Hook(TypedDict):
    """A hook of the chart."""

    last_run: HookExecution
    name: NotRequired[str]
    kind: NotRequired[str]
    path: NotRequired[str]
    manifest: NotRequired[str]
    events: NotRequired[list[str]]
    weight: NotRequired[int]
    delete_policies: NotRequired[list[str]]
    output_log_policies: NotRequired[list[str]]


class Release(TypedDict):
    """One revision of a release: what Install, Upgrade, Rollback and Status give."""

    name: str
    namespace: str
    version: int
    """The revision: 1 after the install."""
    info: ReleaseInfo
    chart: Chart
    config: dict[str, Any]
    """The values that were given, over the chart's own."""
    manifest: str
    hooks: list[Hook]
    labels: dict[str, str]
    apply_method: str
    """`ssa` (server-side) or `csa` (client-side)."""


class EnsureReason(TypedDict):
    """One thing that was not as it should be."""

    type: Literal[
        "not_found",
        "uninstalled",
        "status",
        "chart_name",
        "chart_version",
        "chart_content",
        "values",
        "manifest",
        "drift",
    ]
    """What it was; docs/ensure.md says of each when it is told."""
    message: str
    """The same in words: `the values changed at replicas, image.tag`."""
    before: NotRequired[str]
    """The name or version of the chart, or the status, that the last revision has."""
    after: NotRequired[str]
    """The name or version of the chart that was given."""
    paths: NotRequired[list[str]]
    """Where values differ, as `set` takes it, which files of the chart do, or JSON pointers of what has drifted."""
    objects: NotRequired[list[Resource]]
    """Which objects are rendered otherwise, or the one that has drifted."""


class EnsureResult(TypedDict):
    """What Ensure did, and why."""

    action: Literal["installed", "upgraded", "repaired", "unchanged"]
    changed: bool
    """Whether anything was written: the action is not `unchanged`."""
    reasons: list[EnsureReason]
    """All that was not as it should be; empty where nothing had to be done."""
    release: Release
    """The release as it is now, or with `dry_run` as it would be."""


class Revision(TypedDict):
    """One revision as List and History give it: a release's keys without the manifest, and those of the command."""

    name: str
    namespace: str
    version: int
    info: ReleaseInfo
    chart: Chart
    labels: dict[str, str]
    revision: int
    updated: str
    status: str
    app_version: str
    description: str
    rollback_revision: NotRequired[int]


class WholeRelease(Release):
    """A revision with the values that its chart was rendered with: what GetAll gives."""

    computed_values: dict[str, Any]
    """The values that were given over the chart's own and its subcharts'."""


class Metadata(TypedDict):
    """Which chart a revision is of and how it stands, as `helm get metadata -o json` has it."""

    name: str
    chart: str
    """The chart's name."""
    version: str
    """The chart's version."""
    appVersion: str
    annotations: dict[str, str]
    """The chart's."""
    labels: dict[str, str]
    """Those that were given to the release."""
    dependencies: list[Dependency]
    namespace: str
    revision: int
    status: str
    deployedAt: str
    """RFC 3339, to the second."""
    applyMethod: str
    """`ssa` (server-side), `csa` (client-side), or empty: client-side, by a helm before 4."""


class ResourceStatus(TypedDict):
    """One object of a release, and how it is."""

    api_version: str
    kind: str
    namespace: str
    """Empty where it belongs to none."""
    name: str
    status: Literal["in_progress", "ready", "failed", "terminating", "not_found", "unknown"]
    message: str
    """What its status says of itself: `Deployment is available. Replicas: 3`."""


class WaitResult(TypedDict):
    """A release whose objects are ready: what Wait gives."""

    name: str
    namespace: str
    version: int
    """The revision that was waited for."""
    status: str
    """The revision's: `deployed`, `failed`, `pending-install`, …"""
    resources: list[ResourceStatus]
    """Its objects, in the manifest's order."""
    seconds: float
    """How long it took."""


class ReleaseTestLog(TypedDict):
    """What a container of a test wrote."""

    test: str
    """The test's name."""
    kind: str
    """What the test is: `Pod` or `Job`. The command shows the logs of pods only."""
    pod: str
    container: str
    log: str
    error: NotRequired[str]
    """Why it could not be had."""


class ReleaseTestResult(Release):
    """A release after its tests: what ReleaseTest gives."""

    logs: list[ReleaseTestLog]
    """In the order in which the tests ran; empty unless they were asked for."""


class UninstallResult(TypedDict):
    """What an uninstall leaves to be said."""

    release: Release | None
    """The release as it was; None where there was none and `ignore_not_found` allowed it."""
    info: str


class Repository(TypedDict):
    """A chart repository of helm's list; the password is left out."""

    name: str
    url: str
    username: NotRequired[str]
    certFile: NotRequired[str]
    keyFile: NotRequired[str]
    caFile: NotRequired[str]
    insecure_skip_tls_verify: NotRequired[bool]
    pass_credentials_all: NotRequired[bool]


class AddedRepository(TypedDict):
    """What became of a repository that was added."""

    name: str
    url: str
    status: Literal["added", "replaced", "unchanged"]
    """`unchanged`: it was there already, with the same settings."""
    charts: int
    """How many charts its index has; 0 where it is unchanged, and was not asked."""


class UpdatedRepository(TypedDict):
    """A repository whose index was updated."""

    name: str
    url: str
    charts: int
    """How many charts its index has."""


class LintMessage(TypedDict):
    """One finding."""

    severity: Literal["UNKNOWN", "INFO", "WARNING", "ERROR"]
    path: str
    """The file in the chart, or its directory."""
    text: str


class LintedChart(TypedDict):
    """What was found in one chart."""

    path: str
    """As it was given; `chart.tgz` for an archive's bytes."""
    failed: bool
    messages: list[LintMessage]
    errors: list[str]
    """What it failed for: the texts of the messages that are errors (with `strict`, warnings too), or what kept the
    chart from being examined."""


class LintFinding(TypedDict):
    """A finding under the names of Helm's own library."""

    Severity: int
    """0 unknown, 1 info, 2 warning, 3 error."""
    Path: str
    Err: str


class LintResult(TypedDict):
    """What was found in all charts: Helm's own result, and more."""

    TotalChartsLinted: int
    """How many charts could be examined."""
    Messages: list[LintFinding]
    Errors: list[str]
    """Empty if nothing failed."""
    charts: list[LintedChart]
    failed: int
    """How many charts failed; the helm command fails if there is one."""
    output: str
    """The text that the helm command prints, with the summary that it prints as its error where a chart failed."""


class WrittenIndex(TypedDict):
    """The index of a directory."""

    path: str
    """The file that was written."""
    charts: int
    versions: int


class FoundChart(TypedDict):
    """A chart of a repository on helm's list."""

    name: str
    """`repository/chart`, as `chart_path` takes it."""
    version: str
    app_version: str
    description: str


class HubRepository(TypedDict):
    """Where a hub's chart comes from."""

    url: str
    """The repository's address, as RepoAdd takes it."""
    name: str


class HubChart(TypedDict):
    """A chart that a hub knows."""

    url: str
    """The chart's page."""
    version: str
    app_version: str
    description: str
    repository: HubRepository


class InstalledPlugin(TypedDict):
    """A plugin that is installed: a line of `helm plugin list`, and more."""

    name: str
    version: str
    """Empty where an old plugin has none."""
    type: str
    """`cli/v1`, `getter/v1`, `postrenderer/v1`."""
    api_version: str
    """Of its plugin.yaml: `v1`, or `legacy` where that says none."""
    runtime: str
    """`subprocess` or `extism/v1` (WebAssembly)."""
    provenance: str
    """`signed`, `unsigned`, `local dev` (a link), `mismatched provenance`, `invalid provenance`, `unknown`."""
    source_url: str
    """Where its plugin.yaml says that it comes from; empty where it does not."""
    path: str
    """Its directory."""


class NewPlugin(InstalledPlugin):
    """A plugin that was just installed, and who signed it."""

    signed_by: list[str]
    """The names of the key, sorted; empty where no signature was checked."""
    fingerprint: str
    """The key's, in capital hexadecimal digits; empty where no signature was checked."""
    file_hash: str
    """`sha256:…`, of the archive; empty where no signature was checked."""
    output: str
    """What the helm command printed, the plugin's install hook's output included."""


class UpdatedPlugin(InstalledPlugin):
    """A plugin as it is after an update."""

    previous_version: str


class PackagedPlugin(TypedDict):
    """A plugin's archive."""

    path: str
    name: str
    version: str
    digest: str
    """`sha256:…`, of the archive."""
    size: int
    """In bytes."""
    provenance: str | None
    """The path of the provenance file; None where the archive is not signed."""
    output: str
    """What the helm command printed."""


class PluginVerification(TypedDict):
    """Who signed a plugin's archive, and what: what `helm plugin verify` prints."""

    signed_by: list[str]
    """The names of the key, sorted."""
    fingerprint: str
    """The key's, in capital hexadecimal digits."""
    file_hash: str
    """`sha256:…`, of the archive, which is what the signature says."""


class PulledChart(TypedDict):
    """A chart that was pulled."""

    path: str
    """The archive, or with `untar` the chart's directory."""
    digest: str
    """`sha256:…` of the archive."""
    name: str | None
    """The chart's name; None where what was pulled is no chart."""
    version: str | None
    """The chart's version; None where what was pulled is no chart."""
    provenance: str | None
    """The provenance file; None where it was not asked for, is not there, or the chart was unpacked."""
    verification: Verification | None
    """With `verify`, who signed the chart."""
    ref: str | None
    """From a registry: the chart's reference there, without `oci://`."""
    manifest_digest: str | None
    """From a registry: `sha256:…` of the manifest, by which the chart can be pulled again."""


class PushedChart(TypedDict):
    """A chart that a registry holds now."""

    ref: str
    """The chart's reference in the registry, without `oci://`."""
    digest: str
    """`sha256:…` of its manifest."""
    name: str
    version: str
    size: int
    """The archive's size in bytes."""
    chart_digest: str
    """`sha256:…` of the archive."""
    provenance_digest: str | None
    """`sha256:…` of the provenance file that was beside the archive; None where there was none."""


class LoggedIn(TypedDict):
    """A registry that is logged in to."""

    hostname: str
    username: str
    registry_config: str
    """The file that the credentials are in, or that names the credential helper which has them."""


class LoggedOut(TypedDict):
    """A registry that is not logged in to any more."""

    hostname: str
    registry_config: str
    """The file that the credentials were in, if there were any."""


Values: TypeAlias = dict[str, Any]
"""The values of a release."""


class PackagedChart(TypedDict):
    """An archive that Package made. It is also the path of it: `open()`, `Path()` and `chart_path=` take it."""

    path: str
    name: str
    """The chart's name."""
    version: str
    """The chart's version."""
    digest: str
    """`sha256:…`, of the archive."""
    size: int
    """In bytes."""
    provenance: str | None
    """The path of the provenance file; None where the archive is not signed."""


class Verification(TypedDict):
    """Who signed a chart, and what: what `helm verify` prints."""

    signed_by: list[str]
    """The names of the key, sorted."""
    fingerprint: str
    """The key's, in capital hexadecimal digits."""
    chart_hash: str
    """`sha256:…`, of the archive, which is what the signature says."""


class CreatedChart(TypedDict):
    """A chart that Create made."""

    path: str
    """Its directory, from the root on."""
    name: str


class DependencyStatus(TypedDict):
    """One line of `helm dependency list`."""

    name: str
    version: str
    """The version, or the range, that the chart asks for."""
    repository: str
    status: str
    """`ok`, `unpacked`, `missing`, `wrong version`, `invalid version`, `too many matches`, `corrupt`, `misnamed`…"""


class DependencyListResult(TypedDict):
    """What `helm dependency list` prints."""

    dependencies: list[DependencyStatus]
    warnings: list[str]
    """The command's own lines: about what is in `charts/` and not in Chart.yaml, or that there are no dependencies."""


class LockedDependency(TypedDict):
    """One dependency as the lock has it."""

    name: str
    version: str
    """The version that was fetched."""
    repository: str


class DependencyResult(TypedDict):
    """What an update or a build of dependencies went by."""

    path: str
    """The chart's directory, from the root on."""
    lock: str | None
    """The path of Chart.lock, or of a version 1 chart's requirements.lock; None where there is none."""
    digest: str | None
    """The digest in the lock."""
    dependencies: list[LockedDependency]


class FieldChange(TypedDict):
    """One difference, as a JSON patch names it, with what is there and what would be."""

    op: Literal["add", "remove", "replace"]
    path: str
    """A JSON pointer; empty is the whole object."""
    before: Any
    """What the cluster has; None for what is not there."""
    after: Any
    """What would be there; without a chart, what was deployed."""
    managers: list[str]
    """The field managers that own the field in the cluster."""


class ObjectDiff(TypedDict):
    """What would become of one object."""

    api_version: str
    kind: str
    namespace: str
    """Empty for an object that has none."""
    name: str
    action: Literal["create", "change", "delete", "keep", "none", "skip", "conflict", "refused"]
    """`create` is missing in the cluster. `keep` is no part of the release any more, and stays as its
    `helm.sh/resource-policy` says. `skip` differs and is left alone. `conflict` has fields that others own, and
    `refused` is what the server does not take: an upgrade would fail."""
    hook: bool
    crd: bool
    """Of the chart's `crds/`."""
    message: str
    """Why, where the action needs a reason; else empty."""
    changes: list[FieldChange]


class DiffResult(TypedDict):
    """What an upgrade would change, or what has drifted."""

    changed: bool
    """Whether there is an object that would be created, changed or deleted, or that would make an upgrade fail."""
    objects: list[ObjectDiff]
    """All objects, those with nothing to do too (`none`)."""
    text: str
    """The differences for a person to read; empty where there are none."""


class Condition(TypedDict):
    """A condition in an object's status."""

    type: str
    status: str
    reason: str
    message: str


class ContainerState(TypedDict):
    """A container of a pod."""

    name: str
    init: bool
    ready: bool
    state: Literal["waiting", "running", "terminated"]
    reason: str
    """`ImagePullBackOff`, `CrashLoopBackOff`, `OOMKilled`…; empty where there is none."""
    message: str
    exit_code: int | None
    """Of its end, or of its last one where it was started again; None where it never ended."""
    restarts: int


class PodState(TypedDict):
    """A pod that is not ready."""

    name: str
    phase: str
    """`Pending`, `Running`, `Failed`, `Succeeded` or `Unknown`."""
    message: str
    """Why it is not ready, in words."""
    node: str
    """Where it runs; empty where it is not scheduled."""
    containers: list[ContainerState]
    """Init containers first."""


class ClaimState(TypedDict):
    """A PersistentVolumeClaim that a pod needs."""

    name: str
    phase: str
    storage_class: str
    message: str
    """What was said of it last."""


class ObjectEvent(TypedDict):
    """A warning of the cluster about an object, or about what belongs to it."""

    object: str
    """`Pod shop-7c9d-x2x`."""
    reason: str
    message: str
    count: int
    last_seen: str


class ContainerLog(TypedDict):
    """The last lines of a container's log: as they are, but for the known values of Secrets."""

    pod: str
    container: str
    previous: bool
    """Whether it is the log of the container that ended, and not of the one that runs in its place."""
    lines: list[str]
    """At most 20, and 4 KiB."""


class NotReady(TypedDict):
    """An object that was not ready, or failed, when a wait ended: an entry of an error's `details["not_ready"]`.

    What belongs to the object is asked for after the wait, for two seconds at most. A key is missing where there was
    nothing to tell, where it could not be had in time, or where the user may not read it.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    status: str
    """`in_progress`, `failed`, `terminating`, `not_found` or `unknown`."""
    message: str
    """Why, in words."""
    conditions: NotRequired[list[Condition]]
    pods: NotRequired[list[PodState]]
    """At most five, those first that matter most."""
    claims: NotRequired[list[ClaimState]]
    events: NotRequired[list[ObjectEvent]]
    """At most five warnings, the newest first."""
    logs: NotRequired[list[ContainerLog]]
    """Of at most three containers that failed, fail, or run without being ready."""


class Recovered(TypedDict):
    """A revision that was stuck, and what became of it."""

    name: str
    """The release's name."""
    namespace: str
    """Its namespace."""
    revision: int
    """The stuck revision."""
    status: str
    """What it is stuck in: `pending-install`, `pending-upgrade`, `pending-rollback` or `uninstalling`."""
    since: str
    """When its process began with it."""
    touched: str
    """When anything wrote it last."""
    age: float
    """How many seconds ago that was."""
    action: str
    """What was done: `none`, `failed` (it was recorded as such) or `rolled_back`."""
    result: str
    """Its status now; of what was rolled back, the status of the revision that this made."""
    message: str
    """What was recorded, or why nothing was done; empty in a dry run."""
