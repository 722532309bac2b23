"""The actions on chart repositories and registries: one class for each helm command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

from . import _arguments
from ._action import ENCODERS, Action
from ._run import streamed
from .exceptions import RegistryError
from .options import (
    RegistryLoginOptions,
    RegistryLogoutOptions,
    RepoAddOptions,
    RepoIndexOptions,
    RepoListOptions,
    RepoRemoveOptions,
    RepoUpdateOptions,
    SearchHubOptions,
    SearchRepoOptions,
    StrPath,
)
from .results import (
    AddedRepository,
    FoundChart,
    HubChart,
    LoggedIn,
    LoggedOut,
    Repository,
    UpdatedRepository,
    WrittenIndex,
)


class RepoAdd(Action):
    """`helm repo add`: add a chart repository to helm's list.

    The list is helm's own file, under helm's own lock: the command sees what is added here, and the other way round.

    Args:
        config: Says where the list and the cache are (`repository_config`, `repository_cache`).

    Example:
        >>> await RepoAdd(config).run("shop", "https://charts.example/shop")
        {'name': 'shop', 'url': 'https://charts.example/shop', 'status': 'added', 'charts': 3}
    """

    _name = "repo_add"
    _error = RegistryError
    _options = RepoAddOptions.__optional_keys__
    _required = ("name", "url")

    async def run(  # noqa: PLR0917 - in the drop-in target's order
        self,
        name: str,
        url: str,
        username: str | None = None,
        password: str | None = None,
        insecure_skip_tls_verify: bool = False,
        pass_credentials_all: bool = False,
        cert_file: StrPath | None = None,
        key_file: StrPath | None = None,
        ca_file: StrPath | None = None,
        **options: Unpack[RepoAddOptions],
    ) -> AddedRepository:
        """Download the repository's index and put the repository on the list.

        What fails leaves the list and the cache as they were.

        Args:
            name: The repository's name, the part of `name/chart` before the slash.
            url: The address that `index.yaml` is under.
            username: User name at the repository. Default: None.
            password: Its password. Helm keeps it in the list, in a file that only the user may read. Default: None.
            insecure_skip_tls_verify: Do not check the server's certificate. Default: False.
            pass_credentials_all: Send the credentials to other hosts that the index names. Default: False.
            cert_file: Client certificate. Default: None.
            key_file: Client certificate's key. Default: None.
            ca_file: Certificate authorities of the server. Default: the system's.
            **options: See `RepoAddOptions`.

        Returns:
            What became of it: added, replaced (`force_update`), or unchanged.

        Raises:
            RegistryError: It failed. The error's class also says why: `RepositoryError` where it can not be reached,
                is no repository or has the name of another one, `UnauthorizedError`, `CertificateError`, …
            TypeError: There is no such option.

        Example:
            >>> repository = "https://charts.example/shop"
            >>> added = await RepoAdd(config).run("shop", repository, "me", "secret", ca_file="ca.crt")
            >>> added["status"]
            'added'
        """
        added: AddedRepository = await self._run(
            options,
            name=name,
            url=url,
            username=username,
            password=password,
            insecure_skip_tls_verify=insecure_skip_tls_verify,
            pass_credentials_all=pass_credentials_all,
            cert_file=cert_file,
            key_file=key_file,
            ca_file=ca_file,
        )
        return added

    stream = streamed(run)


class RepoRemove(Action):
    """`helm repo remove`: take chart repositories off helm's list.

    Args:
        config: Says where the list and the cache are.

    Example:
        >>> await RepoRemove(config).run("shop")
        [{'name': 'shop', 'url': 'https://charts.example/shop'}]
    """

    _name = "repo_remove"
    _error = RegistryError
    _options = RepoRemoveOptions.__optional_keys__
    _required = ("name",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "name": _arguments.texts}

    async def run(self, name: str | Sequence[str], **options: Unpack[RepoRemoveOptions]) -> list[Repository]:
        """Remove repositories, and what the cache has of them.

        Args:
            name: The name, or several: where one of them is unknown, none is removed.
            **options: See `RepoRemoveOptions`.

        Returns:
            The repositories that were removed.

        Raises:
            RegistryError: It failed, as a `RepositoryError` where there is no such repository.
            TypeError: There is no such option.

        Example:
            >>> removed = await RepoRemove(config).run(["shop", "tools"])
            >>> [repository["name"] for repository in removed]
            ['shop', 'tools']
        """
        removed: list[Repository] = await self._run(options, name=name)
        return removed

    stream = streamed(run)


class RepoList(Action):
    """`helm repo list`: the chart repositories on helm's list.

    Args:
        config: Says where the list is.

    Example:
        >>> [repository["name"] for repository in await RepoList(config).run()]
        ['shop', 'tools']
    """

    _name = "repo_list"
    _error = RegistryError
    _options = RepoListOptions.__optional_keys__
    _required = ()

    async def run(self, **options: Unpack[RepoListOptions]) -> list[Repository]:
        """List repositories.

        Args:
            **options: See `RepoListOptions`.

        Returns:
            One dict for each, in the list's order; none where there is no list.

        Raises:
            RegistryError: The list can not be read.
            TypeError: There is no such option.

        Example:
            >>> for repository in await RepoList(config).run():
            ...     print(repository["name"], repository["url"])
            shop https://charts.example/shop
            tools https://charts.example/tools
        """
        listed: list[Repository] = await self._run(options)
        return listed

    stream = streamed(run)


class RepoUpdate(Action):
    """`helm repo update`: download the indexes of chart repositories anew.

    Args:
        config: Says where the list and the cache are.

    Example:
        >>> await RepoUpdate(config).run()
        [{'name': 'shop', 'url': 'https://charts.example/shop', 'charts': 3}]
    """

    _name = "repo_update"
    _error = RegistryError
    _options = RepoUpdateOptions.__optional_keys__
    _required = ()
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "name": _arguments.texts}

    async def run(
        self, name: str | Sequence[str] | None = None, **options: Unpack[RepoUpdateOptions]
    ) -> list[UpdatedRepository]:
        """Update indexes, all at once.

        Args:
            name: The name, or several. Default: None, all repositories of the list.
            **options: See `RepoUpdateOptions`.

        Returns:
            One dict for each repository, in the list's order.

        Raises:
            RegistryError: One or more could not be updated; the others were. `details["failed"]` has the `name`, `url`,
                `code` and `message` of each.
            TypeError: There is no such option.

        Example:
            >>> updated = await RepoUpdate(config).run(["shop"], timeout=30)
            >>> [(each["name"], each["charts"]) for each in updated]
            [('shop', 3)]
        """
        updated: list[UpdatedRepository] = await self._run(options, name=name)
        return updated

    stream = streamed(run)


class RepoIndex(Action):
    """`helm repo index`: make the index of a directory of packaged charts.

    Args:
        config: Any Configuration: no cluster is asked.

    Example:
        >>> await RepoIndex(config).run("./charts", url="https://charts.example/shop")
        {'path': '/srv/charts/index.yaml', 'charts': 2, 'versions': 3}
    """

    _name = "repo_index"
    _error = RegistryError
    _options = RepoIndexOptions.__optional_keys__
    _required = ("directory",)

    async def run(self, directory: StrPath, **options: Unpack[RepoIndexOptions]) -> WrittenIndex:
        """Write `index.yaml` into a directory, from the archives in it and right below it.

        Args:
            directory: Where the archives are.
            **options: See `RepoIndexOptions`.

        Returns:
            The file that was written, and how much is in it.

        Raises:
            RegistryError: It failed, as a `RepositoryError` where the index can not be written or merged. Archives
                that are no charts are passed over.
            TypeError: There is no such option.

        Example:
            >>> index = await RepoIndex(config).run("./charts", merge="./charts/index.yaml")
            >>> index["charts"], index["versions"]
            (2, 3)
        """
        written: WrittenIndex = await self._run(options, directory=directory)
        return written

    stream = streamed(run)


class SearchRepo(Action):
    """`helm search repo`: find charts in the repositories on helm's list.

    An index is read once, and again when its file changes.

    Args:
        config: Says where the list and the cache are.

    Example:
        >>> await SearchRepo(config).run("web")
        [{'name': 'shop/web', 'version': '1.2.0', 'app_version': '3.1', 'description': 'A web shop'}]
    """

    _name = "search_repo"
    _error = RegistryError
    _options = SearchRepoOptions.__optional_keys__
    _required = ()

    async def run(self, keyword: str | None = None, **options: Unpack[SearchRepoOptions]) -> list[FoundChart]:
        """Search the indexes as they were last downloaded.

        Args:
            keyword: What a chart's name, repository, description or keywords must have in them. Default: None, all
                charts.
            **options: See `SearchRepoOptions`.

        Returns:
            Charts with the keyword in their name first; by name, the newest version first. An index that can not be
            read is left out, and the log says so.

        Raises:
            RegistryError: It failed, as a `RepositoryError` where there are no repositories.
            TypeError: There is no such option.

        Example:
            >>> found = await SearchRepo(config).run("web", version="^1.0", versions=True)
            >>> [(chart["name"], chart["version"]) for chart in found]
            [('shop/web', '1.2.0')]
        """
        found: list[FoundChart] = await self._run(options, keyword=keyword)
        return found

    stream = streamed(run)


class SearchHub(Action):
    """`helm search hub`: find charts in Artifact Hub, or in another hub.

    Args:
        config: Any Configuration: no cluster is asked. Proxies are those of its environment.

    Example:
        >>> charts = await SearchHub(config).run("wordpress", endpoint="https://hub.example")
        >>> [chart["repository"]["url"] for chart in charts]
        ['https://charts.example/wordpress']
    """

    _name = "search_hub"
    _error = RegistryError
    _options = SearchHubOptions.__optional_keys__
    _required = ()

    async def run(self, keyword: str | None = None, **options: Unpack[SearchHubOptions]) -> list[HubChart]:
        """Ask a hub.

        Args:
            keyword: What to look for, in the hub's own query language. Default: None, everything.
            **options: See `SearchHubOptions`.

        Returns:
            The charts in the hub's order, each with its repository.

        Raises:
            RegistryError: It failed, as a `RepositoryError` where the hub can not be reached or is none.
            TypeError: There is no such option.

        Example:
            >>> found = await SearchHub(config).run("wordpress", endpoint="https://hub.example")
            >>> found[0]["version"]
            '1.0.0'
        """
        found: list[HubChart] = await self._run(options, keyword=keyword)
        return found

    stream = streamed(run)


class RegistryLogin(Action):
    """`helm registry login`: keep the credentials for a registry.

    They are kept in helm's own file (`registry_config`), or in the credential helper that it names, so that the command
    and other processes have them too. For credentials that are never written anywhere, give the Configuration
    `registry_auth`.

    Args:
        config: Says where the file is, and has the environment that credential helpers run with.

    Example:
        >>> kept = await RegistryLogin(config).run("registry.example", "me", "secret", ca_file="ca.crt")
        >>> print(kept["registry_config"])
        /home/me/.config/helm/registry/config.json
    """

    _name = "registry_login"
    _error = RegistryError
    _options = RegistryLoginOptions.__optional_keys__
    _required = ("hostname", "username", "password")

    async def run(  # noqa: PLR0917 - in the drop-in target's order
        self,
        hostname: str,
        username: str,
        password: str,
        cert_file: StrPath | None = None,
        key_file: StrPath | None = None,
        ca_file: StrPath | None = None,
        insecure: bool = False,
        plain_http: bool = False,
        **options: Unpack[RegistryLoginOptions],
    ) -> LoggedIn:
        """Ask the registry whether it knows the user, and keep the credentials where it does.

        Args:
            hostname: The registry's host, with its port where it has one, without a path.
            username: The user name; empty where the password is an identity token.
            password: The password, or a token.
            cert_file: Client certificate. Default: None.
            key_file: Client certificate's key. Default: None.
            ca_file: Certificate authorities of the registry. Default: the system's.
            insecure: Do not check the registry's certificate. Default: False.
            plain_http: Speak HTTP. Default: False.
            **options: See `RegistryLoginOptions`.

        Returns:
            What was kept and where.

        Raises:
            RegistryError: It failed, and what was kept before is still there. The error's class also says why:
                `UnauthorizedError`, `CertificateError`, …
            TypeError: There is no such option.

        Example:
            >>> kept = await RegistryLogin(config).run("localhost:5000", "me", "secret", plain_http=True)
            >>> "secret" in str(kept)
            False
        """
        kept: LoggedIn = await self._run(
            options,
            hostname=hostname,
            username=username,
            password=password,
            cert_file=cert_file,
            key_file=key_file,
            ca_file=ca_file,
            insecure=insecure,
            plain_http=plain_http,
        )
        return kept

    stream = streamed(run)


class RegistryLogout(Action):
    """`helm registry logout`: forget the credentials for a registry.

    Args:
        config: Says where they are kept.

    Example:
        >>> await RegistryLogout(config).run("registry.example")
    """

    _name = "registry_logout"
    _error = RegistryError
    _options = RegistryLogoutOptions.__optional_keys__
    _required = ("hostname",)

    async def run(self, hostname: str, **options: Unpack[RegistryLogoutOptions]) -> LoggedOut:
        """Forget what RegistryLogin kept. It is no error where nothing was kept.

        Args:
            hostname: The registry's host, as it was logged in to.
            **options: See `RegistryLogoutOptions`.

        Returns:
            Which registry, and where its credentials were kept.

        Raises:
            RegistryError: The file can not be read or written, or the credential helper failed.
            TypeError: There is no such option.

        Example:
            >>> await RegistryLogout(config).run("localhost:5000")
        """
        forgotten: LoggedOut = await self._run(options, hostname=hostname)
        return forgotten

    stream = streamed(run)
