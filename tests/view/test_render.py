"""The HTML that documents become: one file, whatever they hold."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

import decoct
from decoct.errors import RecordError
from decoct.records import Document, Span
from decoct.view.render import SCRIPTS, STYLES, asset, render
from decoct.view.shown import Shown
from fakes import pictures

NASTY = '</script><script>alert(1)</script><!-- <b onclick="x">&amp;\u2028\u2029 ]]>'
NAMESPACE = "http://www.w3.org/2000/svg"  # what browsers call SVG; nobody fetches it


class Elements(HTMLParser):
    """The elements of a page with their attributes, and what scripts hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.in_script = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.in_script = tag == "script"
        if self.in_script:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.in_script = False

    def handle_data(self, data):
        if self.in_script:
            self.scripts[-1] += data


def data_of(page: str) -> dict:
    return json.loads(Elements(page).scripts[0])


def nasty() -> Document:
    span = Span(id="T1", start=0, end=len(NASTY), label=NASTY, text=NASTY)
    return Document(id=NASTY, text=NASTY, spans=[span], label=NASTY, meta={"ungrounded": [NASTY]})


def test_nothing_in_a_document_is_markup() -> None:
    page = render([Shown(nasty()), Shown(pictures.torn())], title=NASTY)
    elements = Elements(page)
    assert [tag for tag, _ in elements.found].count("script") == 2
    assert not any(name.startswith("on") for _, held in elements.found for name in held)
    assert "alert(1)</script>" not in page
    record = data_of(page)["documents"][0]
    assert (record["text"], record["id"], record["spans"][0]["label"]) == (NASTY,) * 3


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_text_comes_through(text: str) -> None:
    page = render([Shown(Document(id="d", text=text))], title=text)
    assert data_of(page)["documents"][0]["text"] == text


def test_it_needs_no_other_file_and_no_host() -> None:
    page = render([Shown(pictures.paragraph()), Shown(pictures.torn())], title="three")
    assert not re.findall(r"https?://", page.replace(NAMESPACE, ""))
    assert not re.findall(r"url\(|@import|\bfetch\(|XMLHttpRequest|import\(", page)
    for tag, held in Elements(page).found:
        assert not {"src", "href", "srcset", "style"} & held.keys(), tag
    policy = next(held["content"] for tag, held in Elements(page).found if "http-equiv" in held)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_scripts_write_text_only() -> None:
    for name in SCRIPTS:
        script = asset(name)
        assert not re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval", script
        )
        assert "</script" not in script
    assert not any("</style" in asset(name) for name in STYLES)


def test_of_meta_only_what_is_drawn_is_in_it() -> None:
    meta = {"confidence": 0.9, "model": "m", "patient_id": "secret", "path": "/home/somebody"}
    page = render([Shown(Document(id="d", text="x", label="yes", meta=meta))], title="t")
    assert data_of(page)["documents"][0]["meta"] == {"confidence": 0.9, "model": "m"}
    assert "secret" not in page


def test_a_notebook_shows_a_frame_that_can_reach_nothing() -> None:
    picture = decoct.show(nasty())
    ((tag, held),) = Elements(picture._repr_html_()).found
    assert tag == "iframe"
    assert held["sandbox"] == "allow-scripts"
    assert held["srcdoc"] == render(picture.shown, picture.title)
    assert html.escape("</script>") in picture._repr_html_()
    assert repr(picture) == "Picture(1 documents)"


def test_a_picture_is_saved(tmp_path) -> None:
    path = decoct.show([pictures.torn(), pictures.chinese()], title="two").save(tmp_path / "a.html")
    assert [one["id"] for one in data_of(path.read_text("utf-8"))["documents"]] == ["torn", "中文"]


def test_a_notebook_is_not_flooded() -> None:
    picture = decoct.show((Document(id=str(n), text="x") for n in range(9)), title="all", limit=4)
    assert len(picture.shown) == 4
    assert picture.title == "all: the first 4 of 9 documents"


def test_what_utf_8_has_no_form_for_is_refused() -> None:
    with pytest.raises(RecordError, match="lone surrogate"):
        decoct.show(Document(id="d", text="\ud800"))._repr_html_()
