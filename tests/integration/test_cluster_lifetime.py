"""The life of test clusters: starting, failing to, running side by side, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helm_sdkpy.testing import ApiError, ClusterStartError, TestCluster
from helm_sdkpy.testing.cluster import find_binary


def eventually(holds: Callable[[], bool], *, within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not so within {within} s"
        time.sleep(0.02)


class TestLifetime:
    """Each of these starts clusters of its own."""

    def test_side_by_side_and_gone_afterwards(self) -> None:
        with TestCluster() as first, TestCluster(watch_cache=True) as second:
            assert first.pid != second.pid
            assert not first.describe()["watch_cache"]
            assert second.describe()["watch_cache"]
            with first.namespace("mine") as name, pytest.raises(ApiError, match="not found"):
                second.get(f"/api/v1/namespaces/{name}")
            directories = [first.directory, second.directory]
            assert [path.stat().st_mode & 0o777 for path in directories] == [0o700, 0o700]
            pids = [first.pid, second.pid]
        assert not any(path.exists() for path in directories)
        assert not any(running(pid) for pid in pids)

    async def test_async_with(self) -> None:
        async with TestCluster() as cluster:
            assert (await asyncio.to_thread(cluster.get, "/livez")) == "ok"
            directory = cluster.directory
        assert not directory.exists()

    async def test_cancelled_while_starting(self) -> None:
        cluster = TestCluster()
        entering = asyncio.ensure_future(cluster.__aenter__())
        await asyncio.sleep(0.2)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        with pytest.raises(RuntimeError, match="does not run"):
            cluster.describe()

    def test_features_of_kubernetes(self) -> None:
        """One that 1.37 has off is on in the API server and the scheduler, one that it has on is off."""
        features = {"TaintTolerationComparisonOperators": True, "HPAScaleToZero": False}
        toleration = {"key": "example.com/level", "operator": "Gt", "value": "5", "effect": "NoSchedule"}
        pod = {
            "metadata": {"name": "tolerant"},
            "spec": {"containers": [{"name": "main", "image": "example/app:1"}], "tolerations": [toleration]},
        }
        scaler = {
            "metadata": {"name": "idle"},
            "spec": {"minReplicas": 0, "maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        }
        pods, scalers = (
            "/api/v1/namespaces/default/pods",
            "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
        )
        with TestCluster(kubernetes_features=features) as cluster:
            cluster.request("POST", pods, pod)
            eventually(lambda: cluster.get(f"{pods}/tolerant")["status"]["phase"] == "Running")
            with pytest.raises(ApiError, match="minReplicas: Invalid value: 0"):
                cluster.request("POST", scalers, scaler)
            assert TestCluster.attach(cluster.describe()).kubernetes_features == features
        with TestCluster() as cluster, pytest.raises(ApiError, match=r"tolerations.*operator: Unsupported value"):
            cluster.request("POST", pods, pod)

    @pytest.mark.parametrize(
        ("feature", "said"),
        [
            ({"Nonsense": True}, "kubernetes_features: unrecognized feature gate: Nonsense"),
            ({"DRAAdminAccess": False}, "kubernetes_features: .*DRAAdminAccess.*locked"),
        ],
    )
    def test_features_that_kubernetes_refuses(self, feature: dict[str, bool], said: str) -> None:
        with pytest.raises(ClusterStartError, match=said):
            TestCluster(kubernetes_features=feature).start()

    def test_start_and_stop_again(self) -> None:
        cluster = TestCluster()
        with pytest.raises(RuntimeError, match="does not run"):
            _ = cluster.kubeconfig
        for _ in range(2):
            cluster.start()
            with pytest.raises(ClusterStartError, match="runs already"):
                cluster.start()
            assert cluster.get("/livez") == "ok"
            cluster.stop()
            cluster.stop()

    def test_gone_when_the_cluster_is_killed(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR, "helm_sdkpy.testing"):
            with TestCluster() as cluster:
                directory = cluster.directory
                os.kill(cluster.pid, signal.SIGKILL)
                # Seen by waiting for it, or not yet: its threads end one after the other.
                os.waitid(os.P_PID, cluster.pid, os.WEXITED | os.WNOWAIT)
            assert not directory.exists()
        assert "ended by itself" in caplog.text

    @pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
    def test_gone_when_the_parent_is_killed(self, how: signal.Signals) -> None:
        parent, pid, directory = self.parent(
            "import time",
            "from helm_sdkpy.testing import TestCluster",
            "cluster = TestCluster(); cluster.start()",
            "print(cluster.pid, cluster.directory, flush=True); time.sleep(600)",
        )
        with parent:
            parent.send_signal(how)
            parent.wait(10)
        eventually(lambda: not running(pid), within=10)
        eventually(lambda: not directory.exists(), within=5)

    def test_gone_when_the_parent_is_killed_and_its_forked_child_is_not(self) -> None:
        """The child holds the pipe open by which the cluster notices."""
        parent, pid, directory = self.parent(
            "import os, time",
            "from helm_sdkpy.testing import TestCluster",
            "cluster = TestCluster(); cluster.start()",
            "child = os.fork()",
            "if child: print(cluster.pid, cluster.directory, child, flush=True)",
            "time.sleep(600)",
        )
        with parent:
            parent.kill()
            parent.wait(10)
            eventually(lambda: not running(pid), within=10)
            eventually(lambda: not directory.exists(), within=5)
            os.kill(self.extra, signal.SIGKILL)

    def test_started_in_a_thread_that_ends(self) -> None:
        parent, pid, _ = self.parent(
            "import threading, time",
            "from helm_sdkpy.testing import TestCluster",
            "cluster = TestCluster()",
            "thread = threading.Thread(target=cluster.start); thread.start(); thread.join()",
            "time.sleep(1); assert cluster.get('/livez') == 'ok'",
            "print(cluster.pid, cluster.directory, flush=True); time.sleep(600)",
        )
        with parent:
            assert running(pid)
            parent.kill()

    def test_left_behind_by_both_is_swept_by_the_next(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # A place of its own: another test's cluster that starts meanwhile would sweep too. Short, as sockets want it.
        place = tempfile.mkdtemp(dir="/tmp")
        monkeypatch.setenv("TMPDIR", place)
        monkeypatch.setattr(tempfile, "tempdir", place)
        parent, pid, directory = self.parent(
            "import os, signal, time",
            "from helm_sdkpy.testing import TestCluster",
            "cluster = TestCluster(); cluster.start()",
            "print(cluster.pid, cluster.directory, flush=True); time.sleep(600)",
        )
        with parent:
            os.kill(pid, signal.SIGSTOP)
            parent.kill()
            parent.wait(10)
            os.kill(pid, signal.SIGKILL)
        # A killed process is a zombie while its last threads still hold its files.
        eventually(lambda: unlocked(directory / "lock"))
        past = time.time() - 60
        os.utime(directory, (past, past))  # what is younger than a second may be a start that is under way
        with TestCluster() as cluster:
            assert cluster.directory.exists()
            assert not directory.exists()
        Path(place).rmdir()

    def parent(self, *lines: str) -> tuple[subprocess.Popen[str], int, Path]:
        parent = subprocess.Popen(
            [sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert parent.stdout is not None
        words = parent.stdout.readline().split()
        self.extra = int(words[2]) if len(words) > 2 else 0
        return parent, int(words[0]), Path(words[1])

    def test_python_m(self, tmp_path: Path) -> None:
        copy = tmp_path / "cluster.yaml"
        command = [sys.executable, "-m", "helm_sdkpy.testing", "--kubeconfig", str(copy)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            kubeconfig = Path(process.stdout.readline().strip())
            assert kubeconfig.read_text().startswith("apiVersion: v1")
            assert copy.read_text() == kubeconfig.read_text()
            assert copy.stat().st_mode & 0o777 == 0o600
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert "Traceback" not in errors
        assert not kubeconfig.parent.exists()
        assert not copy.exists()

    def test_python_m_leaves_a_file_that_is_there(self, tmp_path: Path) -> None:
        mine = tmp_path / "config"
        mine.write_text("mine")
        command = [sys.executable, "-m", "helm_sdkpy.testing", "--kubeconfig", str(mine)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 1
        assert "File exists" in ended.stderr
        assert mine.read_text() == "mine"


def unlocked(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


class TestFailingStart:
    def test_no_directory(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none")[-59:])
        with pytest.raises(ClusterStartError, match="no directory for the test cluster's state"):
            TestCluster().start()

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            ("echo it hurts >&2; exit 3", r"its process ended with 3(?s:.*)it hurts"),
            ("kill -9 $$", "its process ended with -9"),
        ],
    )
    def test_dies(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, message: str) -> None:
        binary = tmp_path / "testcluster"
        binary.write_text(f"#!/bin/sh\n{script}\n")
        binary.chmod(0o755)
        monkeypatch.setenv("HELM_SDKPY_TESTCLUSTER", str(binary))
        with pytest.raises(ClusterStartError, match=message):
            TestCluster().start()

    def test_a_part_that_fails_says_why(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        binary = tmp_path / "testcluster"
        binary.write_text(f'#!/bin/sh\nulimit -n 16\nexec "{find_binary()}" "$@"\n')
        binary.chmod(0o755)
        monkeypatch.setenv("HELM_SDKPY_TESTCLUSTER", str(binary))
        with pytest.raises(
            ClusterStartError, match=r"did not start: (registry|repository|etcd): .*too many open files"
        ):
            TestCluster().start()


def test_xdist_workers_share_one_cluster(tmp_path: Path) -> None:
    (tmp_path / "test_share.py").write_text(
        "import pathlib, pytest\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "def test_share(helm_cluster, helm_namespace, number, worker_id):\n"
        "    assert helm_cluster.get(f'/api/v1/namespaces/{helm_namespace}')\n"
        f"    pathlib.Path({str(tmp_path)!r}, f'{{worker_id}}-{{number}}').write_text(\n"
        "        f'{helm_cluster.pid} {helm_cluster.directory}')\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "2",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [path for path in tmp_path.iterdir() if path.name.startswith("gw")]
    assert len(told) == 4
    assert len({path.name.partition("-")[0] for path in told}) == 2
    (only,) = {path.read_text() for path in told}
    pid, directory = only.split()
    assert not running(int(pid))
    assert not Path(directory).exists()
