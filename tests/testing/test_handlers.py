"""The ready-made handlers answer decoct's own prompts so that decoct can read the answers."""

import json

import pytest

from decoct.tasks.base import Example, get_task
from decoct.testing import ade, by_text, from_file

TASK = get_task("ade")
TEXT = "Severe hepatitis followed treatment with zonkomycin."


def messages(*texts: str, folded: bool = False, **options) -> list[dict[str, str]]:
    prompt = TASK.prompt(*texts, **options)
    if folded:
        return [{"role": "user", "content": f"{prompt.system}\n\n{prompt.user}"}]
    return [
        {"role": "system", "content": prompt.system},
        {"role": "user", "content": prompt.user},
    ]


EXAMPLE = Example("Rash after drug.", {"drugs": ["drug"], "events": []})
SHAPES = [{}, {"folded": True}, {"examples": [EXAMPLE]}, {"nearest": [EXAMPLE]}]


@pytest.mark.parametrize("shape", SHAPES)
def test_ade_answers_a_text_out_of_it(shape) -> None:
    content = ade(messages(TEXT, **shape))
    assert content == ade(messages(TEXT, **shape)), "always the same"
    answer = TASK.parse(content)
    assert answer.mentions
    assert all(claim.subject in TEXT and claim.object in TEXT for claim in answer.claims)


def test_ade_finds_nothing_in_too_short_a_text() -> None:
    assert json.loads(ade(messages("A rash."))) == {"drugs": [], "events": []}
    assert json.loads(ade(messages(""))) == {"drugs": [], "events": []}


@pytest.mark.parametrize("shape", SHAPES)
def test_packed_prompts_get_an_answer_for_each(shape) -> None:
    texts = [TEXT, "No.", 'Line one.\n[7]\n"Fatal" anaphylaxis after {zonko}mycin.']
    items = json.loads(ade(messages(*texts, packed=True, **shape)))["items"]
    assert [item["item"] for item in items] == [1, 2, 3]
    for item, text in zip(items, texts, strict=True):
        assert all(drug in text for drug in item["drugs"])
    assert items[1]["drugs"] == []
    assert items[2]["drugs"] == ["Fatal"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", [TEXT, "Two\n\nparagraphs.", ""])
def test_by_text_finds_the_text_in_a_prompt(shape, text) -> None:
    handler = by_text({text: {"drugs": ["x"]}}.get)
    assert json.loads(handler(messages(text, **shape))) == {"drugs": ["x"]}
    packed = handler(messages(text, packed=True, **shape))
    assert json.loads(packed) == {"items": [{"item": 1, "drugs": ["x"]}]}


def test_by_text_says_when_it_knows_no_such_text() -> None:
    with pytest.raises(LookupError):
        by_text({}.get)(messages(TEXT))
    assert json.loads(by_text({}.get)(messages(TEXT, packed=True))) == {"items": []}


def test_an_answer_asked_for_again_is_the_same() -> None:
    again = [
        *messages(TEXT),
        {"role": "assistant", "content": "{"},
        {"role": "user", "content": "That is no JSON."},
    ]
    assert ade(again) == ade(messages(TEXT))


def test_from_a_file(tmp_path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"text": TEXT, "content": '{"drugs": ["z"]}'}) + "\n\n")
    handler = from_file(path)
    assert handler(messages(TEXT)) == '{"drugs": ["z"]}'
    assert json.loads(handler(messages("Other."))) == {"drugs": [], "events": []}
    packed = json.loads(handler(messages(TEXT, "Other.", packed=True)))
    assert packed == {"items": [{"item": 1, "drugs": ["z"]}]}
