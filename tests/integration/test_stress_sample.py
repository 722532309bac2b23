"""A sample of the long campaigns (`./scripts/dev stress`)."""

from __future__ import annotations

import pytest

from helm_sdkpy.testing import TestCluster
from tests.stress import faults, kills


@pytest.mark.parametrize("seed", [1, 2])
async def test_spoilt_requests(helm_cluster: TestCluster, seed: int) -> None:
    plan = faults.Plan(["install", "upgrade", "rollback", "uninstall"], list(faults.MANNERS), seed, 6, 2)
    outcomes = await faults.run(helm_cluster, plan, print)
    assert len(outcomes) == 10
    assert [str(one) for one in outcomes if one.defects] == []
    assert sum(one.happened for one in outcomes if one.asked) > 0


async def test_kills(helm_cluster: TestCluster) -> None:
    outcomes = await kills.run(helm_cluster, kills.Plan(list(kills.ACTIONS), 4, 1, 2, rounds=1), print)
    assert len(outcomes) == 4
    assert [str(one) for one in outcomes if one.defects] == []
