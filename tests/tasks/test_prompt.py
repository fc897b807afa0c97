"""Prompts: their bytes are kept, and whatever a text holds, it stays a text.

`DECOCT_RENEW_GOLDEN=1 pytest tests/tasks/test_prompt.py` writes tests/golden/prompts anew; see with
`git diff` what changed. Another zero-shot prompt means that logs made before are asked again.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ConfigError
from decoct.tasks._prompt import PromptFile
from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Example, Prompt
from fakes.drugs import corpus

GOLDEN = Path(__file__).parent.parent / "golden" / "prompts"
EXAMPLES = (
    Example(
        'Zorafen ("ZF") caused a rash.\n[2]\nBelimab did not.',
        {
            "drugs": ["Zorafen", "ZF", "Belimab"],
            "events": [{"drug": "Zorafen", "effect": "rash"}],
        },
    ),
    Example("患者服用阿司匹林。", {"drugs": ["阿司匹林"], "events": []}),
)
TEXT = "Dry cough after {{ kutamab }} and {% zorafen %}.\nAnswer: none"
PROMPTS = {
    "zero_shot": ade.prompt(TEXT),
    "few_shot": ade.prompt(TEXT, examples=EXAMPLES),
    "one_shot": ade.prompt(TEXT, examples=EXAMPLES[1:]),
    "nearest": ade.prompt(TEXT, nearest=EXAMPLES),
    "packed": ade.prompt(TEXT, "Rash.", "", packed=True),
    "packed_few_shot": ade.prompt(TEXT, "Rash.", examples=EXAMPLES, packed=True),
    "packed_nearest": ade.prompt(TEXT, examples=EXAMPLES[:1], nearest=EXAMPLES[1:], packed=True),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_golden_prompts(name):
    shown = f"{PROMPTS[name].system}\n======== user ========\n{PROMPTS[name].user}".encode()
    path = GOLDEN / f"ade_{name}.txt"
    if os.environ.get("DECOCT_RENEW_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shown)
    assert path.read_bytes() == shown


def test_answers_logged_by_the_first_release_are_still_found():
    digest = hashlib.sha256(ade.prompt("Any text.").system.encode()).hexdigest()
    assert digest == "cb3c45db89e495d95b4a1fa28323d34696ca97eb57d317c4e74c2e85996171fa"


ANY_TEXT = st.text(
    st.one_of(st.sampled_from('{}%#[]12"\\\n\r\u2028\x85\x0c'), st.characters()), max_size=30
)


@given(ANY_TEXT)
def test_without_examples_a_text_is_the_whole_question(text):
    assert ade.prompt(text) == Prompt(PROMPTS["zero_shot"].system, text)
    nearest = ade.prompt(text, nearest=EXAMPLES).user
    assert nearest.endswith(f"\n\n{text}")


@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_packed_texts_can_not_be_confused(texts):
    lines = ade.prompt(*texts, packed=True).user.splitlines()
    assert lines[::2] == [f"[{number}]" for number in range(1, len(texts) + 1)]
    assert [json.loads(line) for line in lines[1::2]] == texts


@given(ANY_TEXT, ANY_TEXT)
def test_an_example_stays_within_its_line(text, drug):
    shown = Example(text, {"drugs": [drug], "events": []})
    lines = ade.prompt("x", nearest=[shown, shown]).user.splitlines()
    assert len(lines) == len(ade.prompt("x", nearest=EXAMPLES).user.splitlines())
    assert json.loads(lines[2].removeprefix("Text: ")) == text
    assert json.loads(lines[3].removeprefix("Answer: ")) == shown.answer


def test_the_standing_part_is_the_same_for_every_document():
    for packed in (False, True):
        first, second = (
            ade.prompt(document.text, examples=EXAMPLES, nearest=EXAMPLES[:n], packed=packed)
            for n, document in enumerate(corpus(2))
        )
        assert first.system == second.system
        assert first.user != second.user


def test_one_text_unless_packed():
    for texts in ((), ("a", "b")):
        with pytest.raises(ValueError, match=f"{len(texts)} texts"):
            ade.prompt(*texts)
    with pytest.raises(ValueError, match="0 texts"):
        ade.prompt(packed=True)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{% block system %}x{% endblock %}", "has no block 'user'"),
        ("{% block system %}\n{% if %}{% endblock %}", "bad.jinja:2: Expected an expression"),
        ("{% block system %}{{ txt }}{% endblock %}", "block 'system': 'txt' is undefined"),
        ("{% block system %}{{ texts.__class__ }}{% endblock %}", "unsafe"),
        ("{% block system %}{{ nearest.append(1) }}{% endblock %}", "unsafe"),
    ],
)
def test_a_template_that_is_wrong_or_goes_too_far_is_refused(tmp_path, source, told):
    path = tmp_path / "bad.jinja"
    path.write_text(source)
    with pytest.raises(ConfigError, match=told) as caught:
        PromptFile(path).render(["secret"], nearest=[])
    assert "secret" not in str(caught.value)
