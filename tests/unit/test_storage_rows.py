"""Rows as the earlier pipe wrote them, and ours in the same form (SPEC 151 to 153)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from actors.artifacts import Artifact, StoredItem
from actors.values import OpaqueItem, Reasoning, ToolCall, ToolOutput, WireFormat
from bridge.crypto.seal_broken import SealBroken, WhyBroken
from bridge.crypto.sealing import RowIdentity
from bridge.storage.payloads import PayloadBroken, item_of, payload_text
from bridge.storage.rows import Row, RowUnreadable, artifact_of, row_of
from bridge.storage.sealing import NoSealer, SealPolicy

VECTORS = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "earlier_pipe.json").read_text(encoding="utf-8")
)
SECRET = "what nobody else may read"
THOUGHT = Reasoning(wire=WireFormat.RESPONSES, json=f'{{"type":"reasoning","summary":"{SECRET}"}}')
OUTPUT = ToolOutput(call_id="c", output=SECRET)


class NotingSealer:
    """Keeps payloads in a drawer and gives out the number of it."""

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, RowIdentity]] = []

    def seal(self, payload: bytes, row: RowIdentity) -> Mapping[str, object]:
        self.kept.append((payload, row))
        return {"drawer": len(self.kept) - 1}

    def open(self, wrapper: Mapping[str, object], row: RowIdentity) -> bytes:
        drawer = wrapper.get("drawer")
        if not isinstance(drawer, int) or self.kept[drawer][1] != row:
            raise SealBroken(WhyBroken.TAMPERED)
        return self.kept[drawer][0]


def artifact(item: StoredItem = THOUGHT, place: int = 0) -> Artifact:
    return Artifact(
        id="0001HTMBY4XE60DACCVS",
        chat_id="chat-1",
        message_id="msg-1",
        model_id="openai/gpt-4o",
        item=item,
        place=place,
    )


def read(row: Row, sealer: NotingSealer | NoSealer) -> Artifact:
    return artifact_of(row, sealer, artifact_id=row.id, chat_id=row.chat_id)


def earlier_row(payload: object, *, is_encrypted: bool = False) -> Row:
    return Row(
        id=VECTORS["item_ids"][0],
        chat_id="chat-1",
        message_id="msg-1",
        model_id="openai.gpt-4o",
        item_type="reasoning",
        payload=json.dumps(payload),
        is_encrypted=is_encrypted,
    )


def test_a_plain_row_of_the_earlier_pipe_is_read() -> None:
    stored = VECTORS["plain_row"]
    found = read(earlier_row(stored["stored_payload"]), NoSealer())
    assert isinstance(found.item, Reasoning)
    assert found.item.wire is WireFormat.RESPONSES
    assert json.loads(found.item.json) == stored["payload"]
    assert found.place == 0


@pytest.mark.parametrize("stored", VECTORS["encrypted_rows"])
def test_what_the_earlier_pipe_sealed_is_handed_to_the_sealer_as_it_was(
    stored: dict[str, object],
) -> None:
    class Opener(NotingSealer):
        def open(self, wrapper: Mapping[str, object], row: RowIdentity) -> bytes:
            assert wrapper == stored["stored_payload"]
            return json.dumps(stored["payload"]).encode()

    found = read(earlier_row(stored["stored_payload"], is_encrypted=True), Opener())
    if isinstance(found.item, Reasoning):
        assert json.loads(found.item.json) == stored["payload"]
    else:
        assert isinstance(found.item, ToolOutput)
        assert found.item.output == stored["payload"]["output"]  # type: ignore[index]


def test_a_sealed_row_without_a_key_is_unreadable() -> None:
    for stored in VECTORS["encrypted_rows"]:
        with pytest.raises(RowUnreadable):
            read(earlier_row(stored["stored_payload"], is_encrypted=True), NoSealer())


@pytest.mark.parametrize(
    ("item", "place", "payload"),
    [
        (
            ToolCall(call_id="c", name="n", arguments="{}"),
            0,
            '{"type":"function_call","call_id":"c","name":"n","arguments":"{}",'
            '"status":"completed"}',
        ),
        (
            ToolOutput(call_id="c", output="ö"),
            3,
            '{"type":"function_call_output","call_id":"c","output":"ö","status":"completed",'
            '"_place":3}',
        ),
        (
            Reasoning(wire=WireFormat.RESPONSES, json='{ "type": "reasoning" , "id": 1.50 }'),
            12,
            '{ "type": "reasoning" , "id": 1.50 ,"_place":12}',
        ),
        (
            Reasoning(wire=WireFormat.CHAT, json='[{"text": 1}]'),
            0,
            '{"type":"reasoning","wire":"chat_completions","reasoning_details":[{"text": 1}]}',
        ),
        (OpaqueItem(wire=WireFormat.RESPONSES, json='{"type":"x"}'), 0, '{"type":"x"}'),
        (
            OpaqueItem(wire=WireFormat.CHAT, json='{"type":"x"}'),
            0,
            '{"type":"x","exact":"opaque","wire":"chat_completions","text":"{\\"type\\":\\"x\\"}"}',
        ),
    ],
)
def test_an_item_is_written_in_the_form_of_the_earlier_pipe(
    item: StoredItem, place: int, payload: str
) -> None:
    assert payload_text(item, place) == payload


@pytest.mark.parametrize(
    ("payload", "item"),
    [
        (
            '{"type":"function_call","id":"fc_1","call_id":"c","name":"n","arguments":{"a": 1}}',
            ToolCall(call_id="c", name="n", arguments='{"a": 1}'),
        ),
        (
            '{"type":"function_call_output","call_id":"c","output":[{"type":"input_text"}]}',
            ToolOutput(call_id="c", output='[{"type":"input_text"}]'),
        ),
        (
            '{"type":"reasoning","summary":"\\ud800"}',
            Reasoning(wire=WireFormat.RESPONSES, json='{"type":"reasoning","summary":"\ufffd"}'),
        ),
    ],
)
def test_what_others_wrote_is_read_as_well_as_it_can_be(payload: str, item: StoredItem) -> None:
    assert item_of(payload) == (item, 0)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "null",
        "[]",
        "{",
        '{"type":""}',
        '{"type":5}',
        '{"text":"no head"}',
        '{"type":"function_call","call_id":"c","name":"n"}',
        '{"type":"function_call","call_id":1,"name":"n","arguments":""}',
        '{"type":"function_call_output","call_id":"c"}',
        '{"type":"reasoning","wire":"chat_completions"}',
        '{"type":"x","exact":"opaque","text":"t"}',
        '{"type":"x","exact":"opaque","wire":"telegraph","text":"t"}',
        '{"type":"reasoning","exact":"reasoning","wire":"responses"}',
        "[" * 100_000,
    ],
)
def test_what_says_nothing_that_could_be_sent_is_refused(payload: str) -> None:
    with pytest.raises(PayloadBroken):
        item_of(payload)


@pytest.mark.parametrize(
    ("policy", "sealed"),
    [
        (SealPolicy.NOTHING, set()),
        (SealPolicy.REASONING, {THOUGHT}),
        (SealPolicy.EVERYTHING, {THOUGHT, OUTPUT}),
    ],
)
def test_only_what_must_be_sealed_is_sealed(policy: SealPolicy, sealed: set[StoredItem]) -> None:
    sealer = NotingSealer()
    for item in (THOUGHT, OUTPUT):
        row = row_of(artifact(item, place=2), sealer, policy)
        assert row.is_encrypted is (item in sealed)
        assert (SECRET in row.payload) is (item not in sealed)
        assert read(row, sealer) == artifact(item, place=2)
    assert len(sealer.kept) == len(sealed)


def test_a_sealed_payload_belongs_to_its_row_alone() -> None:
    sealer = NotingSealer()
    row = row_of(artifact(), sealer, SealPolicy.EVERYTHING)
    assert sealer.kept[0][1] == row.identity
    moved = (
        replace(row, id="other"),
        replace(row, chat_id="other"),
        replace(row, message_id="other"),
        replace(row, model_id="other"),
        replace(row, item_type="other"),
    )
    for each in moved:
        with pytest.raises(RowUnreadable):
            read(each, sealer)


@pytest.mark.parametrize("wrapper", ["", "7", "[]", "{", '{"other":1}', "\x00"])
def test_a_wrapper_that_is_none_is_unreadable(wrapper: str) -> None:
    row = row_of(artifact(), NotingSealer(), SealPolicy.EVERYTHING)
    with pytest.raises(RowUnreadable):
        read(replace(row, payload=wrapper), NotingSealer())


def test_a_row_does_not_show_what_is_in_it() -> None:
    assert SECRET not in repr(row_of(artifact(), NoSealer(), SealPolicy.NOTHING))


def test_nothing_can_be_sealed_without_a_key() -> None:
    with pytest.raises(AssertionError):
        row_of(artifact(), NoSealer(), SealPolicy.EVERYTHING)
