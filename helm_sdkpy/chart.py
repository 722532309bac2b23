"""The actions on charts: one class for each helm command."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack, cast, overload

from . import _arguments
from ._action import ENCODERS, RULES, Action
from ._run import streamed
from .exceptions import ChartError
from .options import (
    ChartSource,
    CreateOptions,
    DependencyListOptions,
    DependencyOptions,
    LintOptions,
    PackageOptions,
    PullOptions,
    PushOptions,
    ShowOptions,
    ShowValuesOptions,
    StrPath,
    TemplateOptions,
    VerifyOptions,
)
from .results import (
    CreatedChart,
    DependencyListResult,
    DependencyResult,
    LintResult,
    PackagedChart,
    PulledChart,
    PushedChart,
    Verification,
)


def _dry_run(field: str, value: object) -> str:
    if value is True or value in ("client", "server"):
        return "client" if value is True else str(value)
    raise _arguments.Refused(field, f'is {value!r}: it must be "client" or "server": a template is always a dry run')


class Template(Action):
    """`helm template`: render a chart, without a cluster.

    Args:
        config: Its namespace is the release's, its credentials fetch the chart. A cluster is asked only with
            `dry_run="server"`.

    Example:
        >>> manifest = await Template(config).run("shop", "./shop", {"replicas": 3})
        >>> [each["kind"] for each in yaml.safe_load_all(manifest)]
        ['ConfigMap', 'Service', 'Deployment', 'Pod']
    """

    _name = "template"
    _error = ChartError
    _options = TemplateOptions.__optional_keys__
    _required = ("chart_path",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "dry_run": _dry_run}

    async def run(
        self,
        release_name: str | None,
        chart_path: ChartSource,
        values: Mapping[str, Any] | None = None,
        version: str | None = None,
        **options: Unpack[TemplateOptions],
    ) -> str:
        """Render a chart.

        What would be looked up in a cluster is made up: `.Capabilities` is what `kube_version` and `api_versions` say,
        `lookup` finds nothing. With `dry_run="server"` the cluster is asked, the objects are checked against its
        schemas, and objects that are there already are an error, as for an install.

        Args:
            release_name: The name of the release. None: `name_template` makes one, else it is `release-name`.
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            values: Values over the chart's own. Integers stay integers. Default: none.
            version: Version or range of the chart. Default: the newest.
            **options: See `TemplateOptions`. `dry_run` is `"client"` or `"server"`. Default: `"client"`.

        Returns:
            The text that the helm command prints: all documents, each after a line with its template's path, hooks
            last. With `output_dir` the text is what the command prints then: a line `wrote PATH` for each document
            that was written, in the order of writing, and an empty one. Nothing is written unless everything was
            rendered, each file is written whole, and what other runs left there stays; as with helm, the documents of
            hooks are added to a file that is there already.

        Raises:
            ChartError: It failed. The error's class also says why: `RenderError` (with `file` and `line` in its
                details where they are known), `ValuesSchemaError`, `KubeVersionError`, `MissingDependencyError`,
                `ChartNotFoundError`, `ChartInvalidError`, …
            TypeError: There is no such option.

        Example:
            >>> manifest = await Template(config).run(
            ...     None, "./shop", show_only="templates/deployment.yaml", kube_version="1.33"
            ... )
            >>> yaml.safe_load(manifest)["metadata"]["name"]
            'release-name'
        """
        text: str = await self._run(
            options, release_name=release_name, chart_path=chart_path, values=values, version=version
        )
        return text

    stream = streamed(run)


class Lint(Action):
    """`helm lint`: examine charts for possible issues.

    Args:
        config: Its namespace is the release's that is rendered for the test.

    Example:
        >>> result = await Lint(config).run("./shop")
        >>> result["failed"]
        0
    """

    _name = "lint"
    _error = ChartError
    _options = LintOptions.__optional_keys__
    _required = ()

    async def run(
        self,
        chart_path: StrPath | bytes | Sequence[StrPath],
        *,
        values: Mapping[str, Any] | None = None,
        **options: Unpack[LintOptions],
    ) -> LintResult:
        """Lint charts.

        A chart that fails is a result and no error, as in helm-sdkpy 0.1.32: the findings are what is asked for, and
        `failed` says how many charts the helm command would fail for. A chart that is not there is an error.

        Args:
            chart_path: A chart's directory or archive, or several, or the bytes of one archive. Also `oci://…` or a
                URL, which the helm command does not take here.
            values: Values over the charts' own. Default: none.
            **options: See `LintOptions`.

        Returns:
            The findings, in all and for each chart.

        Raises:
            ChartError: Nothing could be examined: `ChartNotFoundError`, or values that can not be read.
            TypeError: There is no such option.

        Example:
            >>> for chart in (await Lint(config).run(["./shop", "./cart.tgz"], strict=True))["charts"]:
            ...     for message in chart["messages"]:
            ...         print(chart["path"], message["severity"], message["path"], message["text"])
        """
        result: LintResult = await self._run(options, chart_path=chart_path, values=values)
        return result

    stream = streamed(run)

    def _encode(self, given: dict[str, object]) -> dict[str, Any]:
        rest = {name: value for name, value in given.items() if name != "chart_path"}
        return {**_charts(given.get("chart_path")), **super()._encode(rest)}


def _charts(value: object) -> dict[str, Any]:
    if isinstance(value, (bytes, bytearray)):
        return RULES["chart_path"](value)
    paths = _arguments.paths("chart_path", value)
    if paths is None:
        raise _arguments.Refused("chart_path", "is empty: name a chart's directory or archive, or several")
    return {"chart_path": paths}


class Show(Action):
    """`helm show`: what a chart is and holds.

    Args:
        config: Its credentials fetch the chart.

    Example:
        >>> show = Show(config)
        >>> print(await show.chart("./shop"))
        apiVersion: v2
        ...
        >>> await show.values("./shop", jsonpath="{.image}")
        'registry.example/shop:1.0'
    """

    _error = ChartError
    _required = ("chart_path",)

    async def chart(self, chart_path: ChartSource, **options: Unpack[ShowOptions]) -> str:
        """Show the chart's definition, its Chart.yaml.

        Args:
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            **options: See `ShowOptions`.

        Returns:
            YAML, as the helm command prints it.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `ChartInvalidError`, …
            TypeError: There is no such option.

        Example:
            >>> yaml.safe_load(await Show(config).chart("./shop"))["version"]
            '1.2.0'
        """
        return await self._part("chart", ShowOptions.__optional_keys__, options, chart_path)

    async def values(self, chart_path: ChartSource, **options: Unpack[ShowValuesOptions]) -> str:
        """Show the chart's values, its values.yaml.

        Args:
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            **options: See `ShowValuesOptions`.

        Returns:
            The file with its comments, or what `jsonpath` picks, as the helm command prints it.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `ChartInvalidError`, …
            TypeError: There is no such option.

        Example:
            >>> await Show(config).values("./shop", jsonpath="{.image}")
            'registry.example/shop:1.0'
        """
        return await self._part("values", ShowValuesOptions.__optional_keys__, options, chart_path)

    async def readme(self, chart_path: ChartSource, **options: Unpack[ShowOptions]) -> str:
        """Show the chart's README.

        Args:
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            **options: See `ShowOptions`.

        Returns:
            The file, empty where the chart has none.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `ChartInvalidError`, …
            TypeError: There is no such option.

        Example:
            >>> print(await Show(config).readme("./shop"))
        """
        return await self._part("readme", ShowOptions.__optional_keys__, options, chart_path)

    async def crds(self, chart_path: ChartSource, **options: Unpack[ShowOptions]) -> str:
        """Show the chart's custom resource definitions, those of its `crds/` and of its subcharts'.

        Args:
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            **options: See `ShowOptions`.

        Returns:
            YAML documents, empty where the chart has none.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `ChartInvalidError`, …
            TypeError: There is no such option.

        Example:
            >>> print(await Show(config).crds("./shop"))
        """
        return await self._part("crds", ShowOptions.__optional_keys__, options, chart_path)

    async def all(self, chart_path: ChartSource, **options: Unpack[ShowOptions]) -> str:
        """Show everything that the other methods do.

        Args:
            chart_path: A directory, an archive, `oci://…`, a URL, `repo/name` (or a name with `repo=`), or the bytes
                of an archive.
            **options: See `ShowOptions`.

        Returns:
            Definition, values, README and custom resource definitions, with `---` between them.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `ChartInvalidError`, …
            TypeError: There is no such option.

        Example:
            >>> text = await Show(config).all("oci://registry.example/shop", version="1.2.3")
            >>> text.splitlines()[0]
            'apiVersion: v2'
        """
        return await self._part("all", ShowOptions.__optional_keys__, options, chart_path)

    async def _part(
        self, part: str, known: frozenset[str], options: Mapping[str, object], chart_path: ChartSource
    ) -> str:
        text = await self._start(f"show_{part}", part, known, options, {"chart_path": chart_path})
        return cast("str", text)


class _Archive(dict[str, Any]):
    """What was packaged, which also is the path of it: helm-sdkpy 0.1.32 gave that path and nothing else."""

    def __fspath__(self) -> str:
        path: str = self["path"]
        return path


class Package(Action):
    """`helm package`: make a versioned archive of a chart.

    Args:
        config: Its environment's `SOURCE_DATE_EPOCH` makes archives reproducible; its credentials fetch dependencies.

    Example:
        >>> packaged = await Package(config).run("./shop", "./dist", version="1.2.3")
        >>> packaged["path"], packaged["digest"]
        ('dist/shop-1.2.3.tgz', 'sha256:...')
    """

    _name = "package"
    _error = ChartError
    _options = PackageOptions.__optional_keys__
    _required = ()

    @overload
    async def run(
        self, chart_path: StrPath, dest_dir: StrPath | None = None, **options: Unpack[PackageOptions]
    ) -> PackagedChart: ...

    @overload
    async def run(
        self, chart_path: Sequence[StrPath], dest_dir: StrPath | None = None, **options: Unpack[PackageOptions]
    ) -> list[PackagedChart]: ...

    async def run(
        self,
        chart_path: StrPath | Sequence[StrPath],
        dest_dir: StrPath | None = None,
        **options: Unpack[PackageOptions],
    ) -> PackagedChart | list[PackagedChart]:
        """Package a chart's directory, or several.

        An archive is there whole, and with its provenance file where it is signed, or not at all. Nothing asks for a
        passphrase.

        Args:
            chart_path: The directory of a chart, or several.
            dest_dir: Where the archives go; made where it is not there. Default: the current directory.
            **options: See `PackageOptions`.

        Returns:
            The archive, or one for each of several. Where a later one of several fails, the earlier ones are there.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `ChartInvalidError`,
                `MissingDependencyError`, `ProvenanceError` where it could not be signed, …
            TypeError: There is no such option.

        Example:
            >>> packaged = await Package(config).run(
            ...     "./shop", sign=True, key="Ann", keyring="secring.gpg", passphrase="…"
            ... )
            >>> packaged["provenance"]
            '/srv/shop-1.2.0.tgz.prov'
        """
        several = not isinstance(chart_path, (str, os.PathLike))
        made = await self._run(options, chart_path=chart_path, dest_dir=dest_dir)
        archives = [cast("PackagedChart", _Archive(one)) for one in made]
        return archives if several else archives[0]

    stream = streamed(run)

    def _encode(self, given: dict[str, object]) -> dict[str, Any]:
        _arguments.exclusive(given, "passphrase_file", "passphrase")
        paths = given.pop("chart_path", None)
        return {"chart_path": _directories(paths), **super()._encode(given)}


class Verify(Action):
    """`helm verify`: check that an archive is signed and is what was signed.

    Args:
        config: Its environment says where gpg's keyring is.

    Example:
        >>> (await Verify(config).run("./shop-1.2.3.tgz", keyring="pubring.gpg"))["signed_by"]
        ['Me <me@example.org>']
    """

    _name = "verify"
    _error = ChartError
    _options = VerifyOptions.__optional_keys__
    _required = ("chart_path",)

    async def run(self, chart_path: StrPath, **options: Unpack[VerifyOptions]) -> Verification:
        """Verify a chart's archive by the provenance file beside it, `NAME.tgz.prov`.

        Args:
            chart_path: The archive.
            **options: See `VerifyOptions`.

        Returns:
            Who signed it, with which key, and the archive's hash.

        Raises:
            ChartError: It does not hold. The error's class also says why: `ProvenanceError` (no signature, a broken
                one, or one of a key that is not in the keyring), `DigestMismatchError` (signed was another archive).
            TypeError: There is no such option.

        Example:
            >>> verified = await Verify(config).run("./shop-1.2.3.tgz", keyring="pubring.gpg")
            >>> verified["chart_hash"]
            'sha256:...'
        """
        verification: Verification = await self._run(options, chart_path=chart_path)
        return verification

    stream = streamed(run)


class Create(Action):
    """`helm create`: make the directory of a new chart.

    Args:
        config: Its environment says where starters are.

    Example:
        >>> created = await Create(config).run("./shop")
        >>> created["path"]
        '/srv/shop'
    """

    _name = "create"
    _error = ChartError
    _options = CreateOptions.__optional_keys__
    _required = ("name",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "name": _arguments.path}

    async def run(self, name: StrPath, **options: Unpack[CreateOptions]) -> CreatedChart:
        """Create a chart.

        A directory that is there already keeps its other files; those that a new chart has are replaced, each with a
        warning in the log.

        Args:
            name: The chart's name, or the path of its directory, whose last part is the name.
            **options: See `CreateOptions`.

        Returns:
            The chart's directory.

        Raises:
            ChartError: It failed; nothing was made.
            TypeError: There is no such option.

        Example:
            >>> created = await Create(config).run("./shop", starter="web")
            >>> (await Lint(config).run(created["path"]))["failed"]
            0
        """
        created: CreatedChart = await self._run(options, name=name)
        return created

    stream = streamed(run)


class DependencyList(Action):
    """`helm dependency list`: the dependencies of a chart, and which of them are there.

    Args:
        config: Nothing of it matters here.

    Example:
        >>> for dependency in (await DependencyList(config).run("./shop"))["dependencies"]:
        ...     print(dependency["name"], dependency["status"])
        till missing
    """

    _name = "dependency_list"
    _error = ChartError
    _options = DependencyListOptions.__optional_keys__
    _required = ("chart_path",)

    async def run(self, chart_path: StrPath = ".", **options: Unpack[DependencyListOptions]) -> DependencyListResult:
        """List a chart's dependencies.

        Args:
            chart_path: The chart's directory or archive. Default: the current directory.
            **options: See `DependencyListOptions`.

        Returns:
            A line for each dependency, and the command's warnings.

        Raises:
            ChartError: There is no chart, or it can not be read.
            TypeError: There is no such option.

        Example:
            >>> (await DependencyList(config).run("./shop"))["warnings"]
            []
        """
        result: DependencyListResult = await self._run(options, chart_path=chart_path)
        return result

    stream = streamed(run)


class DependencyUpdate(Action):
    """`helm dependency update`: fetch what Chart.yaml asks for into `charts/`, and write the versions into Chart.lock.

    Args:
        config: Its list of repositories knows `@NAME`, its credentials are for registries.

    Example:
        >>> updated = await DependencyUpdate(config).run("./shop")
        >>> [(each["name"], each["version"]) for each in updated["dependencies"]]
        [('till', '0.1.0')]
    """

    _name = "dependency_update"
    _error = ChartError
    _options = DependencyOptions.__optional_keys__
    _required = ("chart_path",)

    async def run(self, chart_path: StrPath = ".", **options: Unpack[DependencyOptions]) -> DependencyResult:
        """Update a chart's dependencies.

        Where it fails or is cancelled, `charts/` and the lock are as they were. Updates of the same chart in one
        process wait for each other.

        Args:
            chart_path: The chart's directory. Default: the current directory.
            **options: See `DependencyOptions`.

        Returns:
            What the lock says then.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `RepositoryError`,
                `ProvenanceError` with `verify`, …
            TypeError: There is no such option.

        Example:
            >>> updated = await DependencyUpdate(config).run("./shop", skip_refresh=True)
            >>> len(updated["dependencies"])
            1
        """
        result: DependencyResult = await self._run(options, chart_path=chart_path)
        return result

    stream = streamed(run)


class DependencyBuild(Action):
    """`helm dependency build`: fetch what Chart.lock says into `charts/`.

    Args:
        config: Its list of repositories knows the addresses in the lock, its credentials are for registries.

    Example:
        >>> built = await DependencyBuild(config).run("./shop")
        >>> [(each["name"], each["version"]) for each in built["dependencies"]]
        [('till', '0.1.0')]
    """

    _name = "dependency_build"
    _error = ChartError
    _options = DependencyOptions.__optional_keys__
    _required = ("chart_path",)

    async def run(self, chart_path: StrPath = ".", **options: Unpack[DependencyOptions]) -> DependencyResult:
        """Build a chart's dependencies from its lock; without one, update them.

        As with the command, `verify` lets a chart that is not signed pass here, though not one with a wrong signature.
        Where it fails or is cancelled, `charts/` is as it was.

        Args:
            chart_path: The chart's directory. Default: the current directory.
            **options: See `DependencyOptions`.

        Returns:
            What the lock says.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartInvalidError` where the lock is out of date,
                `RepositoryError` where a repository of the lock is not in helm's list, …
            TypeError: There is no such option.

        Example:
            >>> built = await DependencyBuild(config).run("./shop", verify=True, keyring="pubring.gpg")
            >>> len(built["dependencies"])
            1
        """
        result: DependencyResult = await self._run(options, chart_path=chart_path)
        return result

    stream = streamed(run)


def _directories(value: object) -> list[str]:
    paths = _arguments.paths("chart_path", value)
    if paths is None:
        raise _arguments.Refused("chart_path", "is empty: name the directory of a chart, or several")
    return paths


class Pull(Action):
    """`helm pull`: download charts from a registry or repository.

    Args:
        config: Whose credentials, repositories and caches are used; no cluster is asked.

    Example:
        >>> pulled = await Pull(config).run("oci://registry.example/charts/shop", version="^1.2")
        >>> print(pulled["path"], pulled["digest"])
        /srv/shop-1.2.3.tgz sha256:...
    """

    _name = "pull"
    _error = ChartError
    _options = PullOptions.__optional_keys__
    _required = ("chart_ref",)

    @overload
    async def run(
        self,
        chart_ref: str,
        dest_dir: StrPath | None = None,
        version: str | None = None,
        **options: Unpack[PullOptions],
    ) -> PulledChart: ...
    @overload
    async def run(
        self,
        chart_ref: list[str] | tuple[str, ...],
        dest_dir: StrPath | None = None,
        version: str | None = None,
        **options: Unpack[PullOptions],
    ) -> list[PulledChart]: ...
    async def run(
        self,
        chart_ref: str | list[str] | tuple[str, ...],
        dest_dir: StrPath | None = None,
        version: str | None = None,
        **options: Unpack[PullOptions],
    ) -> PulledChart | list[PulledChart]:
        """Download a chart, or several one after the other.

        The archive goes to its file as it comes in, and a file that is there already is replaced whole. What fails,
        or is cancelled, leaves nothing of its own; charts that came before it in the list stay. An archive that is in
        helm's content cache is taken from there.

        Args:
            chart_ref: `oci://…`, a URL, `repo/name`, or a name with `repo=`; or a list of them.
            dest_dir: The directory to write to, which must exist. `destination`, the flag's name, is the same.
                Default: the working directory.
            version: Version or range of the chart. Default: the newest.
            **options: See `PullOptions`.

        Returns:
            What was pulled; for a list, a list.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartNotFoundError`, `UnauthorizedError`,
                `DigestMismatchError`, `ProvenanceError`, `RegistryError`, `RepositoryError`, …
            TypeError: There is no such option.

        Example:
            >>> pulled = await Pull(config).run("shop", "./charts", repo="https://charts.example", untar=True)
            >>> pulled["version"], pulled["path"]
            ('1.2.3', '/srv/charts/shop')
        """
        pulled: list[PulledChart] = await self._run(options, chart_ref=chart_ref, dest_dir=dest_dir, version=version)
        return pulled[0] if isinstance(chart_ref, str) else pulled

    stream = streamed(run)


class Push(Action):
    """`helm push`: upload a chart to a registry.

    Args:
        config: Whose credentials are used; no cluster is asked.

    Example:
        >>> pushed = await Push(config).run("shop-1.2.3.tgz", "oci://registry.example/charts")
        >>> pushed["name"], pushed["version"], pushed["digest"]
        ('shop', '1.2.3', 'sha256:...')
    """

    _name = "push"
    _error = ChartError
    _options = PushOptions.__optional_keys__
    _required = ("chart_path", "remote")

    async def run(  # noqa: PLR0917 - in the drop-in target's order
        self,
        chart_path: ChartSource,
        remote: str,
        cert_file: StrPath | None = None,
        key_file: StrPath | None = None,
        ca_file: StrPath | None = None,
        insecure_skip_tls_verify: bool = False,
        plain_http: bool = False,
        **options: Unpack[PushOptions],
    ) -> PushedChart:
        """Upload a chart's archive, with the provenance file beside it (`….tgz.prov`) where there is one.

        Args:
            chart_path: The archive (Package makes one of a directory), or its bytes.
            remote: `oci://HOST/PATH`; the chart's name and version are added.
            cert_file: Client certificate. Default: None.
            key_file: Client certificate's key. Default: None.
            ca_file: Certificate authorities of the registry. Default: the system's.
            insecure_skip_tls_verify: Do not check the registry's certificate. Default: False.
            plain_http: Speak HTTP. Default: False.
            **options: See `PushOptions`.

        Returns:
            What the registry holds now.

        Raises:
            ChartError: It failed. The error's class also says why: `ChartInvalidError`, `RegistryError`,
                `UnauthorizedError`, `ForbiddenError`, `CertificateError`, …
            TypeError: There is no such option.

        Example:
            >>> pushed = await Push(config).run("shop-1.2.3.tgz", "oci://localhost:5000/charts", plain_http=True)
            >>> pushed["digest"]
            'sha256:...'
        """
        pushed: PushedChart = await self._run(
            options,
            chart_path=chart_path,
            remote=remote,
            cert_file=cert_file,
            key_file=key_file,
            ca_file=ca_file,
            insecure_skip_tls_verify=insecure_skip_tls_verify,
            plain_http=plain_http,
        )
        return pushed

    stream = streamed(run)
