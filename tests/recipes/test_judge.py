"""`judge`: mentions come out linked as the teacher chose; what it did not choose is named."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict

import pytest

from decoct.errors import ConfigError, Faults, FormatError, RefusedError, TransientError
from decoct.formats.base import read_documents
from decoct.formats.jsonl import write_jsonl
from decoct.recipes.judge import judge, judge_file, plan_judge, read_judge_settings
from decoct.recipes.label import label
from decoct.records import Candidate, Document, Link, Relation
from decoct.teacher.backends.scripted import ScriptedBackend
from decoct.teacher.settings import LOG_NAME
from fakes.judged import (
    RIGHT,
    FakeIndex,
    in_context,
    judge_by,
    mention,
    mentions,
    question,
    read_questions,
)

TEXTS = tuple(RIGHT)


class Judge(ScriptedBackend):
    """A live scripted teacher that reads its prompts."""

    def __init__(self, right=RIGHT, **more):
        handler = judge_by(right, **more)
        self.prompts = []

        def script(request):
            self.prompts.append(request.prompt)
            system = {"role": "system", "content": request.prompt.system}
            return handler([system, {"role": "user", "content": request.prompt.user}])

        super().__init__(script, {"temperature": 0}, live=True)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log.sqlite"


def links(documents):
    return {span.text: span.link for document in documents for span in document.spans}


def test_what_comes_out(log):
    judged = judge(TEXTS, FakeIndex(), teacher=Judge(), log=log, k=6)
    assert repr(judged) == "Judged(7 mentions, 1 of them NIL, 0 refused)"
    assert [document.id for document in judged] == ["1", "2", "3", "4", "5", "6", "7"]
    assert {text: link.name for text, link in links(judged).items()} == RIGHT
    first = judged[0]
    assert (first.source, first.text) == ("silver", "couldn't keep my eyes open")
    assert first.meta["backend"] == "scripted"
    assert first.meta["model"] == "scripted"
    assert len(first.meta["prompt_hash"]) == 16
    link = first.spans[0].link
    assert (link.id, link.confidence, len(link.candidates)) == ("S1", None, 6)
    assert list(link.candidates) == list(FakeIndex().search([_query(first)], 6)[0])
    assert link.candidates[0].scores["letters"] == link.candidates[0].score
    nil = judged[6].spans[0].link
    assert (nil.id, nil.name, len(nil.candidates)) == (None, None, 6)
    assert all(Document.from_json(document.to_json()) == document for document in judged)


def _query(document):
    from decoct.kb.base import queries_of

    return next(iter(queries_of(document)))[1]


def test_how_it_is_summed_up(log):
    summary = judge(TEXTS, FakeIndex(), teacher=Judge(), log=log, k=6).summary
    n_first = sum(
        link.id == link.candidates[0].id
        for link in links(judge(TEXTS, FakeIndex(), teacher=Judge(), log=log, k=6)).values()
    )
    told = json.loads(json.dumps(summary.to_dict()))
    assert told.pop("cost")["n_calls"] == 7
    assert told == {
        **{"n_documents": 7, "n_written": 7, "n_mentions": 7, "n_judged": 7, "n_cached": 0},
        **{"n_nil": 1, "nil_share": 1 / 7, "n_first": n_first, "first_share": n_first / 7},
        **{"n_recorded": 0, "refusals": {}, "n_outvoted": 0},
        **{"prompt_tokens": 0, "completion_tokens": 0, "log_usd": 0.0},
    }


def test_the_candidate_may_be_too_few(log):
    """What is not on the list can't be chosen, and that is NIL."""
    judged = judge(["nodding off"], FakeIndex(), teacher=Judge(), log=log, k=1)
    assert links(judged)["nodding off"].candidates[0].id != "S1"
    assert links(judged)["nodding off"].ids == ()


TEXT = "Since Monday nodding off at work. My wicked back is no better, and I am bushed."


def test_all_mentions_of_a_document(log, tmp_path):
    document = in_context(TEXT, "nodding off", "wicked back", "bushed", document_id="post")
    document = document.model_copy(
        update={
            "relations": (Relation(label="With", subject="T1", object="T2"),),
            "meta": {"forum": "7", "confidence": 0.5},
        }
    )
    teacher = Judge()
    (judged,) = judge([document], FakeIndex(), teacher=teacher, log=log)
    assert {text: link.id for text, link in links([judged]).items()} == {
        "nodding off": "S1",
        "wicked back": "S5",
        "bushed": "S4",
    }
    assert judged.relations == document.relations
    assert judged.meta["forum"] == "7"
    assert judged.meta["confidence"] == 0.5, "what others found is theirs"
    assert [span.model_copy(update={"link": None}) for span in judged.spans] == list(document.spans)
    assert 'Context: "Since Monday [[nodding off]] at work.' in teacher.prompts[0].user
    judge([document], FakeIndex(), teacher=teacher, log=log, context_chars=0)
    assert "Context" not in teacher.prompts[-1].user


def test_only_the_labels_that_are_asked_for(log):
    link = Link(id="x", name="kept")
    spans = [
        span.model_copy(update={"label": label, "link": link})
        for span, label in zip(
            in_context(TEXT, "nodding off", "wicked back").spans, ("Effect", "Site"), strict=True
        )
    ]
    document = Document(id="d", text=TEXT, source="gold", spans=spans)
    teacher = Judge()
    (judged,) = judge([document], FakeIndex(), teacher=teacher, log=log, labels=("Effect",))
    assert [span.link.id for span in judged.spans] == ["S1", "x"]
    assert teacher.asked == 1
    assert 'Kind: "Effect"' in teacher.prompts[0].user
    with pytest.raises(ConfigError, match="1 documents hold no mention with the label Drug"):
        judge([document], FakeIndex(), teacher=teacher, log=log, labels=("Drug",))


# Where candidates come from


def with_candidates(text, *ids, document_id="d"):
    document = mention(text, document_id)
    link = Link(id="S4", candidates=tuple(Candidate(id=id_, name=_name(id_)) for id_ in ids))
    spans = (document.spans[0].model_copy(update={"link": link}),)
    return document.model_copy(update={"spans": spans})


def _name(entity_id):
    return FakeIndex().entity(entity_id).name


def test_candidates_of_a_former_run(log):
    documents = [
        with_candidates("nodding off", "S4", "S1", document_id="a"),
        with_candidates("wicked back", "S4", document_id="b"),
    ]
    judged = judge(documents, teacher=Judge(), log=log)
    assert [link.id for link in links(judged).values()] == ["S1", None]
    assert judged.summary.n_first == 0


def test_mentions_without_candidates_are_named(tmp_path):
    source = tmp_path / "in.jsonl"
    write_jsonl(source, [with_candidates("nodding off", "S1"), mention("bushed", "e")])
    faults = Faults()
    teacher = Judge()
    summary = judge_file(source, tmp_path / "o.jsonl", teacher=teacher, faults=faults)
    assert [str(fault) for fault in faults.kept] == ["e#T1: no candidates to choose from"]
    assert summary.refusals == {"no_candidates": 1}
    assert (summary.n_mentions, summary.n_judged, summary.n_written, teacher.asked) == (2, 1, 1, 1)


def test_no_candidates_at_all_is_a_mistake(tmp_path, log):
    with pytest.raises(ConfigError, match=r"no mention has candidates; give an --index"):
        judge(TEXTS, teacher=Judge(), log=log)
    with pytest.raises(ConfigError, match=r"1 documents hold no mention; give documents with"):
        judge([Document(id="d", text="x")], FakeIndex(), teacher=Judge(), log=log)
    empty = FakeIndex(())
    assert len(judge(TEXTS, empty, teacher=Judge(), log=log)) == 0


# Refusals


def test_the_rest_is_kept(tmp_path):
    def script(request):
        replies = {
            "wicked back": RefusedError("content_filter"),
            "bushed": TransientError("busy"),
            "eyes hurt like mad": '{"choice": 77}',
        }
        return replies.get(request.text) or '{"choice": 1}'

    linked = with_candidates("eyes hurt like mad", "S1", document_id="b")
    source = tmp_path / "in.jsonl"
    documents = [
        in_context(TEXT, "nodding off", "wicked back", document_id="a"),
        linked,
        mention("bushed", "c"),
        mention("green hair", "d"),
    ]
    write_jsonl(source, documents)
    with source.open("a") as handle:
        handle.write("nonsense\n")
    faults, out = Faults(), tmp_path / "silver.jsonl"
    quick = {"max_attempts": 2, "backoff_s": 0.001}
    backend = ScriptedBackend(script)
    summary = judge_file(source, out, FakeIndex(), teacher=backend, faults=faults, **quick)
    assert [fault.where for fault in faults.kept] == [f"{source}:5", "a#T2", "b#T1", "c#T1"]
    expected = {"content_filter": 1, "invalid_answer": 1, "unavailable": 1}
    assert summary.refusals == expected
    assert faults.counts == {**expected, "bad_line": 1}
    assert not any("back" in str(fault) or "eyes" in str(fault) for fault in faults.kept)
    kept = {document.id: document for document in read_documents(out, Faults())}
    assert list(kept) == ["a", "d"]
    assert [span.link and span.link.id is not None for span in kept["a"].spans] == [True, None]
    assert (summary.n_documents, summary.n_written) == (4, 2)
    again = ScriptedBackend(script)
    judge_file(source, out, FakeIndex(), teacher=again, **quick)
    assert again.asked == 2, "only what was unavailable, as often as it may be tried"


def test_an_interrupted_run_asks_only_for_the_rest(tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "silver.jsonl"
    write_jsonl(source, mentions(*TEXTS))
    out.write_text("old")

    class Breaking(Judge):
        async def complete(self, request):
            if request.text == "nodding off":
                raise KeyboardInterrupt
            return await super().complete(request)

    first = Breaking()
    with pytest.raises(KeyboardInterrupt):
        judge_file(source, out, FakeIndex(), teacher=first, concurrency=1)
    assert out.read_text() == "old"
    assert 0 < first.asked < 7
    second = Judge()
    summary = judge_file(source, out, FakeIndex(), teacher=second)
    assert first.asked + second.asked == 7
    assert summary.asking.n_cached == first.asked
    assert len(list(read_documents(out, Faults()))) == 7
    assert (tmp_path / LOG_NAME).is_file()


# How it is asked


@pytest.mark.parametrize(
    "settings",
    [
        {"pack": 3},
        {"shuffle": True, "samples": 3},
        {"shuffle": True, "samples": 3, "pack": 4, "reasoning": True},
        {"show_ids": True},
        {"aliases": 0, "definition_chars": 0},
    ],
)
def test_however_it_is_asked_the_choices_are_the_same(log, settings):
    judged = judge(TEXTS, FakeIndex(), teacher=Judge(), log=log, **settings)
    assert {text: link.name for text, link in links(judged).items()} == RIGHT
    if "samples" in settings:
        assert {link.confidence for link in links(judged).values()} == {1.0}
    expected = [candidate.id for candidate in FakeIndex().search([_query(judged[0])], 20)[0]]
    shown = [candidate.id for candidate in links(judged)[TEXTS[0]].candidates]
    assert shown == expected, "best first, however they were shown"


def test_samples_that_differ_are_less_sure(log):
    choices = iter(["1", "1", "2", "0", "0", "0"])
    teacher = ScriptedBackend(lambda _: next(choices), {"temperature": 1}, live=True)
    judged = judge(["bushed", "green"], FakeIndex(), teacher=teacher, log=log, samples=3)
    first, second = links(judged).values()
    assert first.confidence == pytest.approx(2 / 3)
    assert (second.id, second.confidence) == (None, 1.0)
    assert judged.summary.asking.n_outvoted == 1


def test_certainty_is_a_confidence(log):
    for letter, confidence in {"h": 0.9, "m": 0.7, "l": 0.4}.items():
        teacher = Judge(certainty=letter)
        judged = judge(
            ["bushed"],
            FakeIndex(),
            teacher=teacher,
            log=log.with_name(letter),
            certainty=True,
            certainties={"l": 0.4},
        )
        assert links(judged)["bushed"].confidence == confidence
        assert '"certainty"' in teacher.prompts[0].system


def test_the_same_mention_twice_is_asked_once(log):
    teacher = Judge()
    judged = judge(["bushed", "bushed"], FakeIndex(), teacher=teacher, log=log, shuffle=True)
    assert (len(judged), teacher.asked) == (2, 1)
    in_text = [in_context(f"I am bushed {n}.", "bushed", document_id=f"d{n}") for n in range(2)]
    judge(in_text, FakeIndex(), teacher=teacher, log=log, shuffle=True)
    assert teacher.asked == 3, "in another context it may mean something else"


# Few-shot


def gold_file(tmp_path):
    path = tmp_path / "gold.tsv"
    rows = ["S1\tfalling asleep all day", "S4\tso bushed today", "S5\tlousy back", "-1\tgreen ears"]
    path.write_text("".join(f"{row}\n" for row in ["concept_id\tmention", *rows]))
    return path


def test_static_and_nearest_examples(log, tmp_path):
    gold = gold_file(tmp_path)
    teacher = Judge()
    judged = judge(
        ["bushed", "wicked back"],
        FakeIndex(),
        teacher=teacher,
        log=log,
        concurrency=1,
        examples=gold,
        n_examples=1,
        n_nearest=2,
    )
    assert [link.name for link in links(judged).values()] == ["Tired", "Back pain"]
    first, second = teacher.prompts
    assert first.system == second.system
    assert '"falling asleep all day" -> Drowsy' in first.system
    assert first.user.index('"so bushed today" -> Tired') < first.user.index("Now choose")
    near = second.user.split("Now choose")[0]
    assert near.index("so bushed today" if "so bushed" in near else "green ears") < near.index(
        '"lousy back" -> Back pain'
    )
    assert "falling asleep" not in near, "it stands above already"


def test_examples_with_their_candidates(log, tmp_path):
    gold, index, teacher = gold_file(tmp_path), FakeIndex(), Judge()
    judge(["bushed"], index, teacher=teacher, log=log, examples=gold, example_candidates=6)
    system = teacher.prompts[0].system
    assert system.count("Right: ") == 4
    assert "Right: 0" in system
    questions = read_questions(system)
    assert [text for text, _ in questions] == [
        "falling asleep all day",
        "so bushed today",
        "lousy back",
        "green ears",
    ]
    numbers = [int(part.split()[0]) for part in system.split("Right: ")[1:]]
    assert [
        next((name for name, n in names.items() if n == number), None)
        for number, (_, names) in zip(numbers, questions, strict=True)
    ] == ["Drowsy", "Tired", "Back pain", "none of these"]


def test_pairs_need_no_search(log, tmp_path):
    index = FakeIndex()
    judge(["bushed"], index, teacher=Judge(), log=log, examples=gold_file(tmp_path))
    assert [query.text for query in index.queries] == ["bushed"]


def test_wrong_examples_are_said_before_anything_is_paid(log, tmp_path):
    gold = gold_file(tmp_path)
    gold.write_text(gold.read_text() + "X9\tnobody knows\n")
    teacher = Judge()
    with pytest.raises(ConfigError, match=r"gold\.tsv:6#T1: its entry has no name"):
        judge(["bushed"], FakeIndex(), teacher=teacher, log=log, examples=gold)
    assert teacher.asked == 0


# What can not be


def test_what_is_wrong_is_said(tmp_path, log):
    source = tmp_path / "in.jsonl"
    write_jsonl(source, mentions("bushed"))
    with pytest.raises(ConfigError, match="k: "):
        judge(["x"], FakeIndex(), teacher=Judge(), log=log, k=0)
    with pytest.raises(ConfigError, match=r"certainties\.h"):
        judge(["x"], FakeIndex(), teacher=Judge(), log=log, certainties={"h": 2})
    with pytest.raises(ConfigError, match="the teacher is made already"):
        judge(["x"], FakeIndex(), teacher=Judge(), log=log, shufle=True)
    with pytest.raises(ConfigError, match="temperature 0"):
        judge(["x"], FakeIndex(), teacher=Judge(), log=log, samples=3)
    with pytest.raises(ConfigError, match="pack, examples: --teacher scripted does not read"):
        judge(["x"], FakeIndex(), teacher=ScriptedBackend({}), log=log, pack=2, examples=source)
    source.write_text("")
    with pytest.raises(FormatError, match="is empty"):
        judge_file(source, tmp_path / "o.jsonl", FakeIndex(), teacher=Judge())
    assert not (tmp_path / "o.jsonl").exists()


def test_label_takes_questions_and_says_what_is_none(log):
    asked = question("Drowsy", "Tired", text="bushed")
    silver = label([asked], task="choice", teacher=Judge(), log=log)
    assert [document.label for document in silver] == ["E2"]
    with pytest.raises(ConfigError, match=r"'1' is no question about a mention.*decoct judge"):
        label(["bushed"], task="choice", teacher=Judge(), log=log)


def test_protected_text_stays(log, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-key-1234567890")
    document = mention("bushed").model_copy(update={"meta": {"contains_phi": True}})
    with pytest.raises(ConfigError, match="marked contains_phi"):
        judge(
            [document], FakeIndex(), teacher="openai:m", log=log, base_url="http://llm.invalid/v1"
        )


def test_settings_of_a_file(tmp_path):
    (tmp_path / "gold.tsv").write_text("")
    config = tmp_path / "judge.toml"
    config.write_text(
        'teacher = "openai:m"\nk = 5\nshuffle = true\nexamples = "gold.tsv"\n'
        "[certainties]\nh = 0.8\n[options]\ntemperature = 0.5\n"
    )
    settings = read_judge_settings(config, {"k": 7, "shuffle": False, "max_tokens": 9})
    assert (settings.k, settings.shuffle, settings.examples) == (7, False, tmp_path / "gold.tsv")
    assert settings.certainties.model_dump() == {"h": 0.8, "m": 0.7, "l": 0.5}
    assert settings.options == {"temperature": 0.5, "max_tokens": 9}
    config.write_text("shufle = true\n")
    with pytest.raises(ConfigError, match="did you mean 'shuffle'"):
        read_judge_settings(config, {})


# The dry run


@pytest.mark.parametrize("pack", [1, 4])
def test_what_it_would_cost(tmp_path, pack):
    source, out = tmp_path / "in.jsonl", tmp_path / "silver.jsonl"
    write_jsonl(source, mentions(*TEXTS))
    teacher = Judge()
    plan = plan_judge(source, out, FakeIndex(), teacher=teacher, pack=pack)
    assert (plan.n_documents, plan.n_calls, plan.n_cached) == (7, -(-7 // pack), 0)
    assert plan.prompt_tokens > plan.n_calls * 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]
    judge_file(source, out, FakeIndex(), teacher=teacher, pack=pack)
    assert teacher.asked == plan.n_calls
    plan = plan_judge(source, out, FakeIndex(), teacher=teacher, pack=pack)
    assert (plan.n_calls, plan.n_cached) == (0, 7)


# Recordings


def record(path, *lines):
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return f"replay:{path}"


LINE = {
    "id": "r1",
    "mention": "bushed",
    "candidates": [{"id": "S5", "name": "Back pain"}, {"id": "S4", "name": "Tiredness"}],
    "choice": "S4",
    "confidence": "m",
}


def test_a_recording_chooses_among_its_own_candidates(log, tmp_path):
    nil = {**LINE, "id": "r2", "mention": "green hair", "choice": None, "confidence": "h"}
    spec = record(tmp_path / "r.jsonl", LINE, nil)
    documents = [with_candidates("bushed", "S1"), mention("green hair", "e")]
    for index in (None, FakeIndex()):
        judged = judge(documents, index, teacher=spec, log=log)
        first, second = links(judged).values()
        assert (first.id, first.name, first.confidence) == ("S4", "Tiredness", 0.7)
        assert [candidate.id for candidate in first.candidates] == ["S5", "S4"]
        assert (second.id, second.confidence) == (None, 0.9)
        assert judged.summary.n_recorded == 2
        assert [bool(one.scores) for one in first.candidates] == [index is not None] * 2
    assert judged[0].meta["prompt_hash"].startswith("recording:")


def test_what_a_recording_has_not_is_named(log, tmp_path):
    other = {**LINE, "mention": "wicked back", "choice": "S9"}
    spec = record(tmp_path / "r.jsonl", LINE, other)
    faults = Faults()
    source = tmp_path / "in.jsonl"
    write_jsonl(source, mentions("bushed", "Bushed", "wicked back"))
    summary = judge_file(source, tmp_path / "o.jsonl", teacher=spec, faults=faults)
    assert summary.refusals == {"no_recorded_answer": 1, "invalid_answer": 1}
    assert [fault.where for fault in faults.kept] == ["d1#T1", "d2#T1"]
    assert "none of the candidates" in faults.kept[1].reason


def test_a_recording_reads_no_prompt(log, tmp_path):
    spec = record(tmp_path / "r.jsonl", LINE)
    for settings in ({"pack": 2}, {"samples": 2}, {"examples": gold_file(tmp_path)}):
        with pytest.raises(ConfigError, match="replay does not read the prompt"):
            judge(["bushed"], teacher=spec, log=log, **settings)


RECORDINGS = {
    ("askapatient", "claude"): (750, 64.4, 35),
    ("askapatient", "claude-fewshot"): (750, 74.3, 27),
    ("icd10_zh", "claude"): (600, 66.0, 142),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", RECORDINGS, ids="/".join)
def test_the_real_recordings_score_as_documented(shared, tmp_path, name):
    """A choice is right where it is any of the concepts that train.tsv has for the mention."""
    n, documented, n_nil = RECORDINGS[name]
    folder = shared / "data" / "linking" / name[0]
    recording = folder / "teacher" / f"{name[1]}.jsonl.gz"
    with gzip.open(recording, "rt", encoding="utf-8") as lines:
        asked = [json.loads(line)["mention"] for line in lines]
    gold = defaultdict(set)
    with (folder / "train.tsv").open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE):
            gold[row["mention"]].add(row["concept_id"])
    judged = judge(asked, teacher=f"replay:{recording}", log=tmp_path / "log.sqlite")
    assert len(judged) == judged.summary.n_recorded == n
    assert judged.summary.n_nil == n_nil
    assert not judged.summary.refusals
    found = [(document.text, document.spans[0].link) for document in judged]
    right = sum(link.id in gold[text] for text, link in found)
    assert round(100 * right / n, 1) == documented
    assert all(len(link.candidates) == 20 for _, link in found)
    sure = [link.id in gold[text] for text, link in found if link.confidence == 0.9]
    unsure = [link.id in gold[text] for text, link in found if link.confidence == 0.5]
    assert sum(sure) / len(sure) > 0.75 > 0.5 > sum(unsure) / len(unsure)
