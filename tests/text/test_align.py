"""Quotes and their places: all of them, exact, and soon found."""

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.text.align import MAX_FUZZY_CHARS, MAX_QUOTE_CHARS, Place, find_quote, nearest_pair
from decoct.text.fold import fold_script, fold_width

FILLER = st.text(st.sampled_from("bcd ef,.\n-()é阿💊\u0301"), max_size=30)
QUOTE = "Zoledronic acid"


def surfaces(text: str, quote: str) -> list[str]:
    return [text[place.start : place.end] for place in find_quote(text, quote)]


@given(st.lists(FILLER, min_size=2, max_size=6))
def test_planted_quotes_are_all_found(fillers):
    text, places = "", []
    for filler in fillers[:-1]:
        text += filler + " "
        places.append(Place(len(text), len(text) + len(QUOTE)))
        text += QUOTE + " "
    text += fillers[-1]
    assert find_quote(text, QUOTE) == places
    assert find_quote(text, QUOTE.upper()) == places
    assert find_quote(text, f" {QUOTE.replace(' ', '  ')}\n") == places


@given(FILLER, FILLER, st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_quote_that_stands_there_is_found(before, after, quote):
    wanted = quote.strip()
    found = find_quote(before + quote + after, quote)
    assert bool(found) == bool(wanted)
    for place in found:
        assert 0 <= place.start < place.end <= len(before + quote + after)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(min_size=1))
def test_places_are_in_order_and_apart(text, quote):
    found = find_quote(text, quote)
    assert all(a.end <= b.start for a, b in pairwise(found))


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("LITHIUM and lithium", "Lithium", ["LITHIUM", "lithium"]),
        ("the ara and ARA", "ARA", ["ARA"]),
        ("acute\n renal\u00a0failure", "acute renal failure", ["acute\n renal\u00a0failure"]),
        ("5\u2011FU or 5-FU, 5\u2013FU", "5-FU", ["5\u2011FU", "5-FU", "5\u2013FU"]),
        ("methotrexate-induced", "methotrexate", ["methotrexate"]),
        ("goldenrod, gold", "gold", ["gold"]),
        ("goldenrod", "gold", ["gold"]),
        ("xa a a", "a a", ["a a"]),
        ("C++ (a+b)", "(A+B)", ["(a+b)"]),
        ("100% [x]", "[X]", ["[x]"][:0]),
        ("pre_gold_post", "gold", ["gold"]),
        ("头痛，患者头痛加重", "头痛", ["头痛", "头痛"]),
        ("服用阿司匹林后aspirin头痛", "ASPIRIN", ["aspirin"]),
        ("Sjo\u0308gren and Sjo", "Sjo", ["Sjo"]),
        ("İstanbul fever", "stanbul", ["stanbul"]),
        ("", "drug", []),
        ("drug", "", []),
        ("drug", " \n", []),
    ],
)
def test_variants(text, quote, found):
    assert surfaces(text, quote) == found


def test_a_whole_word_wins():
    assert find_quote("goldenrod, gold", "gold") == [Place(11, 15)]
    assert find_quote("Sjo\u0308gren and Sjo", "Sjo") == [Place(13, 16)]


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("a case of thrombocytopenia.", "thrombocytopaenia", "thrombocytopenia"),
        ("with acute renal failure developed", "acute renaal failure", "acute renal failure"),
        ("Torsades de pointes, then", "torsade de pointes", "Torsades de pointes"),
        ("a (severe) neutropenia.", "(severe) neutropaenia", "(severe) neutropenia"),
        ("neutropenia (severe) was", "neutropaenia (severe)", "neutropenia (severe)"),
        (
            "患者出现急性肾功能衰竭及并发症和肝损害等",
            "急性肾功能衰竭及并发症与肝损害等",
            "急性肾功能衰竭及并发症和肝损害等",
        ),
        ("İ İ İ thrombocytopenia", "thrombocytopaenia", "thrombocytopenia"),
    ],
)
def test_a_near_quote_is_found_and_snapped(text, quote, found):
    assert surfaces(text, quote) == [found]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("renal failure", "liver failure"),
        ("a rash", "rush"),
        ("short", "a quote that is much longer than the whole text"),
        ("hypertension", "hypotension"),
    ],
)
def test_another_thing_is_not_found(text, quote):
    assert find_quote(text, quote) == []


@given(st.text(max_size=80), st.text(min_size=8, max_size=40))
def test_a_near_place_is_within_the_text_and_not_blank(text, quote):
    for place in find_quote(text, quote):
        assert 0 <= place.start < place.end <= len(text)
        assert text[place.start : place.end].strip() == text[place.start : place.end]


LONG = {
    "one letter": "a" * 200_000,
    "letters": "a " * 100_000,
    "words": "a b " * 50_000,
    "blank": "a" + " " * 200_000,
    "blanks": ("a" + " " * 400) * 500,
    "hyphens": "a-" * 100_000,
    "cjk": "阿 " * 100_000,
    "prose": "She took aspirin daily, and it helped her. " * 4_650,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_a_long_text_is_soon_searched(text):
    quotes = [
        "aspirine daily, and it helpt",
        "a" * MAX_FUZZY_CHARS,
        "a " * 99 + "b",
        "a-" * 99 + "b",
    ]
    quotes += [
        "阿" * (MAX_QUOTE_CHARS - 1) + "司",
        "a" * (MAX_QUOTE_CHARS - 1) + "b",
        "a b " * 249 + "c",
        "a " * 100_000,
        "b" * 200_000,
    ]
    for quote in quotes:
        started = time.process_time()
        find_quote(text, quote)
        assert time.process_time() - started < 4


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("服用５ＦＵ后", "5fu", []),
        ("服用５ＦＵ后", "5FU", ["５ＦＵ"]),
        ("took ＩＬ－２ at １２ mg", "IL-2", ["ＩＬ－２"]),
        ("剂量：１００ｍｇ", "100mg", ["１００ｍｇ"]),
        ("剂量:100mg", "剂量：１００ｍｇ", ["剂量:100mg"]),
        ("Crohn’s disease", "Crohn's disease", ["Crohn’s disease"]),
        ("80 mg/m² and CO₂", "mg/m2", ["mg/m²"]),
        ("服用 5 mg 阿司匹林 后", "服用5mg阿司匹林", ["服用 5 mg 阿司匹林"]),
        ("服用5mg阿司匹林", "服用 5 mg 阿司匹林", ["服用5mg阿司匹林"]),
        ("患者出现急性\n 肾衰竭", "急性肾衰竭", ["急性\n 肾衰竭"]),
        ("15mg阿司匹林，5 mg阿司匹林", "5mg阿司匹林", ["5 mg阿司匹林"]),
        ("頭痛", "head", []),
    ],
)
def test_width_and_spaces_of_chinese(text, quote, found):
    assert surfaces(text, quote) == found


@pytest.mark.parametrize(
    ("text", "quote"),
    [("服藥後出現頭痛", "服药后出现头痛"), ("服药后出现头痛", "服藥後出現頭痛"), ("頭 痛", "头痛")],
)
def test_traditional_and_simplified(text, quote):
    pytest.importorskip("opencc")
    assert surfaces("a" + text + "。", quote) == [text]


@given(st.text(st.sampled_from("头頭痛 ａa１1，,\n"), max_size=20), st.text(max_size=10))
def test_what_is_found_reads_as_the_quote(text, quote):
    def bare(written):
        return "".join(fold_script(fold_width(written)).casefold().split())

    for place in find_quote(text, quote):
        assert bare(text[place.start : place.end]) == bare(quote)


def brute_force(text, subjects, objects):
    """Go by the docstring, over every pair."""

    def cost(pair):
        first, second = sorted(pair)
        between = text[first.end : second.start]
        marks = 200 * between.count("\n") + 12 * between.count(",")
        return len(between) + marks, pair[0].start, pair[1].start

    pairs = [(subject, target) for subject in subjects for target in objects]
    apart = [pair for pair in pairs if not pair[0].overlaps(pair[1])]
    return min(apart or pairs, key=cost if apart else None, default=None)


@given(st.data())
def test_the_nearest_pair_is_what_trying_all_would_give(data):
    text = data.draw(st.text(st.sampled_from("ab,\n"), min_size=3, max_size=40))
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    place = edges.filter(lambda edge: edge[0] < edge[1]).map(lambda edge: Place(*edge))
    subjects, objects = (sorted(data.draw(st.sets(place, max_size=5))) for _ in range(2))
    found, wanted = nearest_pair(text, subjects, objects), brute_force(text, subjects, objects)
    if wanted is None or found is None:
        assert found is wanted
    else:
        assert (found[0], found[1].start) == (wanted[0], wanted[1].start)


@pytest.mark.parametrize(
    ("text", "drug", "effect", "pair"),
    [
        ("Rash. Aspirin was given. Aspirin caused rash.", "aspirin", "rash", (25, 40)),
        ("Rash from gold. Gold is inert.", "gold", "rash", (10, 0)),
        (
            "After lithium. Toxicity of lithium in a patient who had toxicity.",
            "lithium",
            "toxicity",
            (27, 15),
        ),
        ("Gold, rash; and more rash gold", "gold", "rash", (26, 21)),
        ("Lithium toxicity. On lithium she shook.", "lithium", "lithium toxicity", (21, 0)),
        ("Lithium toxicity.", "lithium", "lithium toxicity", (0, 0)),
        ("头痛后服锂盐；锂盐未致病人出现头痛。", "锂盐", "头痛", (4, 0)),
        ("无头痛。锂盐致病人两天后头痛", "锂盐", "头痛", (4, 12)),
        ("无头痛；锂盐致病人两天后头痛", "锂盐", "头痛", (4, 12)),
    ],
)
def test_repeated_mentions(text, drug, effect, pair):
    found = nearest_pair(text, find_quote(text, drug), find_quote(text, effect))
    assert found is not None
    assert (found[0].start, found[1].start) == pair


def test_an_overlap_is_the_last_resort_however_far_the_other_is():
    text = "lithium toxicity" + " x" * 20_000 + " lithium"
    found = nearest_pair(text, find_quote(text, "lithium"), find_quote(text, "lithium toxicity"))
    assert found == (Place(40_017, 40_024), Place(0, 16))


def test_no_pair():
    assert nearest_pair("", [], []) is None
    assert nearest_pair("a", [Place(0, 1)], []) is None
    assert nearest_pair("a", [], [Place(0, 1)]) is None


def test_many_mentions_are_soon_paired():
    text = "rash, drug. " * 16_000
    started = time.process_time()
    assert nearest_pair(text, find_quote(text, "drug"), find_quote(text, "rash"))
    assert time.process_time() - started < 4
