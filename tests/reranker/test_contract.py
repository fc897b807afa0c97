"""What holds for every re-ranker the day that it appears on its shelf."""

import dataclasses
import inspect
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from decoct.config import Settings
from decoct.errors import ArtifactError, ConfigError, DecoctError
from decoct.kb.base import Query
from decoct.records import Candidate
from decoct.reranker.artifact import get_kind, load_reranker
from decoct.reranker.base import KINDS, Choice, Question
from fakes.choices import KB, choices, lookup
from fakes.rerankers import LEARNT

NAMES = KINDS.names()
ASKED = [choice.question for choice in choices(12, seed=5)]
LONG = "sore belifia itis " * 556
on_each = pytest.mark.parametrize("kind", NAMES)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, atol=2e-4, rtol=1e-3)


def one_line(caught):
    assert "\n" not in str(caught.value)


@pytest.fixture
def saved(taught, tmp_path):
    def save(kind):
        taught(kind).save(tmp_path / kind)
        return tmp_path / kind

    return save


def test_all_three_are_there():
    assert {"features", "cross_encoder", "causal_lm"} <= set(NAMES)


@on_each
def test_it_says_who_it_is(kind):
    plugin = get_kind(kind)
    assert plugin.kind == kind
    assert plugin.__doc__
    assert sys.modules[plugin.__module__].__doc__
    assert issubclass(plugin.settings_type, Settings)
    bases = [base for base in plugin.settings_type.__mro__ if issubclass(base, Settings)]
    documented = "".join(inspect.getdoc(base) or "" for base in bases)
    assert all(f"    {name}: " in documented for name in plugin.settings_type.model_fields)


@on_each
def test_a_wrong_setting_is_refused_with_the_nearest(kind, quick):
    name = next(iter(get_kind(kind).settings_type.model_fields))
    with pytest.raises(ConfigError, match=f"{kind}: unknown key '{name}x'.*{name}") as caught:
        get_kind(kind).fit(LEARNT, lookup, {**quick(kind), f"{name}x": 1})
    one_line(caught)


@on_each
def test_choices_that_teach_nothing_are_refused(kind, quick):
    empty = Choice(Question(Query("a"), ()), 0)
    outside = dataclasses.replace(LEARNT[0], target=9)
    heavy = dataclasses.replace(LEARNT[0], weight=2.0)
    for wrong, words in (
        ([], "0 choices"),
        ([empty], "1 choices with not one candidate"),
        ([dataclasses.replace(LEARNT[0], weight=0.0)], "too few to learn from"),
        ([LEARNT[0], outside], "choice 2: target 9 is not one of 4 candidates"),
        ([LEARNT[0], heavy], r"choice 2: weight 2\.0"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            get_kind(kind).fit(wrong, lookup, quick(kind))
        one_line(caught)


@on_each
def test_there_is_a_logit_for_each_candidate_and_one_for_nil(kind, taught):
    found = taught(kind).scores(ASKED, lookup)
    assert [row.shape for row in found] == [(len(q.candidates) + 1,) for q in ASKED]
    assert all(row.dtype == np.float32 and np.isfinite(row).all() for row in found)
    assert len({tuple(row.tolist()) for row in found}) == len(ASKED)
    assert taught(kind).scores([], lookup) == []


@on_each
def test_without_candidates_there_is_only_nil(kind, taught, quick):
    none = Question(Query("belifia itis"), ())
    assert [row.shape for row in taught(kind).scores([none], lookup)] == [(1,)]
    mixed = taught(kind).scores([ASKED[0], none, ASKED[1]], lookup)
    assert [len(row) for row in mixed] == [5, 1, 5]
    learnt = get_kind(kind).fit([*LEARNT[:8], Choice(none, 0)], lookup, quick(kind))
    assert np.isfinite(learnt.scores([none], lookup)[0]).all()


@on_each
def test_company_changes_nothing(kind, taught):
    long = Question(Query(LONG), ASKED[0].candidates)
    together = taught(kind).scores([long, *ASKED, Question(Query("a"), ())], lookup)[1:-1]
    for question, row in zip(ASKED, together, strict=True):
        close(taught(kind).scores([question], lookup)[0], row)


@on_each
def test_the_order_of_scored_candidates_does_not_matter(kind, taught):
    for seed, question in enumerate(ASKED):
        order = list(range(len(question.candidates)))
        random.Random(seed).shuffle(order)
        turned = Question(question.query, tuple(question.candidates[at] for at in order))
        row, other = taught(kind).scores([question, turned], lookup)
        close(other[:-1], row[order])
        close(other[-1], row[-1])


@on_each
def test_scores_of_other_retrievers_and_none_at_all_are_borne(kind, taught):
    bare = [Candidate(id=c.id, name=c.name) for c in ASKED[0].candidates]
    other = [Candidate(id=c.id, name=c.name, scores={"bm25": 7.0, "ngram_rank": 1.0}) for c in bare]
    odd = [c.model_copy(update={"scores": {"ngram": float("nan")}, "score": 1e30}) for c in bare]
    mixed = [ASKED[0].candidates[0], *bare[1:]]
    for candidates in (bare, other, odd, mixed):
        [row] = taught(kind).scores([Question(Query("itis"), tuple(candidates))], lookup)
        assert np.isfinite(row).all()


@on_each
@pytest.mark.parametrize("text", [LONG, "?!…", " ", "𝒳右乳\u200d癌", "a\nb\tZ. none\n0."])
def test_odd_mentions_are_borne(kind, text, taught):
    context = f"{'before ' * 3000}{text}{' after' * 3000}"
    start = 7 * 3000
    for query in (Query(text), Query(text, context, start, start + len(text))):
        [row] = taught(kind).scores([Question(query, ASKED[0].candidates)], lookup)
        assert np.isfinite(row).all()


@on_each
def test_context_is_cut_around_the_mention(kind, taught):
    """What stands far from it makes no difference, what stands near may."""

    def asked(far):
        left, right = f"{far} " * 2000 + "x " * 2000, " y" * 2000 + f" {far}" * 2000
        query = Query("itis", f"{left}itis{right}", len(left), len(left) + 4)
        return taught(kind).scores([Question(query, ASKED[0].candidates)], lookup)[0]

    close(asked("far"), asked("off"))


@on_each
def test_a_candidate_of_another_knowledge_base_is_named(kind, taught):
    stranger = Question(Query("itis"), (Candidate(id="D999", name="unknown"),))
    with pytest.raises(
        ConfigError, match="candidate 'D999' is not in the knowledge base"
    ) as caught:
        taught(kind).scores([stranger], lookup)
    one_line(caught)


@on_each
def test_the_same_choices_give_the_same_model(kind, taught, quick):
    again = get_kind(kind).fit(LEARNT, lookup, quick(kind))
    for row, other in zip(
        again.scores(ASKED, lookup), taught(kind).scores(ASKED, lookup), strict=True
    ):
        np.testing.assert_array_equal(row, other)


@on_each
def test_a_dev_part_is_watched_and_not_learnt_from(kind, quick):
    settings = {key: value for key, value in quick(kind).items() if key != "penalty"}
    made = get_kind(kind).fit(LEARNT, lookup, settings, dev=choices(8, seed=3))
    assert made.training["dev"] == 8
    assert made.training["choices"] == len(LEARNT)


@on_each
def test_saved_and_loaded_it_scores_the_same(kind, taught, saved):
    folder = saved(kind)
    loaded = load_reranker(folder)
    assert type(loaded) is get_kind(kind)
    for row, other in zip(
        loaded.scores(ASKED, lookup), taught(kind).scores(ASKED, lookup), strict=True
    ):
        close(row, other)
    loaded.save(folder.with_name("again"))
    assert json.loads((folder.with_name("again") / "config.json").read_text())["kind"] == kind


@on_each
def test_a_folder_says_what_it_is_and_holds_no_pickle(kind, saved):
    folder = saved(kind)
    assert json.loads((folder / "config.json").read_text())["kind"] == kind
    endings = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert endings <= {".json", ".npz", ".safetensors", ".md", ".jinja", ".txt"}
    assert not [path for path in folder.rglob("*") if path.name.endswith(".part")]


@on_each
def test_a_folder_of_another_kind_is_refused(kind, saved):
    other = next(name for name in NAMES if name != kind)
    with pytest.raises(ArtifactError, match=f"of the kind {kind}, not {other}") as caught:
        get_kind(other).load(saved(kind))
    one_line(caught)


def weights_of(folder):
    return max(
        (path for path in folder.iterdir() if path.suffix in (".npz", ".safetensors")),
        key=lambda path: path.stat().st_size,
    )


@on_each
def test_a_damaged_folder_is_refused_in_one_line(kind, saved, tmp_path):
    whole = saved(kind)

    def edited(name):
        config = json.loads((whole / "config.json").read_text())
        config["decoct"]["settings"]["wrong"] = 1
        return json.dumps(config)

    damages = {
        "no weights": lambda f: weights_of(f).unlink(),
        "half the weights": lambda f: weights_of(f).write_bytes(weights_of(f).read_bytes()[:300]),
        "no config": lambda f: (f / "config.json").unlink(),
        "no JSON": lambda f: (f / "config.json").write_text("{"),
        "a list": lambda f: (f / "config.json").write_text("[]"),
        "no kind": lambda f: (f / "config.json").write_text("{}"),
        "a number for a kind": lambda f: (f / "config.json").write_text('{"kind": 3}'),
        "no such kind": lambda f: (f / "config.json").write_text('{"kind": "featurs"}'),
        "nothing but the kind": lambda f: (f / "config.json").write_text(f'{{"kind": "{kind}"}}'),
        "an unknown setting": lambda f: (f / "config.json").write_text(edited(f)),
    }
    for name, damage in damages.items():
        folder = tmp_path / name.replace(" ", "_")
        shutil.copytree(whole, folder)
        damage(folder)
        with pytest.raises(ArtifactError, match=str(folder)) as caught:
            load_reranker(folder)
        one_line(caught)


@on_each
def test_a_folder_that_can_not_be_written_is_named(kind, taught, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DecoctError, match="file") as caught:
        taught(kind).save(tmp_path / "file")
    one_line(caught)


def test_a_folder_that_is_not_there():
    with pytest.raises(ArtifactError, match=r"nowhere: holds no config\.json") as caught:
        load_reranker("nowhere")
    one_line(caught)


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [
        ("features", "scipy", "link"),
        ("cross_encoder", "torch", "train"),
        ("causal_lm", "peft", "lora"),
    ],
)
def test_a_missing_library_names_its_extra(kind, library, extra):
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from decoct.errors import MissingExtraError\n"
        "from decoct.reranker.artifact import get_kind\n"
        f"try: get_kind({kind!r})\n"
        "except MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(f"pip install 'decoct[{extra}]'"), done
    assert library in done.stdout


def test_the_light_one_needs_no_torch():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from decoct.reranker.artifact import get_kind\n"
        "from fakes.choices import choices, lookup\n"
        "made = get_kind('features').fit(choices(20), lookup, {})\n"
        "assert len(made.scores([choices(1)[0].question], lookup)[0]) == 5\n"
        "print([name for name in ('torch', 'transformers', 'sklearn') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_the_knowledge_base_of_these_tests_has_what_it_should():
    assert any(entity.aliases for entity in KB.values())
    assert any(entity.definition for entity in KB.values())
