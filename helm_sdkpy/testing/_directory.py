"""The state directory of a test cluster: short, private, and gone when nobody uses it, whoever was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "helm-sdkpy-cluster-"
# Unix sockets lie in the directory, and their path may have 107 bytes: pytest's own directories are longer.
LONGEST_PARENT = 60
# A directory without a lock file belongs to a start that is under way, or to one that was killed at that moment.
UNLOCKED_GRACE = 60.0


class StateDirectory:
    """A directory with a lock that its owner and the cluster hold, each for as long as it lives."""

    def __init__(self) -> None:
        parent = Path(tempfile.gettempdir())
        if len(str(parent)) > LONGEST_PARENT:
            parent = Path("/tmp")
        _sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self.lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Delete what the cluster itself did not."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1


def _sweep(parent: Path) -> None:
    """Remove the directories of clusters that were killed together with their owners."""
    for directory in parent.glob(f"{PREFIX}*"):
        if _abandoned(directory):
            shutil.rmtree(directory, ignore_errors=True)


def _abandoned(directory: Path) -> bool:
    try:
        status = directory.stat()
        if status.st_uid != os.getuid():
            return False
        try:
            lock = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return time.time() - status.st_mtime > UNLOCKED_GRACE
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(lock)
    except OSError:
        # Locked, or gone meanwhile.
        return False
    # A lock that was made but not yet taken looks the same: its directory is young.
    return time.time() - status.st_mtime > 1
