"""Code written for helm-sdkpy 0.1.32 runs unchanged: every class with its arguments by place and by keyword."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import helm_sdkpy
from helm_sdkpy import Configuration
from helm_sdkpy.testing import TestCluster
from tests.integration.charts import SIMPLE, Chart, configmap, hook
from tests.integration.objects import Objects

TESTED = Chart({"c.yaml": configmap(value="{{ .Values.value }}"), "t.yaml": hook("test")}, {"value": "chart"})


async def test_releases(helm_cluster: TestCluster, objects: Objects, tmp_path: Path) -> None:
    chart = str(TESTED.write(tmp_path))
    with helm_sdkpy.Configuration(objects.namespace, helm_cluster.kubeconfig, None, False, False, None) as config:
        install, upgrade = helm_sdkpy.Install(config), helm_sdkpy.Upgrade(config)
        result = await install.run("one", chart, {"value": "a"}, None, False, True, 120, False)
        assert result["name"] == "one"
        await install.run(
            release_name="two",
            chart_path=chart,
            values={"value": "b"},
            version=None,
            create_namespace=True,
            wait=False,
            timeout=60,
            skip_schema_validation=True,
            wait_for_jobs=False,
            server_side_apply=False,
            force_conflicts=False,
            disable_openapi_validation=True,
            rollback_on_failure=False,
            take_ownership=False,
        )
        await upgrade.run("one", chart, {"value": "c"}, None, install=False, wait=True, timeout=120)
        await upgrade.run(
            release_name="two",
            chart_path=chart,
            values={"value": "d"},
            install=True,
            create_namespace=False,
            wait=False,
            timeout=60,
            wait_for_jobs=False,
            max_history=5,
            server_side_apply="auto",
            force_conflicts=False,
            disable_openapi_validation=True,
            skip_schema_validation=False,
            rollback_on_failure=False,
            take_ownership=False,
            cleanup_on_fail=False,
            reset_values=False,
            reuse_values=True,
        )
        assert objects.data("two") == {"value": "d"}
        assert {each["name"] for each in await helm_sdkpy.List(config).run()} == {"one", "two"}
        assert len(await helm_sdkpy.List(config).run(all=True)) == 2
        assert (await helm_sdkpy.Status(config).run("one"))["info"]["status"] == "deployed"
        assert (await helm_sdkpy.Status(config).run(release_name="one"))["version"] == 2
        assert await helm_sdkpy.GetValues(config).run("one") == {"value": "c"}
        assert await helm_sdkpy.GetValues(config).run("one", True) == {"value": "c"}
        assert await helm_sdkpy.GetValues(config).run(release_name="two", all=False) == {"value": "d"}
        await helm_sdkpy.Rollback(config).run("one", 1)
        await helm_sdkpy.Rollback(config).run(release_name="one", revision=0)
        assert [each["revision"] for each in await helm_sdkpy.History(config).run("one")] == [1, 2, 3, 4]
        await helm_sdkpy.ReleaseTest(config).run("one")
        await helm_sdkpy.Test(config).run(release_name="one")
        await helm_sdkpy.Uninstall(config).run("one", True, 60)
        await helm_sdkpy.Uninstall(config).run(release_name="two", wait=False, timeout=60)
        with pytest.raises(helm_sdkpy.HelmError):
            await helm_sdkpy.Status(config).run("one")


async def test_charts(helm_config: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chart = str(SIMPLE.write(tmp_path))
    for positional in (True, False):
        await (
            helm_sdkpy.Lint(helm_config).run(chart)
            if positional
            else helm_sdkpy.Lint(helm_config).run(chart_path=chart)
        )
    assert "name: web" in await helm_sdkpy.Show(helm_config).chart(chart)
    assert "value: chart" in await helm_sdkpy.Show(helm_config).values(chart_path=chart)
    await helm_sdkpy.Package(helm_config).run(chart)
    await helm_sdkpy.Package(helm_config).run(chart_path=chart, dest_dir=str(tmp_path / "out"))
    for directory in (tmp_path, tmp_path / "out"):
        assert tarfile.is_tarfile(directory / "web-0.1.0.tgz")


async def test_registry(helm_cluster: TestCluster, helm_config: Configuration, tmp_path: Path) -> None:
    archive, remote = str(SIMPLE.save(tmp_path)), f"oci://{helm_cluster.registry_auth}/{helm_config.namespace}"
    host, user, password = helm_cluster.registry_auth, helm_cluster.username, helm_cluster.password
    login, logout = helm_sdkpy.RegistryLogin(helm_config), helm_sdkpy.RegistryLogout(helm_config)
    for directory in ("a", "b"):
        (tmp_path / directory).mkdir()
    await login.run(host, user, password, None, None, None, False, True)
    await helm_sdkpy.Push(helm_config).run(archive, remote, None, None, None, False, True)
    await helm_sdkpy.Push(helm_config).run(chart_path=archive, remote=remote, plain_http=True)
    with Configuration(helm_config.namespace, helm_cluster.kubeconfig, plain_http=True) as plain:
        await helm_sdkpy.Pull(plain).run(f"{remote}/web", str(tmp_path / "a"), "0.1.0")
        await helm_sdkpy.Pull(plain).run(chart_ref=f"{remote}/web", dest_dir=str(tmp_path / "b"), version="0.1.0")
    assert (tmp_path / "a" / "web-0.1.0.tgz").read_bytes() == Path(archive).read_bytes()
    assert (tmp_path / "b" / "web-0.1.0.tgz").is_file()
    await logout.run(host)
    await login.run(hostname=host, username=user, password=password, insecure=False, plain_http=True)
    await logout.run(hostname=host)


async def test_repositories(helm_cluster: TestCluster, helm_config: Configuration) -> None:
    add, remove = helm_sdkpy.RepoAdd(helm_config), helm_sdkpy.RepoRemove(helm_config)
    auth, tls = helm_cluster.repository_auth, helm_cluster.repository_tls
    await add.run("one", helm_cluster.repository)
    await add.run("two", auth, helm_cluster.username, helm_cluster.password, False, False)
    await add.run(name="three", url=tls, insecure_skip_tls_verify=True)
    await add.run(
        name="four", url=tls, username=None, password=None, insecure_skip_tls_verify=False, pass_credentials_all=False,
        cert_file=None, key_file=None, ca_file=helm_cluster.ca_file,
    )  # fmt: skip
    names = {"one", "two", "three", "four"}
    try:
        assert names <= {each["name"] for each in await helm_sdkpy.RepoList(helm_config).run()}
        await helm_sdkpy.RepoUpdate(helm_config).run("one")
        await helm_sdkpy.RepoUpdate(helm_config).run(name="two")
        await helm_sdkpy.RepoUpdate(helm_config).run()
    finally:
        for name in sorted(names):
            await (remove.run(name) if name == "one" else remove.run(name=name))
    assert not names & {each["name"] for each in await helm_sdkpy.RepoList(helm_config).run()}


async def test_errors_are_caught_by_the_classes_of_old(helm_config: Configuration) -> None:
    chart = SIMPLE.archive()
    for call, expected in [
        (helm_sdkpy.Install(helm_config).run("one", "./none"), helm_sdkpy.InstallError),
        (helm_sdkpy.Upgrade(helm_config).run("none", chart), helm_sdkpy.UpgradeError),
        (helm_sdkpy.Rollback(helm_config).run("none"), helm_sdkpy.RollbackError),
        (helm_sdkpy.Uninstall(helm_config).run("none"), helm_sdkpy.UninstallError),
        (helm_sdkpy.Status(helm_config).run("none"), helm_sdkpy.ReleaseError),
        (helm_sdkpy.Show(helm_config).chart("./none"), helm_sdkpy.ChartError),
        (helm_sdkpy.Package(helm_config).run("./none"), helm_sdkpy.ChartError),
        (helm_sdkpy.RepoRemove(helm_config).run("none"), helm_sdkpy.RegistryError),
    ]:
        with pytest.raises(expected):
            await call
