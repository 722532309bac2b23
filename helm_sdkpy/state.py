"""What no helm command does: a release held against its cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from ._action import Action
from .exceptions import ReleaseError
from .options import ChartSource, DiffOptions
from .results import DiffResult


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
