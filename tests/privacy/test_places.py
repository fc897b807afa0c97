"""Other places: the kind stays, the name does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.privacy import lists
from decoct.privacy.dates import Shift
from decoct.privacy.draw import Draw
from decoct.privacy.key import Key
from decoct.privacy.numbers import Numbers
from decoct.privacy.places import Places

KEY = Key(b"a key for tests only")


def places():
    draw = Draw(KEY, lambda made: True)
    return Places(draw, Numbers(KEY, draw, Shift(200)))


@pytest.mark.parametrize(
    ("place", "form"),
    [
        ("Larkmere Clinic", "P Clinic"),
        ("St. Orra's Hospital", "P's Hospital"),
        ("Ula Brenn Memorial Hospital", "P Memorial Hospital"),
        ("Quillport", "P"),
        ("Quillport, OH", "P, S"),
        ("Mt. Orra", "P"),
        ("New Quill City", "P City"),
        ("General Hospital", "P Hospital"),
        ("LARKMERE CLINIC", "P CLINIC"),
    ],
)
def test_in_form(place, form):
    made = places().stand_in(place)
    pattern = form.replace("P", "{p}").replace("S", "{s}")
    assert any(
        made.casefold() == pattern.format(p=name, s=state).casefold()
        for name in lists.places()
        if name.casefold() in made.casefold()
        for state in lists.STATES
    ), made
    assert made.isupper() == place.isupper()


def test_an_address():
    made = places().stand_in("77 Tolliver St, Quillport, OH 45990")
    assert made.split(", ")[0].endswith(" St")
    state, code = made.split(", ")[2].split()
    assert state in lists.STATES
    assert state != "OH"
    assert code.isdigit()
    assert (len(code), code) != (5, "45990")
    assert "Tolliver" not in made
    assert "77 " not in made


def test_the_same_name_is_the_same_place():
    made = places()
    clinic, hospital, short = (
        made.stand_in(one) for one in ("Larkmere Clinic", "Larkmere Hospital", "Larkmere")
    )
    assert clinic == f"{short} Clinic"
    assert hospital == f"{short} Hospital"


def test_abbreviations_keep_their_shape():
    made = places().stand_in("QRMC")
    assert made.isupper()
    assert len(made) == 4
    assert made != "QRMC"


@pytest.mark.parametrize(
    ("place", "kinds"),
    [
        ("临川县人民医院", ("县", "人民医院")),
        ("云陵市", ("市",)),
        ("云陵市柳岸区青石路18号", "市区路号"),
    ],
)
def test_in_chinese(place, kinds):
    made = places().stand_in(place)
    assert all(kind in made for kind in kinds)
    assert made.endswith(kinds[-1])
    assert not any(name in made for name in ("临川", "云陵", "柳岸", "青石", "18"))


@given(st.text(max_size=30))
def test_any_text(text):
    assert places().stand_in(text) != text or not text
