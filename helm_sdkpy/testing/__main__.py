"""Runs a test cluster until Ctrl-C: `python -m helm_sdkpy.testing`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

from helm_sdkpy.testing.cluster import ClusterStartError, TestCluster


def main() -> int:
    """Start a cluster, print the path of its kubeconfig on standard output, and wait."""
    parser = argparse.ArgumentParser(prog="python -m helm_sdkpy.testing", description=__doc__)
    parser.add_argument("--watch-cache", action="store_true", help="answer reads from the API server's watch cache")
    parser.add_argument("--json", action="store_true", help="print all addresses, files and credentials as JSON")
    parser.add_argument(
        "--kubeconfig",
        metavar="FILE",
        type=Path,
        help="write the kubeconfig to this new file too; gone at the end",
    )
    parser.add_argument(
        "--kubernetes-features",
        metavar="NAME=true,…",
        type=_features,
        help="feature gates of Kubernetes to switch on or off",
    )
    options = parser.parse_args()
    try:
        cluster = TestCluster(watch_cache=options.watch_cache, kubernetes_features=options.kubernetes_features)
    except ValueError as error:
        parser.error(str(error))
    # A supervisor's SIGTERM should end the cluster as tidily as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with cluster, contextlib.ExitStack() as stack:
            if options.kubeconfig:
                stack.enter_context(_copied(cluster.kubeconfig, options.kubeconfig))
            print(json.dumps(cluster.describe(), indent=2) if options.json else cluster.kubeconfig, flush=True)
            print(
                f"ready in {cluster.timings['ready']:.1f} s; registry {cluster.registry}, "
                f"repository {cluster.repository}; Ctrl-C ends it",
                file=sys.stderr,
            )
            signal.pause()
    except ClusterStartError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


@contextlib.contextmanager
def _copied(kubeconfig: str, to: Path) -> Generator[None]:
    """A copy at a path that is known beforehand, for as long as there is a cluster behind it."""
    try:
        # It holds an administrator's key; and a file that is there already may be the user's own.
        with open(to, "x", opener=_private) as copy:
            copy.write(Path(kubeconfig).read_text())
    except OSError as error:
        raise ClusterStartError(f"--kubeconfig: {error}") from error
    try:
        yield
    finally:
        to.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _features(text: str) -> dict[str, bool]:
    """Feature gates as Kubernetes' own programs take them."""
    gates: dict[str, bool] = {}
    for gate in text.split(","):
        name, _, value = gate.partition("=")
        if value not in {"true", "false"}:
            raise argparse.ArgumentTypeError(f"{gate} is neither {name}=true nor {name}=false")
        gates[name] = value == "true"
    return gates


if __name__ == "__main__":
    sys.exit(main())
