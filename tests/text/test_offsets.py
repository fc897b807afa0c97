"""Offsets in bytes and UTF-16 units, against Python's own encoders."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.errors import RecordError
from decoct.text.offsets import OffsetMap

ENCODING = {"codepoints": ("utf-32-le", 4), "utf8": ("utf-8", 1), "utf16": ("utf-16-le", 2)}
texts = st.text(st.characters() | st.sampled_from("é药𝛼🧬e\u0301\ud800\r\n"), max_size=30)


@pytest.mark.parametrize("unit", ENCODING)
@given(texts)
def test_every_offset_there_and_back(unit, text):
    encoding, width = ENCODING[unit]
    lengths = [
        len(text[:n].encode(encoding, "surrogatepass")) // width for n in range(len(text) + 1)
    ]
    units = OffsetMap(text, unit)
    points = list(range(len(text) + 1))
    assert units.from_points(points).tolist() == lengths
    assert units.to_points(lengths).tolist() == points
    assert units.n_units == lengths[-1]


def test_arrays_keep_their_shape():
    units = OffsetMap("𝛼β", "utf8")
    found = units.from_points(np.array([[0, 1], [1, 2]]))
    assert found.tolist() == [[0, 4], [4, 6]]
    assert found.dtype == np.int64
    assert units.to_points(found).tolist() == [[0, 1], [1, 2]]
    assert units.to_points(2 * [6]).tolist() == [2, 2]
    assert units.from_points([]).shape == (0,)


@pytest.mark.parametrize(("unit", "offset"), [("utf8", 1), ("utf8", 3), ("utf16", 1)])
def test_an_offset_within_a_character_is_refused(unit, offset):
    with pytest.raises(RecordError, match=f"offset {offset} in {unit} is within a character"):
        OffsetMap("𝛼", unit).to_points([0, offset])


@pytest.mark.parametrize("unit", ENCODING)
@pytest.mark.parametrize("text", ["", "ab", "𝛼b"])
def test_an_offset_outside_of_the_text_is_refused(unit, text):
    units = OffsetMap(text, unit)
    for offset in (-1, 9):
        with pytest.raises(RecordError, match=f"offset {offset} is outside"):
            units.to_points(offset)
        with pytest.raises(RecordError, match=f"offset {offset} is outside"):
            units.from_points(offset)
