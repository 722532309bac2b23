"""The actions on helm's plugins: one class for each helm command.

What installs, removes, updates and packages plugins is the helm command itself, in a process of its own: the library is
a program, too. What that prints goes to the logger `helm_sdkpy`, and nothing of it to this process's own output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

from . import _arguments
from ._action import ENCODERS, Action
from ._run import streamed
from .exceptions import PluginError
from .options import (
    PluginInstallOptions,
    PluginListOptions,
    PluginPackageOptions,
    PluginUninstallOptions,
    PluginUpdateOptions,
    PluginVerifyOptions,
    StrPath,
)
from .results import InstalledPlugin, NewPlugin, PackagedPlugin, PluginVerification, UpdatedPlugin


class PluginInstall(Action):
    """`helm plugin install`: install a plugin from a path, an archive, a URL, a repository of git or a registry.

    Args:
        config: Says where plugins are, by its environment (`HELM_PLUGINS`, `HELM_DATA_HOME`), and what registries are
            logged in with.

    Example:
        >>> await PluginInstall(config).run("./plugins/notes")
        {'name': 'notes', 'version': '1.0.0', 'type': 'cli/v1', ..., 'provenance': 'local dev', ...}
    """

    _name = "plugin_install"
    _error = PluginError
    _options = PluginInstallOptions.__optional_keys__
    _required = ("source",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {
        **ENCODERS,
        "source": _arguments.path,
        "verify": _arguments.switch,
    }

    async def run(
        self, source: StrPath, version: str | None = None, **options: Unpack[PluginInstallOptions]
    ) -> NewPlugin:
        """Install the plugin and run its install hook. Cancelled, it leaves nothing that was not there before.

        Args:
            source: A directory, which is linked to and not copied; an archive, its URL, or `oci://…`, whose signature
                is checked; or the address of a repository of git.
            version: A version or range of the tags of a repository of git. Default: None, its newest content.
            **options: See `PluginInstallOptions`.

        Returns:
            The plugin, and who signed it.

        Raises:
            PluginError: It failed. The error's class also says why: `PluginExistsError`, `PluginNotFoundError`,
                `ProvenanceError` where the signature is missing or does not hold, `UnauthorizedError`, …
            TypeError: There is no such option.

        Example:
            >>> plugin = await PluginInstall(config).run("oci://registry.example/plugins/notes:1.0.0", verify=False)
            >>> plugin["path"]
            '/home/me/.local/share/helm/plugins/notes'
        """
        installed: NewPlugin = await self._run(options, source=source, version=version)
        return installed

    stream = streamed(run)


class PluginList(Action):
    """`helm plugin list`: the plugins that are installed. No process is started for it.

    Args:
        config: Says where plugins are.

    Example:
        >>> [plugin["name"] for plugin in await PluginList(config).run()]
        ['diff', 'notes']
    """

    _name = "plugin_list"
    _error = PluginError
    _options = PluginListOptions.__optional_keys__
    _required = ()
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "type": _arguments.text}

    async def run(self, type: str | None = None, **options: Unpack[PluginListOptions]) -> list[InstalledPlugin]:
        """List the plugins. What is no plugin is left out, and logged.

        Args:
            type: One type of plugins alone: `cli/v1`, `getter/v1`, `postrenderer/v1`. Default: None, all.
            **options: See `PluginListOptions`.

        Returns:
            The plugins, by their directories' names.

        Raises:
            PluginError: Two plugins have the same name.
            TypeError: There is no such option.

        Example:
            >>> await PluginList(config).run(type="postrenderer/v1")
            [{'name': 'kustomize', 'version': '1.0.0', ...}]
        """
        found: list[InstalledPlugin] = await self._run(options, type=type)
        return found

    stream = streamed(run)


class PluginUninstall(Action):
    """`helm plugin uninstall`: remove plugins.

    Args:
        config: Says where plugins are.

    Example:
        >>> [plugin["name"] for plugin in await PluginUninstall(config).run("notes")]
        ['notes']
    """

    _name = "plugin_uninstall"
    _error = PluginError
    _options = PluginUninstallOptions.__optional_keys__
    _required = ("plugin_names",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "plugin_names": _arguments.texts}

    async def run(
        self, plugin_names: str | Sequence[str], **options: Unpack[PluginUninstallOptions]
    ) -> list[InstalledPlugin]:
        """Remove plugins and run their delete hooks. Where one fails, the others are removed all the same.

        Args:
            plugin_names: The name, or several.
            **options: See `PluginUninstallOptions`.

        Returns:
            The plugins that were removed.

        Raises:
            PluginError: It failed, as a `PluginNotFoundError` where there is no such plugin. `details["uninstalled"]`
                names those that were removed.
            TypeError: There is no such option.

        Example:
            >>> await PluginUninstall(config).run(["notes", "diff"])
            [{'name': 'notes', ...}, {'name': 'diff', ...}]
        """
        removed: list[InstalledPlugin] = await self._run(options, plugin_names=plugin_names)
        return removed

    stream = streamed(run)


class PluginUpdate(Action):
    """`helm plugin update`: update plugins that came out of a repository of git.

    Args:
        config: Says where plugins are.

    Example:
        >>> [plugin] = await PluginUpdate(config).run("diff")
        >>> plugin["previous_version"], plugin["version"]
        ('1.0.0', '1.1.0')
    """

    _name = "plugin_update"
    _error = PluginError
    _options = PluginUpdateOptions.__optional_keys__
    _required = ("plugin_names",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "plugin_names": _arguments.texts}

    async def run(
        self, plugin_names: str | Sequence[str], **options: Unpack[PluginUpdateOptions]
    ) -> list[UpdatedPlugin]:
        """Update plugins and run their update hooks. Where one fails, the others are updated all the same.

        Args:
            plugin_names: The name, or several.
            **options: See `PluginUpdateOptions`.

        Returns:
            The plugins as they are now, each with the version that it had.

        Raises:
            PluginError: It failed, as a `PluginNotFoundError` where there is no such plugin. `details["updated"]`
                names those that were updated.
            TypeError: There is no such option.

        Example:
            >>> await PluginUpdate(config).run(["diff", "secrets"])
            [{'name': 'diff', ...}, {'name': 'secrets', ...}]
        """
        updated: list[UpdatedPlugin] = await self._run(options, plugin_names=plugin_names)
        return updated

    stream = streamed(run)


class PluginPackage(Action):
    """`helm plugin package`: make an archive of a plugin's directory, and sign it.

    Args:
        config: Says where the keyring is, by its environment (`GNUPGHOME`, `HOME`).

    Example:
        >>> packaged = await PluginPackage(config).run("./plugins/notes", sign=False)
        >>> packaged["path"]
        'notes-1.0.0.tgz'
    """

    _name = "plugin_package"
    _error = PluginError
    _options = PluginPackageOptions.__optional_keys__
    _required = ("path",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {
        **ENCODERS,
        "path": _arguments.path,
        "sign": _arguments.switch,
        "key": _arguments.text,
        "passphrase_file": _arguments.path,
        "destination": _arguments.path,
    }

    async def run(self, path: StrPath, **options: Unpack[PluginPackageOptions]) -> PackagedPlugin:
        """Package the plugin. The archive and its signature are made whole or not at all.

        Args:
            path: The plugin's directory.
            **options: See `PluginPackageOptions`.

        Returns:
            The archive, and its provenance file.

        Raises:
            PluginError: It failed. The error's class also says why: `PluginInvalidError` where the directory holds no
                plugin, `ProvenanceError` where the key is missing or its passphrase is.
            TypeError: There is no such option.

        Example:
            >>> await PluginPackage(config).run("./notes", key="me@example.org", passphrase_file="secret.txt")
            {'path': 'notes-1.0.0.tgz', ..., 'provenance': 'notes-1.0.0.tgz.prov', ...}
        """
        packaged: PackagedPlugin = await self._run(options, path=path)
        return packaged

    stream = streamed(run)


class PluginVerify(Action):
    """`helm plugin verify`: check the signature of a plugin's archive. No process is started for it.

    Args:
        config: Says where the keyring is, by its environment.

    Example:
        >>> verified = await PluginVerify(config).run("notes-1.0.0.tgz", keyring="pubring.gpg")
        >>> verified["signed_by"]
        ['Me <me@example.org>']
    """

    _name = "plugin_verify"
    _error = PluginError
    _options = PluginVerifyOptions.__optional_keys__
    _required = ("path",)
    _encoders: ClassVar[Mapping[str, _arguments.Encoder]] = {**ENCODERS, "path": _arguments.path}

    async def run(self, path: StrPath, **options: Unpack[PluginVerifyOptions]) -> PluginVerification:
        """Check the archive against the provenance file beside it.

        Args:
            path: The archive; the provenance file is the same with `.prov` at its end.
            **options: See `PluginVerifyOptions`.

        Returns:
            Who signed it, and what was signed.

        Raises:
            PluginError: It failed, as a `ProvenanceError` where the signature is missing or does not hold, or as a
                `PluginNotFoundError` where there is no such file.
            TypeError: There is no such option.

        Example:
            >>> verified = await PluginVerify(config).run("notes-1.0.0.tgz")
            >>> verified["file_hash"]
            'sha256:...'
        """
        verified: PluginVerification = await self._run(options, path=path)
        return verified

    stream = streamed(run)
