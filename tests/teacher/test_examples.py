"""A file of examples: a wrong one is named before it costs anything."""

import gzip
import json

import pytest

from decoct.errors import ConfigError, StoreError
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Example
from decoct.tasks.choice import CandidateChoice
from decoct.teacher.examples import read_examples
from fakes.drugs import corpus
from fakes.judged import question

GOOD = {
    "text": "Rash after gold.",
    "answer": {"drugs": ["gold"], "events": [{"drug": "gold", "effect": "Rash"}]},
}


def written(path, *lines):
    path.write_text(
        "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
    )
    return path


def with_events(*events, text=GOOD["text"], drugs=("gold",)):
    return {"text": text, "answer": {"drugs": list(drugs), "events": list(events)}}


def test_documents_and_answers_are_read(tmp_path):
    documents = corpus(5)
    lines = [
        *(document.to_json() for document in documents),
        GOOD,
        {**GOOD, "id": "x", "text": "Rash: gold"},
    ]
    path = written(tmp_path / "shots.jsonl", *lines[:-2], "", lines[-2], lines[-1])
    examples = read_examples(path, ade)
    assert examples == (
        *(Example(document.text, ade.answer(document)) for document in documents),
        Example(GOOD["text"], GOOD["answer"]),
        Example("Rash: gold", GOOD["answer"]),
    )
    packed = tmp_path / "shots.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_examples(packed, ade) == examples


def test_a_document_in_which_there_is_nothing_says_so(tmp_path):
    nothing = {"id": "a", "text": "Secret.", "source": "gold"}
    assert read_examples(written(tmp_path / "a.jsonl", nothing), ade)[0].answer == {
        "drugs": [],
        "events": [],
    }


RASH = {"drug": "gold", "effect": "Rash"}
SECRET = {"drug": "gold", "effect": "secret"}
WRONG = {
    "no JSON": ("{", "is not JSON"),
    "a number": ("1", "is not an object"),
    "no text": ({"answer": GOOD["answer"]}, "text: Field required"),
    "another key": ({**GOOD, "secrets": 1}, "secrets: Extra inputs"),
    "no answer": ({**GOOD, "answer": "secret"}, "answer: Input should be a valid dictionary"),
    "nothing known": ({"id": "a", "text": "secret"}, "has no annotations"),
    "no document": ({"text": "secret"}, "id: Field required"),
    "offsets": (
        {
            "id": "a",
            "text": "secret",
            "spans": [{"id": "T1", "start": 0, "end": 3, "label": "Drug", "text": "x"}],
        },
        "contradicts its text",
    ),
    "a list missing": ({**GOOD, "answer": {"events": []}}, "answer must have drugs, events and"),
    "another name": (
        {**GOOD, "answer": {"drugs": ["gold"], "relations": []}},
        "answer must have drugs, events and",
    ),
    "a field more": (
        with_events({**RASH, "sure": "secret"}),
        "events.0 must have drug, effect",
    ),
    "a list for a string": (
        with_events({**RASH, "drug": ["gold"]}),
        "events.0.drug is not of",
    ),
    "not in the text": (with_events(RASH, SECRET), "events.1.effect is not in its text"),
    "another case": (with_events({**RASH, "effect": "rash"}), "events.0.effect is not in its text"),
    "another spacing": (with_events(drugs=["gold", "after  gold"]), "drugs.1 is not in its text"),
    "blank": (with_events({**RASH, "effect": " "}), "events.0.effect can't be placed in its text"),
    "too long": (
        with_events(text="secret " * 200, drugs=["secret " * 200]),
        "drugs.0 can't be placed in its text",
    ),
    "half a letter": (
        '{"text": "\\ud83d", "answer": {"drugs": ["\\ud83d"], "events": []}}',
        "surrogate",
    ),
}


@pytest.mark.parametrize(("line", "told"), WRONG.values(), ids=WRONG)
def test_a_wrong_example_is_named_without_its_words(tmp_path, line, told):
    path = written(tmp_path / "shots.jsonl", GOOD, line)
    with pytest.raises(ConfigError) as caught:
        read_examples(path, ade)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert told in str(caught.value)
    assert "secret" not in str(caught.value).removeprefix(f"{path}:2: secrets")
    assert "\n" not in str(caught.value)


def test_every_wrong_line_is_named_or_counted(tmp_path):
    path = written(tmp_path / "a.jsonl", GOOD, GOOD, "{", with_events(SECRET, text="Gold."))
    with pytest.raises(ConfigError) as caught:
        read_examples(path, ade)
    assert str(caught.value) == (
        f"{path}:2: has the text of line 1 again; {path}:3: is not JSON; "
        f"{path}:4: drugs.0 is not in its text; events.0.drug is not in its text; "
        "events.0.effect is not in its text"
    )
    path = written(tmp_path / "b.jsonl", *["{"] * 12)
    with pytest.raises(ConfigError, match=r":5: is not JSON; and 7 more such lines$"):
        read_examples(path, ade)
    path.write_bytes(b'{"text": "\xff"}\n')
    with pytest.raises(ConfigError, match=r":1: not UTF-8"):
        read_examples(path, ade)


def test_a_file_without_examples(tmp_path):
    for content in ("", "\n \n"):
        (tmp_path / "a.jsonl").write_text(content)
        with pytest.raises(ConfigError, match=r"a\.jsonl: holds no examples; write one a line"):
            read_examples(tmp_path / "a.jsonl", ade)
    with pytest.raises(StoreError, match=r"none\.jsonl: can't be read"):
        read_examples(tmp_path / "none.jsonl", ade)


def test_examples_of_labels(tmp_path):
    asked = question("Drowsy", "Eye pain").model_copy(update={"label": "E2"})
    path = written(tmp_path / "a.jsonl", asked.to_json())
    task = CandidateChoice()
    (example,) = read_examples(path, task)
    assert example == Example("nodding off", {"choice": 2}, task.question(asked, 0))
    written(path, asked.model_copy(update={"meta": {}}).to_json())
    with pytest.raises(ConfigError, match="no question about a mention"):
        read_examples(path, task)
    for answer, told in {
        '{"choice": "2", "certainty": "h"}': "choice is not of type integer",
        '{"choice": 2, "certainty": "secret"}': "certainty must be one of h, m, l",
        '{"choice": 2}': "answer must have choice, certainty and nothing else",
    }.items():
        written(path, f'{{"text": "secret", "answer": {answer}}}')
        with pytest.raises(ConfigError, match=told) as caught:
            read_examples(path, CandidateChoice(certainty=True))
        assert "secret" not in str(caught.value)
