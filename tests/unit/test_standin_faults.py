from __future__ import annotations

import pytest

from bridge.standin.error_answers import RetryAfter, refusal
from bridge.standin.faults import Moment, ProviderFault, curable_faults, faults_at
from bridge.standin.stream_faults import is_played

RETRY = RetryAfter(seconds=1, date="Wed, 21 Oct 2015 07:28:00 GMT")


def is_refusal(fault: ProviderFault) -> bool:
    return refusal(fault, path="/x", retry=RETRY) is not None


@pytest.mark.parametrize("fault", ProviderFault)
def test_each_fault_is_shown_in_exactly_one_way(fault: ProviderFault) -> None:
    assert is_refusal(fault) is not is_played(fault)


@pytest.mark.parametrize("fault", ProviderFault)
def test_each_fault_has_a_kebab_case_name_and_says_what_it_imitates(fault: ProviderFault) -> None:
    assert fault.value == fault.name.lower().replace("_", "-")
    assert fault.imitates


def test_a_status_may_be_named_without_its_prefix() -> None:
    assert ProviderFault.named("429-plain") is ProviderFault.STATUS_429_PLAIN
    assert ProviderFault.named("status-429-plain") is ProviderFault.STATUS_429_PLAIN
    with pytest.raises(ValueError, match="no-such-fault"):
        ProviderFault.named("no-such-fault")


def test_only_what_passes_and_strikes_before_output_is_curable() -> None:
    curable = curable_faults()
    assert ProviderFault.STATUS_402_IN_FLIGHT in curable
    assert ProviderFault.CONNECT_RESET in curable
    assert ProviderFault.STATUS_402_CREDITS not in curable
    assert ProviderFault.STATUS_429_DAILY_QUOTA not in curable
    assert ProviderFault.CUT_MID_FRAME not in curable
    assert all(fault.moment is Moment.BEFORE_OUTPUT for fault in curable)


def test_the_moments_divide_the_faults_among_them() -> None:
    divided = [fault for moment in Moment for fault in faults_at(moment)]
    assert sorted(fault.name for fault in divided) == sorted(fault.name for fault in ProviderFault)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 524, 529])
def test_the_statuses_that_pass_are_transient(status: int) -> None:
    named = [fault for fault in ProviderFault if fault.value.startswith(f"status-{status}")]
    final = {ProviderFault.STATUS_429_DAILY_QUOTA}
    assert named
    assert all(fault.is_transient for fault in named if fault not in final)
