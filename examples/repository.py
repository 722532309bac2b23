"""Charts from repositories and registries: add, update, search, pull, log in, push, install."""

from __future__ import annotations

import tempfile
from pathlib import Path

from examples.cluster import CHARTS, Place, chart_servers
from examples.program import run
from helm_sdkpy import (
    Configuration,
    Install,
    Package,
    Pull,
    Push,
    RegistryLogin,
    RegistryLogout,
    RepoAdd,
    RepoList,
    RepoRemove,
    RepoUpdate,
    SearchRepo,
    Show,
    UnauthorizedError,
    Uninstall,
)
from helm_sdkpy.testing import TestCluster


async def main(place: Place) -> None:
    """First a chart repository, then a registry; both are the test cluster's own."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with (
            chart_servers(place) as servers,
            Configuration(
                place.namespace,
                place.kubeconfig,
                place.context,
                # Without these four, helm's own files in the home directory are used.
                repository_config=directory / "repositories.yaml",
                repository_cache=directory / "repository",
                registry_config=directory / "registry.json",
                content_cache=directory / "content",
            ) as config,
        ):
            await repository(config, servers, directory, place)
            await registry(config, servers, directory, place)


async def repository(config: Configuration, servers: TestCluster, directory: Path, place: Place) -> None:
    """A chart repository: an index and archives on a web server."""
    published = servers.charts / "shops"
    await Package(config).run(CHARTS / "shop", published)

    added = await RepoAdd(config).run("shops", f"{servers.repository}/shops")
    print("added:", added["name"], "with", added["charts"], "charts")

    # Somebody publishes a new version: it is found once the index is downloaded again.
    await Package(config).run(CHARTS / "shop", published, version="1.1.0")
    await RepoUpdate(config).run("shops")
    for found in await SearchRepo(config).run("shop", versions=True):
        print("found:", found["name"], found["version"], "-", found["description"])

    pulled = await Pull(config).run("shops/shop", directory, version="^1.0")
    print("pulled:", Path(pulled["path"]).name, pulled["digest"])

    release = await Install(config).run("shop", "shops/shop", place.values, version="1.0.0")
    print(
        "installed:",
        release["chart"]["metadata"]["version"],
        "from",
        [row["url"] for row in await RepoList(config).run()],
    )
    await Uninstall(config).run("shop")

    await RepoRemove(config).run("shops")
    print("removed:", len(await RepoList(config).run()), "repositories left")


async def registry(config: Configuration, servers: TestCluster, directory: Path, place: Place) -> None:
    """A registry: charts beside container images, behind a login."""
    host = servers.registry_tls_auth
    remote = f"oci://{host}/charts"
    archive = await Package(config).run(CHARTS / "shop", directory / "packaged", version="2.0.0")

    try:
        await Push(config).run(archive["path"], remote, ca_file=servers.ca_file)
    except UnauthorizedError as error:
        print("refused:", error.code)

    await RegistryLogin(config).run(host, servers.username, servers.password, ca_file=servers.ca_file)
    print("logged in as", servers.username)

    pushed = await Push(config).run(archive["path"], remote, ca_file=servers.ca_file)
    print("pushed:", pushed["name"], pushed["version"], pushed["digest"])

    shown = await Show(config).chart(f"{remote}/shop", version="2.0.0", ca_file=servers.ca_file)
    print("shown:", *(line for line in shown.splitlines() if line.startswith(("name:", "version:"))))

    pulled = await Pull(config).run(f"{remote}/shop", directory, version="2.0.0", ca_file=servers.ca_file)
    print("pulled:", Path(pulled["path"]).name, "the same" if pulled["digest"] == archive["digest"] else "another one")

    release = await Install(config).run("shop", f"{remote}/shop", place.values, version="2.x", ca_file=servers.ca_file)
    print("installed:", release["chart"]["metadata"]["version"], "from the registry")
    await Uninstall(config).run("shop")

    await RegistryLogout(config).run(host)
    try:
        await Pull(config).run(f"{remote}/shop", directory, version="2.0.0", ca_file=servers.ca_file)
    except UnauthorizedError as error:
        print("logged out:", error.code)


if __name__ == "__main__":
    run(main)
