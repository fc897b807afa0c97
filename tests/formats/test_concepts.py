"""One field that names no concept, one or several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoct.formats._concepts import read_link, write_link
from decoct.records import Link


@pytest.mark.parametrize(
    ("field", "ids"),
    [
        ("D012373", ("D012373",)),
        (" D012373 ", ("D012373",)),
        ("D003110|D009369", ("D003110", "D009369")),
        ("D003110 | D009369|D003110", ("D003110", "D009369")),
        ("D004829+D003294", ("D004829", "D003294")),
        ("OMIM:610102+OMIM:612446", ("OMIM:610102", "OMIM:612446")),
        ("OMIM:610102|MESH:D003110+D003294", ("OMIM:610102", "MESH:D003110", "D003294")),
        ("C0000001,C0000002;C0000003", ("C0000001", "C0000002", "C0000003")),
        ("162076009+34840004", ("162076009", "34840004")),
        # a plus that belongs to a code
        ("A18.7+", ("A18.7+",)),
        ("A18.7+|B90.2", ("A18.7+", "B90.2")),
        ("A17.0+G01*", ("A17.0+G01*",)),
        ("M49.0*+A18.0+", ("M49.0*+A18.0+",)),
        ("250.00+362.01", ("250.00+362.01",)),
        ("+", ("+",)),
        # a variant's name is one id
        ("p|SUB|V|600|E", ("p|SUB|V|600|E",)),
        ("NIL", ()),
        ("cui-less", ()),
        ("-1", ()),
        ("-1|D003110", ("D003110",)),
    ],
)
def test_ids(field, ids):
    link = read_link(field)
    assert link is not None
    assert link.ids == ids
    assert (link.id is None) == (ids == ())


@pytest.mark.parametrize("field", ["", "  ", "|", " | "])
def test_an_empty_field_says_nothing(field):
    assert read_link(field) is None


ids = st.from_regex(r"[A-Z]{1,2}[0-9]{4,7}|[A-Z][0-9]{2}\.[0-9][+*]?|OMIM:[0-9]{6}", fullmatch=True)


@given(st.lists(ids, unique=True, max_size=4))
def test_what_is_written_is_read(some):
    first, *others = some or [None]
    link = Link(id=first, also=others)
    assert read_link(write_link(link)) == link


def test_no_link_is_an_empty_field():
    assert write_link(None) == ""
    assert write_link(Link()) == "-1"
