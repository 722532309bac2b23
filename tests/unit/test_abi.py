"""The C functions as any caller meets them, each test in a process of its own: loading can not be undone."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helm_sdkpy import _ffi
from scripts import versions as required
from tests.codes import said

PREAMBLE = """
import ctypes, json, os, signal, sys, threading, time

actions = "install upgrade rollback uninstall list status history get_values".split()
prototypes = {
    "version": [], "config_create": [ctypes.c_char_p], "config_destroy": [ctypes.c_uint64], "cancel": [ctypes.c_uint64],
    "reply": [ctypes.c_uint64, ctypes.c_char_p], "next_events": [], "shutdown": [ctypes.c_double],
} | {action: [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_char_p] for action in actions}

class Library:
    def __init__(self):
        self.c = ctypes.CDLL(os.environ["LIBRARY"])
        self.c.helm_sdkpy_free.argtypes, self.c.helm_sdkpy_free.restype = [ctypes.c_void_p], None
        for name, arguments in prototypes.items():
            function = getattr(self.c, "helm_sdkpy_" + name)
            function.argtypes, function.restype = arguments, ctypes.c_void_p

    def __getattr__(self, name):
        def call(*arguments):
            pointer = getattr(self.c, "helm_sdkpy_" + name)(*arguments)
            text = ctypes.string_at(pointer)
            self.c.helm_sdkpy_free(pointer)
            return json.loads(text)
        return call

    def code(self, name, *arguments):
        return getattr(self, name)(*arguments).get("error", {}).get("code")

def kubeconfig(address):
    text = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": "http://" + address}}],
            "users": [{"name": "u", "user": {}}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}
    return json.dumps({"kubeconfig": {"text": json.dumps(text)}}).encode()

def collect(library, events):
    while True:
        batch = library.next_events()
        events.extend(batch["events"])
        if batch.get("shutdown"):
            return

def show(value):
    print(json.dumps(value), flush=True)
"""


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


def child(code: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LIBRARY": str(_ffi.find())} | environment,
    )


def output(code: str, **environment: str) -> list[Any]:
    """What the code shows, which must be all that the process prints."""
    with child(code, **environment) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


def test_version() -> None:
    [versions] = output("show(Library().version())")
    assert set(versions) == {"helm", "kubernetes", "go", "library"}
    assert versions["helm"] == required.helm()
    assert versions["kubernetes"] == required.client()
    assert versions["library"] != "unstamped"


def test_what_is_exported() -> None:
    """As many functions as are declared, and the command, which the file's entry point calls."""
    text = _ffi.find().read_bytes()
    exported = {name.decode() for name in re.findall(rb"\0(helm_sdkpy_\w+)(?=\0)", text)}
    declared = set(re.findall(r"helm_sdkpy_\w+", _ffi._DECLARATIONS))  # pyright: ignore[reportPrivateUsage]
    declared |= {f"helm_sdkpy_{name}" for name in _ffi.ACTIONS}
    assert exported == declared | {"helm_sdkpy_main"}


def test_handles_that_stand_for_nothing() -> None:
    codes, message = output("""
library = Library()
handles = [0, 1, 2**32, 2**32 + 7, 2**64 - 1]
used = library.config_create(kubeconfig("127.0.0.1:1"))["handle"]
assert library.config_destroy(used) == {}
codes = [library.code("config_destroy", handle) for handle in [*handles, used]]
codes += [library.code(action, handle, 1, b'{"arguments": {}}') for action in ["list"] for handle in [*handles, used]]
show(codes)
show(library.list(0, 1, b"{}")["error"]["message"])
""")
    assert codes == ["stale_handle"] * 12
    said("stale_handle", message)


GARBAGE = r"""[
    None, b"", b"\0", b"hello", b"[]", b"null0", b'{"', b"{} {}", b"\xff\xfe", b'{"\xc3": 1}', b"[" * 100000,
    b'{"quux": 1}', b'{"listen": 1}', b'{"log_level": "loud"}', b'{"arguments": []}', b'{"arguments": {"quux": 1}}',
    b'{"arguments": {"a": 1, "a": 2}}', b'{"arguments": {"quux": "\\ud800"}}',
    b'{"arguments": ' + b"[" * 300 + b"]" * 300 + b"}",
]"""


def test_garbage_is_refused_and_named() -> None:
    codes, created, replies, message = output(f"""
library = Library()
handle = library.config_create(kubeconfig("127.0.0.1:1"))["handle"]
garbage = {GARBAGE}
show([library.code(action, handle, number + 1, text) for action in actions for number, text in enumerate(garbage)])
show([library.code("config_create", text) for text in garbage])
show([library.code("reply", 1, text) for text in [*garbage, b'{{"call": 1, "result": ""}}']])
show(library.list(handle, 1, b'{{"arguments": {{"selectr": "a=b"}}}}')["error"]["message"])
""")
    assert set(codes) == {"invalid_request"}
    assert len(codes) == 8 * 19
    assert None not in created
    assert set(replies[:-1]) == {"invalid_request"}
    assert replies[-1] == "unknown_call"
    said("invalid_request", message)
    assert "selectr" in message
    assert "selector" in message


def test_a_cancel_that_overtakes_its_start() -> None:
    [codes] = output("""
library = Library()
handle = library.config_create(kubeconfig("127.0.0.1:1"))["handle"]
library.cancel(7)
show([library.code("list", handle, 7, b'{}'), library.code("list", handle, 0, b'{}')])
""")
    assert codes == ["cancelled", "invalid_request"]


def test_operations_end_on_cancel_and_on_shutdown(silent_server: str) -> None:
    took, left, events, after = output(
        """
library, events = Library(), []
collector = threading.Thread(target=collect, args=[library, events])
collector.start()
handle = library.config_create(kubeconfig(os.environ["SERVER"]))["handle"]
for op in range(1, 33):
    assert library.list(handle, op, b'{"listen": true, "log_level": "debug", "arguments": {}}') == {}
assert library.code("list", handle, 1, b'{}') == "duplicate_operation"
time.sleep(0.3)
began = time.monotonic()
for op in range(1, 17):
    library.cancel(op)
while len({event["op"] for event in events if event["type"] == "done"}) < 16:
    time.sleep(0.005)
show(time.monotonic() - began)
show(library.shutdown(10))
collector.join()
assert library.next_events() == {"events": [], "shutdown": True}
show([event for event in events if event["type"] == "done"])
show(library.code("list", handle, 99, b'{}'))
""",
        SERVER=silent_server,
    )
    assert took < 1
    assert left == {"abandoned": 0}
    assert sorted(event["op"] for event in events) == list(range(1, 33))
    assert {event["error"]["code"] for event in events} == {"cancelled"}
    assert after == "shutting_down"


def test_what_can_not_be_interrupted_is_abandoned(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: endless\nversion: 1.0.0\n")
    loops = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"
    (tmp_path / "templates" / "endless.yaml").write_text(loops)
    done, took, destroyed, left = output(
        """
library = Library()
handle = library.config_create(kubeconfig("127.0.0.1:1"))["handle"]
arguments = {"release_name": "endless", "chart_path": os.environ["CHART"], "dry_run": "client"}
assert library.install(handle, 1, json.dumps({"arguments": arguments}).encode()) == {}
time.sleep(0.5)
began = time.monotonic()
library.cancel(1)
show(library.next_events()["events"])
show(time.monotonic() - began)
show(library.config_destroy(handle))
show(library.shutdown(5))
""",
        CHART=str(tmp_path),
    )
    assert [(event["type"], event["error"]["code"]) for event in done] == [("done", "cancelled")]
    assert done[0]["error"]["details"]["abandoned"] is True
    assert took < 1.5
    assert destroyed == left == {"abandoned": 1}


@pytest.mark.parametrize("waiting", ["time.sleep(60)", "threading.Event().wait(60)"])
def test_ctrl_c_still_interrupts(waiting: str) -> None:
    code = f"""
library = Library()
threading.Thread(target=collect, args=[library, []], daemon=True).start()
time.sleep(0.2)
show("ready")
began = time.monotonic()
try:
    {waiting}
except KeyboardInterrupt:
    show(time.monotonic() - began)
library.shutdown(1)
"""
    with child(code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == '"ready"\n'
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert 0.1 < float(out) < 5


def test_a_ctrl_c_that_nobody_catches_ends_the_process() -> None:
    code = """
library = Library()
threading.Thread(target=collect, args=[library, []], daemon=True).start()
show("ready")
for _ in range(6000):  # A signal that comes just before a sleep does not shorten it: one long sleep would be too long.
    time.sleep(0.01)
"""
    with child(code) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert err.endswith("KeyboardInterrupt\n")


def test_seconds_that_are_none() -> None:
    assert (
        output("""
library = Library()
for seconds in (float("nan"), -1.0, float("-inf"), float("inf"), 1e300):
    show(library.shutdown(seconds))
""")
        == [{"abandoned": 0}] * 5
    )


WRITE = """
library.version()
reader, writer = os.pipe()
os.close(reader)
try:
    os.write(writer, b"x")
except BrokenPipeError:
    show("BrokenPipeError")
"""


def test_a_broken_pipe_stays_an_exception() -> None:
    assert output("library = Library()\n" + WRITE) == ["BrokenPipeError"]
    write = WRITE.replace("\n", "\n    ")
    in_thread = f"library = Library()\ndef write():{write}\nthreading.Thread(target=write).start()"
    assert output(in_thread) == ["BrokenPipeError"]


@pytest.mark.parametrize(
    "order",
    [
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\nlibrary = Library()",
        "library = Library()\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)",
    ],
    ids=["before loading", "after loading"],
)
def test_a_broken_pipe_ends_a_process_that_wants_it(order: str) -> None:
    with child(order + WRITE) as process:
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (-signal.SIGPIPE, "", "")


def test_python_handles_its_own_signals() -> None:
    [seen] = output("""
seen = []
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP):
    signal.signal(number, lambda number, frame: seen.append(number))
library = Library()
threading.Thread(target=collect, args=[library, []], daemon=True).start()
signal.signal(signal.SIGUSR2, lambda number, frame: seen.append(number))
for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2):
    os.kill(os.getpid(), number)
library.shutdown(1)
show(seen)
""")
    assert seen == [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGUSR2]
