"""The package over the real library, in processes of their own: loading, forks, closed loops, the end of Python."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm_sdkpy import HelmLibraryNotFound, _ffi
from scripts import versions
from tests.codes import said

PREAMBLE = """
import asyncio, atexit, gc, os, sys, threading, time
from helm_sdkpy import Configuration, Install, List, get_version
from helm_sdkpy import ConfigurationError, HelmError, InstallError, ReleaseError

def cluster(port):
    return Configuration(kubeconfig={
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "users": [{"name": "a", "user": {}}],
    })

def refused():
    # Port 1 refuses connections at once.
    return cluster(1)

async def code_of(call):
    try:
        await call
    except HelmError as error:
        return error.code
    return "no error"

def in_child(work, leave=sys.exit):
    read, write = os.pipe()
    sys.stdout.flush()  # or the child prints it once more at its end
    pid = os.fork()
    if pid == 0:
        try:
            text = work()
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode())
        leave(0)
    os.close(write)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(read) as told:
        return f"{os.waitstatus_to_exitcode(status)} {told.read()}"
"""


@pytest.fixture(scope="module", autouse=True)
def library() -> Path:
    try:
        return _ffi.find()
    except HelmLibraryNotFound as missing:
        pytest.skip(f"{missing}")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def run(code: str, **environment: str) -> list[str]:
    """The lines that the code prints; it must end in time, well, and without a word on stderr."""
    # From 3.12 on Python warns of a fork beside threads, which is what some of these tests are about.
    warnings = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *warnings, "-c", PREAMBLE + textwrap.dedent(code)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env=os.environ | environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_repeated_runs_and_threads() -> None:
    lines = run("""
        config = refused()
        async def several():
            return await asyncio.gather(*(code_of(List(config).run()) for _ in range(8)))
        found = []
        def thread():
            for _ in range(3):
                found.extend(asyncio.run(several()))
        threads = [threading.Thread(target=thread) for _ in range(2)]
        for each in threads: each.start()
        for each in threads: each.join()
        print(len(found), set(found))
        print([each.name for each in threading.enumerate()])
    """)
    assert lines == ["48 {'cluster_unreachable'}", "['MainThread', 'helm-sdkpy-events']"]


def test_version() -> None:
    [line] = run("print(get_version())")
    assert line.startswith("helm-sdkpy-v")
    assert f"helm {versions.helm()}, kubernetes {versions.client()}," in line


def test_loading_leaves_the_loop_free() -> None:
    [ticks] = run("""
        async def main():
            first = asyncio.create_task(code_of(List(refused()).run()))
            ticks = 0
            while not first.done():
                await asyncio.sleep(0.001)
                ticks += 1
            print(ticks)
        asyncio.run(main())
    """)
    assert int(ticks) >= 10


def test_fork_after_the_first_call_is_a_clear_error() -> None:
    started = time.monotonic()
    lines = run(
        """
        config = refused()
        asyncio.run(code_of(List(config).run()))
        def work():
            try:
                asyncio.run(List(config).run())
            except ReleaseError as error:
                text = f"{error.code}: {error}"
            try:
                get_version()
            except HelmError as error:
                text += f" {error.code}"
            config.close()
            with Configuration():
                pass
            return text
        told = in_child(work)
        print(told)
        del config
        gc.collect()
        print(in_child(lambda: "collected"))
        print(asyncio.run(code_of(List(refused()).run())))
        """,
    )
    assert time.monotonic() - started < 10
    assert lines[0].startswith("0 forked: helm_sdkpy was loaded in process ")
    assert "'spawn'" in lines[0]
    assert lines[0].endswith(" forked")
    said("forked", lines[0].removeprefix("0 forked: ").removesuffix(" forked"))
    assert lines[1:] == ["0 collected", "cluster_unreachable"]


def test_fork_with_a_running_operation(silent_port: int) -> None:
    lines = run(
        f"""
        async def main():
            config = cluster({silent_port})
            running = asyncio.create_task(List(config).run())
            await asyncio.sleep(0.3)
            # Not through asyncio's own clean-up: it would close what parent and child share of the loop.
            print(in_child(lambda: asyncio.run(code_of(List(refused()).run())), os._exit))
            config.close()
            try:
                await running
            except ConfigurationError as error:
                print(error.code)
        asyncio.run(main())
        """,
    )
    assert lines == ["0 forked", "configuration_closed"]


def test_fork_before_the_first_call_loads_afresh() -> None:
    lines = run("""
        config = refused()
        work = lambda: asyncio.run(code_of(List(config).run()))
        print(in_child(work))
        print(in_child(work))
        print(work())
    """)
    assert lines == ["0 cluster_unreachable", "0 cluster_unreachable", "cluster_unreachable"]


def test_fork_while_a_thread_loads_never_hangs() -> None:
    for delay in (0.0, 0.002, 0.005, 0.02, 0.05):
        [line] = run(
            f"""
            config = refused()
            work = lambda: asyncio.run(code_of(List(config).run()))
            thread = threading.Thread(target=work)
            thread.start()
            time.sleep({delay})
            told = in_child(work)
            thread.join()
            print(told)
            """,
        )
        assert line in ("0 forked", "0 cluster_unreachable")


def test_spawned_processes_work(tmp_path: Path) -> None:
    script = tmp_path / "spawning.py"
    script.write_text(
        PREAMBLE
        + textwrap.dedent("""
        import concurrent.futures, multiprocessing
        def work(_):
            return asyncio.run(code_of(List(refused()).run()))
        if __name__ == "__main__":
            print(work(0))
            with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                print(*pool.map(work, range(2)))
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout.split(), done.stderr) == (["cluster_unreachable"] * 3, "")


def test_cancel_stops_a_request_under_way(silent_port: int) -> None:
    lines = run(f"""
        async def main():
            config = cluster({silent_port})
            chart = "oci://127.0.0.1:{silent_port}/shop"
            for call in [List(config).run(), Install(config).run("shop", chart, plain_http=True)]:
                task = asyncio.create_task(call)
                await asyncio.sleep(0.3)
                assert not task.done()
                began = time.monotonic()
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    print("cancelled", time.monotonic() - began < 1.0)
            try:
                async with asyncio.timeout(0.1):
                    await List(config).run()
            except TimeoutError:
                print("timeout")
        asyncio.run(main())
    """)
    assert lines == ["cancelled True", "cancelled True", "timeout"]


def test_loop_closed_under_its_operations(silent_port: int) -> None:
    lines = run(f"""
        config = cluster({silent_port})
        loop = asyncio.new_event_loop()
        coroutine = List(config).run()
        task = loop.create_task(coroutine)
        loop.run_until_complete(asyncio.sleep(0.3))
        task._log_destroy_pending = False
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        del task
        coroutine.close()
        print(asyncio.run(code_of(List(refused()).run())))
    """)
    assert lines == ["cluster_unreachable"]


def test_exit_while_an_operation_runs(silent_port: int) -> None:
    began = time.monotonic()
    lines = run(f"""
        def thread():
            # Not asyncio.run: in some versions of Python its own clean-up fails while the interpreter goes down.
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(List(cluster({silent_port})).run())
            except HelmError as error:
                print(error.code, flush=True)
            finally:
                loop.close()
        threading.Thread(target=thread, daemon=True).start()
        time.sleep(0.5)
        print("leaving", flush=True)
    """)
    assert time.monotonic() - began < 8
    assert lines[0] == "leaving"
    assert lines[1:] in ([], ["shutting_down"])


def test_call_while_the_interpreter_goes_down() -> None:
    lines = run("""
        config = refused()
        def late():
            try:
                asyncio.run(Install(config).run("shop", "./shop"))
            except InstallError as error:
                print(error.code, "-", error)
        atexit.register(late)
        asyncio.run(code_of(List(config).run()))
    """)
    assert lines == ["shutting_down - Python is shutting down: no operation can be started any more"]
    said("shutting_down", lines[0].removeprefix("shutting_down - "))


def test_first_call_while_the_interpreter_goes_down() -> None:
    lines = run("""
        def late():
            try:
                asyncio.run(List(refused()).run())
            except ReleaseError as error:
                print(error.code)
        atexit.register(late)
    """)
    assert lines == ["shutting_down"]


def test_configurations_leave_nothing_behind() -> None:
    before, after = run("""
        def count():
            return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")) // 8
        async def main():
            for n in range(220):
                await code_of(List(refused()).run())
                if n == 19:
                    print(count())
            gc.collect()
            print(count())
        asyncio.run(main())
    """)
    assert before == after


def test_library_that_is_not_there(tmp_path: Path) -> None:
    code = """
        async def main():
            try:
                await Install(Configuration()).run("shop", "./shop")
            except InstallError as error:
                print(type(error).__mro__[2].__name__, error.code, error)
        asyncio.run(main())
    """
    missing = tmp_path / "missing.so"
    [line] = run(code, HELM_SDKPY_LIBRARY=str(missing))
    assert line == f"HelmLibraryNotFound library_not_found HELM_SDKPY_LIBRARY names {missing}, where there is no file."
    text = tmp_path / "text.so"
    text.write_text("no library")
    [line] = run(code, HELM_SDKPY_LIBRARY=str(text))
    assert line.startswith(f"HelmLibraryNotFound library_not_found {text} can not be loaded on linux-")
    assert "too short" in line or "invalid ELF" in line


def test_another_library_is_refused(tmp_path: Path) -> None:
    backend = next(Path(path) for path in sys.path if list(Path(path).glob("_cffi_backend*.so")))
    other = tmp_path / "other.so"
    shutil.copy(next(backend.glob("_cffi_backend*.so")), other)
    [line] = run(
        """
        try:
            get_version()
        except HelmError as error:
            print(error)
        """,
        HELM_SDKPY_LIBRARY=str(other),
    )
    assert f"{other} is not the library of helm_sdkpy" in line


def test_platform_without_a_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(_ffi.OVERRIDE, raising=False)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    missing = r"no library for linux-riscv64 .*linux-riscv64/libhelm_sdkpy\.so is missing\. .*glibc 2\.17 .*aarch64\.$"
    with pytest.raises(HelmLibraryNotFound, match=missing):
        _ffi.find()


def test_missing_library_of_a_supported_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(_ffi.OVERRIDE, raising=False)
    monkeypatch.setattr(_ffi, "__file__", str(tmp_path / "_ffi.py"))
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    path = tmp_path / "_lib" / "linux-aarch64" / "libhelm_sdkpy.so"
    with pytest.raises(HelmLibraryNotFound) as missing:
        _ffi.find()
    assert f"no library for linux-aarch64 (Python 3.{sys.version_info.minor}" in str(missing.value)
    assert f"{path} is missing. Install helm-sdkpy's wheel for this platform" in str(missing.value)


@pytest.mark.parametrize(
    ("system", "machine", "advice"),
    [("Darwin", "arm64", "container or a virtual machine"), ("Windows", "AMD64", "WSL or a container")],
)
def test_other_systems_import_and_say_what_is_supported(system: str, machine: str, advice: str, library: Path) -> None:
    # What Windows' Python lacks is taken away before the package is imported.
    code = """
        import asyncio, os, platform, sys
        system, machine, library = sys.argv[1:]
        platform.system, platform.machine = (lambda: system), (lambda: machine)
        if system == "Windows":
            sys.platform = "win32"
            for name in [each for each in dir(os) if each.startswith("RTLD_")] + ["register_at_fork", "fork"]:
                delattr(os, name)
            for module in ("fcntl", "pwd", "grp", "resource", "termios"):
                sys.modules[module] = None
        from helm_sdkpy import Configuration, HelmLibraryNotFound, Template, get_version
        config = Configuration()
        for call in (get_version, lambda: asyncio.run(Template(config).run("a", "./chart"))):
            for named in ("", library):
                os.environ["HELM_SDKPY_LIBRARY"] = named
                try:
                    call()
                except HelmLibraryNotFound as error:
                    print(error)
        config.close()
    """
    command = [sys.executable, "-c", textwrap.dedent(code), system, machine, str(library)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == 4, lines
    for line, part in zip(lines, ["is missing. ", f"{library} can not be loaded on "] * 2, strict=True):
        assert f"{system.lower()}-{machine}" in line
        assert part in line
        assert "helm_sdkpy supports Linux with glibc 2.17 or newer, on x86_64 and aarch64; here it runs in " in line
        assert advice in line


def test_musl_is_named(monkeypatch: pytest.MonkeyPatch, library: Path) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter([self / "ld-musl-x86_64.so.1"]))  # pyright: ignore
    musl = r"musl \(Alpine\).*golang/go#54805"
    with pytest.raises(HelmLibraryNotFound, match=f"{library} can not be loaded on linux-.*{musl}"):
        _ffi._open(library)  # pyright: ignore[reportPrivateUsage]
    monkeypatch.delenv(_ffi.OVERRIDE, raising=False)
    monkeypatch.setattr(_ffi, "__file__", "/nowhere/_ffi.py")
    with pytest.raises(HelmLibraryNotFound, match=f"is missing.*{musl}"):
        _ffi.find()
