"""A campaign finds what it is there to find: defects, each planted in turn."""

from __future__ import annotations

import pytest

from bridge.chaos.campaign import first_failure
from tests.chaos.planted import DEFECTS, Defect

SEEDS_MAX = 500


@pytest.mark.parametrize("defect", DEFECTS, ids=[defect.name for defect in DEFECTS])
def test_a_campaign_notices_that(defect: Defect) -> None:
    failure = first_failure(range(SEEDS_MAX), defect.parts)
    assert failure is not None, f"{SEEDS_MAX} seeds pass although {defect.name}"
    assert failure.broken & defect.breaks
