"""A sample of the cancel table: every action, phase and way once; `./scripts/dev stress cancel` runs it all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from helm_sdkpy.testing import TestCluster
from tests.stress.cancel import WAYS, Bench, Row, sample

SAMPLE = sample()


@pytest.mark.parametrize(("row", "way"), SAMPLE, ids=[f"{row.name}-{way}" for row, way in SAMPLE])
async def test_row(
    helm_cluster: TestCluster,
    helm_namespace: str,
    record_property: Callable[[str, object], None],
    row: Row,
    way: str,
) -> None:
    outcome = await Bench(row, way, helm_cluster, helm_namespace).run()
    record_property("seconds_to_cancel", round(outcome.seconds, 3))


def test_every_way_is_in_the_sample() -> None:
    assert {way for _, way in SAMPLE} == set(WAYS)
