"""The only module that knows C: it finds and loads the shared library, and turns its functions into Python's."""

from __future__ import annotations

import os
import platform
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .exceptions import HelmError, HelmLibraryNotFound, error

if TYPE_CHECKING:
    from cffi import FFI

ACTIONS = (
    "install",
    "upgrade",
    "ensure",
    "rollback",
    "uninstall",
    "list",
    "status",
    "history",
    "get_all",
    "get_hooks",
    "get_manifest",
    "get_metadata",
    "get_notes",
    "get_values",
    "test",
    "wait",
    "template",
    "lint",
    "show_all",
    "show_chart",
    "show_crds",
    "show_readme",
    "show_values",
    "package",
    "verify",
    "create",
    "dependency_list",
    "dependency_update",
    "dependency_build",
    "pull",
    "push",
    "recover",
    "repo_add",
    "repo_remove",
    "repo_list",
    "repo_update",
    "repo_index",
    "search_repo",
    "search_hub",
    "plugin_install",
    "plugin_list",
    "plugin_uninstall",
    "plugin_update",
    "plugin_package",
    "plugin_verify",
    "registry_login",
    "registry_logout",
    "diff",
)
"""One exported function each, all of one shape."""

OVERRIDE = "HELM_SDKPY_LIBRARY"
"""The environment variable that names another library file."""

_MACHINES = ("x86_64", "aarch64")
_SUPPORTED = "supports Linux with glibc 2.17 or newer, on x86_64 and aarch64"
_INSTALL = (
    "Install helm-sdkpy's wheel for this platform, build the library with `./scripts/dev build-lib` in a checkout, "
    f"or name a file in {OVERRIDE}."
)

_DECLARATIONS = """
    char *helm_sdkpy_version(void);
    char *helm_sdkpy_config_create(const char *options);
    char *helm_sdkpy_config_destroy(uint64_t config);
    char *helm_sdkpy_env(uint64_t config);
    char *helm_sdkpy_cancel(uint64_t op);
    char *helm_sdkpy_stop(uint64_t op, const char *reason);
    char *helm_sdkpy_reply(uint64_t op, const char *reply);
    char *helm_sdkpy_next_events(void);
    char *helm_sdkpy_shutdown(double seconds);
    void helm_sdkpy_free(char *text);
    void *dlopen(const char *file, int mode);
    char *dlerror(void);
"""
_ACTION = "char *helm_sdkpy_{}(uint64_t config, uint64_t op, const char *request);\n"


class Library:
    """The C functions: JSON texts as bytes in, JSON texts out. cffi releases the GIL around each call."""

    def __init__(self, ffi: FFI, functions: Any) -> None:
        self._ffi = ffi
        self._c = functions

    def version(self) -> str:
        """Versions of the library and of what it is made of."""
        return self._text(self._c.helm_sdkpy_version())

    def config_create(self, options: bytes) -> str:
        """Make a configuration: its handle or an error."""
        return self._text(self._c.helm_sdkpy_config_create(options))

    def config_destroy(self, config: int) -> str:
        """Let go of a configuration."""
        return self._text(self._c.helm_sdkpy_config_destroy(config))

    def env(self, config: int) -> str:
        """What `helm env` prints of a configuration, or an error."""
        return self._text(self._c.helm_sdkpy_env(config))

    def start(self, action: str, config: int, op: int, request: bytes) -> str:
        """Start an operation; returns at once."""
        try:
            function = getattr(self._c, f"helm_sdkpy_{action}")
        except AttributeError as missing:
            raise error(HelmError, "helm", f"the library is older than the package: {missing}") from missing
        return self._text(function(config, op, request))

    def cancel(self, op: int) -> str:
        """Cancel an operation, or the start of it that is still to come; never blocks."""
        return self._text(self._c.helm_sdkpy_cancel(op))

    def stop(self, op: int, reason: bytes) -> str:
        """Cancel an operation for a reason that its record tells."""
        return self._text(self._c.helm_sdkpy_stop(op, reason))

    def reply(self, op: int, reply: bytes) -> str:
        """Answer a call of an operation."""
        return self._text(self._c.helm_sdkpy_reply(op, reply))

    def next_events(self) -> str:
        """Wait for events."""
        return self._text(self._c.helm_sdkpy_next_events())

    def shutdown(self, seconds: float) -> str:
        """Cancel everything and wait that long for it to end."""
        return self._text(self._c.helm_sdkpy_shutdown(seconds))

    def _text(self, pointer: Any) -> str:
        # A text that is not UTF-8 would be a defect of the library; an operation that never ends would be worse.
        try:
            return _decoded(self._ffi.string(pointer))
        finally:
            self._c.helm_sdkpy_free(pointer)


class Loader:
    """Loads the library once, in the thread of whoever asks first, and notices a fork.

    The Go runtime does not survive a fork: a child that inherited the library, or one that another thread was just
    loading, would hang in its first call. So the process that began to load is remembered *before* it loads, and is
    compared before any lock is touched, because a lock that another thread held during the fork stays locked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._library: Library | None = None

    def load(self) -> Library:
        """The library; loads it where that was not done yet (50 to 75 ms)."""
        self.check_process()
        if self._library is not None:
            return self._library
        with self._lock:
            if self._library is None:
                path = find()
                self._pid = os.getpid()
                try:
                    self._library = _open(path)
                except BaseException:
                    self._pid = None
                    raise
            return self._library

    def loaded(self) -> Library | None:
        """The library where it is loaded in this very process, else None; never blocks, never raises."""
        return self._library if self._pid == os.getpid() else None

    def inherited(self) -> bool:
        """Whether this process is the fork of one that had begun to load the library."""
        return self._pid is not None and self._pid != os.getpid()

    def check_process(self, action: type[HelmError] = HelmError) -> None:
        """Refuse a process that inherited the library by a fork."""
        if self.inherited():
            raise error(
                action,
                "forked",
                f"helm_sdkpy was loaded in process {self._pid}, of which this one (pid {os.getpid()}) is a fork: "
                "the Go runtime does not survive a fork. Start processes with the 'spawn' or 'forkserver' method, "
                "or make the first helm_sdkpy call after the fork.",
            )

    def forked(self) -> None:
        """Take a fresh lock in a child: another thread of the parent may have held it."""
        self._lock = threading.Lock()


def find() -> Path:
    """Where the library for this machine is.

    Raises:
        HelmLibraryNotFound: There is none.
    """
    system, machine = platform.system().lower(), platform.machine()
    override = os.environ.get(OVERRIDE)
    path = Path(override) if override else Path(__file__).parent / "_lib" / f"{system}-{machine}" / "libhelm_sdkpy.so"
    if path.is_file():
        return path.absolute()
    if override:
        raise _not_found(f"{OVERRIDE} names {path}, where there is no file.")
    raise _not_found(
        f"there is no library for {system}-{machine} (Python {platform.python_version()}): {path} is missing. "
        + (_unsupported() or (_INSTALL if machine in _MACHINES else f"helm_sdkpy {_SUPPORTED}."))
    )


def command() -> list[str]:
    """How the library is run as a program, which is the helm command.

    Raises:
        HelmLibraryNotFound: There is none for this machine.
    """
    path = find()
    _check_system(path)
    if os.access(path, os.X_OK):
        return [str(path)]
    # Unpacked by something that does not keep the mode: the loader that its entry point names runs it all the same.
    with path.open("rb") as file:
        for line in file.read(4096).split(b"\0"):
            if line.startswith(b"/lib"):
                return [line.decode(), str(path)]
    raise _not_found(f"{path} is not the library of helm_sdkpy: it is no program")


def _check_system(path: Path) -> None:
    if reason := _unsupported():
        raise _not_found(f"{path} can not be loaded on {platform.system().lower()}-{platform.machine()}: {reason}")


def _unsupported() -> str:
    """Why no library can be had for this system, and what to do; empty where one can."""
    if platform.system() != "Linux":
        where = "in WSL or a container" if platform.system() == "Windows" else "in a container or a virtual machine"
        return f"helm_sdkpy {_SUPPORTED}; here it runs {where}."
    if _is_musl():
        return (
            f"this Python ({sys.executable}) runs on musl (Alpine), where a Go library can not be loaded into a "
            "running program (golang/go#54805). Use a Python for glibc, such as the image python:3-slim."
        )
    return ""


def _open(path: Path) -> Library:
    _check_system(path)
    # Here and not at the top: with pycparser it takes longer than the rest of the package together.
    from cffi import FFI  # noqa: PLC0415

    ffi = FFI()
    ffi.cdef(_DECLARATIONS + "".join(map(_ACTION.format, ACTIONS)))
    # dlopen is called as any C function, because ffi.dlopen itself keeps the GIL while Go's packages initialise.
    libc: Any = ffi.dlopen(None)
    dlopen, dlerror = libc.dlopen, libc.dlerror  # Looking one up clears what the other would tell.
    handle = dlopen(os.fsencode(path), os.RTLD_NOW | os.RTLD_LOCAL)
    if handle == ffi.NULL:
        text = _decoded(ffi.string(dlerror()))
        raise _not_found(f"{path} can not be loaded on {platform.system().lower()}-{platform.machine()}: {text}")
    functions: Any = ffi.dlopen(handle)
    try:
        _ = functions.helm_sdkpy_next_events
    except AttributeError as missing:
        raise _not_found(f"{path} is not the library of helm_sdkpy: {missing}") from missing
    library = Library(ffi, functions)
    library.version()  # The first call waits until Go's packages are initialised: it belongs to the loading.
    return library


def _decoded(text: bytes | str) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "replace")


def _is_musl() -> bool:
    if platform.libc_ver()[0] == "glibc":
        return False
    return any(Path("/lib").glob("ld-musl-*"))


def _not_found(message: str) -> HelmError:
    return error(HelmLibraryNotFound, "library_not_found", message)


loader = Loader()
"""The process's one library."""

if sys.platform != "win32":  # where nothing forks
    os.register_at_fork(after_in_child=loader.forked)
