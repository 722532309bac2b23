"""Runs a test cluster until Ctrl-C: `python -m helm_sdkpy.testing`."""

from __future__ import annotations

import argparse
import json
import signal
import sys

from helm_sdkpy.testing.cluster import ClusterStartError, TestCluster


def main() -> int:
    """Start a cluster, print the path of its kubeconfig on standard output, and wait."""
    parser = argparse.ArgumentParser(prog="python -m helm_sdkpy.testing", description=__doc__)
    parser.add_argument("--watch-cache", action="store_true", help="answer reads from the API server's watch cache")
    parser.add_argument("--json", action="store_true", help="print all addresses, files and credentials as JSON")
    options = parser.parse_args()
    # A supervisor's SIGTERM should end the cluster as tidily as Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with TestCluster(watch_cache=options.watch_cache) as cluster:
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


if __name__ == "__main__":
    sys.exit(main())
