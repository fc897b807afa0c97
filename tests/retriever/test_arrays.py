"""Arrays on disk: what was written piece by piece is read as one; a damaged file is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from decoct.errors import ArtifactError, StoreError
from decoct.retriever.arrays import ArrayFile, open_array, save_array

PIECES = st.lists(arrays(np.int32, st.integers(0, 50)), max_size=6)


@given(PIECES)
def test_pieces(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("a") / "a.npy"
    with ArrayFile(path, np.int32) as file:
        for piece in pieces:
            file.append(piece)
    whole = np.concatenate([np.zeros(0, np.int32), *pieces])
    np.testing.assert_array_equal(np.load(path), whole)
    np.testing.assert_array_equal(open_array(path, np.int32, len(whole)), whole)


def test_rows_of_several_columns_and_numbers_of_another_type(tmp_path):
    with ArrayFile(tmp_path / "a.npy", np.float16, width=3) as file:
        file.append(np.ones((2, 3), dtype=np.float32))
        file.append(np.zeros((1, 3)))
    found = open_array(tmp_path / "a.npy", np.float16, 3)
    assert found.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]


def test_what_is_open_is_mapped_and_can_not_be_written(tmp_path):
    save_array(tmp_path / "a.npy", np.arange(5))
    found = open_array(tmp_path / "a.npy", np.int64)
    assert isinstance(found.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 1


def test_damage(tmp_path):
    path = tmp_path / "a.npy"
    with pytest.raises(ArtifactError, match=r"a.npy: .*No such file.*decoct index --kb"):
        open_array(path, np.int32)
    save_array(path, np.arange(1000, dtype=np.int32))
    for dtype, n_rows in ((np.int64, 1000), (np.int32, 999)):
        with pytest.raises(ArtifactError, match="holds 1000 numbers of type int32"):
            open_array(path, dtype, n_rows)
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:40], b"", b"PK\x03\x04 no array"):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="damaged"):
            open_array(path, np.int32)


def test_pickles_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="damaged"):
        open_array(tmp_path / "a.npy", np.int32)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StoreError, match="can't be written"):
        ArrayFile(tmp_path / "none" / "a.npy", np.int32)
    with pytest.raises(StoreError, match="can't be written"):
        save_array(tmp_path / "none" / "a.npy", np.arange(3))
