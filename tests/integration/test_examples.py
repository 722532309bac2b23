"""The examples of the docstrings run: each public class's and method's own, beside the files that they name."""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import doctest
import inspect
import io
import json
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

import helm_sdkpy
from helm_sdkpy import Configuration, progress
from helm_sdkpy.testing import TestCluster
from tests.integration import oci, plugins
from tests.integration.charts import SIMPLE, Chart
from tests.integration.keys import LOCKED, helm_source
from tests.integration.serving import Request, serving

SHOP: Final = Path(__file__).parents[2] / "examples" / "charts" / "shop"

BY_DESIGN: Final = {
    "Configuration.connection": "for the package itself",
    "__version__": "a str",
}
"""Public names without an example, beside the classes of errors, which HelmError's shows how to catch."""


def public() -> Iterator[tuple[str, Any]]:
    """Each public class, function and method that is to have an example, by its name."""
    for name in helm_sdkpy.__all__:
        value = getattr(helm_sdkpy, name)
        if isinstance(value, type) and issubclass(value, Exception) and name != "HelmError":
            continue
        if name == "Test":  # Another name for ReleaseTest.
            continue
        yield name, value
        if isinstance(value, type):
            for member, held in vars(value).items():
                if member == "stream":  # One docstring for all; the example is Run's.
                    continue
                if not member.startswith("_") and (inspect.isroutine(held) or isinstance(held, property)):
                    yield f"{name}.{member}", getattr(value, member)
    for name, value in vars(progress).items():
        if not inspect.isroutine(value) and not isinstance(value, type):
            continue
        if value.__module__ == progress.__name__ and not name.startswith("_"):
            yield f"progress.{name}", value


EXAMPLES: Final = {name: value for name, value in public() if name not in BY_DESIGN}


def blocks(name: str) -> list[doctest.Example]:
    """The code of a docstring's example, and what it shows for it."""
    return doctest.DocTestParser().get_examples(inspect.getdoc(EXAMPLES[name]) or "")


@dataclasses.dataclass
class Place:
    """What an example finds: a directory, a home, a cluster, and what stands for the addresses that it names."""

    cluster: TestCluster
    namespace: str
    here: Path
    home: Path
    config: Configuration
    hub: str

    @property
    def data(self) -> Path:
        """Helm's data directory."""
        return self.home / ".local" / "share" / "helm"

    def addresses(self, name: str) -> dict[str, str]:
        """What an example says, and what is there instead in a test."""
        cluster = self.cluster
        return {
            '"me", "secret"': f'"{cluster.username}", "{cluster.password}"',
            "oci://registry.example": f"oci://{cluster.registry}/{self.namespace}",
            "https://charts.example": f"{cluster.repository}/{self.namespace}",
            "https://hub.example": self.hub,
            '"registry.example"': f'"{cluster.registry_tls_auth}"',
            "oci://localhost:5000": f"oci://{cluster.registry}/{self.namespace}",
            '"localhost:5000"': f'"{cluster.registry_auth}"',
            'namespace="web"': f'namespace="{self.namespace}"',
            "'web'\n": f"'{self.namespace}'\n",
            "/home/me": str(self.home),
            "/srv": str(self.here),
            "Ann": LOCKED.name,
            "…": LOCKED.passphrase or "",
            "Me <me@example.org>": "password key (fake) <fake@helm.sh>",
            "me@example.org": LOCKED.name,
            **OF_ONE.get(name, lambda _: {})(self),
        }


OF_ONE: Final[Mapping[str, Callable[[Place], dict[str, str]]]] = {
    "RepoAdd.run": lambda place: {"https://charts.example": f"{place.cluster.repository_tls_auth}/{place.namespace}"},
    # What the hub of the test answers.
    "SearchHub": lambda _: {"https://charts.example": "https://charts.example"},
}
"""Addresses that are other ones in one example."""


def served(name: str, version: str, **metadata: str) -> Chart:
    """A chart of a repository."""
    return dataclasses.replace(SIMPLE, name=name, version=version, metadata=metadata)


@pytest.fixture(scope="module", autouse=True)
def _keys_are_found() -> None:  # pyright: ignore[reportUnusedFunction]
    """Asked before there is another home: Go keeps its modules below it. What is not there skips those who need it."""
    with contextlib.suppress(pytest.skip.Exception):
        helm_source()


@pytest.fixture
def place(
    name: str, helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    here, home = tmp_path / "here", tmp_path / "home"
    shutil.copytree(SHOP, here / "shop")
    description = here / "shop" / "Chart.yaml"
    description.write_text(description.read_text().replace("version: 1.0.0", "version: 1.2.0"))
    monkeypatch.chdir(here)
    for kind in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.delenv(f"HELM_{kind}_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    (home / ".kube").mkdir(parents=True)
    shutil.copy(helm_cluster.kubeconfig, home / ".kube" / "config")
    repository = helm_cluster.charts / helm_namespace
    try:
        with (
            serving(_hub) as hub,
            Configuration(
                namespace=helm_namespace,
                kubeconfig=helm_cluster.kubeconfig,
                # Examples name registries as if they spoke TLS; those of logging in say how to speak to them.
                plain_http=not name.startswith("Registry"),
            ) as config,
        ):
            yield Place(helm_cluster, helm_namespace, here, home, config, hub.url)
    finally:
        shutil.rmtree(repository, ignore_errors=True)


def _hub(request: Request) -> None:
    found = {
        "id": "shop/wordpress",
        "artifactHub": {"packageUrl": "https://hub.example/wordpress"},
        "attributes": {"description": "", "repo": {"name": "shop", "url": "https://charts.example/wordpress"}},
        "relationships": {"latestChartVersion": {"data": {"version": "1.0.0", "app_version": "1"}}},
    }
    request.send(json.dumps({"data": [found]}).encode())


# What the examples of a class need. Each is called with the name of the class or method.


async def _release(place: Place, name: str) -> None:
    await helm_sdkpy.Install(place.config).run("shop", "./shop")
    await helm_sdkpy.Upgrade(place.config).run("shop", "./shop", {"replicas": 3})


async def _registry(place: Place, name: str) -> None:
    for below in ("", "/charts"):
        oci.push(place.cluster.registry, f"{place.namespace}{below}", _described())


def _described() -> Chart:
    texts = {str(path.relative_to(SHOP)): path.read_text() for path in SHOP.rglob("*") if path.is_file()}
    del texts["Chart.yaml"]
    return Chart(name="shop", version="1.2.3", files=texts)


async def _archives(place: Place, name: str) -> None:
    await helm_sdkpy.Package(place.config).run("./shop", place.here, version="1.2.3")
    shutil.copy("shop-1.2.3.tgz", "cart.tgz")


async def _keys(place: Place, name: str) -> None:
    gnupg = place.home / ".gnupg"
    gnupg.mkdir(mode=0o700)
    for where in (gnupg, place.here):
        shutil.copy(LOCKED.secring, where / "secring.gpg")
        shutil.copy(LOCKED.pubring, where / "pubring.gpg")
    Path("secret.txt").write_text(f"{LOCKED.passphrase}\n")


async def _signed(place: Place, name: str) -> None:
    await _keys(place, name)
    await helm_sdkpy.Package(place.config).run(
        "./shop", version="1.2.3", sign=True, key=LOCKED.name, keyring="secring.gpg", passphrase=LOCKED.passphrase
    )


async def _repositories(place: Place, name: str) -> None:
    root = place.cluster.charts / place.namespace
    for directory, charts in {
        ".": [_described()],
        "shop": [
            served("web", "1.2.0", appVersion="3.1", description="A web shop"),
            served("cart", "0.1.0"),
            served("pay", "0.1.0"),
        ],
        "tools": [served("hammer", "0.1.0")],
    }.items():
        (root / directory).mkdir(parents=True, exist_ok=True)
        for chart in charts:
            chart.save(root / directory)
    Path("ca.crt").write_text(Path(place.cluster.ca_file).read_text())


async def _added(place: Place, name: str) -> None:
    await _repositories(place, name)
    for repository in ("shop",) if name in ("RepoUpdate", "SearchRepo") else ("shop", "tools"):
        await helm_sdkpy.RepoAdd(place.config).run(
            repository, f"{place.cluster.repository}/{place.namespace}/{repository}"
        )


async def _charts(place: Place, name: str) -> None:
    Path("charts").mkdir()
    for chart in served("web", "1.1.0"), served("web", "1.2.0"), served("cart", "0.1.0"):
        chart.save(Path("charts"))


async def _dependency(place: Place, name: str) -> None:
    """`./shop` needs a chart of a repository, which is signed."""
    await _repositories(place, name)
    await _keys(place, name)
    served("till", "0.1.0").write(place.here)
    root = place.cluster.charts / place.namespace
    await helm_sdkpy.Package(place.config).run(
        "./till", root, sign=True, key=LOCKED.name, keyring="secring.gpg", passphrase=LOCKED.passphrase
    )
    repository = f"{place.cluster.repository}/{place.namespace}"
    await helm_sdkpy.RepoAdd(place.config).run("charts", repository)
    needed = {"name": "till", "version": "^0.1", "repository": repository}
    description = Path("shop/Chart.yaml")
    description.write_text(f"{description.read_text()}\ndependencies: {json.dumps([needed])}\n")
    if name.startswith("DependencyBuild"):
        await helm_sdkpy.DependencyUpdate(place.config).run("./shop")
        shutil.rmtree("shop/charts")


async def _new_chart(place: Place, name: str) -> None:
    shutil.copytree("shop", place.data / "starters" / "web")
    shutil.rmtree("shop")


async def _plugin_sources(place: Place, name: str) -> None:
    if not name.startswith("PluginInstall"):
        await _keys(place, name)
    notes = plugins.write(place.here / "plugins" / "notes")
    plugins.write(place.here / "notes")
    archive = plugins.pack(notes, place.here / "notes.tgz").read_bytes()
    oci.push_plugin(place.cluster.registry, f"{place.namespace}/plugins/notes", "1.0.0", archive)


async def _installed(place: Place, name: str) -> None:
    where = place.data / "plugins"
    for plugin in ("diff", "notes"):
        plugins.write(where / plugin)
    if name == "PluginList.run":
        plugins.install(where, plugins.POST_RENDERER, "cat", "kustomize")


async def _from_git(place: Place, name: str) -> None:
    for plugin in ("diff", "secrets"):
        source = plugins.write(place.here / plugin)
        _git(source, "init", "-q", "-b", "main")
        _commit(source)
        await helm_sdkpy.PluginInstall(place.config).run(f"file://{source}", verify=False)
        plugins.write(source, version="1.1.0")
        _commit(source)


def _git(where: Path, *arguments: str) -> None:
    who = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    subprocess.run(["git", *who, *arguments], cwd=where, check=True, capture_output=True)


def _commit(where: Path) -> None:
    _git(where, "add", "-A")
    _git(where, "commit", "-q", "-m", "change")


async def _signed_plugin(place: Place, name: str) -> None:
    await _plugin_sources(place, name)
    await helm_sdkpy.PluginPackage(place.config).run("./notes", key=LOCKED.name, passphrase_file="secret.txt")


async def _logged_in(place: Place, name: str) -> None:
    cluster = place.cluster
    for host, plain in (cluster.registry_tls_auth, False), (cluster.registry_auth, True):
        await helm_sdkpy.RegistryLogin(place.config).run(
            host, cluster.username, cluster.password, ca_file=None if plain else cluster.ca_file, plain_http=plain
        )


Preparation = Callable[[Place, str], Awaitable[None]]

NEEDS: Final[Mapping[str, Preparation]] = {
    **dict.fromkeys(
        ("Upgrade", "Rollback", "Uninstall", "List", "Status", "History", "GetAll", "GetHooks", "GetManifest",
         "GetMetadata", "GetNotes", "GetValues", "ReleaseTest", "Wait"),
        _release,
    ),
    **dict.fromkeys(("Install", "Show"), _registry),
    **dict.fromkeys(("Lint", "Push"), _archives),
    **dict.fromkeys(("DependencyBuild", "DependencyList", "DependencyUpdate"), _dependency),
    **dict.fromkeys(("RepoRemove", "RepoList", "RepoUpdate", "SearchRepo"), _added),
    **dict.fromkeys(("PluginInstall", "PluginPackage"), _plugin_sources),
    **dict.fromkeys(("PluginList", "PluginUninstall"), _installed),
    "Create": _new_chart,
    "Ensure.run": _release,
    "Package": _keys,
    "PluginUpdate": _from_git,
    "PluginVerify": _signed_plugin,
    "Pull": _registry,
    "Pull.run": _repositories,
    "RegistryLogin": _repositories,
    "RegistryLogout": _logged_in,
    "RepoAdd": _repositories,
    "RepoIndex": _charts,
    "Verify": _signed,
}  # fmt: skip
"""What makes the files and the state that the examples of a class name. Others need the chart ./shop alone."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_public_name_has_an_example(name: str) -> None:
    assert blocks(name), f"the docstring of {name} has no example"


def test_names_without_an_example_are_named() -> None:
    known = {name for name, _ in public()}
    assert set(BY_DESIGN) <= known
    assert {name.partition(".")[0] for name in NEEDS} <= known


@pytest.mark.parametrize("name", EXAMPLES)
async def test_example_runs(name: str, place: Place) -> None:
    if name == "progress.rich":
        pytest.importorskip("rich")
    prepare = NEEDS.get(name) or NEEDS.get(name.partition(".")[0])
    if prepare is not None:
        await prepare(place, name)
    names: dict[str, Any] = {
        **{each: getattr(helm_sdkpy, each) for each in helm_sdkpy.__all__},
        "Path": Path,
        "config": place.config,
        "progress": progress,
        "yaml": pytest.importorskip("yaml"),
    }
    addresses = place.addresses(name)
    compared = doctest.OutputChecker()
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for example in blocks(name):
        got = await _run(_there(example.source, addresses), names)
        want = _there(example.want, addresses)
        assert not want or compared.check_output(want, got, flags), f"{example.source}shows {want}but it is {got}"


def _there(text: str, addresses: Mapping[str, str]) -> str:
    for said, instead in addresses.items():
        text = text.replace(said, instead)
    return text


async def _run(source: str, names: dict[str, Any]) -> str:
    """What an interpreter with a top-level await prints for the source."""
    [statement] = ast.parse(source).body
    mode = "eval" if isinstance(statement, ast.Expr) else "exec"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        found: Any = eval(compile(source.strip(), "example", mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.iscoroutine(found):
            found = await found
    return printed.getvalue() + ("" if found is None else f"{found!r}\n")
