"""The pytest plugin: one test cluster a run, a fresh namespace and a Configuration a test.

With pytest-xdist the controller runs the cluster and its workers ask it for the address, so that all share one, it
starts only when a test wants it, and it ends with the controller, however that ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from helm_sdkpy import Configuration
    from helm_sdkpy.testing._shared import SharedCluster
    from helm_sdkpy.testing.cluster import TestCluster

ADDRESS = "helm_sdkpy_cluster"
_shared: pytest.StashKey[SharedCluster] = pytest.StashKey()


@pytest.fixture(scope="session")
def helm_cluster(request: pytest.FixtureRequest) -> Iterator[TestCluster]:
    """A test cluster for the whole run, shared by all workers of pytest-xdist."""
    from helm_sdkpy.testing.cluster import TestCluster  # noqa: PLC0415 - only runs that use it pay for it

    address = getattr(request.config, "workerinput", {}).get(ADDRESS)
    if address is None:
        with TestCluster() as cluster:
            yield cluster
    else:
        from helm_sdkpy.testing._shared import ask  # noqa: PLC0415 - as above

        yield TestCluster.attach(ask(address))


@pytest.fixture
def helm_namespace(helm_cluster: TestCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a fresh namespace, deleted after the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    with helm_cluster.namespace(name or "test") as namespace:
        yield namespace


@pytest.fixture
def helm_config(helm_cluster: TestCluster, helm_namespace: str) -> Iterator[Configuration]:
    """A Configuration for the test's own namespace, closed after the test."""
    from helm_sdkpy import Configuration  # noqa: PLC0415 - only runs that use it pay for it

    with Configuration(namespace=helm_namespace, kubeconfig=helm_cluster.kubeconfig) as configuration:
        yield configuration


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to ask for the cluster."""
    config: pytest.Config = node.config
    if _shared not in config.stash:
        from helm_sdkpy.testing._shared import SharedCluster  # noqa: PLC0415 - only the controller needs it

        config.stash[_shared] = SharedCluster()
    node.workerinput[ADDRESS] = config.stash[_shared].address


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the cluster that workers shared."""
    shared = config.stash.get(_shared, None)
    if shared is not None:
        shared.close()
