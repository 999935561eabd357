"""Only the newest question's images are sent (SPEC 48-50)."""

from __future__ import annotations

import pytest

from actors.values import ImagePart, Item, Part, Role, TextPart, Turn
from bridge.transforms.images import ChosenImages, markdown_images, with_chosen_images

WORDS = TextPart(text="look")
IMAGES = tuple(ImagePart(url=f"https://a.example/{at}.png") for at in range(4))


def asked(*parts: Part) -> Turn:
    return Turn(role=Role.USER, parts=parts)


def answered(text: str) -> Turn:
    return Turn(role=Role.ASSISTANT, parts=(TextPart(text=text),))


def choose(
    *items: Item, limit: int = 5, selection: str = "user_then_assistant", sees: bool = True
) -> ChosenImages:
    return with_chosen_images(items, images_max=limit, selection=selection, sees_images=sees)


def test_older_images_are_left_out_and_the_newest_stay() -> None:
    made = choose(asked(WORDS, IMAGES[0]), answered("nice"), asked(IMAGES[1], WORDS))
    assert made.items == (asked(WORDS), answered("nice"), asked(IMAGES[1], WORDS))
    assert (made.surplus, made.unseen) == (0, 0)


def test_a_turn_of_an_image_alone_keeps_a_word_for_it() -> None:
    made = choose(asked(IMAGES[0]), answered("nice"), asked(WORDS), limit=0)
    assert made.items[0] == asked(TextPart(text="[image]"))


def test_images_over_the_limit_are_left_out_and_counted() -> None:
    made = choose(asked(IMAGES[0], WORDS, *IMAGES[1:]), limit=2)
    assert made == ChosenImages(items=(asked(IMAGES[0], WORDS, IMAGES[1]),), surplus=2)


def test_a_model_that_sees_nothing_gets_no_image() -> None:
    made = choose(asked(WORDS, *IMAGES), sees=False)
    assert made == ChosenImages(items=(asked(WORDS),), unseen=4)


def test_a_question_without_an_image_takes_those_of_the_answer_before() -> None:
    text = "![a](https://a.example/0.png) and ![](data:image/png;base64,AA==) ![b](/api/v1/f)"
    made = choose(answered("![old](https://a.example/9.png)"), answered(text), asked(WORDS))
    data = ImagePart(url="data:image/png;base64,AA==")
    assert made.items[-1] == asked(WORDS, IMAGES[0], data)


def test_no_more_of_them_than_the_limit_and_each_once() -> None:
    shown = "![a](https://a.example/0.png)"
    text = f"{shown}{shown}![c](https://a.example/1.png)"
    assert choose(answered(text), asked(WORDS), limit=1).items[-1] == asked(WORDS, IMAGES[0])


@pytest.mark.parametrize(
    ("selection", "question"), [("user_turn_only", (WORDS,)), ("user_then_assistant", IMAGES[1:2])]
)
def test_nothing_is_taken_along_when_it_is_not_wanted(
    selection: str, question: tuple[Part, ...]
) -> None:
    made = choose(answered("![a](https://a.example/0.png)"), asked(*question), selection=selection)
    assert made.items[-1] == asked(*question)


def test_a_conversation_without_a_question_shows_nothing() -> None:
    assert choose(answered("![a](https://a.example/0.png)")).surplus == 0


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("![a](https://a.example/0.png 'title')", ["https://a.example/0.png"]),
        ("![]( https://a.example)", []),
        ("![a] (https://a.example)", []),
        ("![a](javascript:alert)", []),
        ("[a](https://a.example)", []),
        ("![" * 1000, []),
        ("[![a](https://a.example/0.png)](https://a.example)", ["https://a.example/0.png"]),
        (f"![{'x' * 2000}](https://a.example)", []),
    ],
)
def test_an_image_in_markdown_is_told_from_what_only_looks_like_one(
    text: str, urls: list[str]
) -> None:
    assert list(markdown_images(text)) == urls
