"""What pyright must call an error, in strict mode: each marked line, and no other.

`tests/unit/test_types.py` compares the lines and the rules.
"""

from __future__ import annotations

from typing import assert_type

from helm_sdkpy import (
    Configuration,
    GetValues,
    Install,
    Lint,
    List,
    Package,
    Pull,
    Push,
    RepoAdd,
    RepoUpdate,
    Rollback,
    SearchRepo,
    Show,
    Status,
    Template,
    Uninstall,
    Upgrade,
)  # fmt: skip


async def wrong_keywords(config: Configuration) -> None:
    await Install(config).run("shop", "./shop", atomic=True)  # error: reportCallIssue
    await Upgrade(config).run("shop", "./shop", replace=True)  # error: reportCallIssue
    await Rollback(config).run("shop", create_namespace=True)  # error: reportCallIssue
    await Uninstall(config).run("shop", cleanup_on_fail=True)  # error: reportCallIssue
    await List(config).run(limit=3)  # error: reportCallIssue
    await Status(config).run("shop", show_resources=True)  # error: reportCallIssue
    await Template(config).run("shop", "./shop", keep_history=True)  # error: reportCallIssue
    await Show(config).chart("./shop", jsonpath="{.a}")  # error: reportCallIssue
    await Lint(config).run("./shop", quiet=True)  # error: reportCallIssue
    await Status(config).run("shop", deadline="30s")  # error: reportArgumentType
    await Push(config).run("shop.tgz", "oci://registry.example", verify=True)  # error: reportCallIssue
    Configuration(driver="secret")  # error: reportCallIssue


async def wrong_types(config: Configuration) -> None:
    await Install(config).run("shop", 5)  # error: reportArgumentType
    await Install(config).run("shop", "./shop", values=["a"])  # error: reportArgumentType
    await Install(config).run("shop", "./shop", wait="sometimes")  # error: reportArgumentType
    await Install(config).run("shop", "./shop", timeout="5m")  # error: reportArgumentType
    await Install(config).run("shop", "./shop", dry_run="maybe")  # error: reportArgumentType
    await Install(config).run("shop", "./shop", labels={"a": 1})  # error: reportArgumentType
    await Install(config).run("shop", "./shop", on_event=3)  # error: reportArgumentType
    await Upgrade(config).run("shop", "./shop", max_history="10")  # error: reportArgumentType
    await Rollback(config).run("shop", "2")  # error: reportArgumentType
    await Uninstall(config).run("shop", cascade="sideways")  # error: reportArgumentType
    await List(config).run(max="all")  # error: reportArgumentType
    await GetValues(config).run(7)  # error: reportArgumentType
    await Template(config).run("shop", "./shop", set=5)  # error: reportArgumentType
    await Package(config).run("./shop", app_version=1.0)  # error: reportCallIssue reportArgumentType
    await RepoUpdate(config).run(timeout="1m")  # error: reportArgumentType
    await SearchRepo(config).run("web", devel="yes")  # error: reportArgumentType
    Configuration(storage="sqlite")  # error: reportArgumentType
    Configuration(qps="fast")  # error: reportArgumentType


async def wrong_calls(config: Configuration) -> None:
    await Install(config).run("shop")  # error: reportCallIssue
    await Pull(config).run()  # error: reportCallIssue
    await RepoAdd(config).run("stable")  # error: reportCallIssue
    Install()  # error: reportCallIssue


async def wrong_streams(config: Configuration) -> None:
    Install(config).stream("shop", "./shop", atomic=True)  # error: reportCallIssue
    Install(config).stream("shop")  # error: reportCallIssue
    Upgrade(config).stream("shop", "./shop", max_history="10")  # error: reportArgumentType
    async with Status(config).stream("shop") as run:
        assert_type(await run, str)  # error: reportAssertTypeFailure


async def wrong_results(config: Configuration) -> None:
    release = await Install(config).run("shop", "./shop")
    print(release["revision"])  # error: reportTypedDictNotRequiredAccess reportGeneralTypeIssues
    print(release["info"]["notes"])  # error: reportTypedDictNotRequiredAccess
    assert_type(release["version"], str)  # error: reportAssertTypeFailure
    number: int = await Template(config).run("shop", "./shop")  # error: reportAssignmentType
    print(number)
