"""Tables of names against the entities that they were made of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import ArtifactError
from decoct.kb.base import Entity
from decoct.retriever.names import Names, NameTable

TEXT = st.text(min_size=1, max_size=8).filter(lambda text: text.strip())
ENTITIES = st.lists(
    st.builds(Entity, id=TEXT, name=TEXT, aliases=st.lists(TEXT, max_size=3).map(tuple)),
    min_size=1,
    max_size=6,
)


@given(ENTITIES, st.integers(0, 9))
def test_what_is_saved_is_opened(tmp_path_factory, entities, first_row):
    folder = tmp_path_factory.mktemp("names")
    NameTable.of(enumerate(entities, start=first_row)).save(folder)
    table = NameTable.open(folder)
    every = [name for entity in entities for name in entity.names]
    assert table.names.slice(0, len(table)) == every
    assert [table.names[row] for row in range(len(table))] == every
    assert [table.ids[number] for number in range(table.n_entities)] == [e.id for e in entities]
    assert table.kb_rows.tolist() == [*range(first_row, first_row + len(entities))]
    for number, entity in enumerate(entities):
        mine = np.flatnonzero(table.entities == number)
        assert mine.tolist() == [*range(table.firsts[number], table.firsts[number + 1])]
        assert [table.names[row] for row in mine] == list(entity.names)
    assert [(first, texts) for first, texts in table.chunks(3)] == [
        (first, every[first : first + 3]) for first in range(0, len(every), 3)
    ]


@given(st.lists(ENTITIES, min_size=1, max_size=3), st.data())
def test_names_of_several_tables(parts, data):
    entities = [entity for part in parts for entity in part]
    living = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(entities), max_size=len(entities)))
    )
    starts = np.cumsum([0, *(len(part) for part in parts)])
    tables = [
        NameTable.of(enumerate(part, start=int(start)))
        for part, start in zip(parts, starts, strict=False)
    ]
    names = Names(tables, living)
    expected = [(name, number) for number, entity in enumerate(entities) for name in entity.names]
    for row, (name, number) in enumerate(expected):
        assert names[row] == name
        assert names.owners[row] == (number if living[number] else -1)
        assert names.firsts[number] <= row < names.firsts[number + 1]
        assert names.id_of(number) == entities[number].id
    assert names.n_alive == sum(bool(living[number]) for _, number in expected)
    assert names.n_entities == living.sum()
    merged = names.merged()
    assert merged.names.slice(0, len(merged)) == [name for name, n in expected if living[n]]
    assert merged.kb_rows.tolist() == np.flatnonzero(living).tolist()
    renumbered = names.merged(np.cumsum(living) - 1)
    assert renumbered.kb_rows.tolist() == [*range(int(living.sum()))]


def test_damage(tmp_path):
    NameTable.of(enumerate([Entity(id="C1", name="a", aliases=("b",))])).save(tmp_path)
    (tmp_path / "firsts.npy").unlink()
    with pytest.raises(ArtifactError, match=r"firsts\.npy.*damaged"):
        NameTable.open(tmp_path)


def test_a_million_names_take_tens_of_megabytes(tmp_path):
    names = (f"made up disorder of the syllable {number}" for number in range(3000))
    NameTable.of((n, Entity(id=f"E{n}", name=name)) for n, name in enumerate(names)).save(tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size / 3000 < 36 + 8 * 3 + 4 * 2 + 8, "a name's bytes and some numbers"
