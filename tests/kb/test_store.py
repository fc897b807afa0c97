"""The store: what is written is found, in order, by id and by name; changes cost little."""

import gc
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import FormatError, RecordError, StoreError
from decoct.kb.base import Entity
from decoct.kb.manifest import Manifest
from decoct.kb.store import EntityStore
from fakes.knowledge import any_entity

MI = Entity(id="C1", name="Myocardial infarction", aliases=("MI", "heart attack"))
COLD = Entity(id="C2", name="Common cold", aliases=("cold",), languages={"cold": "en"})
COPD = Entity(id="C3", name="COPD", aliases=("Cold",), alternatives=("X3", "X4"))
ALL = [MI, COLD, COPD]


@pytest.fixture
def store(tmp_path) -> EntityStore:
    return EntityStore.write(tmp_path / "kb", ALL, Manifest(source="made.tsv"))


def test_everything_is_found(store):
    assert list(store) == ALL
    assert len(store) == 3
    assert list(store.ids()) == ["C1", "C2", "C3"]
    assert [store[entity.id] for entity in ALL] == ALL
    assert "C2" in store
    assert "C9" not in store
    assert 3 not in store
    assert store.get("C9") is None
    with pytest.raises(KeyError, match="C9"):
        store["C9"]
    with pytest.raises(KeyError, match="C9"):
        store.row_of("C9")


def test_rows_are_places(store):
    assert [row for row, _ in store.rows()] == [0, 1, 2] == store.live_rows().tolist()
    assert [store.at(row) for row in (2, 0, 1)] == [COPD, MI, COLD]
    assert store.row_of("C3") == 2
    for row in (-1, 3):
        with pytest.raises(StoreError, match=f"has no row {row}; is the index another"):
            store.at(row)


def test_another_id_of_an_entity_finds_it(store):
    assert store["X4"] == COPD
    assert "X3" in store
    assert store.row_of("X3") == 2


def test_an_entitys_own_id_goes_before_anothers_other_id(tmp_path):
    taken = Entity(id="C0", name="old", alternatives=("C1",))
    store = EntityStore.write(tmp_path, [taken, MI])
    assert store["C1"] == MI


def test_names_are_found_case_and_spaces_aside(store):
    assert store.named("myocardial  INFARCTION ") == (MI,)
    assert store.named("cold") == (COLD, COPD)
    assert store.named("colds") == ()
    assert (store.manifest.n_ambiguous, store.manifest.ambiguous) == (1, ("cold",))


def test_the_manifest_counts(store):
    manifest = store.manifest
    assert manifest.source == "made.tsv"
    assert (manifest.n_entities, manifest.n_names) == (3, 7)
    assert manifest.languages == {"en": 1}
    on_disk = json.loads((store.folder / "manifest.json").read_text())
    assert (on_disk["n_names"], on_disk["source"]) == (7, "made.tsv")
    assert EntityStore.open(store.folder).manifest == manifest


def test_names_of_one_entity_are_not_ambiguous(tmp_path):
    store = EntityStore.write(tmp_path, [Entity(id="1", name="Cold", aliases=("cold", "COLD"))])
    assert store.manifest.n_ambiguous == 0


@given(st.lists(any_entity, min_size=1, max_size=8))
def test_any_entities_come_back(tmp_path_factory, found):
    store = EntityStore.write(tmp_path_factory.mktemp("kb"), found)
    merged: dict[str, Entity] = {}
    for entity in found:
        known = merged.get(entity.id)
        merged[entity.id] = known.merged(entity) if known else entity
    assert list(store) == list(merged.values())
    assert all(store[id_] == entity for id_, entity in merged.items())
    for entity in merged.values():
        assert all(entity in store.named(name) for name in entity.names)
    assert store.manifest.n_names == sum(len(entity.names) for entity in merged.values())


def test_entities_of_one_id_become_one_where_the_first_stood(tmp_path):
    calls = []
    again = Entity(id="C1", name="heart attack", aliases=("coronary",), definition="D")
    store = EntityStore.write(
        tmp_path, [MI, COLD, again, COPD, again], repeated=lambda *call: calls.append(call)
    )
    assert list(store.ids()) == ["C1", "C2", "C3"]
    assert store["C1"].names == ("Myocardial infarction", "MI", "heart attack", "coronary")
    assert store["C1"].definition == "D"
    assert calls == [("C1", [0, 2, 4])]
    assert len(list(tmp_path.iterdir())) == 5


def test_the_content_hash_is_of_ids_and_names_in_any_order(tmp_path):
    def content(number, *entities):
        return EntityStore.write(tmp_path / str(number), entities).content_hash

    same = content(0, *ALL)
    swapped = MI.model_copy(update={"aliases": MI.aliases[::-1], "definition": "new"})
    assert content(1, COPD, swapped, COLD) == same
    assert content(2, MI, COLD) != same
    assert content(3, MI, COLD, COPD.model_copy(update={"id": "C4"})) != same
    other_name = MI.model_copy(update={"name": "MI", "aliases": ("Myocardial infarction",)})
    assert content(4, other_name, COLD, COPD) != same


def test_no_entity_at_all(tmp_path):
    with pytest.raises(FormatError, match="no entity to write"):
        EntityStore.write(tmp_path / "kb", [])
    assert list((tmp_path / "kb").iterdir()) == []


def test_a_failed_write_leaves_what_was_there(store):
    def failing():
        yield Entity(id="N", name="new")
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError):
        EntityStore.write(store.folder, failing())
    assert list(EntityStore.open(store.folder)) == ALL
    assert len(list(store.folder.iterdir())) == 5


def test_written_over_it_is_another_and_who_has_it_open_goes_on(store):
    new = EntityStore.write(store.folder, [Entity(id="N", name="new")])
    assert list(new.ids()) == ["N"]
    assert store["C3"] == COPD
    assert len(list(store.folder.iterdir())) == 5


def test_changes(store):
    before = (
        store.folder
        / json.loads((store.folder / "manifest.json").read_text())["layout"]["entities"]
    )
    written = before.read_bytes()
    new = Entity(id="C4", name="Asthma")
    cold = COLD.model_copy(update={"aliases": ("head cold",), "languages": {}})
    after = store.with_changes(add=[new, cold], remove=["C1"])
    assert list(after.ids()) == ["C3", "C4", "C2"]
    assert after["C2"] == cold
    assert "C1" not in after
    assert after.named("MI") == ()
    assert after.named("cold") == (COPD,)
    assert after.named("HEAD COLD") == (cold,)
    assert after.live_rows().tolist() == [2, 3, 4]
    assert (after.n_rows, store.n_rows) == (5, 3)
    with pytest.raises(StoreError, match="has no row 0"):
        after.at(0)
    assert before.read_bytes().startswith(written), "what was there is not written again"
    again = EntityStore.write(store.folder.parent / "again", [COPD, new, cold])
    assert after.manifest.model_copy(update={"source": ""}) == again.manifest
    assert after.content_hash == again.content_hash
    assert list(store) == ALL, "who has it open goes on with what was there"


def test_changes_one_after_another_and_compact(store):
    for number in range(12):
        store = store.with_changes(
            add=[Entity(id=f"N{number}", name="Cold")], remove=[f"N{number - 1}"] if number else []
        )
    assert list(store.ids()) == ["C1", "C2", "C3", "N11"]
    assert store.manifest.n_ambiguous == 1
    compact = store.compact()
    assert list(compact) == list(store)
    assert (compact.n_rows, compact.manifest) == (4, store.manifest)
    assert sorted(path.suffix for path in store.folder.iterdir()) == [
        ".json",
        ".jsonl",
        ".npy",
        ".npy",
        ".npy",
    ]


def test_added_entities_of_one_id_become_one(store):
    added = [Entity(id="N", name="a"), Entity(id="N", name="b")]
    assert store.with_changes(add=added)["N"].names == ("a", "b")


def test_no_change_is_none(store):
    assert store.with_changes() is store


@pytest.mark.parametrize("remove", [["C9"], ["C1", "C9"], ["X3"]])
def test_what_is_not_there_can_not_be_removed(store, remove):
    with pytest.raises(RecordError, match=r"has no entity '[CX]\d'; nothing was changed"):
        store.with_changes(add=[Entity(id="N", name="new")], remove=remove)
    assert list(EntityStore.open(store.folder)) == ALL


def test_the_last_entity_can_not_be_removed(store):
    with pytest.raises(RecordError, match="no entity would be left"):
        store.with_changes(remove=["C1", "C2", "C3"])
    assert list(EntityStore.open(store.folder)) == ALL


def test_one_that_was_changed_meanwhile_is_not_changed(store):
    store.with_changes(remove=["C1"])
    with pytest.raises(StoreError, match="was changed since it was opened; open it again"):
        store.with_changes(remove=["C2"])
    with pytest.raises(StoreError, match="was changed since"):
        store.compact()
    assert list(EntityStore.open(store.folder).ids()) == ["C2", "C3"]


def test_a_change_that_was_broken_off_is_as_if_it_had_not_been(store):
    (path,) = store.folder.glob("entities.*.jsonl")
    with path.open("ab") as handle:
        handle.write(b'{"id":"N","na')
    (store.folder / "lines.7.npy").write_bytes(b"half")
    again = EntityStore.open(store.folder)
    assert list(again) == ALL
    assert list(again.with_changes(add=[Entity(id="M", name="m")])) == [
        *ALL,
        Entity(id="M", name="m"),
    ]


def test_only_one_at_a_time_may_change_it(store):
    pytest.importorskip("fcntl")
    from decoct.kb.folder import locked

    (path,) = store.folder.glob("entities.*.jsonl")
    with locked(path), pytest.raises(StoreError, match="is being changed by another"):
        store.with_changes(remove=["C1"])
    assert "C1" not in store.with_changes(remove=["C1"])


@pytest.mark.parametrize("damage", ["manifest", "json", "keys", "cut", "entities", "lines", "ids"])
def test_a_broken_folder(store, damage):
    folder, manifest = store.folder, store.folder / "manifest.json"
    (entities,), (lines,) = folder.glob("entities.*"), folder.glob("lines.*")
    if damage == "manifest":
        manifest.unlink()
    elif damage == "json":
        manifest.write_text("{")
    elif damage == "keys":
        manifest.write_text("{}")
    elif damage == "cut":
        entities.write_bytes(entities.read_bytes()[:-5])
    elif damage == "entities":
        entities.unlink()
    elif damage == "lines":
        (ids,) = folder.glob("ids.*")
        lines.write_bytes(ids.read_bytes())
    else:
        next(folder.glob("ids.*")).unlink()
    with pytest.raises(StoreError) as caught:
        EntityStore.open(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_row_that_is_no_entity(store):
    (path,) = store.folder.glob("entities.*")
    path.write_bytes(path.read_bytes().replace(b'"C2"', b'"""}'))
    again = EntityStore.open(store.folder)
    assert again["C1"] == MI
    with pytest.raises(StoreError, match="row 1 is no entity"):
        again.at(1)


def test_no_folder(tmp_path):
    with pytest.raises(StoreError, match="holds no knowledge base"):
        EntityStore.open(tmp_path / "none")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be written"):
        EntityStore.write(tmp_path / "file", ALL)


def test_many_threads_may_read(tmp_path):
    made = [Entity(id=str(n), name=f"name {n}", aliases=("x" * (n % 50 + 1),)) for n in range(300)]
    store = EntityStore.write(tmp_path, made)
    wrong = []

    def read(seed: int) -> None:
        for step in range(300):
            entity = made[(seed * 37 + step * 7) % 300]
            if store[entity.id] != entity:
                wrong.append(entity.id)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_memory_holds_no_entities(tmp_path):
    """Of a store of 12 MB a fifth at most is in memory, and its file is closed when it goes."""
    import tracemalloc

    long = "x" * 2_000
    EntityStore.write(tmp_path, (Entity(id=str(n), name=f"{n} {long}") for n in range(6_000)))
    tracemalloc.start()
    store = EntityStore.open(tmp_path)
    assert sum(len(store[str(n)].name) for n in range(0, 6_000, 97)) > 100_000
    assert sum(1 for _ in store) == 6_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_500_000
    file = store._file
    del store
    gc.collect()
    assert file.closed
