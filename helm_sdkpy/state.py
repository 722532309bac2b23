"""What no helm command does: a release held against its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Unpack

from . import _arguments
from ._action import ENCODERS, Action
from ._run import streamed
from .exceptions import ReleaseError, UpgradeError
from .options import ChartSource, DiffOptions, EnsureOptions, ReadyOptions, RecoverOptions
from .results import DiffResult, EnsureResult, Recovered, WaitResult


class Diff(Action):
    """What an upgrade would change, or what has changed in the cluster since a release was deployed.

    The API server is asked by dry runs, so that its defaults and webhooks make no difference; nothing is written.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> release = await Install(config).run("shop", "./shop")
        >>> drift = await Diff(config).run("shop")
        >>> drift["changed"]
        False
    """

    _name = "diff"
    _error = ReleaseError
    _options = DiffOptions.__optional_keys__
    _required = ("release_name",)

    async def run(
        self,
        release_name: str,
        chart_path: ChartSource | None = None,
        values: Mapping[str, Any] | None = None,
        version: str | None = None,
        **options: Unpack[DiffOptions],
    ) -> DiffResult:
        """Compare a release with its cluster.

        Args:
            release_name: The name of the release.
            chart_path: What it would be upgraded to: a directory, an archive, `oci://…`, a URL, `repo/name` (or a name
                with `repo=`), or the bytes of an archive. Default: None, what was deployed last (drift).
            values: Values over the chart's own. Integers stay integers. Default: none.
            version: Version or range of the chart. Default: the newest.
            **options: See `DiffOptions`.

        Returns:
            Each object and what would become of it, and all of it as text.

        Raises:
            ReleaseError: It failed. The error's class also says why: `ReleaseNotFoundError`, `RenderError`,
                `ForbiddenError` where dry runs are not allowed, …
            TypeError: There is no such option.

        Example:
            >>> release = await Install(config).run("shop", "./shop")
            >>> diff = await Diff(config).run("shop", "./shop", {"replicas": 5})
            >>> [change["path"] for found in diff["objects"] for change in found["changes"]]
            ['/spec/replicas']
        """
        result: DiffResult = await self._run(
            options, release_name=release_name, chart_path=chart_path, values=values, version=version
        )
        return result

    stream = streamed(run)


class Ensure(Action):
    """Make a release what it should be, and do nothing where it is.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> first = await Ensure(config).run("front", "./shop", {"replicas": 3})
        >>> again = await Ensure(config).run("front", "./shop", {"replicas": 3})
        >>> first["action"], again["action"]
        ('installed', 'unchanged')
    """

    _name = "ensure"
    _error = UpgradeError
    _options = EnsureOptions.__optional_keys__
    _required = ("release_name", "chart_path")

    async def run(
        self,
        release_name: str,
        chart_path: ChartSource,
        values: Mapping[str, Any] | None = None,
        version: str | None = None,
        **options: Unpack[EnsureOptions],
    ) -> EnsureResult:
        """Install the release, upgrade it, or leave it alone.

        It is upgraded where the chart, its content, the values or what is rendered of them are not those of the newest
        revision, or where that revision failed. The values are those that are given, and no others: none are
        taken over from the last revision. Description, labels and the way in which objects are applied do not count.

        Args:
            release_name: The name of the release.
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            values: Values over the chart's own. Integers stay integers. Default: none.
            version: Version or range of the chart. Default: the newest.
            **options: See `EnsureOptions`.

        Returns:
            What was done, why, and the release.

        Raises:
            UpgradeError: It failed, as with `Upgrade(config).run(..., install=True)`. The error's class also says why:
                `ReleasePendingError` where something else works on the release, `WaitTimeoutError`, …
            TypeError: There is no such option.

        Example:
            >>> done = await Ensure(config).run("shop", "./shop", set="replicas=5", timeout=120)
            >>> for reason in done["reasons"]:
            ...     print(reason["message"])
            the values changed at replicas
        """
        result: EnsureResult = await self._run(
            {**options, "wait": options.get("wait", True)},
            release_name=release_name,
            chart_path=chart_path,
            values=values,
            version=version,
        )
        return result

    stream = streamed(run)


class Recover(Action):
    """Which releases are stuck because the process that worked on them was killed; mends them.

    docs/recovering.md says what is stuck and what the danger is.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> for stuck in await Recover(config).run(dry_run=True):
        ...     print(stuck["name"], stuck["status"], "since", stuck["since"])
    """

    _name = "recover"
    _error = ReleaseError
    _options = RecoverOptions.__optional_keys__
    _required = ()
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "dry_run": _arguments.flag}

    async def run(self, release_name: str | None = None, **options: Unpack[RecoverOptions]) -> list[Recovered]:
        """Mend what killed processes left in `pending-*` or `uninstalling`.

        Each stuck revision is recorded as failed, and with `to="deployed"` the release is then rolled back to the
        revision that was deployed last. Where none ever was it stays `failed`: nothing is uninstalled.

        Args:
            release_name: The name of the release. Default: None, which is all that are stuck in the namespace.
            **options: See `RecoverOptions`.

        Returns:
            An entry for each stuck revision, by namespace and name, the newest of a release first. Empty where nothing
            is stuck. Of several releases, one that can not be mended says why in its `message` and stops no other.

        Raises:
            ReleasePendingError: The release that was named was touched within `pending_age`.
            ReleaseNotFoundError: There is none of the name.
            ReleaseError: It failed. The error's class also says why.
            TypeError: There is no such option.

        Example:
            >>> await Recover(config).run()
            []
        """
        recovered: list[Recovered] = await self._run(options, release_name=release_name)
        return recovered

    stream = streamed(run)


class Wait(Action):
    """Wait until the objects of an existing release are ready, without deploying anything.

    Args:
        config: Which cluster, as whom, and how.

    Example:
        >>> ready = await Wait(config).run("shop", timeout=60)
        >>> ready["status"], {resource["status"] for resource in ready["resources"]}
        ('deployed', {'ready'})
    """

    _name = "wait"
    _error = ReleaseError
    _options = ReadyOptions.__optional_keys__

    async def run(self, release_name: str, **options: Unpack[ReadyOptions]) -> WaitResult:
        """Wait as an install does after it has applied its objects: with the same rules, events and errors.

        Nothing is changed, and nobody is kept from working on the release meanwhile: what is waited for are the objects
        of the revision that was the newest when the call began. Hooks are not among them.

        Args:
            release_name: The name of the release.
            **options: See `ReadyOptions`.

        Returns:
            The revision, and its objects as they were when all were ready. A paused Deployment is not waited for.

        Raises:
            ReleaseError: It failed. The error's class also says why: `WaitTimeoutError`, `WaitFailedError`,
                `ReleaseNotFoundError`, …
            TypeError: There is no such option.

        Example:
            >>> ready = await Wait(config).run("shop", revision=2, wait_for_jobs=True)
            >>> ready["version"]
            2
        """
        waited: WaitResult = await self._run(options, release_name=release_name)
        return waited

    stream = streamed(run)
