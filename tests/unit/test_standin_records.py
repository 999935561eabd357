from __future__ import annotations

import asyncio

import pytest

from bridge.standin.records import RecordList, RequestRecord, redacted


def record(serial: int, body_bytes: int = 0) -> RequestRecord:
    return RequestRecord(
        serial=serial, method="GET", path="/", headers={}, received_at_s=0.0, body_bytes=body_bytes
    )


def test_the_list_forgets_the_oldest_past_its_bound() -> None:
    records = RecordList(records_max=3)
    for serial in range(5):
        records.add(record(serial))
    assert [kept.serial for kept in records.snapshot()] == [2, 3, 4]


def test_the_list_is_bounded_in_bytes_but_keeps_the_latest() -> None:
    records = RecordList(bodies_bytes_max=100)
    records.add(record(1, 60))
    records.add(record(2, 60))
    records.add(record(3, 500))
    assert [kept.serial for kept in records.snapshot()] == [3]


def test_a_key_shows_its_last_four_characters_only() -> None:
    hidden = redacted({"authorization": "Bearer sk-or-v1-abcdef1234", "accept": "x"})
    assert hidden == {"authorization": "Bearer ***1234", "accept": "x"}
    assert redacted({"authorization": "short"}) == {"authorization": "***"}


def test_one_can_wait_for_a_record() -> None:
    async def scenario() -> int:
        records = RecordList()
        asyncio.get_running_loop().call_soon(records.add, record(1))
        return len(await records.wait_for(lambda kept: len(kept) == 1))

    assert asyncio.run(scenario()) == 1


def test_waiting_in_vain_ends() -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(RecordList().wait_for(bool, timeout_s=0.01))
