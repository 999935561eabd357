"""From the provider's model list to the house's catalog."""

import json
import os
from pathlib import Path

import pytest

from actors.ports import AnswerMalformed
from actors.values import Model
from bridge.openrouter.catalog_rows import CatalogRead, read_catalog

FULL_ROW = {
    "id": "maker/one",
    "canonical_slug": "maker/one-20260101",
    "name": "Maker: One",
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
    "context_length": 128000,
    "top_provider": {"context_length": 64000, "max_completion_tokens": 4096},
    "supported_parameters": ["tools", "temperature"],
    "pricing": {"prompt": "0.000001", "completion": "-1", "overrides": []},
    "reasoning": {"mandatory": True, "supported_efforts": ["high", "low"]},
    "per_request_limits": None,
}


def read(*rows: object) -> CatalogRead:
    return read_catalog(json.dumps({"data": rows, "total_count": len(rows)}).encode())


def ids(*rows: object) -> list[str]:
    return [model.id for model in read(*rows).catalog.models]


def making(kind: object) -> dict[str, object]:
    return {"id": f"m/{kind}", "architecture": {"output_modalities": kind}}


def test_a_full_row_becomes_a_model() -> None:
    assert read(FULL_ROW).catalog.models == (
        Model(
            id="maker/one",
            name="Maker: One",
            input_modalities=("text", "image"),
            output_modalities=("text",),
            context_tokens=128000,
            output_tokens_max=4096,
            parameters=("tools", "temperature"),
            efforts=("low", "high"),
            is_reasoning_mandatory=True,
            prices=(("prompt", 0.000001),),
        ),
    )


def test_an_id_is_enough() -> None:
    assert read({"id": "m/bare"}).catalog.models == (Model(id="m/bare", name="m/bare"),)


@pytest.mark.parametrize("odd", [None, 7, "text", [], {}, [None], True])
def test_an_oddly_typed_field_counts_as_missing(odd: object) -> None:
    names = "name architecture top_provider supported_parameters reasoning pricing"
    row = dict.fromkeys(names.split(), odd)
    model = read({"id": "m/odd", **row}).catalog.models[0]
    assert (model.efforts, model.is_reasoning_mandatory, model.prices) == ((), False, ())
    assert model.input_modalities == ("text",)
    assert model.output_tokens_max is None


@pytest.mark.parametrize(
    ("given", "price"),
    [("0", 0.0), ("0.5", 0.5), (2, 2.0), ("-1", None), (-1, None), ("NaN", None), ("", None)]
    + [(odd, None) for odd in (True, None, [], "1e999", "x", 10**400)],
)
def test_a_price_is_a_number_that_does_not_vary(given: object, price: float | None) -> None:
    model = read({"id": "m/x", "pricing": {"prompt": given}}).catalog.models[0]
    assert model.prices == (() if price is None else (("prompt", price),))


def test_efforts_are_told_weakest_first_with_new_words_last() -> None:
    row = {"id": "m/x", "reasoning": {"supported_efforts": ["ultra", "max", "high", "none", 3]}}
    assert read(row).catalog.models[0].efforts == ("none", "high", "max", "ultra")


@pytest.mark.parametrize("unknown", [None, 0, "x", True, -0.0])
def test_a_context_of_nothing_is_unknown_and_the_best_provider_is_asked(unknown: object) -> None:
    row = {"id": "m/x", "context_length": unknown}
    assert read(row).catalog.models[0].context_tokens is None
    known = row | {"top_provider": {"context_length": 5}}
    assert read(known).catalog.models[0].context_tokens == 5


def test_only_what_writes_text_or_images_is_offered() -> None:
    rows = [making(kind) for kind in (["text"], ["image"], ["video"], ["embeddings"], [], None)]
    assert ids(*rows) == ["m/['text']", "m/['image']", "m/[]", "m/None"]
    assert read(*rows).counts.hidden == 2


def test_batch_rows_are_hidden() -> None:
    assert ids({"id": "m/a:batch"}, {"id": "m/a:free"}) == ["m/a:free"]


def test_rows_without_an_id_are_left_out_and_counted() -> None:
    found = read({"name": "x"}, {"id": ""}, {"id": 3}, "row", None, {"id": "m/a"})
    assert (found.counts.unreadable, found.counts.offered, found.counts.rows) == (5, 1, 6)


def test_of_two_rows_with_one_identity_the_first_stays() -> None:
    rows = [{"id": "m/a", "name": "first"}, {"id": "m/a", "name": "second"}, {"id": "m.a"}]
    found = read(*rows)
    assert [model.name for model in found.catalog.models] == ["first"]
    assert found.counts.doubled == 2


def test_the_order_of_the_provider_is_kept() -> None:
    names = [f"m/{n}" for n in (3, 1, 2)]
    assert ids(*({"id": name} for name in names)) == names


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "catalog-empty"),
        (b'{"data":[]}', "catalog-empty"),
        (b'{"data":[{"id":"m/a:batch"}]}', "catalog-empty"),
        (b"<html>", "catalog-not-json"),
        (b'{"data":[{"id":"m/a"}', "catalog-not-json"),
        (b'{"data":"\xff"}', "catalog-wrong-shape"),
        (b"[]", "catalog-wrong-shape"),
        (b'{"models":[]}', "catalog-wrong-shape"),
        (b"[" * 100_000, "catalog-wrong-shape"),
    ],
)
def test_what_is_no_catalog_is_told_apart(body: bytes, code: str) -> None:
    with pytest.raises(AnswerMalformed) as caught:
        read_catalog(body)
    assert caught.value.facts.code == code


@pytest.mark.conformance
def test_no_two_recorded_rows_share_an_identity() -> None:
    folder = os.environ.get("GREENROOM_CONFORMANCE")
    for file in sorted(Path(folder).glob("models*.json")) if folder else ():
        found = read_catalog(file.read_bytes())
        identities = {model.id.replace("/", ".") for model in found.catalog.models}
        assert len(identities) == len(found.catalog.models) == found.counts.offered
        assert (found.counts.doubled, found.counts.unreadable) == (0, 0), file.name
