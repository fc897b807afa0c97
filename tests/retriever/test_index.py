"""The index: what is found, by which name, and what is refused."""

import shutil
import threading

import pytest

from decoct.errors import ArtifactError, ConfigError, FormatError, RegistryError, StoreError
from decoct.kb.base import Entity, Query
from decoct.kb.store import EntityStore
from decoct.records import Candidate
from decoct.retriever.index import Index
from decoct.retriever.settings import IndexSettings
from decoct.store import read_json, write_json
from fakes.named import made_up, named

ODD = ["", " ", "...", "？！", "\ud800", "a" * 10_000, "头痛" * 5_000, "\x00\n"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    both = IndexSettings(weights={"ngram": 1.0, "bm25": 1.0})
    return Index.build([*named(), *made_up(60)], tmp_path_factory.mktemp("index") / "index", both)


@pytest.fixture
def copy(index, tmp_path):
    """A folder of its own with the same index."""
    return shutil.copytree(index.folder, tmp_path / "copy")


@pytest.mark.parametrize(
    ("mention", "id_", "alias"),
    [
        ("hart atack", "C1", "heart attack"),
        ("MYOCARDIAL INFARCTION", "C1", None),
        ("sleepy!", "C2", "sleepy"),
        ("２型糖尿病", "C3", None),
        ("右乳腺癌IV期", "C5", "右乳腺癌"),
        ("Sjogren syndrome", "C6", None),
        ("thowing up", "C8", "throwing up"),
    ],
)
def test_what_is_found_and_by_which_name(index, mention, id_, alias):
    [found] = index.search([mention], k=4)
    assert isinstance(found[0], Candidate)
    assert (found[0].id, found[0].alias) == (id_, alias)
    assert found[0].name == index.entity(id_).name
    assert index.search([Query(mention)], k=4) == [found]


def test_scores_and_ranks_of_each_retriever(index):
    [found] = index.search(["heart failure attack"], k=40)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for kind in ("ngram", "bm25"):
        assert all(kind in one.scores for one in found), "also where it did not bring it"
        ranked = {
            one.scores[f"{kind}_rank"]: one.scores[kind]
            for one in found
            if f"{kind}_rank" in one.scores
        }
        assert min(ranked) == 1.0
        ordered = [ranked[rank] for rank in sorted(ranked)]
        assert ordered == sorted(ordered, reverse=True)
    assert {one.id for one in found[:2]} == {"C1", "C4"}


def test_an_entity_is_scored_by_the_name_that_is_most_like_the_mention(index):
    [found] = index.search(["cardiac infarct"], k=1)
    assert found[0].alias == "cardiac infarct"
    assert found[0].scores["ngram"] == pytest.approx(1.0)


def test_as_many_as_are_asked_for(index):
    assert [len(found) for found in index.search(["xanbacodi fengra", "hyile"], k=3)] == [3, 3]
    assert all(len(found) <= 200 for found in index.search(["a"], k=200))
    assert index.search([], k=3) == []
    with pytest.raises(ConfigError, match="k is 0"):
        index.search(["a"], k=0)


def test_an_entity_of_many_names_leaves_room_for_others(tmp_path):
    many = Entity(id="M", name="lumbago", aliases=tuple(f"lumbago {n}" for n in range(400)))
    others = [Entity(id=f"O{n}", name=f"lumbar pain at the {n} place") for n in range(5)]
    index = Index.build([many, *others], tmp_path / "index")
    [found] = index.search(["lumbago"], k=6)
    assert [one.id for one in found][:1] == ["M"]
    assert {one.id for one in found} == {"M", *(other.id for other in others)}


def test_odd_mentions_never_fail(index):
    found = index.search(ODD, k=5)
    assert len(found) == len(ODD)
    assert found[0] == found[1] == found[3] == ()


def test_many_mentions_at_a_time(index):
    names = [name for entity in made_up(60) for name in entity.names] * 12
    found = index.search(names, k=2)
    assert len(found) == len(names) > 1024
    n = len(names) // 12
    assert found[:n] == found[n : 2 * n]
    assert found[:3] == [index.search([name], k=2)[0] for name in names[:3]]


def test_threads(index):
    names = [name for entity in made_up(60) for name in entity.names]
    expected = index.search(names)
    found = [None] * 4

    def work(number):
        found[number] = index.search(names)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


def test_what_it_says_of_itself(index):
    assert len(index) == index.n_entities == 68
    assert index.n_names == sum(len(entity.names) for entity in (*named(), *made_up(60)))
    assert (
        repr(index) == f"Index('{index.folder}', 68 entities, {index.n_names} names, ngram, bm25)"
    )
    assert index.entity("C3").aliases[0] == "非胰岛素依赖型糖尿病"
    with pytest.raises(KeyError):
        index.entity("C99")
    assert set(index.card.facts) == {"ngram", "bm25"}
    assert all(facts["n_bytes"] > 0 for facts in index.card.facts.values())


def test_opened_it_finds_the_same(index):
    again = Index.open(index.folder)
    assert again.search(["hart atack", "糖尿"]) == index.search(["hart atack", "糖尿"])
    assert again.settings == index.settings


def test_of_a_store_with_its_manifest(tmp_path):
    store = EntityStore.write(tmp_path / "kb", named())
    index = Index.build(store, tmp_path / "index")
    assert index.n_entities == 8
    assert index.store.content_hash == store.content_hash


def test_weights_and_retrievers_are_settings(tmp_path):
    only = Index.build(named(), tmp_path / "one", IndexSettings(retrievers=("bm25",)))
    [found] = only.search(["heart attack"], k=3)
    assert set(found[0].scores) == {"bm25", "bm25_rank"}
    weights = {"ngram": 0.0, "bm25": 1.0}
    weighed = Index.build(named(), tmp_path / "two", IndexSettings(weights=weights))
    [also] = weighed.search(["heart attack"], k=3)
    assert [one.id for one in also] == [one.id for one in found]
    assert set(also[0].scores) == {"ngram", "bm25", "bm25_rank"}, "one scores what others bring"
    with pytest.raises(RegistryError, match=r"no retriever named 'bm52'.*did you mean 'bm25'"):
        Index.build(named(), tmp_path / "three", IndexSettings(retrievers=("bm52",)))
    assert not (tmp_path / "three").exists()


def test_an_empty_knowledge_base(tmp_path):
    with pytest.raises(FormatError, match="no entity"):
        Index.build([], tmp_path / "index")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it(index, tmp_path):
    with pytest.raises(StoreError, match="is there already"):
        Index.build(named(), index.folder)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is there already"):
        Index.build(named(), tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert Index.build(named(), tmp_path / "empty").n_entities == 8


def test_no_index(tmp_path):
    with pytest.raises(ArtifactError, match=r"holds no index.*decoct index --kb"):
        Index.open(tmp_path)
    write_json(tmp_path / "config.json", {"model_type": "bert"})
    with pytest.raises(ArtifactError, match="is no index of decoct's"):
        Index.open(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"config\.json: not valid JSON.*decoct index --kb"):
        Index.open(tmp_path)


def test_a_newer_version(copy):
    card = read_json(copy / "config.json")
    write_json(copy / "config.json", {**card, "format": 99, "more": 1})
    with pytest.raises(ArtifactError, match=r"index of format 99.*update decoct"):
        Index.open(copy)
    write_json(copy / "config.json", {**card, "more": 1})
    with pytest.raises(ArtifactError, match=r"more: .*build the index again"):
        Index.open(copy)


def test_a_knowledge_base_that_was_changed_by_something_else(copy):
    EntityStore.open(copy / "kb").with_changes(remove=["C1"])
    with pytest.raises(ArtifactError, match=r"was changed by something else.*--out NEW"):
        Index.open(copy)


def test_another_knowledge_base(copy, tmp_path):
    shutil.rmtree(copy / "kb")
    with pytest.raises(ArtifactError, match=r"holds no knowledge base.*decoct index --kb"):
        Index.open(copy)
    EntityStore.write(copy / "kb", made_up(68, seed=9))
    with pytest.raises(ArtifactError, match="was changed by something else"):
        Index.open(copy)


def files_of(index):
    return sorted(str(path.relative_to(index.folder)) for path in index.folder.rglob("*.npy"))


def test_each_missing_or_cut_file_is_named(index, copy):
    for name in files_of(index):
        whole = (copy / name).read_bytes()
        for content in (None, whole[:-1], b""):
            (copy / name).unlink(missing_ok=True)
            if content is not None:
                (copy / name).write_bytes(content)
            with pytest.raises(ArtifactError, match=name.replace("/", ".")):
                Index.open(copy)
        (copy / name).write_bytes(whole)
    assert Index.open(copy).n_entities == 68


def test_an_encoder_for_an_index_without_vectors(index):
    with pytest.raises(ConfigError, match="has no vectors"):
        Index.open(index.folder, encoder="embedded")


def test_names_of_punctuation_alone(tmp_path):
    index = Index.build([Entity(id="P", name="..."), Entity(id="Q", name="？")], tmp_path / "index")
    assert index.search(["heart attack", "...", ""]) == [(), (), ()]
    index.add([Entity(id="C1", name="Heart attack")])
    assert [one.id for one in index.search(["heart attack"])[0]] == ["C1"]
    index.remove(["P", "Q"])
    index.compact()
    assert [one.id for one in index.search(["heart attack"])[0]] == ["C1"]
