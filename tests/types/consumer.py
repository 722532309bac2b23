"""A program that uses every action with every option, for pyright in strict mode: what it reveals is what users see.

`tests/types/mistakes.py` has what must be errors; `tests/unit/test_types.py` runs pyright on both.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, assert_type

from helm_sdkpy import (
    Configuration,
    Create,
    DependencyBuild,
    DependencyList,
    DependencyUpdate,
    Diff,
    Ensure,
    GetAll,
    GetHooks,
    GetManifest,
    GetMetadata,
    GetNotes,
    GetValues,
    HelmError,
    History,
    Install,
    Lint,
    List,
    Package,
    PluginInstall,
    PluginList,
    PluginPackage,
    PluginUninstall,
    PluginUpdate,
    PluginVerify,
    Pull,
    Push,
    Recover,
    RegistryLogin,
    RegistryLogout,
    ReleaseTest,
    RepoAdd,
    RepoIndex,
    RepoList,
    RepoRemove,
    RepoUpdate,
    Rollback,
    Run,
    SearchHub,
    SearchRepo,
    Show,
    Status,
    Template,
    Uninstall,
    Upgrade,
    Verify,
    Wait,
    get_version,
)
from helm_sdkpy.events import Event
from helm_sdkpy.results import (
    AddedRepository,
    CreatedChart,
    DependencyListResult,
    DependencyResult,
    DiffResult,
    EnsureResult,
    FoundChart,
    HubChart,
    InstalledPlugin,
    LintResult,
    LoggedIn,
    LoggedOut,
    Metadata,
    NewPlugin,
    PackagedChart,
    PackagedPlugin,
    PluginVerification,
    PulledChart,
    PushedChart,
    Recovered,
    Release,
    ReleaseTestResult,
    Repository,
    Revision,
    UninstallResult,
    UpdatedPlugin,
    UpdatedRepository,
    Verification,
    WaitResult,
    WholeRelease,
    WrittenIndex,
)


async def edited(manifest: str) -> str:
    return manifest


def show(event: Event) -> None:
    if event["type"] == "resource":
        print(event["resource"]["kind"], event.get("status"))


async def do_create(config: Configuration) -> None:
    assert_type(
        await Create(config).run("shop", on_event=show, starter=Path("starter"), chart_api_version="v2"), CreatedChart
    )


async def do_dependency_build(config: Configuration) -> None:
    assert_type(
        await DependencyBuild(config).run(
            chart_path="./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            on_event=show,
            skip_refresh=True,
            verify=True,
            keyring=Path("keyring"),
        ),
        DependencyResult,
    )


async def do_dependency_list(config: Configuration) -> None:
    assert_type(await DependencyList(config).run(chart_path="./shop", on_event=show), DependencyListResult)


async def do_dependency_update(config: Configuration) -> None:
    assert_type(
        await DependencyUpdate(config).run(
            chart_path="./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            on_event=show,
            skip_refresh=True,
            verify=True,
            keyring=Path("keyring"),
        ),
        DependencyResult,
    )


async def do_diff(config: Configuration) -> None:
    assert_type(
        await Diff(config).run(
            "shop",
            chart_path="./shop",
            values={"replicas": 3},
            version="version",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            values_files=[Path("values.yaml")],
            set_json="set_json",
            set=["a=1", "b=2"],
            set_string="set_string",
            set_file="set_file",
            set_literal="set_literal",
            on_event=show,
            context=1,
            create_namespace=True,
            dependency_update=True,
            disable_openapi_validation=True,
            enable_dns=True,
            force_conflicts=True,
            force_replace=True,
            ignore=["/spec/replicas", {"paths": "/data", "kind": "ConfigMap", "name": "shop-*"}],
            ignore_managers="kube-controller-manager",
            install=True,
            no_hooks=True,
            post_renderer=edited,
            post_renderer_args=["a"],
            render="color",
            reset_then_reuse_values=True,
            reset_values=True,
            reuse_values=True,
            server_side=None,
            server_side_apply="auto",
            show_secrets=True,
            skip_crds=True,
            skip_schema_validation=True,
            take_ownership=True,
        ),
        DiffResult,
    )


async def do_ensure(config: Configuration) -> None:
    assert_type(
        await Ensure(config).run(
            "shop",
            "./shop",
            values={"replicas": 3},
            version="version",
            create_namespace=True,
            wait="watcher",
            timeout=timedelta(minutes=2),
            wait_for_jobs=True,
            max_history=2,
            server_side_apply="auto",
            force_conflicts=True,
            disable_openapi_validation=True,
            skip_schema_validation=True,
            rollback_on_failure=True,
            take_ownership=True,
            cleanup_on_fail=True,
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            values_files=[Path("values.yaml")],
            set_json="set_json",
            set=["a=1", "b=2"],
            set_string="set_string",
            set_file="set_file",
            set_literal="set_literal",
            dry_run="server",
            force_replace=True,
            no_hooks=True,
            server_side=None,
            description="description",
            dependency_update=True,
            labels={"team": "web", "old": None},
            enable_dns=True,
            hide_notes=True,
            hide_secret=True,
            post_renderer=edited,
            post_renderer_args=["a"],
            render_subchart_notes=True,
            skip_crds=True,
            cleanup_timeout=30,
            on_event=show,
            history_max=2,
            drift=True,
            ignore=["/spec/replicas"],
            ignore_managers=["kube-controller-manager"],
            pending_age=0,
        ),
        EnsureResult,
    )


async def do_get_all(config: Configuration) -> None:
    assert_type(await GetAll(config).run("shop", on_event=show, revision=2), WholeRelease)


async def do_get_hooks(config: Configuration) -> None:
    assert_type(await GetHooks(config).run("shop", on_event=show, revision=2), str)


async def do_get_manifest(config: Configuration) -> None:
    assert_type(await GetManifest(config).run("shop", on_event=show, revision=2), str)


async def do_get_metadata(config: Configuration) -> None:
    assert_type(await GetMetadata(config).run("shop", on_event=show, revision=2), Metadata)


async def do_get_notes(config: Configuration) -> None:
    assert_type(await GetNotes(config).run("shop", on_event=show, revision=2), str)


async def do_get_values(config: Configuration) -> None:
    assert_type(await GetValues(config).run("shop", all=True, on_event=show, revision=2), dict[str, Any])


async def do_history(config: Configuration) -> None:
    assert_type(await History(config).run("shop", on_event=show, max=5, show_rollback_revision=True), list[Revision])


async def do_install(config: Configuration) -> None:
    assert_type(
        await Install(config).run(
            "shop",
            "./shop",
            values={"replicas": 3},
            version="version",
            create_namespace=True,
            wait="watcher",
            timeout=timedelta(minutes=2),
            skip_schema_validation=True,
            wait_for_jobs=True,
            server_side_apply="auto",
            force_conflicts=True,
            disable_openapi_validation=True,
            rollback_on_failure=True,
            take_ownership=True,
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            values_files=[Path("values.yaml")],
            set_json="set_json",
            set=["a=1", "b=2"],
            set_string="set_string",
            set_file="set_file",
            set_literal="set_literal",
            dry_run="server",
            force_replace=True,
            no_hooks=True,
            server_side=None,
            description="description",
            dependency_update=True,
            labels={"team": "web", "old": None},
            enable_dns=True,
            hide_notes=True,
            hide_secret=True,
            post_renderer=edited,
            post_renderer_args=["a"],
            render_subchart_notes=True,
            skip_crds=True,
            cleanup_timeout=30,
            force_pending=True,
            pending_age=timedelta(minutes=5),
            on_event=show,
            deadline=timedelta(minutes=5),
            generate_name=True,
            name_template="name_template",
            replace=True,
        ),
        Release,
    )


async def do_lint(config: Configuration) -> None:
    assert_type(
        await Lint(config).run(
            "./shop",
            values={"replicas": 3},
            values_files=[Path("values.yaml")],
            set_json="set_json",
            set=["a=1", "b=2"],
            set_string="set_string",
            set_file="set_file",
            set_literal="set_literal",
            on_event=show,
            kube_version="kube_version",
            skip_schema_validation=True,
            strict=True,
            with_subcharts=True,
        ),
        LintResult,
    )


async def do_list(config: Configuration) -> None:
    assert_type(
        await List(config).run(
            all=True,
            on_event=show,
            all_namespaces=True,
            date=True,
            deployed=True,
            failed=True,
            filter="filter",
            max=5,
            offset=2,
            pending=True,
            reverse=True,
            selector="selector",
            superseded=True,
            uninstalled=True,
            uninstalling=True,
        ),
        list[Revision],
    )


async def do_package(config: Configuration) -> None:
    assert_type(
        await Package(config).run(
            "./shop",
            dest_dir=Path("dest_dir"),
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            on_event=show,
            destination=Path("destination"),
            version="version",
            app_version="app_version",
            dependency_update=True,
            sign=True,
            key="key",
            keyring=Path("keyring"),
            passphrase="passphrase",
            passphrase_file=Path("passphrase_file"),
        ),
        PackagedChart,
    )


async def do_plugin_install(config: Configuration) -> None:
    assert_type(
        await PluginInstall(config).run(
            Path("source"),
            version="version",
            on_event=show,
            verify=True,
            keyring=Path("keyring"),
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            username="somebody",
            password="secret",
        ),
        NewPlugin,
    )


async def do_plugin_list(config: Configuration) -> None:
    assert_type(await PluginList(config).run(type="type", on_event=show), list[InstalledPlugin])


async def do_plugin_package(config: Configuration) -> None:
    assert_type(
        await PluginPackage(config).run(
            Path("path"),
            on_event=show,
            sign=True,
            key="key",
            keyring=Path("keyring"),
            passphrase_file=Path("passphrase_file"),
            destination=Path("destination"),
        ),
        PackagedPlugin,
    )


async def do_plugin_uninstall(config: Configuration) -> None:
    assert_type(await PluginUninstall(config).run("plugin_names", on_event=show), list[InstalledPlugin])


async def do_plugin_update(config: Configuration) -> None:
    assert_type(await PluginUpdate(config).run("plugin_names", on_event=show), list[UpdatedPlugin])


async def do_plugin_verify(config: Configuration) -> None:
    assert_type(
        await PluginVerify(config).run(Path("path"), on_event=show, keyring=Path("keyring")), PluginVerification
    )


async def do_pull(config: Configuration) -> None:
    assert_type(
        await Pull(config).run(
            "oci://registry.example/shop",
            dest_dir=Path("dest_dir"),
            version="version",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            on_event=show,
            destination=Path("destination"),
            prov=True,
            untar=True,
            untardir=Path("untardir"),
        ),
        PulledChart,
    )


async def do_push(config: Configuration) -> None:
    assert_type(
        await Push(config).run(
            "./shop",
            "oci://registry.example/charts",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            username="somebody",
            password="secret",
            on_event=show,
        ),
        PushedChart,
    )


async def do_recover(config: Configuration) -> None:
    assert_type(
        await Recover(config).run(
            release_name="shop",
            all_namespaces=False,
            dry_run=True,
            pending_age=timedelta(minutes=5),
            timeout=60,
            to="deployed",
            wait=True,
            cleanup_timeout=30,
            on_event=show,
        ),
        list[Recovered],
    )


async def do_registry_login(config: Configuration) -> None:
    assert_type(
        await RegistryLogin(config).run(
            "registry.example",
            "somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure=True,
            plain_http=True,
            on_event=show,
        ),
        LoggedIn,
    )


async def do_registry_logout(config: Configuration) -> None:
    assert_type(await RegistryLogout(config).run("registry.example", on_event=show), LoggedOut)


async def do_repo_add(config: Configuration) -> None:
    assert_type(
        await RepoAdd(config).run(
            "shop",
            "https://charts.example",
            username="somebody",
            password="secret",
            insecure_skip_tls_verify=True,
            pass_credentials_all=True,
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            timeout=timedelta(minutes=2),
            on_event=show,
            allow_deprecated_repos=True,
            force_update=True,
            pass_credentials=True,
        ),
        AddedRepository,
    )


async def do_repo_index(config: Configuration) -> None:
    assert_type(
        await RepoIndex(config).run(
            Path(), on_event=show, json=True, merge=Path("merge"), url="https://charts.example"
        ),
        WrittenIndex,
    )


async def do_repo_list(config: Configuration) -> None:
    assert_type(await RepoList(config).run(on_event=show), list[Repository])


async def do_repo_remove(config: Configuration) -> None:
    assert_type(await RepoRemove(config).run("shop", on_event=show), list[Repository])


async def do_repo_update(config: Configuration) -> None:
    assert_type(
        await RepoUpdate(config).run(name=["a", "b"], timeout=timedelta(minutes=2), on_event=show),
        list[UpdatedRepository],
    )


async def do_rollback(config: Configuration) -> None:
    assert_type(
        await Rollback(config).run(
            "shop",
            revision=2,
            wait="watcher",
            timeout=timedelta(minutes=2),
            dry_run="server",
            force_replace=True,
            no_hooks=True,
            server_side=None,
            description="description",
            cleanup_timeout=30,
            on_event=show,
            cleanup_on_fail=True,
            force_conflicts=True,
            history_max=2,
            max_history=2,
            server_side_apply="auto",
            wait_for_jobs=True,
        ),
        Release,
    )


async def do_search_hub(config: Configuration) -> None:
    assert_type(await SearchHub(config).run(keyword="web", on_event=show, endpoint="endpoint"), list[HubChart])


async def do_search_repo(config: Configuration) -> None:
    assert_type(
        await SearchRepo(config).run(
            keyword="web", on_event=show, devel=True, regexp=True, version="version", versions=True
        ),
        list[FoundChart],
    )


async def do_show_all(config: Configuration) -> None:
    assert_type(
        await Show(config).all(
            "./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            on_event=show,
            version="version",
        ),
        str,
    )


async def do_show_chart(config: Configuration) -> None:
    assert_type(
        await Show(config).chart(
            "./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            on_event=show,
            version="version",
        ),
        str,
    )


async def do_show_crds(config: Configuration) -> None:
    assert_type(
        await Show(config).crds(
            "./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            on_event=show,
            version="version",
        ),
        str,
    )


async def do_show_readme(config: Configuration) -> None:
    assert_type(
        await Show(config).readme(
            "./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            on_event=show,
            version="version",
        ),
        str,
    )


async def do_show_values(config: Configuration) -> None:
    assert_type(
        await Show(config).values(
            "./shop",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            on_event=show,
            version="version",
            jsonpath="jsonpath",
        ),
        str,
    )


async def do_status(config: Configuration) -> None:
    assert_type(await Status(config).run("shop", on_event=show, revision=2), Release)


async def do_template(config: Configuration) -> None:
    assert_type(
        await Template(config).run(
            "shop",
            "./shop",
            values={"replicas": 3},
            version="version",
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            values_files=[Path("values.yaml")],
            set_json="set_json",
            set=["a=1", "b=2"],
            set_string="set_string",
            set_file="set_file",
            set_literal="set_literal",
            wait="watcher",
            timeout=timedelta(minutes=2),
            dry_run="server",
            force_replace=True,
            no_hooks=True,
            server_side=None,
            description="description",
            dependency_update=True,
            labels={"team": "web", "old": None},
            enable_dns=True,
            hide_notes=True,
            hide_secret=True,
            post_renderer=edited,
            post_renderer_args=["a"],
            render_subchart_notes=True,
            skip_crds=True,
            on_event=show,
            api_versions="api_versions",
            create_namespace=True,
            disable_openapi_validation=True,
            force_conflicts=True,
            generate_name=True,
            include_crds=True,
            is_upgrade=True,
            kube_version="kube_version",
            name_template="name_template",
            output_dir=Path("output_dir"),
            replace=True,
            rollback_on_failure=True,
            show_only="show_only",
            skip_schema_validation=True,
            skip_tests=True,
            take_ownership=True,
            use_release_name=True,
            validate=True,
            wait_for_jobs=True,
        ),
        str,
    )


async def do_test(config: Configuration) -> None:
    assert_type(
        await ReleaseTest(config).run("shop", on_event=show, filter="filter", logs=True, timeout=timedelta(minutes=2)),
        ReleaseTestResult,
    )


async def do_uninstall(config: Configuration) -> None:
    assert_type(
        await Uninstall(config).run(
            "shop",
            wait="watcher",
            timeout=timedelta(minutes=2),
            cleanup_timeout=30,
            on_event=show,
            cascade="foreground",
            description="description",
            dry_run=True,
            ignore_not_found=True,
            keep_history=True,
            no_hooks=True,
        ),
        UninstallResult,
    )


async def do_upgrade(config: Configuration) -> None:
    assert_type(
        await Upgrade(config).run(
            "shop",
            "./shop",
            values={"replicas": 3},
            version="version",
            install=True,
            create_namespace=True,
            wait="watcher",
            timeout=timedelta(minutes=2),
            wait_for_jobs=True,
            max_history=2,
            server_side_apply="auto",
            force_conflicts=True,
            disable_openapi_validation=True,
            skip_schema_validation=True,
            rollback_on_failure=True,
            take_ownership=True,
            cleanup_on_fail=True,
            reset_values=True,
            reuse_values=True,
            username="somebody",
            password="secret",
            cert_file=Path("cert_file"),
            key_file=Path("key_file"),
            ca_file=Path("ca_file"),
            insecure_skip_tls_verify=True,
            plain_http=True,
            repo="repo",
            pass_credentials=True,
            verify=True,
            keyring=Path("keyring"),
            devel=True,
            values_files=[Path("values.yaml")],
            set_json="set_json",
            set=["a=1", "b=2"],
            set_string="set_string",
            set_file="set_file",
            set_literal="set_literal",
            dry_run="server",
            force_replace=True,
            no_hooks=True,
            server_side=None,
            description="description",
            dependency_update=True,
            labels={"team": "web", "old": None},
            enable_dns=True,
            hide_notes=True,
            hide_secret=True,
            post_renderer=edited,
            post_renderer_args=["a"],
            render_subchart_notes=True,
            skip_crds=True,
            cleanup_timeout=30,
            force_pending=True,
            pending_age=timedelta(minutes=5),
            on_event=show,
            history_max=2,
            reset_then_reuse_values=True,
        ),
        Release,
    )


async def do_verify(config: Configuration) -> None:
    assert_type(await Verify(config).run("./shop", on_event=show, keyring=Path("keyring")), Verification)


async def do_wait(config: Configuration) -> None:
    assert_type(
        await Wait(config).run(
            "shop", revision=2, timeout=timedelta(minutes=2), wait="legacy", wait_for_jobs=True, on_event=show
        ),
        WaitResult,
    )


async def several(config: Configuration) -> None:
    assert_type(await Package(config).run(["./shop", "./cart"]), list[PackagedChart])


async def what_is_told(config: Configuration) -> None:
    release = await Install(config).run("shop", b"an archive")
    assert_type(release["info"]["status"], str)
    assert_type(release["chart"]["metadata"]["version"], str)
    assert_type([hook["last_run"]["phase"] for hook in release["hooks"]], list[str])
    try:
        await Uninstall(config).run("shop", True, 60)
    except HelmError as error:
        assert_type(error.code, str)
        assert_type(error.details, dict[str, Any])
        assert_type(error.release, str | None)


async def watched(config: Configuration) -> None:
    async with Install(config).stream("shop", "./shop", {"replicas": 3}, wait=True, replace=True) as run:
        assert_type(run, Run[Release])
        async for event in run:
            assert_type(event, Event)
            if event["type"] == "phase":
                assert_type(event["phase"], str)
        assert_type(await run, Release)
    assert_type(run.dropped, int)
    async with List(config).stream(all=True) as listing:
        assert_type(await listing, list[Revision])


async def how_to_connect() -> None:
    with Configuration(
        "web",
        [Path("a"), "b"],
        "context",
        True,
        True,
        {"registry.example": {"username": "somebody", "password": "secret"}},
        burst_limit=10,
        content_cache=Path("content"),
        kube_apiserver="https://api.example",
        kube_as_group=["a"],
        kube_as_user="somebody",
        kube_ca_file=Path("ca.pem"),
        kube_insecure_skip_tls_verify=True,
        kube_tls_server_name="api.example",
        kube_token="token",
        qps=5.5,
        registry_config="registry.json",
        repository_cache="cache",
        repository_config="repositories.yaml",
        storage="sql",
        sql_connection="postgresql://",
    ) as config:
        assert_type(config.namespace, str)
        assert_type(config.env(), dict[str, str])
    assert_type(get_version(), str)
