"""Tasks that a TOML file declares: prompt, schema, parser, and what of it is refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import AnswerError, ConfigError, StoreError
from decoct.records import Document, Relation, Span
from decoct.tasks.base import (
    LabelTask,
    QuestionTask,
    RelationType,
    SpanTask,
    get_span_task,
    get_task,
    span_labels,
)
from decoct.teacher.examples import read_examples
from decoct.teacher.grounding import ground

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "tasks").glob("*.toml"))
MANY = """
name = "many"
nested = true

[entities]
Gene = "a gene"
Variant = "a variant"
Drug = ""
Cancer = "a tumour"
Age = "an age"

[relations.HITS]
subject = ["Gene", "Variant"]
object = ["Drug", "Cancer"]
[relations.IN]
subject = "Variant"
object = "Gene"
"""
PAIRS = """
name = "pairs"
second = "premise"
first_called = "Claim"
second_called = "Report"
positive = "yes"
[labels]
yes = "it follows"
"not so" = ""
[[examples]]
text = "A."
second = "B."
label = "yes"
"""


@pytest.fixture
def declared(tmp_path):
    def make(toml):
        (tmp_path / "task.toml").write_text(toml, encoding="utf-8")
        return get_task(str(tmp_path / "task.toml"))

    return make


def document(text, *spans, pairs=()):
    made = [
        Span(id=f"T{n}", start=text.index(s), end=text.index(s) + len(s), label=label, text=s)
        for n, (label, s) in enumerate(spans)
    ]
    relations = [Relation(label=label, subject=f"T{s}", object=f"T{o}") for label, s, o in pairs]
    return Document(id="d", text=text, spans=made, relations=relations)


def test_what_is_tagged_and_what_is_found_through_relations(declared):
    task = declared(MANY)
    assert isinstance(task, SpanTask)
    assert task.tagged == ("Gene", "Variant", "Age")  # Gene is an object too, but also a subject
    assert task.relation_types == (
        RelationType("HITS", "Gene", "Drug"),
        RelationType("HITS", "Gene", "Cancer"),
        RelationType("HITS", "Variant", "Drug"),
        RelationType("HITS", "Variant", "Cancer"),
        RelationType("IN", "Variant", "Gene"),
    )
    assert not task.exclusive
    fields = task.schema["properties"]["relations"]["items"]["properties"]
    assert list(fields) == ["label", "subject_label", "subject", "object_label", "object"]
    assert fields["object_label"]["enum"] == ["Drug", "Cancer", "Gene"]
    prompt = task.prompt("BRAF {{ x }}").system
    assert '- "HITS", from "Gene" or "Variant" to "Drug" or "Cancer"\n' in prompt
    assert '"Cancer" is a tumour.\n' in prompt
    assert '- "Drug"' not in prompt
    assert "{{" not in prompt
    assert task.prompt("BRAF {{ x }}").user == "BRAF {{ x }}"


TEXT = "In NSCLC, EGFR T790M resists erlotinib at 60, EGFR too."


def test_an_answer_and_back(declared):
    task = declared(MANY)
    made = document(
        TEXT,
        ("Variant", "EGFR T790M"),
        ("Gene", "EGFR"),
        ("Drug", "erlotinib"),
        ("Cancer", "NSCLC"),
        ("Age", "60"),
        pairs=[("HITS", 0, 2), ("HITS", 1, 3), ("IN", 0, 1)],
    )
    answer = task.answer(made)
    assert answer["spans"] == [
        {"label": "Gene", "text": "EGFR"},
        {"label": "Variant", "text": "EGFR T790M"},
        {"label": "Age", "text": "60"},
    ]
    parsed = task.parse(json.dumps(answer))
    found = ground(task, TEXT, parsed)
    again = Document(id="d", text=TEXT, spans=found.spans, relations=found.relations)
    said = task.answer(again)
    assert said["spans"] == answer["spans"]
    assert {tuple(one.values()) for one in said["relations"]} == {
        tuple(one.values()) for one in answer["relations"]
    }
    kinds = {(relation.label, one.label, other.label) for relation, one, other in again.pairs()}
    assert kinds == {
        ("HITS", "Variant", "Drug"),
        ("HITS", "Gene", "Cancer"),
        ("IN", "Variant", "Gene"),
    }
    genes = [span.start for span in again.spans if span.label == "Gene"]
    assert genes == [TEXT.index("EGFR"), TEXT.rindex("EGFR")]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"subject": "T790M", "object": "x"}, ("Variant", "Drug")),  # as the span is called
        ({"subject": "y", "object": "x", "object_label": "CANCER"}, ("Gene", "Cancer")),
        ({"subject": "y", "subject_label": "variant", "object": "x"}, ("Variant", "Drug")),
        ({"subject": "y", "object": "x"}, ("Gene", "Drug")),  # nothing tells: the first
    ],
)
def test_what_a_relation_is_between(declared, said, kind):
    content = {
        "entities": [{"type": "variant", "text": "T790M"}, {"type": "drug", "text": "z"}],
        "relations": [{"type": "hits", **said}],
    }
    answer = declared(MANY).parse(f"```json\n{json.dumps(content)}\n```")
    assert [claim.type[1:] for claim in answer.claims] == [kind]
    assert ("Drug", "z") not in answer.mentions  # drugs are asked for through relations


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"spans": [{"label": "Organ", "text": "liver"}], "relations": []}', "spans.0.label"),
        ('{"spans": [], "relations": [{"label": "X", "subject": "a", "object": "b"}]}', "HITS, IN"),
        (
            '{"spans": [], "relations": [{"label": "IN", "subject": "a", "object": "b",'
            ' "object_label": "Drug"}]}',
            "object_label is none of: Gene",
        ),
        ('{"spans": [{"label": "Gene"}]}', "does not fit the many schema"),
        ("none", "JSON"),
    ],
)
def test_answers_that_do_not_fit(declared, content, message):
    with pytest.raises(AnswerError, match=message) as raised:
        declared(MANY).parse(content)
    assert "liver" not in str(raised.value)


def test_exclusive_spans_do_not_nest(declared):
    task = declared('name = "t"\n[entities]\nName = "n"\nPlace = "p"\n')
    assert task.exclusive
    assert not task.relation_types
    assert list(task.schema["properties"]) == ["spans"]
    said = [{"label": "Place", "text": "Jo"}, {"label": "Name", "text": "Jo Ames"}]
    found = ground(task, "Jo Ames of Jo", task.parse(json.dumps({"spans": said})))
    assert [(span.label, span.start) for span in found.spans] == [("Name", 0), ("Place", 11)]


def test_a_pair_of_texts(declared):
    task = declared(PAIRS)
    assert isinstance(task, LabelTask)
    assert isinstance(task, QuestionTask)
    assert (task.labels, task.positive, task.second) == (("yes", "not so"), "yes", "premise")
    asked = Document(id="d", text='Claim "x".\nReport: y', label="yes", meta={"premise": "Z\n."})
    question = task.question(asked, 0)
    assert question == 'Report: "Z\\n."\nClaim: "Claim \\"x\\".\\nReport: y"'
    prompt = task.prompt(question)
    assert prompt.user == question
    assert 'Report: "B."\nClaim: "A."\nRight: "yes"' in prompt.system
    assert task.answer(asked) == {"label": "yes"}
    with pytest.raises(ConfigError, match=r"'d' has no text in meta\.premise"):
        task.question(asked.model_copy(update={"meta": {}}), 0)
    with pytest.raises(ConfigError, match="class None"):
        task.answer(asked.bare())


@pytest.mark.parametrize(
    ("content", "label", "confidence"),
    [
        ('{"label": "yes", "certainty": "h"}', "yes", 0.9),
        ('{"label": "Not_So", "certainty": "low"}', "not so", 0.5),
        ("Yes.", "yes", None),
        ('Well: {"answer": "NOT SO"}', "not so", None),
    ],
)
def test_classes_as_teachers_write_them(declared, content, label, confidence):
    answer = declared(PAIRS).parse(content)
    assert (answer.label, answer.confidence) == (label, confidence)


@pytest.mark.parametrize("content", ['{"label": "maybe"}', '{"label": "yes", "answer": "not so"}'])
def test_a_class_that_is_none(declared, content):
    with pytest.raises(AnswerError, match="one of: yes, not so"):
        declared(PAIRS).parse(content)


def test_one_text_is_shown_as_it_is(declared):
    task = declared(PAIRS.replace('second = "premise"\n', "").replace('second = "B."\n', ""))
    assert not isinstance(task, QuestionTask)
    assert task.prompt("A {{ b }}").user == "A {{ b }}"
    assert 'Text: "A."\nRight: "yes"' in task.prompt("x").system


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('name = "x"', "not both"),
        ('name = "x"\n[entities]\nA = ""\n[labels]\nb = ""\nc = ""', "not both"),
        ('name = "x"\n[labels]\nb = ""', "two classes"),
        ('name = "x y"\n[entities]\nA = ""', "name"),
        ('name = "x"\nabuot = ""\n[entities]\nA = ""', r"'abuot' \(did you mean 'about'\?\)"),
        ('name = "x"\npositive = "d"\n[labels]\nb = ""\nc = ""', "positive: no 'd'"),
        (
            'name = "x"\n[entities]\nDrug = ""\n[relations.R]\nsubject = "Drug"\nobject = "Drog"',
            r"relations\.R\.object: no 'Drog' \(did you mean 'Drug'\?\)",
        ),
        (
            'name = "x"\n[entities]\nA = ""\n[[examples]]\ntext = "Rash"\nspans = [["A", "rash"]]',
            "not in its text",
        ),
        ('name = "x"\nprompt = "gone.jinja"\n[entities]\nA = ""', "beside it"),
        ("name = ", "not valid TOML"),
    ],
)
def test_files_that_contradict_themselves(declared, toml, message):
    with pytest.raises(ConfigError, match=message) as raised:
        declared(toml)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match=r"gone\.toml"):
        get_task(str(tmp_path / "gone.toml"))


def test_a_prompt_of_ones_own(declared, tmp_path):
    (tmp_path / "own.jinja").write_text(
        "{% block system %}{{ task.name }}: {{ tagged.A }}{% endblock %}"
        "{% block user %}<{{ texts[0] }}>{% endblock %}",
        encoding="utf-8",
    )
    task = declared('name = "x"\nprompt = "own.jinja"\n[entities]\nA = "what"')
    prompt = task.prompt("t")
    assert (prompt.system, prompt.user) == ("x: what", "<t>")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_shipped_examples(path, tmp_path):
    task = get_span_task(str(path))
    packed = task.prompt("a", "b", packed=True)
    assert all(label in packed.system for label in span_labels(task))
    assert '{"items": [{"item": 1, "spans": [' in packed.system
    if task.file.examples:  # each is what its own task would take from a file of examples
        lines = [{"text": one.text, "answer": one.answer} for one in task._shown]
        file = tmp_path / "shown.jsonl"
        file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        assert read_examples(file, task) == task._shown


@given(st.lists(st.tuples(st.sampled_from(["Gene", "Age"]), st.text(max_size=5)), max_size=5))
def test_any_strings_come_through(spans):
    task = get_task(str(EXAMPLES[2]))
    named = [("Gene" if label == "Gene" else "Variant", text) for label, text in spans]
    said = {"spans": [{"label": label, "text": text} for label, text in named], "relations": []}
    assert task.parse(json.dumps(said)).mentions == tuple(dict.fromkeys(named))
