"""`python -m helm_sdkpy` and `helm-sdkpy`: the library as a program of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import helm_sdkpy
from helm_sdkpy import _ffi

COMMAND = [sys.executable, "-W", "error", "-m", "helm_sdkpy"]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HELM_", "XDG_", "KUBE")) and name != _ffi.OVERRIDE:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def run(*arguments: str, given: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
        check=False,
    )


def test_it_is_the_helm_command() -> None:
    done = run("version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('version.BuildInfo{Version:"v4.')
    [version] = re.findall(r"helm (v4\.\S+),", helm_sdkpy.get_version())
    assert f'Version:"{version}"' in done.stdout


def test_the_console_script_is_the_same() -> None:
    script = Path(sys.executable).with_name("helm-sdkpy")
    done = subprocess.run([script, "version"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == run("version").stdout
    done = subprocess.run([script, "env", "HELM_BIN"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{script}\n"


def test_arguments_and_environment_arrive_as_they_are(tmp_path: Path) -> None:
    assert run("ü 'ß'").stderr.startswith('Error: unknown command "ü \'ß\'" for "helm"\n')
    told = run("env", "HELM_NAMESPACE", HELM_NAMESPACE="größe ")
    assert told.stdout == "größe \n"
    assert run("env", "HELM_PLUGINS", HELM_PLUGINS=str(tmp_path)).stdout == f"{tmp_path}\n"
    assert run("env", "HELM_BIN").stdout == f"{_ffi.find()}\n"


def test_a_failure_has_its_exit_code_and_words() -> None:
    done = run("template", "no-such-chart-here", "./nowhere")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_values_come_from_standard_input(tmp_path: Path) -> None:
    (tmp_path / "c" / "templates").mkdir(parents=True)
    (tmp_path / "c" / "Chart.yaml").write_text("apiVersion: v2\nname: c\nversion: 1.0.0\n")
    (tmp_path / "c" / "templates" / "t.yaml").write_text("a: {{ .Values.a }}\n")
    done = run("template", "x", str(tmp_path / "c"), "-f", "-", given="a: seven\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "---\n# Source: c/templates/t.yaml\na: seven\n"


def test_a_closed_pipe_ends_it_quietly() -> None:
    # Python ignores SIGPIPE; the command must not inherit that.
    with subprocess.Popen([*COMMAND, "help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_as_they_end_helm(number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = [*COMMAND, "list", "--kube-apiserver", address]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            server.settimeout(20)
            with server.accept()[0]:  # it asks, and is never answered
                process.send_signal(number)
                out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (-number, b"", b"")


def test_what_it_starts_has_signals_as_usual(tmp_path: Path) -> None:
    plugin = tmp_path / "plugins" / "signals"
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text("name: signals\nversion: 1.0.0\nusage: x\ncommand: $HELM_PLUGIN_DIR/run\n")
    (plugin / "run").write_text('#!/bin/sh\ngrep SigIgn /proc/self/status\necho "$@"\nexit 7\n')
    (plugin / "run").chmod(0o755)
    done = run("signals", "--flag", "x y", HELM_PLUGINS=str(tmp_path / "plugins"))
    # What whoever runs the tests ignores (just: signal 32) is inherited; what Python itself ignores is not.
    usual = subprocess.run(["grep", "SigIgn", "/proc/self/status"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{usual.stdout}--flag x y\n"
    assert not int(usual.stdout.split()[1], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1)
    assert done.returncode == 7


def test_a_missing_library_is_said_clearly(tmp_path: Path) -> None:
    missing = tmp_path / "gone.so"
    done = run("version", **{_ffi.OVERRIDE: str(missing)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"helm-sdkpy: {_ffi.OVERRIDE} names {missing}, where there is no file.\n"


def test_a_file_that_is_no_program_is_said_clearly(tmp_path: Path) -> None:
    other = tmp_path / "other.so"
    other.write_bytes(b"no library at all")
    done = run("version", **{_ffi.OVERRIDE: str(other)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"helm-sdkpy: {other} is not the library of helm_sdkpy: it is no program\n"
    other.chmod(0o755)
    done = run("version", **{_ffi.OVERRIDE: str(other)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("helm-sdkpy: the helm command can not be run: ")


def test_a_library_without_its_mode_runs_too(tmp_path: Path) -> None:
    plain = tmp_path / "lib.so"
    shutil.copy(_ffi.find(), plain)
    plain.chmod(0o644)
    assert run("version", "--short", **{_ffi.OVERRIDE: str(plain)}).stdout.startswith("v4.")
