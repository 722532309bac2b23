"""The actions on releases: one class for each helm command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Unpack

from . import _arguments
from ._action import ENCODERS, Action
from ._run import streamed
from .exceptions import InstallError, ReleaseError, ReleaseTestError, RollbackError, UninstallError, UpgradeError
from .options import (
    ChartSource,
    HistoryOptions,
    InstallOptions,
    ListOptions,
    ReleaseTestOptions,
    RevisionOptions,
    RollbackOptions,
    Seconds,
    ServerSide,
    UninstallOptions,
    UpgradeOptions,
    WaitStrategy,
)
from .results import Metadata, Release, ReleaseTestResult, Revision, UninstallResult, Values, WholeRelease

DEFAULT_HISTORY: Final = 10


class Install(Action):
    """`helm install`: put a chart into the cluster as a new release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> release = await Install(config).run("shop", "oci://registry.example/shop", {"replicas": 3})
        >>> release["info"]["status"]
        'deployed'
    """

    _name = "install"
    _error = InstallError
    _options = InstallOptions.__optional_keys__
    _required = ("chart_path",)

    async def run(  # noqa: PLR0917 - in the drop-in target's order
        self,
        release_name: str | None,
        chart_path: ChartSource,
        values: Mapping[str, Any] | None = None,
        version: str | None = None,
        create_namespace: bool = False,
        wait: WaitStrategy = True,
        timeout: Seconds = 300,
        skip_schema_validation: bool = False,
        *,
        wait_for_jobs: bool = False,
        server_side_apply: ServerSide | None = None,
        force_conflicts: bool = False,
        disable_openapi_validation: bool = False,
        rollback_on_failure: bool = False,
        take_ownership: bool = False,
        **options: Unpack[InstallOptions],
    ) -> Release:
        """Install a chart.

        Args:
            release_name: The name of the release. None: `generate_name` or `name_template` makes one.
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            values: Values over the chart's own. Integers stay integers. Default: none.
            version: Version or range of the chart. Default: the newest.
            create_namespace: Create the namespace if it is not there. Default: False.
            wait: Wait until resources are ready: True is `"watcher"`, False is `"hookOnly"`; also `"legacy"`.
                Default: True.
            timeout: Seconds, or a timedelta, for each phase (each hook, the wait). Default: 300.
            skip_schema_validation: Do not check the values against the chart's schema. Default: False.
            wait_for_jobs: With `wait`, also wait until Jobs are complete. Default: False.
            server_side_apply: Let the server apply the objects. Default: None, helm's own default, which is True.
            force_conflicts: With server-side apply, take over fields that others own. Default: False.
            disable_openapi_validation: Do not check the objects against the cluster's schemas. Default: False.
            rollback_on_failure: Uninstall if the install fails. Default: False.
            take_ownership: Adopt objects that are there and belong to no release. Default: False.
            **options: See `InstallOptions`.

        Returns:
            The release.

        Raises:
            InstallError: It failed. The error's class also says why: `ReleaseExistsError`, `WaitTimeoutError`, …
            TypeError: There is no such option.

        Example:
            >>> release = await Install(config).run("shop", "./shop", values={"replicas": 3}, timeout=120)
            >>> release["version"], release["config"]
            (1, {'replicas': 3})
        """
        release: Release = await self._run(
            options,
            release_name=release_name,
            chart_path=chart_path,
            values=values,
            version=version,
            create_namespace=create_namespace,
            wait=wait,
            timeout=timeout,
            skip_schema_validation=skip_schema_validation,
            wait_for_jobs=wait_for_jobs,
            server_side_apply=server_side_apply,
            force_conflicts=force_conflicts,
            disable_openapi_validation=disable_openapi_validation,
            rollback_on_failure=rollback_on_failure,
            take_ownership=take_ownership,
        )
        return release

    stream = streamed(run)

    def _encode(self, given: dict[str, object]) -> dict[str, Any]:
        for option in ("generate_name", "name_template"):
            if given.get(option) and "release_name" in given:
                raise _arguments.Refused(option, "and release_name exclude each other: give release_name as None")
        if "release_name" not in given and not given.get("generate_name") and not given.get("name_template"):
            raise _arguments.Refused("release_name", "is None: name the release, or set generate_name=True")
        return super()._encode(given)


class Upgrade(Action):
    """`helm upgrade`: change a release to another chart, version or values.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> release = await Upgrade(config).run("shop", "./shop", {"replicas": 5}, install=True)
        >>> release["version"], release["config"]
        (3, {'replicas': 5})
    """

    _name = "upgrade"
    _error = UpgradeError
    _options = UpgradeOptions.__optional_keys__
    _required = ("release_name", "chart_path")

    async def run(
        self,
        release_name: str,
        chart_path: ChartSource,
        values: Mapping[str, Any] | None = None,
        version: str | None = None,
        *,
        install: bool = False,
        create_namespace: bool = False,
        wait: WaitStrategy = True,
        timeout: Seconds = 300,
        wait_for_jobs: bool = False,
        max_history: int = DEFAULT_HISTORY,
        server_side_apply: ServerSide | None = "auto",
        force_conflicts: bool = False,
        disable_openapi_validation: bool = False,
        skip_schema_validation: bool = False,
        rollback_on_failure: bool = False,
        take_ownership: bool = False,
        cleanup_on_fail: bool = False,
        reset_values: bool = False,
        reuse_values: bool = False,
        **options: Unpack[UpgradeOptions],
    ) -> Release:
        """Upgrade a release.

        Args:
            release_name: The name of the release.
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            values: Values over the chart's own. Integers stay integers. Default: none.
            version: Version or range of the chart. Default: the newest.
            install: Install it if there is no such release. Default: False.
            create_namespace: With `install`, create the namespace if it is not there. Default: False.
            wait: Wait until resources are ready: True is `"watcher"`, False is `"hookOnly"`; also `"legacy"`.
                Default: True.
            timeout: Seconds, or a timedelta, for each phase (each hook, the wait). Default: 300.
            wait_for_jobs: With `wait`, also wait until Jobs are complete. Default: False.
            max_history: How many revisions are kept; 0 keeps all. Default: 10, or what `HELM_MAX_HISTORY` of the
                environment says. `history_max`, the flag's name, is the same; 10 itself is asked for with it.
            server_side_apply: Let the server apply the objects; `"auto"` goes on as the release was applied before.
                `server_side`, the flag's name, is the same. Default: `"auto"`.
            force_conflicts: With server-side apply, take over fields that others own. Default: False.
            disable_openapi_validation: Do not check the objects against the cluster's schemas. Default: False.
            skip_schema_validation: Do not check the values against the chart's schema. Default: False.
            rollback_on_failure: Roll back if the upgrade fails. Default: False.
            take_ownership: Adopt objects that are there and belong to no release. Default: False.
            cleanup_on_fail: If the upgrade fails, delete what it created. Default: False.
            reset_values: Start from the chart's own values. Default: False.
            reuse_values: Start from the last revision's values. Default: False.
            **options: See `UpgradeOptions`.

        Returns:
            The new revision.

        Raises:
            UpgradeError: It failed. The error's class also says why: `ReleaseNotFoundError`, `WaitTimeoutError`, …
            TypeError: There is no such option.

        Example:
            >>> release = await Upgrade(config).run("shop", "./shop", set="image=example/shop:1.2", reuse_values=True)
            >>> release["config"]
            {'image': 'example/shop:1.2', 'replicas': 3}
        """
        release: Release = await self._run(
            options,
            release_name=release_name,
            chart_path=chart_path,
            values=values,
            version=version,
            install=install,
            create_namespace=create_namespace,
            wait=wait,
            timeout=timeout,
            wait_for_jobs=wait_for_jobs,
            # The default is nobody's wish: it gives way to the environment's.
            max_history=None if max_history == DEFAULT_HISTORY else max_history,
            server_side_apply=server_side_apply,
            force_conflicts=force_conflicts,
            disable_openapi_validation=disable_openapi_validation,
            skip_schema_validation=skip_schema_validation,
            rollback_on_failure=rollback_on_failure,
            take_ownership=take_ownership,
            cleanup_on_fail=cleanup_on_fail,
            reset_values=reset_values,
            reuse_values=reuse_values,
        )
        return release

    stream = streamed(run)


class Rollback(Action):
    """`helm rollback`: take a release back to an earlier revision.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> release = await Rollback(config).run("shop", 1)
        >>> release["version"], release["info"]["description"]
        (3, 'Rollback to 1')
    """

    _name = "rollback"
    _error = RollbackError
    _options = RollbackOptions.__optional_keys__

    async def run(self, release_name: str, revision: int = 0, **options: Unpack[RollbackOptions]) -> Release:
        """Roll a release back.

        Args:
            release_name: The name of the release.
            revision: The revision to go back to. Default: 0, the one before.
            **options: See `RollbackOptions`. As with helm, only hooks are waited for unless `wait` says otherwise.

        Returns:
            The new revision.

        Raises:
            RollbackError: It failed. The error's class also says why.
            TypeError: There is no such option.

        Example:
            >>> release = await Rollback(config).run("shop", wait=True, timeout=120)
            >>> release["info"]["status"]
            'deployed'
        """
        release: Release = await self._run(
            {**options, "wait": options.get("wait") or False}, release_name=release_name, revision=revision
        )
        return release

    stream = streamed(run)


class Uninstall(Action):
    """`helm uninstall`: remove a release and what belongs to it.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> removed = await Uninstall(config).run("shop")
        >>> removed["release"]["info"]["status"]
        'uninstalled'
    """

    _name = "uninstall"
    _error = UninstallError
    _options = UninstallOptions.__optional_keys__
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "dry_run": _arguments.flag}

    async def run(
        self,
        release_name: str,
        wait: WaitStrategy = True,
        timeout: Seconds = 300,
        **options: Unpack[UninstallOptions],
    ) -> UninstallResult:
        """Uninstall a release.

        Args:
            release_name: The name of the release.
            wait: Wait until its objects are gone: True is `"watcher"`, False is `"hookOnly"`; also `"legacy"`.
                Default: True.
            timeout: Seconds, or a timedelta, for each phase (each hook, the wait). Default: 300.
            **options: See `UninstallOptions`.

        Returns:
            The release as it was, and what there is to be said of it.

        Raises:
            UninstallError: It failed. The error's class also says why.
            TypeError: There is no such option.

        Example:
            >>> removed = await Uninstall(config).run("shop", keep_history=True)
            >>> [row["status"] for row in await History(config).run("shop")]
            ['superseded', 'uninstalled']
        """
        result: UninstallResult = await self._run(options, release_name=release_name, wait=wait, timeout=timeout)
        return result

    stream = streamed(run)


class List(Action):
    """`helm list`: the newest revision of each release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> for release in await List(config).run(deployed=True):
        ...     print(release["name"], release["revision"])
        shop 2
    """

    _name = "list"
    _error = ReleaseError
    _options = ListOptions.__optional_keys__
    _required = ()

    async def run(self, all: bool = False, **options: Unpack[ListOptions]) -> list[Revision]:
        """List releases, in every state unless options pick some.

        Args:
            all: Releases in every state, and all of them: lifts `max`. Default: False.
            **options: See `ListOptions`.

        Returns:
            One dict for each release, sorted by name.

        Raises:
            ReleaseError: It failed. The error's class also says why.
            TypeError: There is no such option.

        Example:
            >>> found = await List(config).run(all_namespaces=True, filter="^shop$")
            >>> {release["name"] for release in found}
            {'shop'}
        """
        if all is True:
            options["max"] = None
        revisions: list[Revision] = await self._run(options, all=all)
        return revisions

    stream = streamed(run)


class Status(Action):
    """`helm status`: a release, and the state of its objects in the cluster.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> (await Status(config).run("shop"))["info"]["status"]
        'deployed'
    """

    _name = "status"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[RevisionOptions]) -> Release:
        """Show a release.

        Args:
            release_name: The name of the release.
            **options: See `RevisionOptions`.

        Returns:
            The release; `info.resources` has its objects as the cluster holds them.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> (await Status(config).run("shop", revision=1))["info"]["status"]
            'superseded'
        """
        release: Release = await self._run(options, release_name=release_name)
        return release

    stream = streamed(run)


class History(Action):
    """`helm history`: the revisions of a release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> [revision["status"] for revision in await History(config).run("shop")]
        ['superseded', 'deployed']
    """

    _name = "history"
    _error = ReleaseError
    _options = HistoryOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[HistoryOptions]) -> list[Revision]:
        """List the revisions of a release.

        Args:
            release_name: The name of the release.
            **options: See `HistoryOptions`.

        Returns:
            One dict for each revision, the oldest first.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> [(row["revision"], row["status"]) for row in await History(config).run("shop", max=3)]
            [(1, 'superseded'), (2, 'deployed')]
        """
        revisions: list[Revision] = await self._run(options, release_name=release_name)
        return revisions

    stream = streamed(run)


class GetAll(Action):
    """`helm get all`: everything that is known of a release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> whole = await GetAll(config).run("shop")
        >>> whole["computed_values"]["replicas"]
        3
    """

    _name = "get_all"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[RevisionOptions]) -> WholeRelease:
        """Get a release with its values, hooks, manifest and notes.

        Args:
            release_name: The name of the release.
            **options: See `RevisionOptions`.

        Returns:
            The release; `computed_values` are those that its chart was rendered with.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> (await GetAll(config).run("shop", revision=2))["info"]["notes"]
            'Welcome! The shop runs with 3 replicas...'
        """
        whole: WholeRelease = await self._run(options, release_name=release_name)
        return whole

    stream = streamed(run)


class GetHooks(Action):
    """`helm get hooks`: the hooks of a release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> hooks = yaml.safe_load_all(await GetHooks(config).run("shop"))
        >>> [(hook["kind"], hook["metadata"]["name"]) for hook in hooks]
        [('Pod', 'shop-answers')]
    """

    _name = "get_hooks"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[RevisionOptions]) -> str:
        """Get the manifests of a release's hooks.

        Args:
            release_name: The name of the release.
            **options: See `RevisionOptions`.

        Returns:
            YAML documents, each after the path of its template, as the command prints them without its last line
            break. Empty where there are no hooks. Each hook's last run is in `GetAll`'s `hooks`.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> print(await GetHooks(config).run("shop", revision=2))
            ---
            # Source: shop/templates/tests/answers.yaml
            ...
        """
        manifests: str = await self._run(options, release_name=release_name)
        return manifests

    stream = streamed(run)


class GetManifest(Action):
    """`helm get manifest`: the objects of a release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> objects = yaml.safe_load_all(await GetManifest(config).run("shop"))
        >>> [each["kind"] for each in objects]
        ['ConfigMap', 'Service', 'Deployment']
    """

    _name = "get_manifest"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[RevisionOptions]) -> str:
        """Get the objects of a release as its chart rendered them.

        Args:
            release_name: The name of the release.
            **options: See `RevisionOptions`.

        Returns:
            YAML documents, as the command prints them without its last line break. Hooks are not among them.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> print(await GetManifest(config).run("shop", revision=2))
            ---
            # Source: shop/templates/configmap.yaml
            ...
        """
        manifest: str = await self._run(options, release_name=release_name)
        return manifest

    stream = streamed(run)


class GetMetadata(Action):
    """`helm get metadata`: which chart a release is of, and how it stands.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> metadata = await GetMetadata(config).run("shop")
        >>> metadata["chart"], metadata["version"], metadata["status"]
        ('shop', '1.2.0', 'deployed')
    """

    _name = "get_metadata"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[RevisionOptions]) -> Metadata:
        """Get what a release is of, without what was rendered.

        Args:
            release_name: The name of the release.
            **options: See `RevisionOptions`.

        Returns:
            The metadata.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> metadata = await GetMetadata(config).run("shop", revision=2)
            >>> metadata["chart"], metadata["version"], metadata["status"]
            ('shop', '1.2.0', 'deployed')
        """
        metadata: Metadata = await self._run(options, release_name=release_name)
        return metadata

    stream = streamed(run)


class GetNotes(Action):
    """`helm get notes`: what the chart of a release has to say to its user.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> print(await GetNotes(config).run("shop"))
        Welcome! The shop runs with 3 replicas...
    """

    _name = "get_notes"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[RevisionOptions]) -> str:
        """Get the notes of a release.

        Args:
            release_name: The name of the release.
            **options: See `RevisionOptions`.

        Returns:
            The notes, without the command's heading `NOTES:` and its last line break. Empty where there are none.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> (await GetNotes(config).run("shop", revision=1)).splitlines()[0]
            'Welcome! The shop runs with 2 replicas.'
        """
        notes: str = await self._run(options, release_name=release_name)
        return notes

    stream = streamed(run)


class GetValues(Action):
    """`helm get values`: the values of a release.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> await GetValues(config).run("shop")
        {'replicas': 3}
        >>> (await GetValues(config).run("shop", all=True))["greeting"]
        'Welcome'
    """

    _name = "get_values"
    _error = ReleaseError
    _options = RevisionOptions.__optional_keys__

    async def run(self, release_name: str, all: bool = False, **options: Unpack[RevisionOptions]) -> Values:
        """Get the values of a release.

        Args:
            release_name: The name of the release.
            all: The chart's own values too. Default: False, those that were given.
            **options: See `RevisionOptions`.

        Returns:
            The values.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> await GetValues(config).run("shop", revision=1)
            {}
        """
        values: Values = await self._run(options, release_name=release_name, all=all)
        return values

    stream = streamed(run)


class ReleaseTest(Action):
    """`helm test`: run the tests of a release, which are hooks of its chart.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> tested = await ReleaseTest(config).run("shop", logs=True)
        >>> [(test.get("name"), test["last_run"]["phase"]) for test in tested["hooks"]]
        [('shop-answers', 'Succeeded')]
    """

    __test__ = False
    """Nothing for pytest to collect."""

    _name = "test"
    _error = ReleaseTestError
    _options = ReleaseTestOptions.__optional_keys__
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "filter": _arguments.texts}

    async def run(self, release_name: str, **options: Unpack[ReleaseTestOptions]) -> ReleaseTestResult:
        """Run the tests of a release, one after the other.

        A cancel ends the test that runs; the release stays as it was. What the test left in the cluster stays until
        it is run again, unless its deletion policy says otherwise.

        Args:
            release_name: The name of the release.
            **options: See `ReleaseTestOptions`.

        Returns:
            The release: each hook's `last_run` says how it ended. With `logs`, what the tests wrote.

        Raises:
            ReleaseTestError: A test failed, which is a `HookError` too, or could not be run; it is a `ReleaseError` and
                a `ChartError`. `details["tests"]` has the `name`, `kind` and `last_run` of those that were run, and
                with `logs` there are `details["logs"]`.
            TypeError: There is no such option.

        Example:
            >>> tested = await ReleaseTest(config).run("shop", filter=["name=shop-answers"], timeout=60)
            >>> [(hook["name"], hook["last_run"]["phase"]) for hook in tested["hooks"]]
            [('shop-answers', 'Succeeded')]
        """
        tested: ReleaseTestResult = await self._run(options, release_name=release_name)
        return tested

    stream = streamed(run)


Test = ReleaseTest
"""The same, by the name of the command."""
