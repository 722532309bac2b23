"""One test cluster for several processes: the first that asks has it started, all get its description."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from helm_sdkpy.testing._directory import StateDirectory
from helm_sdkpy.testing.cluster import ClusterStartError, TestCluster


class SharedCluster:
    """Answers on a socket with the description of a cluster, which it starts at the first question."""

    def __init__(self) -> None:
        self._directory = StateDirectory()
        self.address = str(self._directory.path / "socket")
        self._cluster = TestCluster()
        self._failure: str | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._owner = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.address)
        self._socket.listen(64)
        self._thread = threading.Thread(target=self._serve, name="helm-sdkpy-shared-cluster", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the cluster, where one was started, and take no more questions."""
        if os.getpid() != self._owner:
            return
        self._closed = True
        # Closing a socket does not wake the thread that waits in accept; a connection does.
        with socket.socket(socket.AF_UNIX) as wake:
            wake.connect(self.address)
        self._thread.join()
        self._socket.close()
        with self._lock:
            self._cluster.stop()
        self._directory.remove()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                if self._closed:
                    return
                try:
                    connection.sendall(json.dumps(self._answer()).encode() + b"\n")
                except OSError:
                    # The worker went away while the cluster started.
                    continue

    def _answer(self) -> dict[str, Any]:
        with self._lock:
            if self._failure is None and not self._started():
                try:
                    self._cluster.start()
                except ClusterStartError as error:
                    self._failure = str(error)
            return {"error": self._failure} if self._failure else self._cluster.describe()

    def _started(self) -> bool:
        try:
            self._cluster.describe()
        except RuntimeError:
            return False
        return True


def ask(address: str) -> dict[str, Any]:
    """The description of the cluster that is shared at an address."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        with connection.makefile("r") as answers:
            answer: dict[str, Any] = json.loads(answers.readline())
    if "error" in answer:
        raise ClusterStartError(answer["error"])
    return answer
