"""Credential (exec) plugins: a small one that gives the cluster's own credentials, and what goes wrong with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_sdkpy import Configuration, HelmError, List, ReleaseError
from helm_sdkpy.testing import TestCluster
from tests.integration.plugins import ended, started

Made = Callable[..., Configuration]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A file with a line for each time that the plugin ran."""
    file = tmp_path / "runs"
    file.touch()
    return file


@pytest.fixture
def made(helm_cluster: TestCluster, helm_namespace: str, tmp_path: Path, runs: Path) -> Made:
    """Makes a Configuration whose kubeconfig has no credentials but a plugin that runs a script."""
    kubeconfig = yaml.safe_load(Path(helm_cluster.kubeconfig).read_text())

    def make(script: str, **more: Any) -> Configuration:
        plugin = tmp_path / "get-credentials"
        plugin.write_text(f"#!/bin/sh\necho ran >>{runs}\n{script}\n")
        plugin.chmod(0o755)
        run = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(plugin),
            "interactiveMode": "Never",
            **more,
        }
        return Configuration(
            helm_namespace, {**kubeconfig, "users": [{**user, "user": {"exec": run}} for user in users]}
        )

    users = kubeconfig["users"]
    return make


@pytest.fixture
def answer(helm_cluster: TestCluster, tmp_path: Path) -> Callable[..., str]:
    """Writes what a plugin prints, and gives the line of a script that prints it."""
    certificate, key = (Path(path).read_text() for path in (helm_cluster.client_certificate, helm_cluster.client_key))

    def write(name: str = "answer", lasts: timedelta | None = None, **status: str) -> str:
        found: dict[str, Any] = status or {"clientCertificateData": certificate, "clientKeyData": key}
        if lasts is not None:
            found["expirationTimestamp"] = (datetime.now(UTC) + lasts).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": found}
        (tmp_path / name).write_text(json.dumps(text))
        return f"cat {tmp_path / name}"

    return write


def count(runs: Path) -> int:
    return len(runs.read_text().splitlines())


async def test_it_runs_once_for_many(made: Made, answer: Callable[..., str], runs: Path) -> None:
    with made(answer(lasts=timedelta(hours=1))) as config:
        assert await asyncio.gather(*(List(config).run() for _ in range(8))) == [[]] * 8
        await List(config).run()
    assert count(runs) == 1


async def test_it_runs_again_when_what_it_gave_has_expired(made: Made, answer: Callable[..., str], runs: Path) -> None:
    with made(answer(lasts=timedelta(seconds=-1))) as config:
        await List(config).run()
        first = count(runs)
        await List(config).run()
        assert count(runs) > first
        answer(lasts=timedelta(hours=1))
        await List(config).run()
        known = count(runs)
        await List(config).run()
    assert count(runs) == known


async def test_its_complaint_is_in_the_error(made: Made, capfd: pytest.CaptureFixture[str]) -> None:
    with made("echo 'log in first: cloud login' >&2; exit 4") as config, pytest.raises(HelmError) as raised:
        await List(config).run()
    assert isinstance(raised.value, ReleaseError)
    assert "log in first: cloud login" in str(raised.value)
    assert "exit status 4" in str(raised.value)
    assert tuple(capfd.readouterr()) == ("", "")


async def test_a_complaint_of_one_that_works_is_not_printed(
    made: Made, answer: Callable[..., str], capfd: pytest.CaptureFixture[str]
) -> None:
    with made(f"echo a warning >&2; {answer()}") as config:
        assert await List(config).run() == []
    assert tuple(capfd.readouterr()) == ("", "")


@pytest.mark.parametrize("secret", ["", "s3cret-t0ken"], ids=["nothing", "something"])
async def test_what_it_gives_is_not_quoted(made: Made, secret: str) -> None:
    with made(f"echo 'no credential {secret}'") as config, pytest.raises(HelmError) as raised:
        await List(config).run()
    assert "no ExecCredential" in str(raised.value)
    assert not secret or secret not in str(raised.value) + repr(raised.value.details)


async def test_a_token_that_the_cluster_does_not_take(made: Made, answer: Callable[..., str], runs: Path) -> None:
    with made(answer(token="not-one-of-the-cluster")) as config, pytest.raises(PermissionError) as raised:
        await List(config).run()
    assert isinstance(raised.value, ReleaseError)
    assert "not-one-of-the-cluster" not in str(raised.value)
    assert count(runs) >= 2  # asked for a better one


async def test_a_slow_one_ends_with_the_call(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "process"
    with made(f"sh -c 'echo $$ >{file}; sleep 60; true'; true") as config:
        task = asyncio.create_task(List(config).run())
        process = await started(file)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1
        assert ended(process)


async def test_it_sees_the_environment_of_the_configuration(
    made: Made, answer: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tmp_path / "said"
    script = f'echo "$SET_LATER $OF_THE_KUBECONFIG $1" >{said}; {answer()}'
    monkeypatch.setenv("SET_LATER", "in Python")
    more: dict[str, Any] = {"env": [{"name": "OF_THE_KUBECONFIG", "value": "too"}], "args": ["argument"]}
    with made(script, **more) as config:
        monkeypatch.setenv("SET_LATER", "too late")
        await List(config).run()
    assert said.read_text() == "in Python too argument\n"


async def test_it_has_no_terminal_and_no_input(made: Made, answer: Callable[..., str], tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = f"tty >{said}; cat >>{said}; {answer()}"
    with made(script, interactiveMode="IfAvailable") as config:
        await List(config).run()
    assert said.read_text() == "not a tty\n"
    with pytest.raises(HelmError, match="wants a terminal"), made(script, interactiveMode="Always") as config:
        await List(config).run()


async def test_one_that_is_not_there_says_how_to_get_it(made: Made) -> None:
    hint = {"command": "no-such-plugin", "installHint": "install the cloud's tools"}
    with made("", **hint) as config, pytest.raises(HelmError, match="no-such-plugin is not on the PATH") as raised:
        await List(config).run()
    assert "install the cloud's tools" in str(raised.value)
