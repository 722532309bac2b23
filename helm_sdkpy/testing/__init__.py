"""A real Kubernetes control plane for tests, in one process that needs no container and no privileges.

    from helm_sdkpy.testing import TestCluster

    with TestCluster() as cluster:
        Configuration(kubeconfig=cluster.kubeconfig)

The pytest plugin hands one out as the fixture `helm_cluster`; `python -m helm_sdkpy.testing` runs one by hand.
"""

from __future__ import annotations

from helm_sdkpy.testing.cluster import ClusterStartError, TestCluster
from helm_sdkpy.testing.rest import ApiError

__all__ = ["ApiError", "ClusterStartError", "TestCluster"]
