"""`decoct index` as its users have it."""

from pathlib import Path

import pytest

from fakes.commands import invoke, ok, script, write_documents, write_lines
from fakes.encoders import save_encoder
from fakes.linked import link, mention
from fakes.named import named


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    lines = ["id\tname\taliases"]
    lines += [f"{one.id}\t{one.name}\t{'|'.join(one.aliases)}" for one in named()]
    return write_lines(tmp_path / "kb.tsv", lines)


@pytest.fixture
def made(kb: Path, tmp_path: Path) -> Path:
    ok("index", "--kb", kb, "--out", tmp_path / "index", "-q")
    return tmp_path / "index"


def test_making_one(kb: Path, tmp_path: Path) -> None:
    result = ok("index", "--kb", kb, "--out", tmp_path / "a")
    n = sum(len(one.names) for one in named())
    assert result.stdout.startswith(f"{tmp_path / 'a'}: 8 entities, {n} names, ngram, bm25, ")
    found = ok("index", "--kb", kb, "--out", tmp_path / "b", "--retriever", "bm25", "--json").json
    assert (found["n_entities"], found["retrievers"], found["n_skipped"]) == (8, ["bm25"], 0)
    assert found["facts"]["bm25"]["n_bytes"] > 0


def test_a_name_that_two_entries_share_is_said(tmp_path: Path) -> None:
    lines = ["id\tname\taliases", "1\tcold\tchill", "2\tfever\tChill"]
    kb = write_lines(tmp_path / "kb.tsv", lines)
    said = ok("index", "--kb", kb, "--out", tmp_path / "a").stdout
    assert ": 2 entities, 4 names, 1 of several entities, ngram, bm25, " in said


def test_doubtful_silver_is_checked(kb: Path, tmp_path: Path) -> None:
    entities = named()
    encoder = save_encoder(tmp_path / "tiny", "bert", [one.name for one in entities])
    said = [mention(f"{n}", f"my {one.name}", link(one.id)) for n, one in enumerate(entities)]
    write_documents(tmp_path / "gold.jsonl", said)
    doubt = link(entities[0].id).model_copy(update={"confidence": 0.5})
    write_documents(tmp_path / "silver.jsonl", [mention("s", "quite unheard of", doubt)])
    flags = ["--gold", tmp_path / "gold.jsonl", "--silver", tmp_path / "silver.jsonl"]
    flags += ["--retriever", "dense", "--encoder", encoder, "--device", "cpu"]
    made = ok("index", "--kb", kb, "--out", tmp_path / "i", *flags, "--check-doubtful")
    assert " of 1 doubtful mentions are learnt" in made.stderr
    refused = invoke("index", "--index", tmp_path / "i", "--show", "--check-doubtful")
    assert "--check-doubtful: set when an index is made" in refused.error


def test_vectors(kb: Path, tmp_path: Path) -> None:
    encoder = save_encoder(tmp_path / "tiny", "bert", [one.name for one in named()])
    flags = ["--encoder", encoder, "--dense-kind", "hnsw", "--device", "cpu"]
    found = ok("index", "--kb", kb, "--out", tmp_path / "i", *flags, "--json").json
    assert found["retrievers"] == ["ngram", "bm25", "dense"]
    assert found["facts"]["dense"]["kind"] == "hnsw"
    shown = ok("index", "--index", tmp_path / "i", "--show")
    assert "dense" in shown.stdout
    table = ok("index", "--index", tmp_path / "i", "--search", "heart attack", "-k", 2).stdout
    assert "C1" in table
    other = save_encoder(tmp_path / "other", "bert", [one.name for one in named()], seed=3)
    refused = invoke("index", "--index", tmp_path / "i", "--search", "x", "--encoder", other)
    assert "built with another encoder" in refused.error


def test_a_glossary(kb: Path, tmp_path: Path) -> None:
    encoder = save_encoder(tmp_path / "tiny", "bert", [one.name for one in named()])
    words = tmp_path / "words.tsv"
    words.write_text("心\theart\n病发\tattack\n", encoding="utf-8")
    flags = ["--encoder", encoder, "--retriever", "dense", "--device", "cpu"]
    ok("index", "--kb", kb, "--out", tmp_path / "i", *flags, "--glossary", words)
    look = ["index", "--index", tmp_path / "i", "-k", 1, "--json", "--search"]
    [english], [chinese] = (
        ok(*look, text).json["candidates"] for text in ("heart attack", "心病发")
    )
    assert chinese == english
    refused = invoke("index", "--index", tmp_path / "i", "--show", "--glossary", words)
    assert "--glossary" in refused.error
    broken = invoke("index", "--kb", kb, "--out", tmp_path / "j", *flags, "--glossary", kb.parent)
    assert "glossary can't be read" in broken.error


def test_looking_up(made: Path) -> None:
    shown = ok("index", "--index", made, "--search", "hart atack").stdout
    assert "Myocardial infarction" in shown
    assert "heart attack" in shown
    found = ok("index", "--index", made, "--search", "右乳癌", "-k", 1, "--json").json
    assert [one["id"] for one in found["candidates"]] == ["C5"]
    assert found["candidates"][0]["alias"] == "右乳腺癌"
    assert ok("index", "--index", made, "--search", "...", "--json").json["candidates"] == []
    assert "k is 0" in invoke("index", "--index", made, "--search", "a", "-k", 0).error


def test_what_is_in_it(made: Path) -> None:
    shown = ok("index", "--index", made, "--show").stdout
    assert "8 entities" in shown
    assert "kb.tsv" in shown
    assert ok("index", "--index", made).stdout == shown
    found = ok("index", "--index", made, "--show", "--json").json
    assert found["n_entities"] == 8
    assert found["kb"]["format"] == "tsv"
    assert set(found["facts"]) == {"ngram", "bm25"}


def test_changing_it(made: Path, tmp_path: Path) -> None:
    more = write_lines(tmp_path / "more.tsv", ["id\tname", "X1\tLumbago", "C1\tInfarction"])
    ids = write_lines(tmp_path / "ids.txt", ["C2", "C3"])
    result = ok("index", "--index", made, "--add", more, "--remove", ids, "--remove", "C4", "-q")
    assert result.stdout.startswith(f"{made}: 1 entities added, 1 replaced, 3 removed; 6 entities")
    found = ok("index", "--index", made, "--compact", "--json", "-q").json
    assert (found["n_entities"], found["n_removed"]) == (6, 0)
    assert "Lumbago" in ok("index", "--index", made, "--search", "lumbago").stdout


def test_an_id_that_is_not_there_is_named_and_the_others_are_removed(made: Path) -> None:
    result = invoke("index", "--index", made, "--remove", "C99", "--remove", "C1", "--json")
    assert result.code == 3
    assert (result.json["n_removed"], result.json["n_skipped"]) == (1, 1)
    assert f"skipped: --remove C99: {made} has no entity of this id" in result.stderr


def test_bad_lines_are_counted(tmp_path: Path) -> None:
    kb = write_lines(tmp_path / "kb.tsv", ["id\tname", "C1\tHeart attack", "C2\t"])
    result = invoke("index", "--kb", kb, "--out", tmp_path / "i", "--json")
    assert result.code == 3
    assert (result.json["n_entities"], result.json["n_skipped"]) == (1, 1)
    assert "skipped: " in result.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--kb FILE --out FOLDER, or an index with --index"),
        (("--kb", "KB"), "--out is missing"),
        (("--out", "x"), "--kb is missing"),
        (("--kb", "KB", "--out", "x", "--search", "a"), "make an index; leave out --search"),
        (("--kb", "KB", "--out", "x", "--index", "MADE"), "leave out --index"),
        (("--index", "MADE", "--show", "--search", "a"), "one thing at a time"),
        (("--index", "MADE", "--show", "--remove", "C1"), "one thing at a time"),
        (("--index", "MADE", "--retriever", "dense"), "--retriever: set when an index is made"),
        (("--kb", "KB", "--out", "x", "--kb-option", "id"), "name=value"),
        (("--kb", "KB", "--out", "x", "--kb-option", "idd=a"), "unknown key 'idd'"),
        (("--kb", "KB", "--out", "x", "--kb-format", "obbo"), "did you mean 'obo'"),
        (("--kb", "KB", "--out", "x", "--retriever", "ngrams"), "did you mean 'ngram'"),
        (
            ("--kb", "KB", "--out", "x", "--retriever", "ngram", "--encoder", "e"),
            "--retriever dense",
        ),
        (("--kb", "none.tsv", "--out", "x"), "none.tsv"),
        (("--kb", "KB", "--out", "MADE"), "is there already"),
        (("--index", "x", "--show"), "holds no index"),
    ],
)
def test_what_can_not_be_done_is_one_line(made, kb, tmp_path, monkeypatch, flags, message):
    monkeypatch.chdir(tmp_path)
    known = {"KB": kb, "MADE": made}
    assert message in invoke("index", *(known.get(flag, flag) for flag in flags)).error
    assert not (tmp_path / "x").exists()


def test_as_a_script(kb: Path, tmp_path: Path) -> None:
    result = script("index", "--kb", kb, "--out", tmp_path / "i", "--json", "-q")
    assert result.code == 0
    assert result.json["n_entities"] == 8
    assert result.stderr == ""
