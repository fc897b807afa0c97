"""The page that people use, in a real browser where there is one."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest

import decoct
from decoct.serving.models import Models
from decoct.serving.page import page_files
from fakes.browsers import browser, page
from fakes.drugs import corpus
from fakes.servers import eventually, served

__all__ = ["browser", "page"]
ASKED = [document.bare() for document in corpus(12, seed=33, prefix="asked")]
KEY = "a key of some length"


@pytest.mark.parametrize("path", page_files())
def test_its_files_are_served_with_a_policy(server, path) -> None:
    answer = server.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"https?://", answer.text.replace("http://www.w3.org/2000/svg", ""))
    with server.client() as client:
        assert client.head(path).status_code == 200


def test_it_has_no_inline_script_or_style(server) -> None:
    text = server.get("/").text
    assert not re.search(r"\son\w+=|\sstyle=|<style", text)
    assert all("src=" in tag for tag in re.findall("<script[^>]*>", text))
    loaded = {f"/{name}" for name in re.findall(r'(?:src|href)="([^":]+)"', text)}
    assert loaded == page_files().keys() - {"/"}


@pytest.mark.parametrize(
    "path", ["/page.py", "/view/render.py", "/view/%2e%2e/page.css", "/web/page.js"]
)
def test_no_other_file_is_served(server, path) -> None:
    assert server.get(path).status_code == 404


def open_page(page, server) -> None:
    page.goto(server.url)
    page.locator("input[name=way]").first.wait_for()


def annotate(page, text: str) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Annotate").click()


def write_asked(tmp_path: Path) -> Path:
    path = tmp_path / "asked.jsonl"
    path.write_text("".join(f"{one.to_json()}\n" for one in ASKED), encoding="utf-8")
    return path


def test_by_keyboard_alone(page, server, student) -> None:
    open_page(page, server)
    text = ASKED[0].text
    page.keyboard.press("Tab")
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")
    page.get_by_text("Done: 1 document").wait_for()
    expected = student.extract(text)
    assert expected.relations
    marks = page.locator("mark").all_text_contents()
    assert marks == [span.text for span in sorted(expected.spans, key=lambda span: span.start)]
    rows = page.locator("table", has_text="Relations").locator("tbody tr")
    assert rows.count() == len(expected.relations) == page.locator(".shaft").count()
    assert page.evaluate("document.activeElement.id") == "results-title"


def test_files_in_and_files_out(page, server, tmp_path) -> None:
    open_page(page, server)
    page.get_by_label("Files", exact=True).set_input_files(write_asked(tmp_path))
    page.get_by_text("12 documents from files").wait_for()
    page.get_by_label("Find relations and link them").check()
    page.get_by_role("button", name="Annotate").click()
    page.get_by_text("Done: 12 documents").wait_for()
    assert page.locator(".card").count() == 10
    page.get_by_role("button", name="Show more").click()
    assert page.locator(".card").count() == 12
    saved = {}
    for name in ("JSONL", "BRAT", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        saved[name] = tmp_path / download.value.suggested_filename
        download.value.save_as(saved[name])
    documents = decoct.read(saved["JSONL"])
    assert [one.text for one in documents] == [one.text for one in ASKED]
    assert any(span.link for one in documents for span in one.spans)
    with zipfile.ZipFile(saved["BRAT"]) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "brat")
    by_id = {one.id: one for one in decoct.read(tmp_path / "brat", "brat")}
    for document in documents:
        assert told(by_id[document.id]) == told(document)
    rows = saved["CSV"].read_text("utf-8-sig").splitlines()
    assert len(rows) > sum(len(one.relations) for one in documents)


def told(document) -> list[object]:
    """What BRAT keeps of a document."""
    spans = [(one.start, one.end, one.label, one.confidence) for one in document.spans]
    pairs = [(one.label, a.start, b.start, one.confidence) for one, a, b in document.pairs()]
    return [document.text, sorted(spans), sorted(pairs)]


def test_the_slider_hides_and_exports_hold_what_is_shown(page, server) -> None:
    open_page(page, server)
    annotate(page, ASKED[0].text)
    page.get_by_text("Done: 1 document").wait_for()
    assert page.locator("mark").count() > 0
    page.get_by_label("Confidence from").fill("1")
    assert page.locator("mark").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="JSONL").click()
    record = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert record["spans"] == record["relations"] == []


def test_deidentified_text(page, server) -> None:
    open_page(page, server)
    page.get_by_label("Take out dates and numbers").check()
    page.get_by_label("What is taken out becomes").select_option("tag")
    annotate(page, "Seen on 2021-03-04, phone 617-555-0123.")
    page.get_by_text("Taken out: ").wait_for()
    assert page.locator(".picture-text").text_content() == "Seen on [DATE], phone [PHONE_NUMBER]."


def test_errors_are_told_in_words(page, server, tmp_path) -> None:
    open_page(page, server)
    alert = page.get_by_role("alert")
    page.get_by_role("button", name="Annotate").click()
    assert "there is no text" in alert.text_content()
    annotate(page, "x" * 6000)
    page.get_by_text("5000 are the most").wait_for()
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "fine"}\n{\n')
    page.get_by_label("Files", exact=True).set_input_files(bad)
    page.get_by_text("bad.jsonl:2 is not JSON").wait_for()


def test_the_key_is_asked_for(page, student) -> None:
    with served(Models(student), KEY) as server:
        page.goto(server.url)
        page.get_by_text("The server asks for a key.").wait_for()
        page.get_by_label("Bearer key").fill(KEY)
        page.keyboard.press("Tab")
        page.get_by_text("Loaded: a student of the task ade").wait_for()
        annotate(page, ASKED[0].text)
        page.get_by_text("Done: 1 document").wait_for()
        assert KEY not in page.content()
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0
        assert not any(KEY in line or ASKED[0].text in line for line in server.log)


@pytest.mark.slow
def test_a_busy_server_is_asked_again(page, held) -> None:
    limits = {"max_waiting": 1, "max_documents": 1}
    with served(Models(held), **limits) as server:
        open_page(page, server)
        annotate(page, ASKED[0].text)
        eventually(lambda: bool(held.batches))
        other = page.context.new_page()
        open_page(other, server)
        annotate(other, ASKED[1].text)
        other.get_by_text("The server is busy; asking again in").wait_for()
        held.go.set()
        for one in (page, other):
            one.get_by_text("Done: 1 document").wait_for()


def test_it_can_be_stopped(page, held) -> None:
    with served(Models(held)) as server:
        open_page(page, server)
        annotate(page, ASKED[0].text)
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped.").wait_for()
        assert page.get_by_role("button", name="Annotate").is_enabled()
        held.go.set()
