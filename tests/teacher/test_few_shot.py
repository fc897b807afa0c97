"""Few-shot examples: the nearest are chosen, the same each time, never the answer itself."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.tasks.ade import plugin as ade
from decoct.tasks.base import Example
from decoct.teacher.examples import read_examples
from decoct.teacher.few_shot import NearestShots, StaticShots, choose_shots, open_shots
from decoct.teacher.settings import AskSettings
from fakes.drugs import corpus


def test_what_the_settings_ask_for(tmp_path):
    assert open_shots(AskSettings(), ade) is None
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{document.to_json()}\n" for document in corpus(8)))
    static = open_shots(AskSettings(examples=path), ade)
    assert static.standing == read_examples(path, ade)[:5]
    assert static.near(["rash"]) == ()
    nearest = open_shots(AskSettings(examples=path, pick="nearest", n_examples=20), ade)
    assert nearest.standing == ()
    assert len(nearest.near(["rash"])) == 8


def shots(*texts, n=2):
    return NearestShots([Example(text, {}) for text in texts], n)


def near(chosen, *texts):
    return [example.text for example in chosen.near(texts)]


def test_static_shots_are_the_first():
    examples = [Example(text, {}) for text in "abc"]
    assert StaticShots(examples, 2).standing == tuple(examples[:2])
    assert StaticShots(examples, 9).standing == tuple(examples)
    assert StaticShots(examples, 2).near(["a"]) == ()


def test_some_stand_and_others_are_near():
    examples = [Example(f"gold {name}", {}) for name in "abcde"]

    def chosen(n_nearest=0, **settings):
        found = choose_shots(examples, AskSettings(**settings), n_nearest)
        return [[one.text[-1] for one in part] for part in (found.standing, found.near(["gold d"]))]

    assert chosen(n_examples=2) == [["a", "b"], []]
    assert chosen(n_examples=2, pick="nearest") == [[], ["b", "a"]]
    assert chosen(2, n_examples=2) == [["a", "b"], ["e", "c"]], "d would be its own answer"
    assert chosen(2, n_examples=1, pick="nearest") == [[], ["c", "b", "a"]]
    assert chosen(2, n_examples=9) == [["a", "b", "c", "d", "e"], []]


def test_the_nearest_comes_last():
    chosen = shots("Iron and zinc.", "Rash after GOLD", "Gold caused fever.", "Nothing.")
    assert near(chosen, "a rash, gold") == ["Gold caused fever.", "Rash after GOLD"]
    assert near(chosen, "zinc caused fever", "iron") == ["Gold caused fever.", "Iron and zinc."]


def test_of_equals_the_first_in_the_file():
    chosen = shots("b gold", "a gold", "c gold", "gold d", n=3)
    assert near(chosen, "gold!") == ["c gold", "a gold", "b gold"]
    assert near(chosen, "nothing in common") == ["c gold", "a gold", "b gold"]
    assert near(chosen, "") == ["c gold", "a gold", "b gold"]
    assert near(chosen, "...") == ["c gold", "a gold", "b gold"]


def test_a_document_is_not_shown_its_own_answer():
    chosen = shots("Rash after gold.", "Gold.", "Iron.", n=3)
    assert near(chosen, "Rash  after gold. ") == ["Iron.", "Gold."]
    assert near(chosen, "gold", "Gold.", "Iron.") == ["Rash after gold."]


def test_chinese_goes_by_characters():
    chosen = shots("患者服用青霉素后出现皮疹。", "二甲双胍治糖尿病。", "阿司匹林引起胃出血。", n=1)
    assert near(chosen, "阿司匹林所致出血") == ["阿司匹林引起胃出血。"]
    assert near(chosen, "出现皮疹") == ["患者服用青霉素后出现皮疹。"]
    assert near(chosen, "胃出血与ASPIRIN") == ["阿司匹林引起胃出血。"]
    order = shots("血压高低", "低血压高", "高血压病", n=1)
    assert near(order, "高血压") == ["高血压病"]


def test_texts_without_words_can_be_examples():
    assert near(shots("...", "", n=2), "gold") == ["", "..."]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=6), st.text(max_size=8))
def test_any_texts_have_neighbors(texts, asked):
    found = near(shots(*texts, n=3), asked)
    assert len(found) <= 3
    assert asked not in found
    assert near(shots(*texts, n=3), asked) == found


@pytest.mark.slow
def test_the_choice_is_the_same_in_every_process_and_silent():
    code = (
        "from decoct.teacher.few_shot import NearestShots; from decoct.tasks.base import Example\n"
        "from fakes.drugs import corpus\n"
        "shots = NearestShots([Example(d.text, {}) for d in corpus(60)], 5)\n"
        "print([[e.text for e in shots.near([d.text])] for d in corpus(20, seed=3)])"
    )
    path = __file__.rsplit("/", 2)[0]
    made = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env={"PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert made[0].stdout == made[1].stdout
    assert made[0].stderr == made[1].stderr == ""
